import { Option, type Command } from 'commander';

import { OtlpError, type GatewayOptions } from '../gateway/index.ts';
import { createId, systemRandom } from '../runtime/index.ts';
import { CommandError, UsageError } from './errors.ts';
import { parseFactor } from './options.ts';
import { packageVersion } from './version.ts';

/** What says whether metrics are pushed, and where. */
export interface MetricsFlags {
  /** May hold a password: it is never printed. */
  readonly otlp?: string;
  /** Seconds. */
  readonly otlpEvery: number;
}

function tell(sentence: string): void {
  process.stderr.write(`cachewright: ${sentence}\n`);
}

/** The receiver's address for metrics, from the one for everything. */
function otlpMetricsUrl(name: string, base: string): string {
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    // What was given is not shown: it may hold a password.
    throw new UsageError(`${name} must be an http or https URL, such as http://localhost:4318`);
  }
  const url = new URL(base);
  if (!/\/v1\/metrics\/?$/.test(url.pathname))
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/metrics`;
  return url.href;
}

const METRICS_VARIABLE = 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT';
const BASE_VARIABLE = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** Where metrics are to be pushed: the flag, else the variables of OpenTelemetry; null: nowhere. */
function receiverOf({ otlp }: MetricsFlags, environment: NodeJS.ProcessEnv): string | null {
  if (otlp === 'off') return null;
  if (otlp) return otlpMetricsUrl('--otlp', otlp);
  const isOff =
    environment['OTEL_SDK_DISABLED'] === 'true' || environment['OTEL_METRICS_EXPORTER'] === 'none';
  if (isOff) return null;
  const own = environment[METRICS_VARIABLE];
  if (own) return own;
  const base = environment[BASE_VARIABLE];
  return base ? otlpMetricsUrl(BASE_VARIABLE, base) : null;
}

/** `a=1,b=2`, percent-encoded, as `OTEL_RESOURCE_ATTRIBUTES` is written; what cannot be read is left out. */
function readAttributes(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').flatMap((pair) => {
    const [, name = '', value = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    try {
      return name === '' ? [] : [[name, decodeURIComponent(value)] as const];
    } catch {
      return [];
    }
  });
  return Object.fromEntries(pairs);
}

function resourceOf(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const name = environment['OTEL_SERVICE_NAME'];
  return {
    'service.name': 'cachewright',
    'service.version': packageVersion(),
    // Without it the sums of two gateways would be taken for one that jumps.
    'service.instance.id': createId('gateway', systemRandom),
    ...readAttributes(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
    ...(name ? { 'service.name': name } : {}),
  };
}

/** Who metrics are of, and where they are pushed. */
export function serveMetrics(flags: MetricsFlags): Pick<GatewayOptions, 'resource' | 'otlp'> {
  const url = receiverOf(flags, process.env);
  const otlp = url === null ? null : { url, everyMs: flags.otlpEvery * 1000, tell };
  return { resource: resourceOf(process.env), otlp };
}

/** What prevents metrics from being pushed is no accident: it is said in its sentence. */
export function explainOtlp(error: unknown): unknown {
  return error instanceof OtlpError ? new CommandError(error.message) : error;
}

/** Adds the options that `MetricsFlags` come from. */
export function addMetricsOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--otlp <url>',
        'push metrics to an OTLP receiver over HTTP, also by OTEL_EXPORTER_OTLP_ENDPOINT; off: not even then',
      ).env('CACHEWRIGHT_OTLP'),
    )
    .addOption(
      new Option('--otlp-every <seconds>', 'how often')
        .default(60)
        .env('CACHEWRIGHT_OTLP_EVERY')
        .argParser(parseFactor),
    );
}
