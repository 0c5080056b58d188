import type { PlannedRequest } from '../learned/index.ts';

/** Requests a second that are followed; of more, a share. */
const FOLLOWED_PER_SECOND = 10;
/** Requests over which the rate is measured. */
const MEASURED_OVER = 1024;
const HALVINGS_MAX = 20;

/** The first block behind tools and system: where conversations of an application part. */
function branchOf({ layers, keys, length }: PlannedRequest): number {
  const layersLength = layers.at(-1)?.length ?? 0;
  return keys[Math.min(layersLength, length - 1)] ?? 0;
}

/** Spreads numbers of up to 53 bits over 32. */
function mix(key: number): number {
  const folded = Math.imul((key >>> 0) ^ Math.floor(key / 2 ** 32), 0x9e37_79b1);
  const mixed = Math.imul(folded ^ (folded >>> 15), 0x85eb_ca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/**
 * Which requests the guard follows: all of them up to ten a second; of more, those of a half, a quarter, an eighth of the
 * conversations and so on. A conversation is followed as a whole or not at all, since what automatic caching reads
 * depends on the requests before.
 */
export class BranchSample {
  #mask = 0;
  #seen = 0;
  #fromMs = -Infinity;

  isFollowed(request: PlannedRequest): boolean {
    this.#seen += 1;
    if (this.#seen >= MEASURED_OVER) this.#measure(request.atMs);
    return this.#mask === 0 || (mix(branchOf(request)) & this.#mask) === 0;
  }

  #measure(nowMs: number): void {
    const seconds = Math.max(1, nowMs - this.#fromMs) / 1000;
    const over = this.#seen / seconds / FOLLOWED_PER_SECOND;
    this.#mask = 2 ** Math.min(HALVINGS_MAX, Math.max(0, Math.ceil(Math.log2(over)))) - 1;
    this.#seen = 0;
    this.#fromMs = nowMs;
  }
}
