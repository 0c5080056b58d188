import type { Random } from '../../runtime/index.ts';

/** Exponential with the given mean: the gaps of a Poisson process. */
export function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

/** Log-normal by its median and the deviation of its logarithm. */
export function logNormal(random: Random, median: number, sigma: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random()));
}

/** A whole number from `least` to `most`, both included, each equally likely. */
export function uniformInteger(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** Draws ranks from 0 with weights 1 / (rank + 1) ** alpha. */
export class ZipfRanks {
  readonly #cumulative: Float64Array;

  constructor(count: number, alpha: number) {
    this.#cumulative = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank += 1) {
      sum += (rank + 1) ** -alpha;
      this.#cumulative[rank] = sum;
    }
  }

  /** Share of all draws that give the rank. */
  share(rank: number): number {
    const total = this.#cumulative.at(-1) ?? 1;
    return ((this.#cumulative[rank] ?? 0) - (this.#cumulative[rank - 1] ?? 0)) / total;
  }

  draw(random: Random): number {
    const target = random() * (this.#cumulative.at(-1) ?? 0);
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cumulative[middle] ?? 0) <= target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
