import type { CostParts, Level, PicoUsd, TokenCounts, Ttl } from '../core/index.ts';

/** Why a prefix was not read. The words of the documentation where it has some (spec 6, 10.1). */
export const MISS_REASONS = [
  'model_changed',
  'tools_changed',
  'system_changed',
  'messages_changed',
  'parameters_changed',
  'expired',
  'below_minimum',
  'outside_lookback',
  'never_written',
  'in_flight',
  'evicted_or_unknown',
] as const;

/** One of `MISS_REASONS`. */
export type MissReason = (typeof MISS_REASONS)[number];

/** What a miss is concluded from. Every member is null where nobody knows. */
export interface MissEvidence {
  /**
   * What of it changed: `added`, `removed`, `reordered`, `edited` tools, or the parameter (`tool_choice`, `thinking`, ...);
   * or more of the reason, a word of docs/misses.md.
   */
  readonly detail: string | null;
  /** Where the first difference lies. */
  readonly level: 'tools' | 'system' | 'messages' | null;
  /** Path of the first block that differs, such as `messages.4.content.2`. */
  readonly path: string | null;
  /** Bytes of that block, as it was sent now, that differ: from, and before. */
  readonly byteRange: readonly [number, number] | null;
  /** Id of the record of the request that it is compared with. */
  readonly previousId: string | null;
  /** Since the entry was last written or read, or since that request. */
  readonly ageMs: number | null;
  /** The least that the model caches, where the prefix was smaller. */
  readonly minimumTokens: number | null;
}

/** Evidence of which nothing is known. */
export const nothingKnown: MissEvidence = {
  detail: null,
  level: null,
  path: null,
  byteRange: null,
  previousId: null,
  ageMs: null,
  minimumTokens: null,
};

/**
 * A part of the prompt that was not read although it, or what stood in its place, had been there before; and what that
 * cost beyond reading it. The parts of one request do not overlap, so their tokens and dollars add up.
 */
export interface Miss {
  readonly reason: MissReason;
  readonly tokens: number;
  readonly costPicoUsd: PicoUsd;
  readonly evidence: MissEvidence;
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

/** Input counters that the model predicted, in the proportions of estimated tokens and scaled to the billed total. */
export interface Prediction {
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
  /** The estimate of all input, as it was before the bill. */
  readonly estimatedTokens: number;
  /** How long the entry that would be read had yet to live when the request was sent; null where nothing would be read. */
  readonly readLeftMs: number | null;
  /** How long before that it was last written or read, pings included; absent in records of earlier versions. */
  readonly readAgeMs?: number | null;
  /** The TTL that it was written with. */
  readonly readTtl?: Ttl | null;
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

/** How often server tools ran. */
export interface RecordedServerTools {
  readonly webSearchRequests: number;
  readonly webFetchRequests: number;
  readonly codeExecutionRequests: number;
}

/** One billed step of a request, where the answer lists them (spec 5.3). */
export interface RecordedIteration extends TokenCounts {
  readonly type: string;
  readonly model: string | null;
}

/** What a request was billed for, with what decides its price. */
export interface RecordedUsage extends TokenCounts {
  readonly serviceTier: string | null;
  readonly speed: string | null;
  readonly inferenceGeo: string | null;
  readonly serverToolUse: RecordedServerTools;
  /** null where the answer listed none; otherwise these are what costs money. */
  readonly iterations: readonly RecordedIteration[] | null;
}

/** What the exact-response tier did for a request. */
export interface ResponseTierRecord {
  /** `hit` and `collapsed`: nothing was sent and nothing billed. */
  readonly outcome: 'hit' | 'collapsed' | 'stored' | 'miss' | 'bypass';
  /** Which level answered, or why the tier was passed by. */
  readonly detail: string | null;
  /** Age of the answer given. */
  readonly ageMs: number | null;
  /** What the upstream would have billed now, with prompt caching as it is now; null where nobody can tell. */
  readonly savedPicoUsd: PicoUsd | null;
  /** Time that the upstream would have taken, less what the tier took; signed. */
  readonly savedMs: number | null;
}

/** What a prompt was made of, so that its misses can be looked into later: counts and hashes, no text. */
export interface PromptShape {
  /** Blocks by level; without those that are rendered elsewhere. */
  readonly blocks: Readonly<Record<Level, number>>;
  /** Bytes by level, as the client sent them. */
  readonly bytes: Readonly<Record<Level, number>>;
  /** The same for the same tools, system prompt and settings, whatever stands before them; null where there are none. */
  readonly toolsHash: string | null;
  readonly systemHash: string | null;
  readonly settingsHash: string;
  /** Of the last blocks, in their order. */
  readonly lastHashes: readonly number[];
}

/** What the service itself said to a request that asked it why it missed (spec 10.1). */
export interface RecordedDiagnostics {
  /** Its word, such as `tools_changed` or `previous_message_not_found`; null where it found no difference. */
  readonly reason: string | null;
  /** Its estimate of the tokens that were lost: a magnitude, and no count. */
  readonly missedTokens: number | null;
  /** It had not finished comparing when it answered. */
  readonly isPending: boolean;
  /** Compared with the same earlier request, it says something else than `misses`. */
  readonly isDisputed: boolean;
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
  /** Model id as the answer has it; null where it has none, and absent in records of earlier versions. */
  readonly responseModel?: string | null;
  readonly mode: 'off' | 'observe' | 'optimize';
  /** Status of the answer; 0 when none came. */
  readonly status: number;
  readonly messageId: string | null;
  readonly stopReason: string | null;
  /** null when the answer carried none. */
  readonly usage: RecordedUsage | null;
  readonly cost: CostParts | null;
  readonly prediction: Prediction | null;
  readonly savings: Savings | null;
  /** What was not read, in the order of the prompt. */
  readonly misses: readonly Miss[];
  /** null for a body that was not read. */
  readonly shape: PromptShape | null;
  /** null where the request did not ask for them, or named no earlier message. */
  readonly diagnostics: RecordedDiagnostics | null;
  readonly plan: PlanSummary | null;
  /** null where nothing waited. */
  readonly gate: GateRecord | null;
  /** null where the tier of exact responses had nothing to do with it. */
  readonly responses: ResponseTierRecord | null;
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
