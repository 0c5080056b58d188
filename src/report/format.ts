import { formatUsd } from '../core/index.ts';

/** What stands where there is no number: not the same as 0. */
export const NOT_AVAILABLE = 'n/a';

/** U+2212, as wide as a plus. */
const MINUS = '\u2212';

/**
 * A ratio to three decimals.
 *
 * @example formatRatio(0.14304) // '0.143'
 */
export function formatRatio(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(3).replace('-', MINUS) : NOT_AVAILABLE;
}

/**
 * How many times another cost.
 *
 * @example formatTimes(1.4211) // '1.42×'
 */
export function formatTimes(factor: number): string {
  return Number.isFinite(factor) ? `${factor.toFixed(2).replace('-', MINUS)}×` : NOT_AVAILABLE;
}

/**
 * A share as a percentage with one decimal; with a sign when `isSigned`.
 *
 * @example formatPercent(-0.7971, true) // '−79.7 %'
 */
export function formatPercent(share: number, isSigned = false): string {
  if (!Number.isFinite(share)) return NOT_AVAILABLE;
  const digits = Math.abs(share * 100).toFixed(1);
  const plus = isSigned && digits !== '0.0' ? '+' : '';
  return `${share < 0 && digits !== '0.0' ? MINUS : plus}${digits} %`;
}

/** Dollars for people, from a float. */
export function formatDollars(usd: number): string {
  return Number.isFinite(usd) ? formatUsd(BigInt(Math.round(usd * 1e12))).replace('-', MINUS) : NOT_AVAILABLE;
}

/** @example formatCount(29_547) // '29,547' */
export function formatCount(count: number): string {
  return Number.isFinite(count) ? count.toLocaleString('en-US').replace('-', MINUS) : NOT_AVAILABLE;
}

/**
 * One unit for a whole column of token counts: its name and how to write a count in it.
 *
 * @example pickTokenUnit([12_345_678]).write(12_345_678) // '12.35', with `unit` 'M tokens'
 */
export function pickTokenUnit(counts: readonly number[]): {
  readonly unit: string;
  readonly write: (tokens: number) => string;
} {
  const most = counts.reduce((largest, count) => Math.max(largest, count), 0);
  if (most < 1_000_000) return { unit: 'tokens', write: formatCount };
  const digits = most < 100_000_000 ? 2 : 1;
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return { unit: 'M tokens', write: (tokens) => (tokens / 1e6).toLocaleString('en-US', options) };
}

const UNITS_MS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/**
 * A span of time in its largest unit, to at most one decimal.
 *
 * @example formatSpan(5_400_000) // '1.5 h'
 */
export function formatSpan(spanMs: number): string {
  const [unitMs, name] = UNITS_MS.find(([size]) => Math.abs(spanMs) >= size * 0.9995) ?? [1, 'ms'];
  return `${Number((spanMs / unitMs).toFixed(1))} ${name}`;
}
