import { NO_PREFIX } from '../trace/trace.ts';
import { deepestReused, type Chains } from './chains.ts';
import type { Segments } from './segments.ts';

/**
 * Who pays for what a ping reads. With share 0 every prefix pays for its own tokens. But a ping over a conversation
 * reads the system prompt too, and that need not help anyone; with share s, a ping that reads into a chain without
 * reused children pays s of what it reads above that chain there, and the chains above pay 1 - s. Each fixed share
 * charges a ping no more than it costs, so each gives a lower bound.
 *
 * Goes through the requests in order: until some request has passed through a chain that pays, nothing above it can
 * be pinged at less than the full price, since pings only replay what was sent.
 */
export class PingCharges {
  readonly #segments: Segments;
  readonly #chains: Chains;
  readonly #share: number;
  readonly #isPaying: Uint8Array;
  /** Price of a ping for a token of each segment, relative to a read. */
  readonly ofSegments: Float64Array;
  /** The same for each chain. */
  readonly ofChains: Float64Array;
  /** Tokens above a chain that it pays for whenever a ping reads any of it. */
  readonly surcharges: Float64Array;

  /** @param share from 0 to 1 */
  constructor(segments: Segments, chains: Chains, share: number, cumulativeTokens: Float64Array) {
    this.#segments = segments;
    this.#chains = chains;
    this.#share = share;
    this.#isPaying = new Uint8Array(chains.count).fill(1);
    this.ofSegments = new Float64Array(segments.count).fill(1);
    this.ofChains = new Float64Array(chains.count).fill(1);
    this.surcharges = new Float64Array(chains.count);
    for (const head of chains.heads) {
      const above = chains.ofSegments[segments.parents[head] ?? NO_PREFIX] ?? NO_PREFIX;
      if (above !== NO_PREFIX) this.#isPaying[above] = 0;
    }
    for (let chain = 0; chain < chains.count; chain += 1) {
      const head = chains.heads[chain] ?? 0;
      const parent = segments.parents[head] ?? NO_PREFIX;
      if (parent === NO_PREFIX || this.#isPaying[chain] === 0) continue;
      const surcharge = share * (cumulativeTokens[segments.ends[parent] ?? 0] ?? 0);
      this.surcharges[chain] = surcharge;
      // One block alone pays all; of several, nobody can say which of them a ping is for.
      const tokens = segments.tokens[head] ?? 0;
      if (tokens === segments.lastBlockTokens[head]) this.ofSegments[head] = 1 + surcharge / tokens;
    }
  }

  /** What lies above the request's deepest chain can be pinged for less from now on. */
  pass(request: number): void {
    if (this.#share === 0) return;
    const { parents } = this.#segments;
    const { heads, ofSegments } = this.#chains;
    const deepest = deepestReused(this.#segments, request);
    const chain = ofSegments[deepest] ?? NO_PREFIX;
    if (chain === NO_PREFIX || this.#isPaying[chain] === 0) return;
    const price = 1 - this.#share;
    let segment = parents[heads[chain] ?? 0] ?? NO_PREFIX;
    for (
      ;
      segment !== NO_PREFIX && this.ofSegments[segment] !== price;
      segment = parents[segment] ?? NO_PREFIX
    ) {
      this.ofSegments[segment] = price;
      this.ofChains[ofSegments[segment] ?? 0] = price;
    }
  }
}
