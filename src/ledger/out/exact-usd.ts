import { PICO_PER_USD, type PicoUsd } from '../../core/index.ts';

const DECIMALS = 12;

/**
 * Dollars as decimal text that loses nothing: twelve decimals, which is a pico-dollar, and no float on the way.
 *
 * @example formatExactUsd(-20_668_000_000n) // "-0.020668000000"
 */
export function formatExactUsd(pico: PicoUsd): string {
  const size = pico < 0n ? -pico : pico;
  const whole = size / PICO_PER_USD;
  const rest = (size % PICO_PER_USD).toString().padStart(DECIMALS, '0');
  return `${pico < 0n ? '-' : ''}${whole}.${rest}`;
}
