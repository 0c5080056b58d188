import type { CostParts, PrefixChain, Prompt } from '../core/index.ts';
import type { BilledUsage } from '../wire/index.ts';

/** What a log tells of the prompt's history before a call. */
export type History =
  /** The conversation begins here. */
  | 'start'
  /** It extends an earlier call. */
  | 'extends'
  /** A summary took the place of what was said before. */
  | 'compacted'
  /** Earlier messages were changed or emptied. */
  | 'edited'
  /** The log does not say what came before. */
  | 'unknown';

/** Why a prefix was not read, where the log itself holds the evidence. */
export type MissEvidence =
  | 'changed_tools'
  | 'changed_system'
  | 'changed_messages'
  | 'changed_model'
  | 'in_flight'
  | 'expired'
  | 'never_written'
  | 'unmarked'
  | 'below_minimum'
  | 'not_told';

/** What a call's prompt looked like to the cache, where the log holds the whole request. */
export interface LoggedPrompt {
  /** Requests with one cache share what they write. */
  readonly cache: string;
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
}

/** What the gateway recorded of a call besides its usage. */
export interface RecordedCall {
  readonly cost: CostParts;
  /** What was not read although it had been there, and why, as far as the gateway could tell. */
  readonly misses: readonly { readonly evidence: MissEvidence; readonly tokens: number }[];
  /** Read tokens that the gateway's model expected; null without a prediction. */
  readonly predictedReadTokens: number | null;
  /** What automatic caching would have cost beyond the bill, by the gateway's model. */
  readonly automaticExtraPicoUsd: bigint;
}

/** One API call of a log; holds nothing of the prompt's text. */
export interface LoggedCall {
  readonly format: 'transcript' | 'usage-form' | 'capture' | 'gateway';
  /** Calls with one key are one call, however often they are logged. */
  readonly key: string;
  /** Calls with one conversation have one growing history, in the order of the log. */
  readonly conversation: string;
  /** When the request was sent and its answer began, ms since 1970 UTC. */
  readonly atMs: number;
  readonly readyMs: number;
  /** false where the log gives times but no date. */
  readonly isDated: boolean;
  readonly model: string;
  /** null where the log holds the request only: the model of the cache must say what it would be billed. */
  readonly usage: BilledUsage | null;
  readonly history: History;
  /** Key of the call that is extended; null for the one before it in the conversation. */
  readonly extendsKey: string | null;
  /** Version of the client, which has its own tools and system prompt; null when not told. */
  readonly clientVersion: string | null;
  readonly evidence: MissEvidence | null;
  readonly prompt: LoggedPrompt | null;
  readonly recorded: RecordedCall | null;
}
