import {
  cacheStep,
  emptyCacheState,
  type CacheOutcome,
  type CacheState,
  type TokenCounts,
} from '../core/index.ts';
import type { LayerEnd, PlannedBreakpoint } from '../planner/index.ts';
import { ConversationPath, type AuditPlanner } from './audit-planner.ts';
import { requestOf, type Prefix, type WhatIfStep } from './what-if-step.ts';

/** A prefix that was written as the planner wanted it. */
interface WrittenPrefix extends Prefix {
  readonly isHour: boolean;
}

/** Written prefixes that are remembered: the last is read, or one shortly before where a conversation goes back. */
const WRITTEN_MAX = 6;
/** Of those before them, these that were written for an hour: a long pause leaves nothing else. */
const HOURS_MAX = 3;
/** Calls on a path; beyond, the planner is shown the last few under new keys, as a conversation that it does not know. */
const PATH_MAX = 512;
const PATH_KEPT = 8;

const SHARED_LAYER: readonly LayerEnd[] = [{ place: 'system-end', length: 1 }];

/**
 * One conversation on one model, with breakpoints where the gateway's planner wants them. What is billed is told by
 * the model of the cache, not by what the planner believes.
 */
export class LearnedWhatIf {
  readonly #planner: AuditPlanner;
  readonly #path = new ConversationPath();
  /** The first prefix of the path, where the log has shown what conversations share. */
  #shared: Prefix | null = null;
  #written: readonly WrittenPrefix[] = [];
  #state: CacheState = emptyCacheState;
  #usedMs: number | null = null;
  #lastId = 0;

  constructor(planner: AuditPlanner) {
    this.#planner = planner;
  }

  /** Input and output tokens of the step. */
  advance(step: WhatIfStep): TokenCounts {
    this.#cut(step.sharedTokens);
    const before = this.#shared;
    const isSharedRead = this.#learnShared(step);
    this.#extend(step.endTokens);
    const plan = this.#planner.plan(this.#path, step.model, step.atMs);
    const usedMs = isSharedRead ? this.#sharedUseMs(step, before, plan.hitIndex >= 0) : null;
    if (usedMs !== null) this.#creditShared(usedMs);
    const outcome = this.#send(step, this.#planner.sent(plan, Math.max(0, step.readyMs - step.atMs)));
    this.#usedMs = step.atMs;
    return {
      readTokens: outcome.readTokens,
      write5mTokens: outcome.write5mTokens,
      write1hTokens: outcome.write1hTokens,
      uncachedTokens: outcome.uncachedTokens + step.totalTokens - step.endTokens,
      outputTokens: step.tokens.outputTokens,
    };
  }

  /** Beyond so many tokens the prompt is another, and what was there is not asked for again. */
  #cut(tokens: number): void {
    const { keys, cumulativeTokens } = this.#path;
    while ((cumulativeTokens.at(-1) ?? 0) > tokens) {
      cumulativeTokens.pop();
      keys.pop();
    }
    if (this.#written.some((own) => own.tokens > tokens))
      this.#keepWritten(this.#written.filter((own) => own.tokens <= tokens));
    if (this.#shared && this.#shared.tokens > tokens) this.#keepShared(null);
  }

  /** What the log read at no call's end is what conversations share. Tells whether this call read it. */
  #learnShared({ tokens: { readTokens }, sharedTokens, model }: WhatIfStep): boolean {
    if (readTokens === 0 || readTokens > sharedTokens) return false;
    if (readTokens === this.#shared?.tokens) return true;
    if (this.#path.cumulativeTokens.includes(readTokens)) return false;
    const rest = this.#path.cumulativeTokens.filter((tokens) => tokens > readTokens);
    this.#keepWritten(this.#written.filter((own) => own.tokens > readTokens));
    this.#keepShared({ id: this.#newId(), tokens: readTokens });
    this.#renew(rest, this.#planner.keyOfShared(model, readTokens));
    return true;
  }

  #extend(endTokens: number): void {
    const { keys, cumulativeTokens } = this.#path;
    this.#cut(endTokens);
    if (cumulativeTokens.at(-1) === endTokens) return;
    if (keys.length >= PATH_MAX)
      this.#renew(cumulativeTokens.slice(-PATH_KEPT), this.#shared ? (keys[0] ?? null) : null);
    cumulativeTokens.push(endTokens);
    keys.push(this.#planner.newKey());
  }

  /** Prefixes keep their places on a path: one with others is a new one. */
  #renew(ends: readonly number[], sharedKey: number | null): void {
    const { keys, cumulativeTokens } = this.#path;
    keys.length = 0;
    cumulativeTokens.length = 0;
    if (this.#shared && sharedKey !== null) {
      keys.push(sharedKey);
      cumulativeTokens.push(this.#shared.tokens);
    }
    for (const tokens of ends) {
      keys.push(this.#planner.newKey());
      cumulativeTokens.push(tokens);
    }
  }

  /**
   * When the shared part was last used under the plan. The log read it, so some conversation had it alive: just now,
   * where the log's entries live for 5 minutes or the planner had it written itself; what may be owed to a 1h entry of
   * the log is not credited, and then it is there only from this conversation's own last call.
   */
  #sharedUseMs(step: WhatIfStep, before: Prefix | null, isBelieved: boolean): number | null {
    if (isBelieved || step.tokens.write1hTokens === 0) return step.atMs;
    return before === this.#shared ? null : this.#usedMs;
  }

  #creditShared(usedMs: number): void {
    if (!this.#shared) return;
    const request = requestOf([this.#shared], [{ blockIndex: 0, ttl: '5m', origin: 'explicit' }], 0);
    this.#state = cacheStep(this.#state, request, { startMs: usedMs, readyMs: usedMs })[1];
  }

  #send(step: WhatIfStep, planned: readonly PlannedBreakpoint[]): CacheOutcome {
    const prefixes = this.#prefixesFor(planned, step.endTokens);
    const breakpoints = planned.map(({ index, isHour }) => ({
      blockIndex: prefixes.findIndex(({ tokens }) => tokens === this.#path.cumulativeTokens[index]),
      ttl: isHour ? ('1h' as const) : ('5m' as const),
      origin: 'explicit' as const,
    }));
    const request = requestOf(prefixes, breakpoints, step.model.minCacheableTokens);
    const times = { startMs: step.atMs, readyMs: Math.max(step.atMs, step.readyMs) };
    const [outcome, state] = cacheStep(this.#state, request, times);
    this.#state = state;
    const written = outcome.written.map(({ prefixId, tokens, ttl }) => ({
      id: prefixId,
      tokens,
      isHour: ttl === '1h',
    }));
    if (written.length > 0) this.#keepWritten(this.#withWritten(written));
    return outcome;
  }

  /** The prefixes of the path that matter: what is shared, what was written, what is to be written, and its end. */
  #prefixesFor(planned: readonly PlannedBreakpoint[], endTokens: number): readonly Prefix[] {
    const known = [...(this.#shared ? [this.#shared] : []), ...this.#written];
    const asked = planned.map(({ index }) => this.#path.cumulativeTokens[index] ?? endTokens);
    const added = [...new Set([...asked, endTokens])].filter(
      (tokens) => !known.some((prefix) => prefix.tokens === tokens),
    );
    return [...known, ...added.map((tokens) => ({ id: this.#newId(), tokens }))].toSorted(
      (a, b) => a.tokens - b.tokens,
    );
  }

  #withWritten(written: readonly WrittenPrefix[]): readonly WrittenPrefix[] {
    const own = written.filter(({ id }) => id !== this.#shared?.id);
    const others = this.#written.filter(({ id }) => !own.some((each) => each.id === id));
    const all = [...others, ...own].toSorted((a, b) => a.tokens - b.tokens);
    const hours = all.slice(0, -WRITTEN_MAX).filter(({ isHour }) => isHour);
    return [...hours.slice(-HOURS_MAX), ...all.slice(-WRITTEN_MAX)];
  }

  #keepWritten(written: readonly WrittenPrefix[]): void {
    for (const { id } of this.#written) if (!written.some((own) => own.id === id)) this.#forget(id);
    this.#written = written;
  }

  #keepShared(shared: Prefix | null): void {
    if (this.#shared) this.#forget(this.#shared.id);
    this.#shared = shared;
    this.#path.layers = shared ? SHARED_LAYER : [];
  }

  #forget(id: string): void {
    this.#state = { entries: this.#state.entries.remove(id) };
  }

  #newId(): string {
    this.#lastId += 1;
    return String(this.#lastId);
  }
}
