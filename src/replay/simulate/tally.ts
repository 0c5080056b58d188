import type { ReplayOutcome } from '../policy.ts';
import type { SimulationPrices } from '../prices.ts';

/** Tokens of one kind of request (requests or pings) of one model at one of its prices. */
export interface TokenTally {
  readonly model: number;
  /** At the price for long prompts (spec 9.1). */
  readonly isLongPrompt: boolean;
  readonly isPing: boolean;
  readonly requests: number;
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
  readonly outputTokens: number;
}

/** Counters in one row: requests, read, 5m, 1h, uncached, output. */
const WIDTH = 6;
const ROWS_PER_MODEL = 4;
const LONG_ROW = 1;
const PING_ROW = 2;

/** Counts tokens by model, price step, and request or ping: whole numbers, priced only at the end. */
export class Tally {
  readonly #prices: readonly SimulationPrices[];
  readonly #counts: Float64Array;

  constructor(prices: readonly SimulationPrices[]) {
    this.#prices = prices;
    this.#counts = new Float64Array(prices.length * ROWS_PER_MODEL * WIDTH);
  }

  /** Counts a request or ping, and gives its input cost in dollars. */
  add(
    model: number,
    outcome: Readonly<ReplayOutcome>,
    totalTokens: number,
    outputTokens: number,
    isPing: boolean,
  ): number {
    const prices = this.#prices[model];
    if (prices === undefined) throw new RangeError(`the trace has no model ${model}`);
    const step = prices.longPrompt;
    const isLong = step !== undefined && totalTokens > step.aboveTokens;
    const row = model * ROWS_PER_MODEL + (isLong ? LONG_ROW : 0) + (isPing ? PING_ROW : 0);
    const at = row * WIDTH;
    const counts = this.#counts;
    counts[at] = (counts[at] ?? 0) + 1;
    counts[at + 1] = (counts[at + 1] ?? 0) + outcome.readTokens;
    counts[at + 2] = (counts[at + 2] ?? 0) + outcome.write5mTokens;
    counts[at + 3] = (counts[at + 3] ?? 0) + outcome.write1hTokens;
    counts[at + 4] = (counts[at + 4] ?? 0) + outcome.uncachedTokens;
    counts[at + 5] = (counts[at + 5] ?? 0) + outputTokens;
    return inputUnits(prices, outcome) * (isLong ? step.inputUsdPerToken : prices.inputUsdPerToken);
  }

  /** The rows that count anything. */
  rows(): readonly TokenTally[] {
    const rows = Array.from({ length: this.#counts.length / WIDTH }, (_, row) => {
      const at = (column: number): number => this.#counts[row * WIDTH + column] ?? 0;
      return {
        model: Math.floor(row / ROWS_PER_MODEL),
        isLongPrompt: (row & LONG_ROW) !== 0,
        isPing: (row & PING_ROW) !== 0,
        requests: at(0),
        readTokens: at(1),
        write5mTokens: at(2),
        write1hTokens: at(3),
        uncachedTokens: at(4),
        outputTokens: at(5),
      };
    });
    return rows.filter((row) => row.requests > 0);
  }
}

/** Input cost in units of one uncached token. */
function inputUnits(
  prices: SimulationPrices,
  tokens: Pick<TokenTally, 'readTokens' | 'write5mTokens' | 'write1hTokens' | 'uncachedTokens'>,
): number {
  return (
    tokens.readTokens * prices.read +
    tokens.write5mTokens * prices.write5m +
    tokens.write1hTokens * prices.write1h +
    tokens.uncachedTokens
  );
}

function stepPrices(
  tally: TokenTally,
  prices: readonly SimulationPrices[],
): {
  readonly prices: SimulationPrices;
  readonly inputUsd: number;
  readonly outputUsd: number;
} {
  const own = prices[tally.model];
  if (own === undefined) throw new RangeError(`the trace has no model ${tally.model}`);
  const step = tally.isLongPrompt ? (own.longPrompt ?? own) : own;
  return { prices: own, inputUsd: step.inputUsdPerToken, outputUsd: step.outputUsdPerToken };
}

/** Dollars for the input tokens of a tally. */
export function inputUsdOf(tally: TokenTally, prices: readonly SimulationPrices[]): number {
  const at = stepPrices(tally, prices);
  return inputUnits(at.prices, tally) * at.inputUsd;
}

/** Dollars for the same tokens without any caching. */
export function uncachedUsdOf(tally: TokenTally, prices: readonly SimulationPrices[]): number {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = tally;
  return (readTokens + write5mTokens + write1hTokens + uncachedTokens) * stepPrices(tally, prices).inputUsd;
}

/** Dollars for the output tokens of a tally. */
export function outputUsdOf(tally: TokenTally, prices: readonly SimulationPrices[]): number {
  return tally.outputTokens * stepPrices(tally, prices).outputUsd;
}
