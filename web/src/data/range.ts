import { getJson } from './api.ts';
import { readNowMs } from './clock.ts';
import { route, type Route } from './route.ts';
import type { Ask } from './use-polled.ts';
import type { Timeline } from './types.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Lengths of buckets that people can read off an axis. */
const BUCKETS_MS = [
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  12 * HOUR_MS,
  DAY_MS,
  7 * DAY_MS,
  30 * DAY_MS,
];
const BUCKETS_MAX = 72;
/** Past any age: as all that is kept is shown in days at first. */
const ALL_MS = 60 * DAY_MS;

/** Ranges that can be chosen; null is all that is kept. */
export const RANGES: Readonly<Record<string, { readonly label: string; readonly lengthMs: number | null }>> =
  {
    '1h': { label: '1 hour', lengthMs: HOUR_MS },
    '24h': { label: '24 hours', lengthMs: DAY_MS },
    '7d': { label: '7 days', lengthMs: 7 * DAY_MS },
    '30d': { label: '30 days', lengthMs: 30 * DAY_MS },
    all: { label: 'All', lengthMs: null },
  };

/** The range where the URL names none. */
export const USUAL_RANGE = '24h';

/** From and to, ms since 1970; null where it is open. */
interface Span {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

function timeOf(text: string | undefined): number | null {
  const timeMs = text === undefined || text === '' ? Number.NaN : Date.parse(text);
  return Number.isNaN(timeMs) ? null : timeMs;
}

function spanOf({ params }: Route): Span {
  if (params['range'] === 'custom') return { fromMs: timeOf(params['from']), toMs: timeOf(params['to']) };
  const lengthMs = (RANGES[params['range'] ?? USUAL_RANGE] ?? RANGES[USUAL_RANGE])?.lengthMs ?? null;
  return { fromMs: lengthMs === null ? null : readNowMs() - lengthMs, toMs: null };
}

function bucketFor(lengthMs: number): number {
  const found = BUCKETS_MS.find((bucketMs) => lengthMs / bucketMs <= BUCKETS_MAX);
  return found ?? BUCKETS_MS.at(-1) ?? DAY_MS;
}

function queryOf({ fromMs, toMs }: Span, more: Readonly<Record<string, string>> = {}): string {
  const { params } = route.value;
  const query = new URLSearchParams(more);
  for (const name of ['model', 'tag', 'scope']) {
    const value = params[name];
    if (value) query.set(name, value);
  }
  if (fromMs !== null) query.set('from', String(Math.floor(fromMs)));
  if (toMs !== null) query.set('to', String(Math.floor(toMs)));
  return query.toString();
}

/** What the filters come to, for telling one question from another. */
export function filterKey(): string {
  const { params } = route.value;
  return ['range', 'from', 'to', 'model', 'tag', 'scope'].map((name) => params[name] ?? '').join('|');
}

/** Whether anything but the usual is asked for. */
export function isFiltered(): boolean {
  return listKey().replaceAll(/[| ]/g, '') !== '';
}

/** What else the list of requests is narrowed by, as the listener takes it; a cost that is no number is none. */
function listFilters(): Readonly<Record<string, string>> {
  const { reason, cost } = route.value.params;
  return {
    ...(reason && { reason }),
    ...(cost && Number(cost) > 0 && { minCostUsd: cost }),
  };
}

/** The filters of a list of requests, for telling one from another. */
export function listKey(): string {
  return `${filterKey()} ${new URLSearchParams(listFilters()).toString()}`;
}

/** Asks for a list of requests within the filters of the URL. */
export function askList<Value>(more: Readonly<Record<string, string>>): Ask<Value> {
  const filters = { ...listFilters(), ...more };
  return (signal) => getJson<Value>(`/api/v1/requests?${queryOf(spanOf(route.value), filters)}`, signal);
}

/** Asks for the requests within the filters that lost most to a reason, the dearest first. */
export function askDearest<Value>(reason: string, limit: number): Ask<Value> {
  const more = { reason, order: 'dearest', limit: String(limit) };
  return (signal) => getJson<Value>(`/api/v1/requests?${queryOf(spanOf(route.value), more)}`, signal);
}

/** Asks with the filters of the URL. */
export function askFiltered<Value>(path: string): Ask<Value> {
  return (signal) => getJson<Value>(`${path}?${queryOf(spanOf(route.value))}`, signal);
}

/** As long a time before the one that is asked for; null where that has no beginning. */
function before({ fromMs, toMs }: Span): Span | null {
  return fromMs === null ? null : { fromMs: 2 * fromMs - (toMs ?? readNowMs()), toMs: fromMs };
}

/** What the time before is called, where there is one: "in the 24 hours before". */
export function spanBefore(): string | null {
  const { params } = route.value;
  if (before(spanOf(route.value)) === null) return null;
  const { label } = RANGES[params['range'] ?? USUAL_RANGE] ?? {};
  return label === undefined ? 'in as long before' : `in the ${label.replace(/^1 /, '')} before`;
}

/** Asks with the filters of the URL, but for the time before; null where there is none. */
export function askBefore<Value>(path: string): Ask<Value | null> {
  return async (signal) => {
    const span = before(spanOf(route.value));
    return span === null ? null : getJson<Value>(`${path}?${queryOf(span)}`, signal);
  };
}

/** The buckets that suited last, so that they are asked for at once the next time. */
let suited: { readonly key: string; readonly bucketMs: number } | null = null;

/**
 * Asks for what happened by time, in buckets that suit what there is: an hour of traffic within a week is shown by
 * minutes, not as one bar.
 */
export const askTimeline: Ask<Timeline> = async (signal) => {
  const span = spanOf(route.value);
  const lengthMs = span.fromMs === null ? ALL_MS : (span.toMs ?? readNowMs()) - span.fromMs;
  const key = filterKey();
  const bucketMs = suited?.key === key ? suited.bucketMs : bucketFor(Math.max(lengthMs, 0));
  const ask = (of: number): Promise<Timeline> =>
    getJson(`/api/v1/timeline?${queryOf(span, { bucketMs: String(of) })}`, signal);
  const whole = await ask(bucketMs);
  const [first] = whole.rows;
  const last = whole.rows.at(-1);
  if (!first || !last) return whole;
  const fittingMs = bucketFor(last.atMs + bucketMs - first.atMs);
  suited = { key, bucketMs: fittingMs };
  return fittingMs === bucketMs ? whole : ask(fittingMs);
};
