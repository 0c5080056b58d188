import type { CostParts, PicoUsd, TokenCounts } from '../core/index.ts';

/** Why a request read less than it might have. */
export type MissReason = 'in_flight' | 'expired' | 'below_minimum' | 'never_written' | 'evicted_or_unknown';

/** A prefix that was not read, and what that cost beyond reading it. */
export interface Miss {
  readonly reason: MissReason;
  readonly tokens: number;
  readonly costPicoUsd: PicoUsd;
}

/** What was done about breakpoints, for people and for the dashboard. */
export interface PlanSummary {
  readonly added: readonly {
    readonly place: string;
    readonly path: string;
    readonly ttl: string;
    readonly reason: string;
  }[];
  readonly declined: readonly { readonly place: string; readonly reason: string }[];
  /** Was the plan put into the bytes that were sent? */
  readonly isApplied: boolean;
}

/** Input counters that the model predicted, from estimated tokens. */
export interface Prediction {
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
}

/** Saved against a counterfactual, signed: negative is a loss. */
export interface Savings {
  /** Every input token uncached. Exact: it needs only the billed counters. */
  readonly noCachingPicoUsd: PicoUsd;
  /** The request as the client sent it, from the model; 0 where it went out as it came. */
  readonly clientPicoUsd: PicoUsd;
  /** Automatic caching in place of all markers, from the model; 0 where the body was not read. */
  readonly automaticPicoUsd: PicoUsd;
}

/** What holding requests back did for one of them. */
export interface GateRecord {
  /** `follower`: it waited for another to write; `leader`: others waited for it. Who takes a failed leader's place leads. */
  readonly role: 'follower' | 'leader';
  /** How its waiting ended: the leader's response began, the leader failed, it took too long, the client left; null: it did not wait here. */
  readonly end: 'begun' | 'failed' | 'deadline' | 'left' | null;
  readonly waitedMs: number;
  /** Requests that waited for it. */
  readonly followers: number;
  /** Read instead of paid for again. */
  readonly savedTokens: number;
  /** Against the same tokens uncached, which is what a request that does not wait is sent with. */
  readonly savedPicoUsd: PicoUsd;
}

/** One request for a message; holds nothing of the prompt's text. */
export interface RequestRecord {
  readonly id: string;
  /** When it arrived, ms since 1970 UTC. */
  readonly atMs: number;
  /** Pseudonym of whose cache it uses. */
  readonly scope: string;
  readonly tags: readonly string[];
  readonly path: string;
  /** Model id as sent. */
  readonly model: string;
  /** A sentence when the model's facts had to be guessed. */
  readonly modelNote: string | null;
  readonly mode: 'off' | 'observe' | 'optimize';
  /** Status of the answer; 0 when none came. */
  readonly status: number;
  readonly messageId: string | null;
  readonly stopReason: string | null;
  /** null when the answer carried none. */
  readonly usage: TokenCounts | null;
  readonly cost: CostParts | null;
  readonly prediction: Prediction | null;
  readonly savings: Savings | null;
  readonly miss: Miss | null;
  readonly plan: PlanSummary | null;
  /** null where nothing waited. */
  readonly gate: GateRecord | null;
  /** Why the body was passed on unread; null when it was read. */
  readonly skipReason: string | null;
  /** A 400 about our markers made us send the original once more. */
  readonly isResent: boolean;
  /** The answer ended before its last usage. */
  readonly isPartial: boolean;
  readonly error: string | null;
  /** Time from arrival to the first byte of the answer and to its end, in ms; null when it never came. */
  readonly firstByteMs: number | null;
  readonly totalMs: number | null;
}
