import type { RequestRate } from './records.ts';

const HOUR_MS = 3_600_000;

/** A request counts less with age: after this time by a factor of e. */
const MEMORY_MS = 2 * HOUR_MS;

/** Below these a rate is a guess: then the planner's own default is no worse. */
const SPAN_MIN_MS = 5 * 60_000;
const WEIGHT_MIN = 8;

/** Requests of a prompt before its first one. */
export function noRequests(nowMs: number): RequestRate {
  return { weight: 0, atMs: nowMs, sinceMs: nowMs };
}

/** Counts one request. */
export function countRequest(rate: RequestRate, nowMs: number): RequestRate {
  // A clock of another machine may be behind.
  const elapsedMs = Math.max(0, nowMs - rate.atMs);
  return {
    weight: rate.weight * Math.exp(-elapsedMs / MEMORY_MS) + 1,
    atMs: Math.max(nowMs, rate.atMs),
    sinceMs: rate.sinceMs,
  };
}

/** Measured requests an hour; null while there were too few to tell. */
export function requestsPerHour(rate: RequestRate): number | null {
  const spanMs = rate.atMs - rate.sinceMs;
  if (spanMs < SPAN_MIN_MS || rate.weight < WEIGHT_MIN) return null;
  // So long ago that all of them count is not yet seen: the weights of the time seen, not of all time.
  const seenMs = MEMORY_MS * (1 - Math.exp(-spanMs / MEMORY_MS));
  return (rate.weight * HOUR_MS) / seenMs;
}

/** A change that is taken for none: a plan that moved with each measurement would lose its entries each time. */
const SETTLED_FACTOR = 2;

/** The value planned with before, unless the measured one has moved away from it by a factor. */
export function settle(planned: number | null, measured: number | null): number | null {
  if (planned === null || measured === null) return measured ?? planned;
  const isNear = measured < planned * SETTLED_FACTOR && measured > planned / SETTLED_FACTOR;
  return isNear ? planned : measured;
}

/**
 * A time to the nearest power of two. Two contents of which nothing is known but that they were first seen a moment
 * apart are equally stable; their order in the prompt must not hang on that moment.
 */
export function coarse(intervalMs: number): number {
  return 2 ** Math.round(Math.log2(Math.max(1, intervalMs)));
}

/** The time that counts as seen before there was anything to see: one change in it is assumed. */
const PRIOR_MS = 24 * HOUR_MS;

/** Expected time between two changes of content that was seen for a time and changed so often. */
export function changeInterval(seenMs: number, changes: number): number {
  return (Math.max(0, seenMs) + PRIOR_MS) / (changes + 1);
}
