import { priceAt, type ModelFacts } from '../core/index.ts';
import {
  LearnedPlanner,
  type LayerEnd,
  type LearnedPlan,
  type PlannedBreakpoint,
  type PlannedRequest,
} from '../planner/index.ts';

/** What the planner may remember: enough for all conversations that an audit follows, in some tens of megabytes. */
const LIMITS = { runsMax: 20_000, blocksMax: 1_000_000 };
/** Calls made side by side may be logged this much out of order; a conversation that is further behind has its own time. */
const DELAY_MAX_MS = 600_000;
/** A conversation that begins further back than any TTL is of another file or day: a pause as long lies before it. */
const BACK_MAX_MS = 3_600_000;
const TOKENS_MAX = 2 ** 32;

/** The prompt of one conversation as the planner takes it: one prefix a call, and one for what conversations share. */
export class ConversationPath implements PlannedRequest {
  atMs = 0;
  /** What the planner's time is ahead of the log's; null before the first call. */
  offsetMs: number | null = null;
  readonly keys: number[] = [];
  readonly cumulativeTokens: number[] = [];
  readonly cumulativeHighTokens: readonly number[] = this.cumulativeTokens;
  /** Where the lookback has no end, any ascending numbers will do. */
  readonly positions: readonly number[] = this.cumulativeTokens;
  readonly lookbackPositions: number = Infinity;
  layers: readonly LayerEnd[] = [];
  /** Logs of usage do not say who spoke last, nor that a request stands alone. */
  readonly newest = 'user';
  readonly tail = 'plain';
  application = 0;
  prices: PlannedRequest['prices'] = { read: 0, write5m: 0, write1h: 0, minCacheableTokens: 0 };

  get length(): number {
    return this.keys.length;
  }

  canMark(): boolean {
    return true;
  }
}

/**
 * The gateway's own planner over the calls of an audit, in the order in which they are read. It wants ascending times:
 * a conversation that begins before what was read last is taken to begin behind it, with its own pauses. What was
 * learned stays; what was cached does not where the log goes back by more than an hour.
 */
export class AuditPlanner {
  readonly #planner = new LearnedPlanner(LIMITS);
  /** As many as the catalogue has models: unknown ones have the facts of one of them. */
  readonly #modelNumbers = new Map<string, number>();
  #lastKey = 0;
  #nowMs = -Infinity;
  #offsetMs = 0;

  /** A key that no prefix had before. */
  newKey(): number {
    this.#lastKey += 1;
    return this.#lastKey;
  }

  /** Prefixes that conversations share are told apart by their length: logs of usage know no more of them. */
  keyOfShared(model: ModelFacts, tokens: number): number {
    return -(this.#numberOf(model) * TOKENS_MAX + tokens);
  }

  /** Plans a call made at `atMs` with this path as its prompt. */
  plan(path: ConversationPath, model: ModelFacts, atMs: number): LearnedPlan {
    const { readPerMille, write5mPerMille, write1hPerMille } = priceAt(model, atMs);
    path.atMs = this.#clock(path, atMs);
    path.application = this.#numberOf(model);
    path.prices = {
      read: readPerMille / 1000,
      write5m: write5mPerMille / 1000,
      write1h: write1hPerMille / 1000,
      minCacheableTokens: model.minCacheableTokens,
    };
    return this.#planner.plan(path);
  }

  /** The planned call was sent, and its answer began `delayMs` later. Gives its breakpoints in prompt order. */
  sent(plan: LearnedPlan, delayMs: number): readonly PlannedBreakpoint[] {
    const ticket = this.#planner.sent(plan, plan.breakpoints);
    this.#planner.begin(ticket, plan.request.atMs + delayMs);
    return plan.breakpoints.toSorted((a, b) => a.index - b.index);
  }

  #numberOf(model: ModelFacts): number {
    const known = this.#modelNumbers.get(model.id) ?? this.#modelNumbers.size + 1;
    this.#modelNumbers.set(model.id, known);
    return known;
  }

  #clock(path: ConversationPath, atMs: number): number {
    const isFirst = path.offsetMs === null;
    path.offsetMs ??= this.#offsetMs;
    const behindMs = this.#nowMs - (atMs + path.offsetMs);
    if (isFirst && behindMs > BACK_MAX_MS) {
      path.offsetMs += behindMs + BACK_MAX_MS;
      this.#offsetMs = path.offsetMs;
    } else if (behindMs > (isFirst ? 0 : DELAY_MAX_MS)) {
      path.offsetMs += behindMs;
    }
    this.#nowMs = Math.max(this.#nowMs, atMs + path.offsetMs);
    return this.#nowMs;
  }
}
