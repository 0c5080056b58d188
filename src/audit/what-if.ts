import {
  cacheStep,
  emptyCacheState,
  type Breakpoint,
  type CacheState,
  type TokenCounts,
  type Ttl,
} from '../core/index.ts';
import type { AuditPlanner } from './audit-planner.ts';
import { LearnedWhatIf } from './learned-what-if.ts';
import type { AuditPolicy } from './report-data.ts';
import { requestOf, type Prefix, type WhatIfStep } from './what-if-step.ts';

/** A breakpoint rule: always the end of the prompt, and perhaps the part that conversations share. */
interface FixedPolicy {
  readonly ttl: Ttl;
  readonly marksShared: boolean;
}

/** In the order of the first names of `WHAT_IF_NAMES`. */
const FIXED_POLICIES: readonly FixedPolicy[] = [
  { ttl: '5m', marksShared: false },
  { ttl: '1h', marksShared: true },
];

/** Policies that a log is held against; the last is the gateway's planner. */
export const WHAT_IF_NAMES: readonly AuditPolicy['name'][] = ['automatic-5m', 'always-1h', 'cachewright'];

/** Ends of earlier calls that are remembered: enough for every hit, since the next call begins at the last. */
const ENDS_MAX = 6;

function breakpointsOf(
  policy: FixedPolicy,
  prefixes: readonly Prefix[],
  shared: Prefix | null,
): Breakpoint[] {
  const last = prefixes.length - 1;
  const sharedIndex = policy.marksShared && shared ? prefixes.indexOf(shared) : -1;
  const at = sharedIndex >= 0 && sharedIndex < last ? [sharedIndex, last] : [last];
  return at.map((blockIndex) => ({ blockIndex, ttl: policy.ttl, origin: 'explicit' }));
}

/**
 * One conversation on one model under every policy: a chain with one prefix a call, and one for what a call read that
 * no earlier call of the conversation ended with: its tools and system prompt.
 */
export class WhatIf {
  #states: readonly CacheState[] = FIXED_POLICIES.map(() => emptyCacheState);
  #ends: readonly Prefix[] = [];
  #shared: Prefix | null = null;
  #steps = 0;
  readonly #learned: LearnedWhatIf;

  constructor(planner: AuditPlanner) {
    this.#learned = new LearnedWhatIf(planner);
  }

  /** Input and output tokens of the step under each policy, in the order of `WHAT_IF_NAMES`. */
  advance(step: WhatIfStep): readonly TokenCounts[] {
    this.#keepEnds(this.#ends.filter((end) => end.tokens <= step.sharedTokens));
    if (this.#shared && this.#shared.tokens > step.sharedTokens) this.#keepShared(null);
    this.#learnShared(step);
    this.#steps += 1;
    // The same prompt again ends with the same prefix.
    const same = this.#ends.find((own) => own.tokens === step.endTokens);
    const end: Prefix = same ?? { id: `end ${this.#steps}`, tokens: step.endTokens };
    const below = [...(this.#shared ? [this.#shared] : []), ...this.#ends]
      .filter((prefix) => prefix.tokens < end.tokens)
      .toSorted((a, b) => a.tokens - b.tokens);
    const prefixes = [...below, end];
    const results = FIXED_POLICIES.map((policy, index) => this.#stepUnder(policy, index, prefixes, step));
    this.#states = results.map(([, state]) => state);
    this.#keepEnds([...this.#ends.filter((own) => own.tokens < end.tokens), end].slice(-ENDS_MAX));
    return [...results.map(([tokens]) => tokens), this.#learned.advance(step)];
  }

  /** What left the path is never asked for again: its entries go, so that a conversation stays small however long. */
  #forget(prefixes: readonly Prefix[]): void {
    for (const { id } of prefixes) {
      this.#states = this.#states.map((state) => ({ entries: state.entries.remove(id) }));
    }
  }

  #keepEnds(ends: readonly Prefix[]): void {
    this.#forget(this.#ends.filter((end) => !ends.includes(end)));
    this.#ends = ends;
  }

  #keepShared(shared: Prefix | null): void {
    if (this.#shared && this.#shared !== shared) this.#forget([this.#shared]);
    this.#shared = shared;
  }

  /**
   * What the log read at no call's end is the part that conversations share. Some conversation had it alive just now,
   * and a policy that marks it for an hour would have it too.
   */
  #learnShared({ tokens: { readTokens }, sharedTokens, atMs }: WhatIfStep): void {
    const isEnd = this.#ends.some((end) => end.tokens === readTokens);
    if (readTokens === 0 || isEnd || readTokens > sharedTokens) return;
    const known = readTokens === this.#shared?.tokens ? this.#shared : null;
    const shared = known ?? { id: `shared ${this.#steps}`, tokens: readTokens };
    this.#keepShared(shared);
    this.#states = this.#states.map((state, index) => {
      const policy = FIXED_POLICIES[index];
      if (!policy?.marksShared) return state;
      const request = requestOf([shared], breakpointsOf(policy, [shared], null), 0);
      return cacheStep(state, request, { startMs: atMs, readyMs: atMs })[1];
    });
  }

  #stepUnder(
    policy: FixedPolicy,
    index: number,
    prefixes: readonly Prefix[],
    step: WhatIfStep,
  ): readonly [TokenCounts, CacheState] {
    const breakpoints = breakpointsOf(policy, prefixes, this.#shared);
    const request = requestOf(prefixes, breakpoints, step.model.minCacheableTokens);
    const times = { startMs: step.atMs, readyMs: Math.max(step.atMs, step.readyMs) };
    const [outcome, state] = cacheStep(this.#states[index] ?? emptyCacheState, request, times);
    const tokens: TokenCounts = {
      readTokens: outcome.readTokens,
      write5mTokens: outcome.write5mTokens,
      write1hTokens: outcome.write1hTokens,
      uncachedTokens: outcome.uncachedTokens + step.totalTokens - step.endTokens,
      outputTokens: step.tokens.outputTokens,
    };
    return [tokens, state];
  }
}
