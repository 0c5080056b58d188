import type { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';

import type { CancelTimer, Timers } from '../../runtime/index.ts';
import type { Metric } from './families.ts';
import { toResourceMetrics, type MetricTimes, type ResourceAttributes } from './otel-data.ts';

/** Where metrics are pushed to, and how often. */
export interface OtlpOptions {
  /** What they are posted to, such as `http://localhost:4318/v1/metrics`. May hold a password: it is not shown. */
  readonly url: string;
  readonly everyMs: number;
  /** Told once when pushing fails, and once when it goes again. */
  readonly tell: (sentence: string) => void;
}

/** What is pushed. */
export interface OtlpSource {
  readonly resource: ResourceAttributes;
  readonly timers: Timers;
  read(): { readonly metrics: readonly Metric[]; readonly times: MetricTimes };
}

/** Pushing, until it is closed. */
export interface OtlpPush {
  /** Pushes once more, and ends. */
  close(): Promise<void>;
}

/** Metrics cannot be pushed at all; a sentence for people. */
export class OtlpError extends Error {
  override readonly name = 'OtlpError' as const;
}

/** How long one push may take, tries included: at the end somebody waits for it, and a lost one is made up for. */
const TIMEOUT_MS = 3_000;

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  throw new OtlpError('metrics are pushed to an http or https URL, such as http://localhost:4318/v1/metrics');
}

async function loadExporter(url: string): Promise<OTLPMetricExporter> {
  try {
    const { OTLPMetricExporter: Exporter } = await import('@opentelemetry/exporter-metrics-otlp-http');
    return new Exporter({ url, timeoutMillis: TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new OtlpError(
      'pushing metrics needs the optional package @opentelemetry/exporter-metrics-otlp-http, which is not installed',
    );
  }
}

/** Says when pushing begins to fail, and when it goes again. */
function createTeller({ url, tell }: OtlpOptions): (failure: string | null) => void {
  const { origin } = new URL(url);
  let hasFailed = false;
  return (failure) => {
    if (failure !== null && !hasFailed) tell(`metrics cannot be pushed to ${origin}: ${failure}`);
    if (failure === null && hasFailed) tell(`metrics are pushed to ${origin} again`);
    hasFailed = failure !== null;
  };
}

/**
 * Pushes metrics by OTLP over HTTP, as JSON, from now on. A receiver that is away costs a push, and nothing else: sums
 * are sent as they stand since the process began, so the next push makes up for it.
 *
 * @throws OtlpError when the URL is none of http, or the exporter's package is not installed.
 */
export async function startOtlpPush(options: OtlpOptions, source: OtlpSource): Promise<OtlpPush> {
  const { url } = options;
  checkUrl(url);
  const [sdk, exporter] = await Promise.all([import('@opentelemetry/sdk-metrics'), loadExporter(url)]);
  const told = createTeller(options);
  const push = (): Promise<void> =>
    new Promise<string | null>((resolve) => {
      const { metrics, times } = source.read();
      const data = toResourceMetrics(sdk, metrics, source.resource, times);
      exporter.export(data, ({ error }) => resolve(error?.message ?? null));
    }).then(told, (error: unknown) => told(String(error)));
  let isClosed = false;
  let cancel: CancelTimer = () => undefined;
  const wait = (): void => {
    cancel = source.timers.after(options.everyMs, () => void push().then(() => isClosed || wait()), true);
  };
  wait();
  return {
    async close() {
      isClosed = true;
      cancel();
      await push();
      await exporter.shutdown();
    },
  };
}
