import type { JsonObject } from '../core/index.ts';

/** A prompt to warm: a Messages body, as real requests will send its beginning. */
export interface WarmPrompt {
  /** What reports call it. @default its number, from 1 */
  readonly id?: string;
  /**
   * `model`, and what is shared: tools, system, documents or whole messages, with the thinking, effort and other
   * settings of real requests, which are part of the prefix (spec 6, 7.5).
   */
  readonly body: JsonObject;
  /** Headers that real requests have, such as `anthropic-beta`; no credentials. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Real requests go out in batches, which cannot warm: an ordinary request does it (spec 10.2). */
  readonly isBatch?: boolean;
}

/** Why a prompt is not warmed; `message` is a sentence for people. */
export interface WarmRefusal {
  readonly code:
    | 'no-model'
    | 'thread'
    | 'bad-markers'
    | 'nothing-shared'
    | 'compaction'
    | 'thinking-enabled'
    | 'needs-output'
    | 'cost-unbounded';
  readonly message: string;
}
