import {
  LOOKBACK_POSITIONS,
  totalInputTokens,
  type CacheRules,
  type ModelFacts,
  type PrefixChain,
  type PrefixId,
  type TokenCounts,
} from '../../core/index.ts';
import type { MeasuredPlace, MeasuredRequest } from './measured-request.ts';

/** A place of a request that was kept, with how long ago a prefix ending at such a place was last used on its path. */
export interface KeptPlace extends MeasuredPlace {
  readonly tokens: number;
  /** Infinity where there was none that a breakpoint here could read, or none within an hour. */
  readonly gapMs: number;
}

/** A request reduced to the blocks that matter: its places, and ends of earlier requests' places on its path. */
export interface KeptRequest {
  readonly atMs: number;
  readonly readyMs: number;
  readonly chain: PrefixChain;
  readonly places: readonly KeptPlace[];
  readonly billed: TokenCounts | null;
}

/** When prefixes that end at a kind of place were last on a request's path. */
type LastUses = Map<string, Map<PrefixId, number>>;

function check({ chain, places, atMs }: MeasuredRequest, order: readonly string[], lastMs: number): void {
  if (!(atMs >= lastMs))
    throw new RangeError(`requests of a family come in order of time: ${atMs} after ${lastMs}`);
  let previous = { rank: -1, blockIndex: 0 };
  for (const { name, blockIndex } of places) {
    const rank = order.indexOf(name);
    if (rank < 0) throw new RangeError(`"${name}" is none of the places ${order.join(', ')}`);
    if (rank <= previous.rank || blockIndex < previous.blockIndex)
      throw new RangeError(`the places of a request are in prompt order, ${name} is not`);
    if (!Number.isInteger(blockIndex) || blockIndex >= chain.prefixIds.length)
      throw new RangeError(`${name} is at no block of the request`);
    previous = { rank, blockIndex };
  }
}

/** How much longer the prompt was billed than it was measured: estimates are off by some share throughout. */
function scaleOf({ chain, billed }: MeasuredRequest): number {
  const total = chain.cumulativeTokens.at(-1) ?? 0;
  const billedTokens = billed ? totalInputTokens(billed) : 0;
  return total > 0 && billedTokens > 0 ? billedTokens / total : 1;
}

/** The requests of one family and model: the newest of them, and what is needed to say how old a prefix is. */
export class Family {
  readonly name: string;
  readonly facts: ModelFacts;
  readonly requests: KeptRequest[] = [];
  /** Requests that were too many to keep. */
  forgotten = 0;
  readonly #order: readonly string[];
  readonly #rules: CacheRules;
  readonly #requestsMax: number;
  readonly #lastUses: LastUses = new Map();
  #prunedMs = -Infinity;

  constructor(
    name: string,
    facts: ModelFacts,
    limits: { readonly order: readonly string[]; readonly rules: CacheRules; readonly requestsMax: number },
  ) {
    this.name = name;
    this.facts = facts;
    this.#order = limits.order;
    this.#rules = limits.rules;
    this.#requestsMax = limits.requestsMax;
  }

  /** Keeps a request. @throws RangeError where its time or its places are out of order */
  record(request: MeasuredRequest): void {
    check(request, this.#order, this.requests.at(-1)?.atMs ?? -Infinity);
    const { atMs, readyMs = atMs, billed = null } = request;
    this.#prune(atMs);
    const gaps = request.places.map((place) => this.#gapAt(place, request));
    const kept = this.#keptBlocks(request);
    this.#use(request);
    const scale = scaleOf(request);
    const tokensAt = (index: number): number =>
      Math.round((request.chain.cumulativeTokens[index] ?? 0) * scale);
    this.requests.push({
      atMs,
      readyMs,
      billed,
      chain: {
        partition: request.chain.partition,
        prefixIds: kept.map((index) => request.chain.prefixIds[index] ?? ''),
        cumulativeTokens: kept.map(tokensAt),
        positions: kept.map((index) => request.chain.positions[index] ?? 0),
      },
      places: request.places.map(({ name, blockIndex }, at) => ({
        name,
        blockIndex: kept.indexOf(blockIndex),
        tokens: tokensAt(blockIndex),
        gapMs: gaps[at] ?? Infinity,
      })),
    });
    if (this.requests.length <= this.#requestsMax) return;
    this.requests.shift();
    this.forgotten += 1;
  }

  /** Age of the longest prefix that a breakpoint here could read if one had been written at each such place before. */
  #gapAt({ name, blockIndex }: MeasuredPlace, { chain, atMs }: MeasuredRequest): number {
    const uses = this.#lastUses.get(name);
    const lowest = (chain.positions[blockIndex] ?? 0) - (LOOKBACK_POSITIONS - 1);
    for (let index = blockIndex; index >= 0 && (chain.positions[index] ?? 0) >= lowest; index -= 1) {
      const usedMs = uses?.get(chain.prefixIds[index] ?? '');
      if (usedMs !== undefined) return atMs - usedMs;
    }
    return Infinity;
  }

  /** Blocks without which the request would read, write and be billed the same: no entry can ever end at the others. */
  #keptBlocks({ chain, places }: MeasuredRequest): readonly number[] {
    const own = new Set([...places.map(({ blockIndex }) => blockIndex), chain.prefixIds.length - 1]);
    const all = [...this.#lastUses.values()];
    return chain.prefixIds.flatMap((id, index) =>
      own.has(index) || all.some((uses) => uses.has(id)) ? [index] : [],
    );
  }

  #use({ chain, places, atMs }: MeasuredRequest): void {
    for (const uses of this.#lastUses.values()) {
      for (const id of chain.prefixIds) if (uses.has(id)) uses.set(id, atMs);
    }
    for (const { name, blockIndex } of places) {
      const uses = this.#lastUses.get(name) ?? new Map<PrefixId, number>();
      this.#lastUses.set(name, uses.set(chain.prefixIds[blockIndex] ?? '', atMs));
    }
  }

  /** What was not used within the longest TTL cannot be alive. */
  #prune(atMs: number): void {
    const lifetimeMs = this.#rules.ttlMs['1h'] + this.#rules.slackMs;
    if (atMs - this.#prunedMs < lifetimeMs) return;
    this.#prunedMs = atMs;
    for (const uses of this.#lastUses.values()) {
      for (const [id, usedMs] of uses) if (atMs - usedMs >= lifetimeMs) uses.delete(id);
    }
  }
}
