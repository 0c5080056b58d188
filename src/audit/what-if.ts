import {
  cacheStep,
  emptyCacheState,
  type Breakpoint,
  type CacheState,
  type ModelFacts,
  type TokenCounts,
  type Ttl,
} from '../core/index.ts';

/** A breakpoint rule: always the end of the prompt, and perhaps the part that conversations share. */
interface Policy {
  readonly name: 'automatic-5m' | 'always-1h' | 'cachewright';
  readonly ttl: Ttl;
  readonly marksShared: boolean;
}

/** Policies that a log is held against. */
export const WHAT_IF_POLICIES: readonly Policy[] = [
  { name: 'automatic-5m', ttl: '5m', marksShared: false },
  { name: 'always-1h', ttl: '1h', marksShared: true },
  { name: 'cachewright', ttl: '5m', marksShared: true },
];

/** A step of a conversation as the policies see it. */
export interface WhatIfStep {
  readonly model: ModelFacts;
  readonly atMs: number;
  readonly readyMs: number;
  readonly tokens: TokenCounts;
  readonly totalTokens: number;
  /** Up to here the next call repeats the prompt. */
  readonly endTokens: number;
  /** Up to here the prompt is that of the call before; what was read where the log does not say. */
  readonly sharedTokens: number;
}

interface Prefix {
  readonly id: string;
  readonly tokens: number;
}

/** Ends of earlier calls that are remembered: enough for every hit, since the next call begins at the last. */
const ENDS_MAX = 6;

function breakpointsOf(policy: Policy, prefixes: readonly Prefix[], shared: Prefix | null): Breakpoint[] {
  const last = prefixes.length - 1;
  const sharedIndex = policy.marksShared && shared ? prefixes.indexOf(shared) : -1;
  const at = sharedIndex >= 0 && sharedIndex < last ? [sharedIndex, last] : [last];
  return at.map((blockIndex) => ({ blockIndex, ttl: policy.ttl, origin: 'explicit' }));
}

function requestOf(prefixes: readonly Prefix[], breakpoints: readonly Breakpoint[], minimum: number) {
  return {
    partition: '',
    prefixIds: prefixes.map((prefix) => prefix.id),
    cumulativeTokens: prefixes.map((prefix) => prefix.tokens),
    positions: prefixes.map((_prefix, index) => index),
    breakpoints,
    minCacheableTokens: minimum,
  };
}

/**
 * One conversation on one model under every policy: a chain with one prefix a call, and one for what a call read that
 * no earlier call of the conversation ended with: its tools and system prompt.
 */
export class WhatIf {
  #states: readonly CacheState[] = WHAT_IF_POLICIES.map(() => emptyCacheState);
  #ends: readonly Prefix[] = [];
  #shared: Prefix | null = null;
  #usedMs: number | null = null;
  #steps = 0;

  /** Input and output tokens of the step under each policy, in the order of `WHAT_IF_POLICIES`. */
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
    const results = WHAT_IF_POLICIES.map((policy, index) => this.#stepUnder(policy, index, prefixes, step));
    this.#states = results.map(([, state]) => state);
    this.#keepEnds([...this.#ends.filter((own) => own.tokens < end.tokens), end].slice(-ENDS_MAX));
    this.#usedMs = step.atMs;
    return results.map(([tokens]) => tokens);
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

  /** What the log read at no call's end is the part that conversations share; policies that mark it would have it too. */
  #learnShared(step: WhatIfStep): void {
    const { readTokens } = step.tokens;
    const isEnd = this.#ends.some((end) => end.tokens === readTokens);
    if (readTokens === 0 || isEnd || readTokens > step.sharedTokens) return;
    const isNew = readTokens !== this.#shared?.tokens;
    const shared =
      isNew || !this.#shared ? { id: `shared ${this.#steps}`, tokens: readTokens } : this.#shared;
    this.#keepShared(shared);
    this.#states = this.#states.map((state, index) => {
      const policy = WHAT_IF_POLICIES[index];
      const usedMs = policy ? this.#sharedUseMs(policy, step, isNew) : null;
      if (!policy || usedMs === null) return state;
      const request = requestOf([shared], breakpointsOf(policy, [shared], null), 0);
      return cacheStep(state, request, { startMs: usedMs, readyMs: usedMs })[1];
    });
  }

  /**
   * When the shared part was last used under a policy. The log read it, so some conversation had it alive: just now,
   * as far as a policy's entries live as long as those of the log; a 5m rule is not credited with what may be owed to
   * a 1h entry, and has it then only from this conversation's own last call.
   */
  #sharedUseMs(policy: Policy, step: WhatIfStep, isNew: boolean): number | null {
    if (!policy.marksShared) return null;
    if (policy.ttl === '1h' || step.tokens.write1hTokens === 0) return step.atMs;
    return isNew ? this.#usedMs : null;
  }

  #stepUnder(
    policy: Policy,
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
