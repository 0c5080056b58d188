import { toUsd, type PicoUsd } from '../../core/index.ts';

/** That what we do has begun to lose money, or has stopped. */
export interface NetTurn {
  readonly state: 'firing' | 'recovered';
  readonly atMs: number;
  /** Dollars won or lost over the last day. */
  readonly value: number;
}

const HOUR_MS = 3_600_000;
const SAMPLES = 24;

/** Follows a running net sum, such as that of keep-alive, hour by hour: is it losing over a day? */
export class NetWatch {
  readonly #lossUsd: number;
  #samples: { readonly atMs: number; readonly netPicoUsd: PicoUsd }[] = [];
  #isFiring = false;

  /** @param lossUsd dollars lost in a day from which it is told */
  constructor(lossUsd: number) {
    this.#lossUsd = lossUsd;
  }

  /** Takes the sum so far. */
  observe(atMs: number, netPicoUsd: PicoUsd): NetTurn | null {
    const last = this.#samples.at(-1);
    const first = this.#samples[0] ?? { netPicoUsd: 0n };
    const value = toUsd(netPicoUsd - first.netPicoUsd);
    if (!last || atMs - last.atMs >= HOUR_MS) {
      this.#samples.push({ atMs, netPicoUsd });
      if (this.#samples.length > SAMPLES) this.#samples = this.#samples.slice(-SAMPLES);
    }
    const isBad = value <= -this.#lossUsd;
    // Half of the limit lies between the two, so that it is not told at every ping.
    const isGood = value > -this.#lossUsd / 2;
    if (this.#isFiring ? !isGood : !isBad) return null;
    this.#isFiring = !this.#isFiring;
    return { state: this.#isFiring ? 'firing' : 'recovered', atMs, value };
  }
}
