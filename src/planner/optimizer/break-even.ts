import type { PriceRecord } from '../../core/index.ts';

/** Where writing a prefix begins to pay, at one TTL. */
export interface BreakEven {
  /** Reads that each write must have, on average: `(w - 1) / (1 - r)`. */
  readonly hitsPerWrite: number;
  /** The same as the share of uses that must be reads: `(w - 1) / (w - r)`. */
  readonly readShare: number;
}

/** Break-evens of a model's prices. */
export interface BreakEvens {
  readonly '5m': BreakEven;
  readonly '1h': BreakEven;
  /**
   * Of a prefix of its own: 1h costs less than 5m where `readWeight1h * F(1h) - readWeight5m * F(5m)` is more than
   * `premium`, F being the share of uses that come within the TTL of the one before.
   */
  readonly hour: {
    readonly readWeight5m: number;
    readonly readWeight1h: number;
    readonly premium: number;
  };
}

type Multipliers = Pick<PriceRecord, 'readPerMille' | 'write5mPerMille' | 'write1hPerMille'>;

function breakEvenOf(write: number, read: number): BreakEven {
  return { hitsPerWrite: (write - 1) / (1 - read), readShare: (write - 1) / (write - read) };
}

/**
 * When does caching pay? A use that writes costs `w` of an uncached one and a use that reads `r`, so `H` reads for each
 * write cost `w + H r` instead of `1 + H` (spec 9.11).
 *
 * @example breakEvens({ readPerMille: 100, write5mPerMille: 1250, write1hPerMille: 2000 })['5m'].readShare // 0.217
 */
export function breakEvens(prices: Multipliers): BreakEvens {
  const read = prices.readPerMille / 1000;
  const write5m = prices.write5mPerMille / 1000;
  const write1h = prices.write1hPerMille / 1000;
  return {
    '5m': breakEvenOf(write5m, read),
    '1h': breakEvenOf(write1h, read),
    hour: { readWeight5m: write5m - read, readWeight1h: write1h - read, premium: write1h - write5m },
  };
}
