import type { LayerEnd, PlannedRequest, PlanPrices, TailKind } from '../../src/planner/index.ts';

/** Prices of most models, with a minimum that a few blocks reach. */
export const PRICES: PlanPrices = { read: 0.1, write5m: 1.25, write1h: 2, minCacheableTokens: 1024 };

/** What a request is made from. */
export interface WordRequest {
  readonly atMs: number;
  /** A letter a block: `t` tools, `s` system, `d` documents, any other a message; equal words are equal prompts. */
  readonly word: string;
  readonly prices?: PlanPrices;
  readonly newest?: 'user' | 'tool';
  readonly lookbackPositions?: number;
  /** @default 'plain' */
  readonly tail?: TailKind;
  /** @default the letter `x` cannot be marked */
  readonly canMark?: (index: number) => boolean;
}

/** Tokens of a block by its letter: some weigh nothing, some are below any minimum, some are long. */
const TOKENS: Readonly<Record<string, number>> = { t: 700, s: 900, d: 1500, a: 400, b: 0, c: 2500, r: 90 };

const LAYERS = [
  ['t', 'tools-end'],
  ['s', 'system-end'],
  ['d', 'documents-end'],
] as const satisfies readonly (readonly [string, LayerEnd['place']])[];

/** Prompts written as words, as the learned planner takes them. */
export class WordRequests {
  readonly #keys = new Map<string, number>();

  /** A request; the blocks of a run of `r` share a lookback position (spec 2.2). */
  request(from: WordRequest): PlannedRequest {
    const { atMs, word, prices = PRICES, newest = 'user', lookbackPositions = 20 } = from;
    const letters = [...word];
    const layers = LAYERS.flatMap(([letter, place]): LayerEnd[] => {
      const length = word.lastIndexOf(letter) + 1;
      return length > 0 ? [{ place, length }] : [];
    });
    const cumulativeTokens = cumulate(letters.map((letter) => TOKENS[letter] ?? 300));
    const application = layers.findLast(({ place }) => place !== 'documents-end')?.length ?? 0;
    return {
      atMs,
      length: word.length,
      keys: letters.map((_, at) => this.#keyOf(word.slice(0, at + 1))),
      cumulativeTokens,
      cumulativeHighTokens: cumulativeTokens,
      positions: cumulate(
        letters.map((letter, at) => (at === 0 || (letter === 'r' && letters[at - 1] === 'r') ? 0 : 1)),
      ),
      layers,
      newest,
      tail: from.tail ?? 'plain',
      application: application > 0 ? this.#keyOf(word.slice(0, application)) : 0,
      prices,
      lookbackPositions,
      canMark: from.canMark ?? ((index) => letters[index] !== 'x'),
    };
  }

  #keyOf(prefix: string): number {
    const known = this.#keys.get(prefix);
    if (known !== undefined) return known;
    this.#keys.set(prefix, this.#keys.size);
    return this.#keys.size - 1;
  }
}

function cumulate(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => (sum += value));
}
