/**
 * Money is counted in whole pico-dollars (1 USD = 10^12), as `bigint` once summed: a sum of
 * pico-dollars passes 2^53 at 9,007 dollars. One dollar per million tokens is exactly
 * 1,000,000 pico-dollars per token, so every published price is a whole number.
 */
export type PicoUsd = bigint;

export const PICO_PER_USD = 1_000_000_000_000n;

/**
 * Pico-dollars per token for a price in dollars per million tokens ("USD / MTok").
 *
 * @example picoPerToken(0.25) // 250_000
 * @throws RangeError when the price is negative, not finite, or finer than a pico-dollar a token.
 */
export function picoPerToken(usdPerMTok: number): number {
  const pico = Math.round(usdPerMTok * 1_000_000);
  if (!Number.isFinite(usdPerMTok) || usdPerMTok < 0 || Math.abs(pico - usdPerMTok * 1_000_000) > 1e-6) {
    throw new RangeError(`price must be a number of USD per MTok with at most 6 decimals, got ${usdPerMTok}`);
  }
  return pico;
}

/** Dollars as a float, for showing only; sums stay in pico-dollars. */
export function toUsd(pico: PicoUsd): number {
  const whole = pico / PICO_PER_USD;
  return Number(whole) + Number(pico - whole * PICO_PER_USD) / 1e12;
}

/**
 * Dollars for people: two decimals from a dollar up, four significant digits below.
 *
 * @example formatUsd(1_234_567_000_000n) // "$1.23"
 * @example formatUsd(-12_345_000_000n) // "-$0.01235"
 */
export function formatUsd(pico: PicoUsd): string {
  const usd = toUsd(pico);
  const size = Math.abs(usd);
  const sign = usd < 0 ? '-' : '';
  if (size === 0) return '$0.00';
  if (size >= 1)
    return `${sign}$${size.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const digits = Math.min(12, 3 - Math.floor(Math.log10(size)));
  const text = size.toFixed(digits).replace(/0+$/, '');
  return `${sign}$${text.length < 4 ? size.toFixed(2) : text}`;
}
