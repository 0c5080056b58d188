import { Hono, type MiddlewareHandler } from 'hono';

import { toUsd } from '../core/index.ts';
import {
  createResponseTier,
  type Engine,
  type Keeper,
  type ResponseTier,
  type TrafficFinding,
} from '../engine/index.ts';
import { LedgerError, type Alerts } from '../ledger/index.ts';
import { addAlertRoutes } from './admin-alerts.ts';
import { addBodyRoutes } from './admin-bodies.ts';
import { addKeepAliveRoutes } from './admin-keep-alive.ts';
import { addResponseRoutes } from './admin-responses.ts';
import { refuseAdmin, type AdminGuardOptions } from './admin-guard.ts';
import { addLedgerRoutes } from './admin-ledger.ts';
import { BadQueryError } from './admin-query.ts';
import { isDashboardRequest, serveDashboard } from './dashboard.ts';
import { PROMETHEUS_TYPE } from './metrics/prometheus.ts';
import { describeAdmin } from './openapi.ts';

/** What the admin listener shows. */
export interface AdminOptions extends AdminGuardOptions {
  readonly engine: Engine;
  readonly keeper: Keeper;
  readonly upstreamUrl: string;
  /** Answers that were given before. @default a tier that is off */
  readonly responses?: ResponseTier | null;
  readonly alerts: Alerts;
  /** What `/metrics` answers. */
  readonly renderMetrics: () => Promise<string>;
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

/** What is routed: with one method, or with any. */
function pathsOf(app: Hono, method: string | null): readonly string[] {
  const routes = app.routes.filter((route) => method === null || route.method === method);
  return [...new Set(routes.map(({ path }) => path))];
}

/** The dashboard itself shows nothing of anybody, so a browser gets it without the token that its calls will carry. */
function guardAdmin(options: AdminGuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const { method } = context.req;
    const asked = isDashboardRequest(context) ? { ...options, token: null } : options;
    const refusal = refuseAdmin({ method, header: (name) => context.req.header(name) }, asked);
    if (refusal?.status === 401) context.header('www-authenticate', 'Bearer');
    if (refusal) return context.json({ error: refusal.sentence }, refusal.status);
    await next();
    if (!context.res.headers.has('cache-control')) context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
    return undefined;
  };
}

/** Routes of the admin listener. */
export function createAdmin(options: AdminOptions): Hono {
  const { engine } = options;
  const app = new Hono();
  app.use(guardAdmin(options));
  app.use(serveDashboard());
  app.onError((error, context) => {
    if (error instanceof BadQueryError) return context.json({ error: error.message }, 400);
    if (error instanceof LedgerError) return context.json({ error: error.message }, 503);
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
      endpoints: pathsOf(app, 'GET').filter((path) => path !== '/'),
    }),
  );
  app.get('/healthz', (context) => context.json({ ok: true }));
  app.get('/readyz', (context) => {
    const { ledger, bodies } = engine.options;
    const parts = { ledger: ledger.health(), bodies: bodies?.health() ?? null };
    return context.json({ ok: true, ...parts, counters: engine.counters });
  });
  app.get('/metrics', async (context) =>
    context.text(await options.renderMetrics(), 200, { 'content-type': PROMETHEUS_TYPE }),
  );
  app.get('/api/v1/openapi.json', (context) => context.json(describeAdmin(new Set(pathsOf(app, null)))));
  addLedgerRoutes(app, engine.options.ledger);
  addBodyRoutes(app, engine.options.bodies);
  addWatchRoutes(app, engine);
  addKeepAliveRoutes(app, options.keeper);
  addAlertRoutes(app, engine.options.integrity, options.alerts);
  addResponseRoutes(app, options.responses ?? createResponseTier({ isOn: false }));
  return app;
}
