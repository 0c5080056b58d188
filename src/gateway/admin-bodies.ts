import type { Context, Hono } from 'hono';

import type { Bodies, BodyChoice } from '../ledger/index.ts';
import { readOrder } from './admin-order.ts';

const NAMES = ['id', 'scope', 'tag'] as const;

const USAGE = `the body must be a JSON object with one member: ${NAMES.join(', ')} with a text, or "all": true`;

function notKept(bodies: Bodies | null, id: string): string {
  if (!bodies?.isKeeping) return 'bodies of requests are not kept: start serve with --keep-bodies';
  return `no bodies of ${id.slice(0, 80)} are kept: they were removed by now, or never stored`;
}

/** `GET` shows what a request and its answer said; `POST` to `purge` removes what was kept of one, of a scope, of a tag, or all. */
export function addBodyRoutes(app: Hono, bodies: Bodies | null): void {
  app.get('/api/v1/requests/:id/body', async (context) => {
    const id = context.req.param('id');
    const kept = (await bodies?.find(id)) ?? null;
    return kept ? context.json(kept) : context.json({ error: notKept(bodies, id) }, 404);
  });
  app.post('/api/v1/bodies/purge', async (context: Context) => {
    const choice = await readOrder<BodyChoice>(context, NAMES);
    if (!choice) return context.json({ error: USAGE }, 400);
    return context.json({ purged: choice, requests: (await bodies?.remove(choice)) ?? 0 });
  });
}
