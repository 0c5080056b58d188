import { documentedLifetimes } from '../bounds/lower-bounds.ts';
import type { PolicyContext, ReplayPrices } from '../policy.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import type { PathChain, RequestPath } from './clairvoyant-path.ts';
import { pingsToHold } from './clairvoyant-values.ts';

/** How the gap after a request is to be crossed, for chains whose next visit is the same request. */
export const CROSSINGS = ['as-is', 'hold-1h', 'hold-all'] as const;
export type Crossing = (typeof CROSSINGS)[number];

/** Cost to come of several chains, split by what it depends on. */
interface Sums {
  /** Of tokens in 1h entries, if the next visit finds them, and if not. */
  read1h: number;
  lost1h: number;
  read5m: number;
  lost5m: number;
  /** Of tokens in no entry. */
  nothing: number;
}

/** Weighs what the gap after a request will cost. */
export class FutureJudge {
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  readonly #path: RequestPath;
  readonly #sums: Sums = { read1h: 0, lost1h: 0, read5m: 0, lost5m: 0, nothing: 0 };
  /** The cheapest way over the gap that was judged last. */
  crossing: Crossing = 'as-is';

  constructor(trace: Trace, context: PolicyContext, path: RequestPath) {
    this.#trace = trace;
    this.#context = context;
    this.#path = path;
  }

  start(): void {
    const sums = this.#sums;
    sums.read1h = 0;
    sums.lost1h = 0;
    sums.read5m = 0;
    sums.lost5m = 0;
    sums.nothing = 0;
  }

  /** Adds tokens of a chain: in 1h entries, in 5m entries, in none. */
  add({ visit }: PathChain, tokens1h: number, tokens5m: number, tokensNot: number): void {
    const { values } = this.#path;
    const sums = this.#sums;
    const nothing = values.nothing[visit] ?? 0;
    sums.read1h += tokens1h * (values.live1h[visit] ?? 0);
    sums.lost1h += tokens1h * nothing;
    sums.read5m += tokens5m * (values.live5m[visit] ?? 0);
    sums.lost5m += tokens5m * nothing;
    sums.nothing += tokensNot * nothing;
  }

  /** Cost to come of what was added, when the gap is crossed in the cheapest way. */
  finish(next: number, nowMs: number, prices: ReplayPrices, prefixTokens: number): number {
    this.crossing = 'as-is';
    if (next === NO_PREFIX) return 0;
    const { read1h, lost1h, read5m, lost5m, nothing } = this.#sums;
    const gapMs = (this.#trace.requests.startMs[next] ?? 0) - nowMs;
    const pings5m = pingsToHold(gapMs, documentedLifetimes.live5mMs);
    if (pings5m === 0) return read1h + read5m + nothing;
    const pings1h = pingsToHold(gapMs, documentedLifetimes.live1hMs);
    const pingCost = prices.read * prefixTokens + this.#context.pingOverheadTokens;
    let best = (pings1h === 0 ? read1h : lost1h) + lost5m + nothing;
    const hold1h = pings1h * pingCost + read1h + lost5m + nothing;
    if (hold1h < best) {
      best = hold1h;
      this.crossing = 'hold-1h';
    }
    const holdAll = pings5m * pingCost + read1h + read5m + nothing;
    if (holdAll < best) {
      best = holdAll;
      this.crossing = 'hold-all';
    }
    return best;
  }
}
