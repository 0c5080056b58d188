import { Hono } from 'hono';

import { toUsd } from '../core/index.ts';
import type { Engine, Keeper, TrafficFinding } from '../engine/index.ts';
import type { RecordFilter, RequestRecord } from '../ledger/index.ts';
import { parseTimestamp } from '../runtime/index.ts';
import { addKeepAliveRoutes } from './admin-keep-alive.ts';
import { refuseAdmin, type AdminGuardOptions } from './admin-guard.ts';

/** What the admin listener shows. */
export interface AdminOptions extends AdminGuardOptions {
  readonly engine: Engine;
  readonly keeper: Keeper;
  readonly upstreamUrl: string;
}

/** Records in one answer of `/api/v1/requests`: by default and at the most. */
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;

/** A query that cannot be understood: a sentence for the caller. */
class BadQueryError extends Error {
  override readonly name = 'BadQueryError' as const;
}

/** A time given as ms since 1970 or as RFC 3339. */
function parseTime(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = parseTimestamp(text);
  if (timeMs !== null) return timeMs;
  throw new BadQueryError(
    `${name} must be ms since 1970 or an RFC 3339 time, got ${JSON.stringify(text.slice(0, 80))}`,
  );
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return LIMIT_DEFAULT;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new BadQueryError(
    `limit must be a whole number from 1 to ${LIMIT_MAX}, got ${JSON.stringify(text.slice(0, 80))}`,
  );
}

/** Pico-dollars as decimal strings: JSON has no integers of that size. */
function showRecord(record: RequestRecord): unknown {
  const text = JSON.stringify(record, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return { ...JSON.parse(text), costUsd: record.cost ? toUsd(record.cost.totalPicoUsd) : null };
}

/** Money as in records: pico-dollars as a decimal string, and dollars for reading. */
function showFinding({ costPicoUsd, ...finding }: TrafficFinding): unknown {
  return { ...finding, costPicoUsd: costPicoUsd.toString(), costUsd: toUsd(costPicoUsd) };
}

/** What was noticed in the requests, and what holding some of them back did. */
function addWatchRoutes(app: Hono, engine: Engine): void {
  app.get('/api/v1/gate', (context) => {
    const { savedPicoUsd, ...totals } = engine.gate();
    const saved = { savedPicoUsd: savedPicoUsd.toString(), savedUsd: toUsd(savedPicoUsd) };
    return context.json({ ...totals, ...saved });
  });
  app.get('/api/v1/findings', (context) => {
    const { scope, model, code } = context.req.query();
    const findings = engine
      .findings()
      .filter(
        (finding) =>
          (scope === undefined || finding.scope === scope) &&
          (model === undefined || finding.model === model) &&
          (code === undefined || finding.code === code),
      );
    return context.json({ findings: findings.map(showFinding) });
  });
}

/** Routes of the admin listener. */
export function createAdmin(options: AdminOptions): Hono {
  const { engine } = options;
  const { ledger } = engine.options;
  const app = new Hono();
  app.use(async (context, next) => {
    const { method } = context.req;
    const refusal = refuseAdmin({ method, header: (name) => context.req.header(name) }, options);
    if (refusal?.status === 401) context.header('www-authenticate', 'Bearer');
    if (refusal) return context.json({ error: refusal.sentence }, refusal.status);
    await next();
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
    return undefined;
  });
  app.onError((error, context) => {
    if (error instanceof BadQueryError) return context.json({ error: error.message }, 400);
    return context.json({ error: 'the request could not be answered' }, 500);
  });
  app.notFound((context) =>
    context.json({ error: `${context.req.path} does not exist; see / for what does` }, 404),
  );
  app.get('/', (context) =>
    context.json({
      cachewright: 'admin',
      upstream: options.upstreamUrl,
      mode: engine.options.mode,
      endpoints: [
        '/healthz',
        '/readyz',
        '/api/v1/summary',
        '/api/v1/requests',
        '/api/v1/findings',
        '/api/v1/keep-alive',
        '/api/v1/gate',
      ],
    }),
  );
  app.get('/healthz', (context) => context.json({ ok: true }));
  app.get('/readyz', (context) => context.json({ ok: true, counters: engine.counters }));
  app.get('/api/v1/summary', async (context) => {
    const filter: RecordFilter = {
      fromMs: parseTime('from', context.req.query('from')),
      toMs: parseTime('to', context.req.query('to')),
      scope: context.req.query('scope'),
      model: context.req.query('model'),
      tag: context.req.query('tag'),
    };
    return context.json(await ledger.summary(filter));
  });
  app.get('/api/v1/requests', async (context) => {
    const records = await ledger.list(parseLimit(context.req.query('limit')), context.req.query('before'));
    return context.json({ requests: records.map(showRecord) });
  });
  addWatchRoutes(app, engine);
  addKeepAliveRoutes(app, options.keeper);
  return app;
}
