/** What a number is called that nobody knows: never 0. */
export const NOT_KNOWN = 'n/a';

const cents = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' });
const whole = new Intl.NumberFormat('en-US');
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const minus = (text: string): string => text.replace('-', '\u2212');

/** What three digits would round to a dollar is written as one. */
const WRITTEN_IN_CENTS_USD = 0.999_5;

/** Digits for less than a dollar: three that count, and none of those that float arithmetic adds. */
function smallUsd(usd: number): string {
  const size = Math.abs(usd);
  if (size === 0) return '$0';
  if (size < 0.000_01) return `${usd < 0 ? '-' : ''}<$0.00001`;
  const decimals = Math.min(8, Math.max(2, 2 - Math.floor(Math.log10(size))));
  return `${usd < 0 ? '-' : ''}$${size.toFixed(decimals)}`;
}

/** Dollars for reading: `$12.34`, `$0.0799`, `−$3.10`; `n/a` for null. */
export function formatUsd(usd: number | null): string {
  if (usd === null) return NOT_KNOWN;
  return minus(Math.abs(usd) >= WRITTEN_IN_CENTS_USD ? cents.format(usd) : smallUsd(usd));
}

/** Dollars at an axis, however small: no more digits than its marks need, and cents at the least. */
export function formatAxisUsd(usd: number): string {
  const size = Math.abs(usd);
  if (size === 0 || size >= 1) return formatUsd(usd);
  const [whole = '0', decimals = ''] = size.toPrecision(3).replace(/0+$/, '').split('.');
  return minus(`${usd < 0 ? '-' : ''}$${whole}.${decimals.padEnd(2, '0')}`);
}

/** Dollars of pico-dollars as text. */
export function usdOf(picoUsd: string): number {
  return Number(picoUsd) / 1e12;
}

/** `1,204`, or `n/a` for null. */
export function formatCount(count: number | null): string {
  return count === null ? NOT_KNOWN : whole.format(count);
}

/** `96.9 %`; `n/a` where there is nothing to share. Numerator and denominator are to stand beside it. */
export function formatShare(numerator: number, denominator: number): string {
  if (denominator === 0) return NOT_KNOWN;
  const percent = (100 * numerator) / denominator;
  if (percent === 0 || percent === 100) return `${percent}\u00A0%`;
  // Neither all nor nothing is said of what is only nearly so.
  if (percent > 99.9 && percent < 100) return '>\u00A099.9\u00A0%';
  if (percent < 0.1 && percent > 0) return '<\u00A00.1\u00A0%';
  return minus(`${percent.toFixed(1)}\u00A0%`);
}

const minuteFormat = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const secondFormat = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** `23 Nov, 06:05` in the zone of the reader. */
export function formatMinute(timeMs: number): string {
  return minuteFormat.format(timeMs);
}

/** `23 Nov, 06:05:59` in the zone of the reader. */
export function formatSecond(timeMs: number): string {
  return secondFormat.format(timeMs);
}

/** `240 ms`, `1.2 s`, `4 min 12 s`, `2 h 5 min`, `3 d`; `n/a` for null. */
export function formatDuration(durationMs: number | null): string {
  if (durationMs === null) return NOT_KNOWN;
  if (durationMs < 0) return `\u2212${formatDuration(-durationMs)}`;
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  const seconds = Math.floor(durationMs / 1_000);
  if (seconds < 10) return `${(durationMs / 1_000).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 2_880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1_440)} d`;
}

/** A round length of time in its own unit. */
function roundOf(lengthMs: number): readonly [count: number, unit: string] {
  if (lengthMs < 60_000) return [lengthMs / 1_000, 's'];
  return lengthMs < 3_600_000 ? [lengthMs / 60_000, 'min'] : [lengthMs / 3_600_000, 'h'];
}

/** A range of round lengths of time: `under 10 s`, `30 s\u20131 min`, `2\u20136 h`, `over 24 h`. */
export function formatRange(fromMs: number, toMs: number | null): string {
  const [from, fromUnit] = roundOf(fromMs);
  if (toMs === null) return `over ${from} ${fromUnit}`;
  const [to, unit] = roundOf(toMs);
  if (fromMs === 0) return `under ${to} ${unit}`;
  return `${from}${fromUnit === unit ? '' : ` ${fromUnit}`}\u2013${to} ${unit}`;
}

/** `4 kB` and the like. */
export function formatBytes(bytes: number): string {
  return bytes < 1_000 ? `${bytes} B` : `${compact.format(bytes / 1_000)} kB`;
}

/** A word of a record for people: `never_written` is "never written". */
export function formatWord(word: string): string {
  return word.replaceAll(/[_-]/g, ' ');
}

/** `1 request`, `2 requests`. */
export function formatNumberOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
