import type { Hono } from 'hono';

import { toUsd } from '../core/index.ts';
import type { PurgeTarget, ResponseTier } from '../engine/index.ts';
import { readOrder } from './admin-order.ts';

const NAMES = ['key', 'tag', 'model', 'content', 'scope'] as const;

const USAGE = `the body must be a JSON object with one member: ${NAMES.join(', ')} with a text, or "all": true`;

/** What the tier has done and how its store does; money as in records. */
function show({ cache, isOn, storeKind }: ResponseTier): unknown {
  const { savedPicoUsd, store, ...sums } = cache.summary();
  const saved = { savedPicoUsd: savedPicoUsd.toString(), savedUsd: toUsd(savedPicoUsd) };
  return { isOn, ...sums, ...saved, store: { kind: storeKind, ...store } };
}

/**
 * `GET` shows what the tier of exact answers has done; `POST` to `purge` drops what one key, tag, model, version of a
 * content or scope has, or all: at once here, and within a second in every gateway on the same store.
 */
export function addResponseRoutes(app: Hono, tier: ResponseTier): void {
  app.get('/api/v1/responses', (context) => context.json(show(tier)));
  app.post('/api/v1/responses/purge', async (context) => {
    const target = await readOrder<PurgeTarget>(context, NAMES);
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
