import type { Hono } from 'hono';

import { toUsd } from '../core/index.ts';
import type { Alerts, Integrity, IntegrityFinding } from '../ledger/index.ts';
import { readWhole } from './admin-query.ts';

const LIMIT = { min: 1, max: 1_000, otherwise: 100 };

/** Money as in records: pico-dollars as a decimal string, and dollars for reading. */
function showFinding({ costPicoUsd, ...finding }: IntegrityFinding): unknown {
  return { ...finding, costPicoUsd: costPicoUsd.toString(), costUsd: toUsd(costPicoUsd) };
}

/** What differs between bills and predictions, and what has become bad. */
export function addAlertRoutes(app: Hono, judge: Integrity, watch: Alerts): void {
  app.get('/api/v1/integrity', (context) => {
    const limit = readWhole(context, 'limit', LIMIT);
    return context.json({ ...judge.totals(), findings: judge.list(limit).map(showFinding) });
  });
  app.get('/api/v1/alerts', (context) => {
    const limit = readWhole(context, 'limit', LIMIT);
    return context.json({ firing: watch.firing(), alerts: watch.list(limit) });
  });
}
