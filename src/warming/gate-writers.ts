/** A request's prefixes, shortest first: the name of each, and its estimated tokens. */
export interface GateChain<Key> {
  readonly keys: ArrayLike<Key>;
  readonly cumulativeTokens: ArrayLike<number>;
  readonly length: number;
}

/** A prefix that a request shares with one that is writing it now. */
export interface SharedPrefix<Writer> {
  readonly writer: Writer;
  /** Its last block. */
  readonly index: number;
}

/** Prefixes that are noted at once; a request that writes more is not waited for. */
const KEYS_MAX = 10_000;

/**
 * Which prefixes are being written, and by whom: from when the request is sent until its response begins (spec 4.4), for
 * until then nobody can read them.
 *
 * @example
 * writers.add('first', ['system', 'system+documents']);
 * writers.deepest({ keys: ['system', 'other'], cumulativeTokens: [9000, 9500], length: 2 }); // { writer: 'first', index: 0 }
 */
export class GateWriters<Key, Writer> {
  readonly #writing = new Map<Key, Writer[]>();

  get size(): number {
    return this.#writing.size;
  }

  add(writer: Writer, keys: readonly Key[]): void {
    if (this.#writing.size + keys.length > KEYS_MAX) return;
    for (const key of keys) {
      const known = this.#writing.get(key);
      if (known) known.push(writer);
      else this.#writing.set(key, [writer]);
    }
  }

  remove(writer: Writer, keys: readonly Key[]): void {
    for (const key of keys) {
      const left = this.#writing.get(key)?.filter((other) => other !== writer) ?? [];
      if (left.length > 0) this.#writing.set(key, left);
      else this.#writing.delete(key);
    }
  }

  /** The longest prefix of a request that is being written, by whoever began first; null when none is. */
  deepest({ keys, length }: GateChain<Key>): SharedPrefix<Writer> | null {
    if (this.#writing.size === 0) return null;
    for (let index = length - 1; index >= 0; index -= 1) {
      const key = keys[index];
      const writer = key === undefined ? undefined : this.#writing.get(key)?.[0];
      if (writer !== undefined) return { writer, index };
    }
    return null;
  }
}

/** Tokens that a request reads and need not pay for again when it waits for a prefix; at least 0. */
export function savedByWaiting<Key>(chain: GateChain<Key>, index: number, hitIndex: number): number {
  const hitTokens = hitIndex < 0 ? 0 : (chain.cumulativeTokens[hitIndex] ?? 0);
  return Math.max(0, (chain.cumulativeTokens[index] ?? 0) - hitTokens);
}
