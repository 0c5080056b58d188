import type { MeasuredRequest, UsageCall } from './measured-request.ts';

/** Ends of prefixes that are remembered of one cache. */
const ENDS_MAX = 10_000;
/** Caches that are followed at a time. */
const CACHES_MAX = 1000;

/** Names of prefixes by their length, of one cache and model; the one used longest ago stands first. */
class KnownEnds {
  readonly #key: string;
  readonly #ids = new Map<number, string>();
  #calls = 0;

  constructor(key: string) {
    this.#key = key;
  }

  /** The prefix of that length that was written last; one written before the log began is known by its length. */
  read(tokens: number): string {
    const id = this.#ids.get(tokens) ?? `${this.#key} before ${tokens}`;
    this.#keep(tokens, id);
    return id;
  }

  /** A prefix that no earlier request had. */
  add(tokens: number, isWritten: boolean): string {
    this.#calls += 1;
    const id = `${this.#key} ${this.#calls}`;
    if (isWritten) this.#keep(tokens, id);
    return id;
  }

  #keep(tokens: number, id: string): void {
    this.#ids.delete(tokens);
    this.#ids.set(tokens, id);
    if (this.#ids.size > ENDS_MAX) this.#ids.delete(this.#ids.keys().next().value ?? 0);
  }
}

/**
 * Requests from usage that does not tell which calls are of one conversation: `conversation` is the cache that they
 * use. Only what was billed as read counts as shared, since nothing else shows that two calls begin alike; what calls
 * could have shared and did not read is left out. Places are `shared`, the end of what was read or written, and `tail`.
 *
 * @example for (const request of measureReads(calls)) advisor.record(request);
 */
export function* measureReads(calls: Iterable<UsageCall>): Generator<MeasuredRequest, void, undefined> {
  const caches = new Map<string, KnownEnds>();
  for (const { conversation, ...call } of calls) {
    const key = JSON.stringify([call.family, call.model, conversation]);
    const known = caches.get(key) ?? new KnownEnds(key);
    caches.delete(key);
    caches.set(key, known);
    if (caches.size > CACHES_MAX) caches.delete(caches.keys().next().value ?? '');
    const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = call.billed;
    const writtenTo = readTokens + write5mTokens + write1hTokens;
    const total = writtenTo + uncachedTokens;
    const ends: { readonly prefixId: string; readonly tokens: number }[] = [];
    if (readTokens > 0) ends.push({ prefixId: known.read(readTokens), tokens: readTokens });
    if (writtenTo > readTokens) ends.push({ prefixId: known.add(writtenTo, true), tokens: writtenTo });
    const shared = ends.length - 1;
    if (total > writtenTo || ends.length === 0)
      ends.push({ prefixId: known.add(total, false), tokens: total });
    yield {
      ...call,
      chain: {
        partition: call.model,
        prefixIds: ends.map(({ prefixId }) => prefixId),
        cumulativeTokens: ends.map(({ tokens }) => tokens),
        positions: ends.map((_, index) => index),
      },
      places: [
        ...(shared < 0 ? [] : [{ name: 'shared', blockIndex: shared }]),
        { name: 'tail', blockIndex: ends.length - 1 },
      ],
    };
  }
}
