import type { SharedLearning } from '../../src/engine/index.ts';

/** Learns words, and tells them with the time that has passed since. */
export class Learner implements SharedLearning {
  /** Word to the time when it was learned, by this machine's clock. */
  readonly known: Map<string, number> = new Map();
  merges = 0;
  #untold: { readonly word: string; readonly atMs: number }[] | null = null;

  learn(word: string, atMs: number): void {
    this.known.set(word, atMs);
    this.#untold?.push({ word, atMs });
  }

  noteChanges(): void {
    this.#untold ??= [];
  }

  drainChanges(nowMs: number, maxBytes: number): Uint8Array | null {
    if (!this.#untold?.length) return null;
    const told = this.#untold.splice(0, Math.max(1, Math.floor(maxBytes / 100)));
    return Buffer.from(JSON.stringify(told.map(({ word, atMs }) => [word, nowMs - atMs])));
  }

  mergeChanges(bytes: Uint8Array, drainedMs: number): void {
    const told = JSON.parse(Buffer.from(bytes).toString()) as readonly (readonly [string, number])[];
    this.merges += 1;
    for (const [word, agoMs] of told) this.known.set(word, drainedMs - agoMs);
  }
}
