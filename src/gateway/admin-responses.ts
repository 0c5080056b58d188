import type { Context, Hono } from 'hono';

import { toUsd } from '../core/index.ts';
import type { PurgeTarget, ResponseTier } from '../engine/index.ts';

const NAMES = ['key', 'tag', 'model', 'content', 'scope'] as const;
const VALUE_LENGTH_MAX = 1_000;

const USAGE = `the body must be a JSON object with one member: ${NAMES.join(', ')} with a text, or "all": true`;

/** What the tier has done and how its store does; money as in records. */
function show({ cache, isOn, storeKind }: ResponseTier): unknown {
  const { savedPicoUsd, store, ...sums } = cache.summary();
  const saved = { savedPicoUsd: savedPicoUsd.toString(), savedUsd: toUsd(savedPicoUsd) };
  return { isOn, ...sums, ...saved, store: { kind: storeKind, ...store } };
}

/** @returns null where it is no order */
async function readTarget(context: Context): Promise<PurgeTarget | null> {
  const body: unknown = await context.req.json().catch(() => null);
  if (typeof body !== 'object' || body === null) return null;
  const members = Object.entries(body as Readonly<Record<string, unknown>>);
  const [first] = members;
  if (members.length !== 1 || !first) return null;
  const [name, value] = first;
  if (name === 'all') return value === true ? { all: true } : null;
  const known = NAMES.find((each) => each === name);
  if (!known || typeof value !== 'string') return null;
  return value !== '' && value.length <= VALUE_LENGTH_MAX
    ? ({ [known]: value } as unknown as PurgeTarget)
    : null;
}

/**
 * `GET` shows what the tier of exact answers has done; `POST` to `purge` drops what one key, tag, model, version of a
 * content or scope has, or all: at once here, and within a second in every gateway on the same store.
 */
export function addResponseRoutes(app: Hono, tier: ResponseTier): void {
  app.get('/api/v1/responses', (context) => context.json(show(tier)));
  app.post('/api/v1/responses/purge', async (context) => {
    const target = await readTarget(context);
    if (!target) return context.json({ error: USAGE }, 400);
    try {
      await tier.cache.purge(target);
      return context.json({ purged: target });
    } catch {
      // It holds here, and the store hears of it when it answers.
      const error = 'the store did not answer: other gateways hear of it when it does';
      return context.json({ error, purgedHere: target }, 503);
    }
  });
}
