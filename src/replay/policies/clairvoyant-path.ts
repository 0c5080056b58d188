import { deepestReused, type Chains } from '../bounds/chains.ts';
import type { Segments } from '../bounds/segments.ts';
import { TTL_1H, TTL_5M, type PolicyContext } from '../policy.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import type { FutureValues } from './clairvoyant-values.ts';

/** One chain on a request's path, as far as the request goes along it. */
export interface PathChain {
  chain: number;
  /** Its place in `FutureValues`. */
  visit: number;
  /** The request that comes by next; `NO_PREFIX` for none. */
  next: number;
  /** First and last of its segments on the path. */
  from: number;
  to: number;
  /** Tokens that the next visit would find, if it came at once, by the longest lifetime of what covers them. */
  tokens1h: number;
  tokens5m: number;
  /** Tokens read now for which there is no entry where the next visit could find it. */
  tokensNot: number;
}

/** The reused segments of one request, shortest prefix first, with what is cached of them; filled again and again. */
export class RequestPath {
  readonly segments: Segments;
  readonly chains: Chains;
  readonly values: FutureValues;
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  /** Numbers of segments. */
  path: Int32Array = new Int32Array(64);
  count = 0;
  readonly #pool: PathChain[] = [];
  chainCount = 0;
  /** The deepest segment that can be read; -1 for none. */
  hit = -1;

  constructor(
    trace: Trace,
    context: PolicyContext,
    segments: Segments,
    chains: Chains,
    values: FutureValues,
  ) {
    this.#trace = trace;
    this.#context = context;
    this.segments = segments;
    this.chains = chains;
    this.values = values;
  }

  endAt(index: number): number {
    return this.segments.ends[this.path[index] ?? 0] ?? NO_PREFIX;
  }

  tokensAt(index: number): number {
    return this.segments.tokens[this.path[index] ?? 0] ?? 0;
  }

  /** Tokens from the start up to and including the segment. */
  cumulativeAt(index: number): number {
    return this.#trace.trie.cumulativeTokens[this.endAt(index)] ?? 0;
  }

  /** The chains of the path, the first one at the root. */
  chainAt(index: number): PathChain {
    const known = this.#pool[index];
    if (known) return known;
    const made = { chain: 0, visit: 0, next: 0, from: 0, to: 0, tokens1h: 0, tokens5m: 0, tokensNot: 0 };
    this.#pool[index] = made;
    return made;
  }

  /** Goes to another request. */
  load(request: number): void {
    const { parents } = this.segments;
    const deepest = deepestReused(this.segments, request);
    let count = 0;
    for (let above = deepest; above !== NO_PREFIX; above = parents[above] ?? NO_PREFIX) count += 1;
    if (count > this.path.length) this.path = new Int32Array(2 * count);
    let at = count;
    for (let segment = deepest; segment !== NO_PREFIX; segment = parents[segment] ?? NO_PREFIX) {
      at -= 1;
      this.path[at] = segment;
    }
    this.count = count;
    this.#loadChains(request);
  }

  #loadChains(request: number): void {
    const { offsets, nextRequests } = this.values;
    let chainCount = 0;
    for (let index = 0; index < this.count; index += 1) {
      const chain = this.chains.ofSegments[this.path[index] ?? 0] ?? 0;
      const last = chainCount === 0 ? null : this.chainAt(chainCount - 1);
      if (last?.chain === chain) {
        last.to = index;
        continue;
      }
      const visit = (offsets[request + 1] ?? 0) - 1 - chainCount;
      const made = this.chainAt(chainCount);
      made.chain = chain;
      made.visit = visit;
      made.next = nextRequests[visit] ?? NO_PREFIX;
      made.from = index;
      made.to = index;
      chainCount += 1;
    }
    this.chainCount = chainCount;
  }

  /** Looks up what can be read, and how long it would live for those who come next. */
  look(nowMs: number): void {
    const context = this.#context;
    this.hit = -1;
    let has1h = false;
    let has5m = false;
    let next = NO_PREFIX;
    for (let order = this.chainCount - 1; order >= 0; order -= 1) {
      const chain = this.chainAt(order);
      if (chain.next !== next) {
        has1h = false;
        has5m = false;
        next = chain.next;
      }
      chain.tokens1h = 0;
      chain.tokens5m = 0;
      chain.tokensNot = 0;
      for (let index = chain.to; index >= chain.from; index -= 1) {
        const end = this.endAt(index);
        if (!has1h && context.expiresMs(end, TTL_1H) > nowMs) has1h = context.isReadable(end, nowMs);
        if (!has1h && !has5m && context.expiresMs(end, TTL_5M) > nowMs)
          has5m = context.isReadable(end, nowMs);
        if (this.hit < 0 && (has1h || has5m)) this.hit = index;
        const tokens = this.tokensAt(index);
        if (has1h) chain.tokens1h += tokens;
        else if (has5m) chain.tokens5m += tokens;
        else if (this.hit >= 0) chain.tokensNot += tokens;
      }
    }
  }
}
