/**
 * The drop-in proxy and its admin listener: thin, the work is the engine's.
 */
import { getRequestListener } from '@hono/node-server';

import { defaultCatalogue } from '../core/index.ts';
import { createEngine, type Engine, type EngineOptions, type ResponseTier } from '../engine/index.ts';
import { alerts, createMemoryLedger, integrity, watchIntegrity, type Alerts } from '../ledger/index.ts';
import { isLoopbackHost, startServer, type ListenOptions, type RunningServer } from '../runtime/index.ts';
import { createAdmin } from './admin.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { OtlpOptions, OtlpPush } from './metrics/otlp.ts';
import { watchMetrics } from './metrics/watch.ts';
import { createPingSender } from './ping-sender.ts';
import { createDataPlane, type RequestLog } from './data-plane.ts';
import { watchAlerts } from './watch-alerts.ts';
import { createUpstream, type UpstreamOptions } from './upstream.ts';

export type { RequestLog } from './data-plane.ts';
export { OtlpError, type OtlpOptions } from './metrics/otlp.ts';
export { reachUpstream } from './reach.ts';

/** What a gateway is made of; every member has a default but the upstream's URL. */
export interface GatewayOptions {
  readonly upstreamUrl: string;
  /** @default 127.0.0.1:8788 */
  readonly listen: ListenOptions;
  /** @default 127.0.0.1:8789 */
  readonly adminListen: ListenOptions;
  /** What the admin listener asks for as `authorization: Bearer`; it must be given off loopback. @default null */
  readonly adminToken: string | null;
  /** Names besides loopback by which the admin listener may be called. @default none */
  readonly adminHosts: readonly string[];
  readonly engine: Partial<EngineOptions>;
  /** @default null */
  readonly proxy: UpstreamOptions['proxy'];
  /** How long an answer may take to begin or pause, in ms. @default one hour, above every SDK's own time-out */
  readonly responseTimeoutMs: number;
  /** Bodies past this are forwarded unread. @default 32 MiB */
  readonly bodyBytesMax: number;
  /** Answers that were given before, in front of everything else. @default null */
  readonly responses: ResponseTier | null;
  /** Who metrics are of, as OpenTelemetry names it: `service.name` and the like. @default only `service.name` */
  readonly resource: Readonly<Record<string, string>>;
  /** Pushes metrics; they can be fetched from `/metrics` either way. @default null */
  readonly otlp: OtlpOptions | null;
  /** Says when requests have become worse. @default one with the usual rules */
  readonly alerts: Alerts | null;
  readonly log: RequestLog;
}

/** A gateway that is running. */
export interface RunningGateway {
  readonly data: RunningServer;
  readonly admin: RunningServer;
  readonly engine: Engine;
  /** Stops accepting, drains what is in flight, closes connections. */
  close(): Promise<void>;
}

const defaultGatewayOptions = {
  listen: { host: '127.0.0.1', port: 8788 },
  adminListen: { host: '127.0.0.1', port: 8789 },
  adminToken: null,
  adminHosts: [],
  engine: {},
  proxy: null,
  responseTimeoutMs: 3_600_000,
  bodyBytesMax: 32 * 1024 * 1024,
  responses: null,
  resource: { 'service.name': 'cachewright' },
  otlp: null,
  alerts: null,
  log: () => undefined,
} satisfies Omit<GatewayOptions, 'upstreamUrl'>;

/**
 * Starts a gateway.
 *
 * @example
 * const gateway = await startGateway({ upstreamUrl: 'https://api.anthropic.com' });
 * new Anthropic({ baseURL: gateway.data.url });
 * @throws ListenError when one of the addresses cannot be had; TypeError when the upstream is no URL;
 * RangeError when the admin listener would be open to others without a token; OtlpError when metrics cannot be pushed.
 */
export async function startGateway(
  options: Partial<GatewayOptions> & Pick<GatewayOptions, 'upstreamUrl'>,
): Promise<RunningGateway> {
  const settings: GatewayOptions = { ...defaultGatewayOptions, ...options };
  if (!isLoopbackHost(settings.adminListen.host) && !settings.adminToken) {
    throw new RangeError(`an admin listener on ${settings.adminListen.host} needs a token`);
  }
  const { ledger = createMemoryLedger(), catalogue = defaultCatalogue } = settings.engine;
  const metrics = createMetrics(ledger, catalogue);
  const watched = settings.alerts ?? alerts({ catalogue });
  const judge = watchIntegrity(settings.engine.integrity ?? integrity({ catalogue }), watched);
  const engine = createEngine({ ...settings.engine, ledger: metrics.ledger, integrity: judge });
  const watch = watchMetrics(metrics, engine, watched, settings.resource);
  const upstream = createUpstream({
    url: settings.upstreamUrl,
    proxy: settings.proxy,
    responseTimeoutMs: settings.responseTimeoutMs,
  });
  const keeper = engine.keepAlive.attach(createPingSender(upstream));
  const { bodyBytesMax, responses, log } = settings;
  responses?.priceWith((saved) => engine.unsent.costNow(saved));
  const dataPlane = createDataPlane({ engine, upstream, bodyBytesMax, responses, log });
  const data = await startServer(dataPlane, settings.listen);
  const { adminToken: token, adminHosts } = settings;
  const allowedHosts = adminHosts.map((host) => host.toLowerCase());
  const renderMetrics = (): Promise<string> => watch.render();
  const guard = { allowedHosts, token };
  const app = createAdmin({
    ...guard,
    engine,
    keeper,
    upstreamUrl: upstream.url,
    responses,
    renderMetrics,
    alerts: watched,
  });
  const endAlerts = watchAlerts(watched, engine, keeper);
  // Kept plain: the adapter would otherwise replace the process's own Request and Response.
  const adminListener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const admin = await startServer(
    (request, response) => void adminListener(request, response),
    settings.adminListen,
  ).catch(async (error: unknown) => {
    await data.close(0);
    throw error;
  });
  let push: OtlpPush | null = null;
  const closeAll = async (): Promise<void> => {
    endAlerts();
    await Promise.all([data.close(), admin.close(0), keeper.close()]);
    await upstream.close();
    // With what the last answers came to.
    await push?.close();
  };
  if (settings.otlp) {
    push = await watch.push(settings.otlp).catch(async (error: unknown) => {
      await closeAll();
      throw error;
    });
  }
  let closed: Promise<void> | null = null;
  return { data, admin, engine, close: () => (closed ??= closeAll()) };
}
