/** An amount: exact, as a decimal string of pico-dollars, and as a float for showing. */
export interface Money {
  readonly picoUsd: string;
  readonly usd: number;
}

/** A share with what it is a share of. `ratio` is null where there is nothing to share: not the same as 0. */
export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
  readonly ratio: number | null;
}

/** What a dollar was paid for. Each dollar of the bill is in exactly one part. */
export type PartName =
  | 'read'
  | 'new_content'
  | 'start'
  | 'expired'
  | 'changed_tools'
  | 'changed_system'
  | 'changed_messages'
  | 'changed_somewhere'
  | 'compaction'
  | 'model_switch'
  | 'in_flight'
  | 'unmarked'
  | 'below_minimum'
  | 'unknown'
  | 'output'
  | 'server_tools'
  | 'side_steps';

/** One part of the bill. The `cost` of all parts adds up to `paid`, to the pico-dollar. */
export interface AuditPart {
  readonly name: PartName;
  /** For people. */
  readonly label: string;
  /** Input that was paid for although it had been sent before or might have been cached. */
  readonly isMiss: boolean;
  /** Calls with something in this part; one call may be in several. */
  readonly calls: number;
  readonly tokens: number;
  readonly cost: Money;
  /** What of the cost lies beyond reading the same tokens; 0 for parts that are no misses. Part of `cost`, not beside it. */
  readonly beyondReading: Money;
}

/** Writes at the 1h price, by what came of them. The three add up to all of them. */
export interface HourWrites {
  readonly tokens: number;
  readonly cost: Money;
  /** Read again after a pause that a 5m entry would not have survived. */
  readonly paid: { readonly tokens: number; readonly premium: Money };
  /** Read again, but never after such a pause: a 5m entry would have done. */
  readonly notNeeded: { readonly tokens: number; readonly premium: Money };
  /** Never read again in the log. */
  readonly neverRead: { readonly tokens: number; readonly premium: Money };
}

/** What the same calls would have cost otherwise. */
export interface AuditPolicy {
  readonly name: 'no-caching' | 'automatic-5m' | 'always-1h' | 'cachewright';
  readonly label: string;
  readonly cost: Money;
  /** Paid less this cost: negative when it would have been dearer. */
  readonly saved: Money;
}

/** A change that would have lowered the bill. Changes overlap: what they would save must not be added up. */
export interface AuditChange {
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  readonly saved: Money;
}

/** Something about a file that the reader should know. */
export interface FileNote {
  readonly path: string;
  readonly note: string;
}

/** The whole result of an audit as plain data. */
export interface AuditReport {
  readonly files: number;
  readonly calls: number;
  /** Calls met again, in resumed or forked sessions: billed once. */
  readonly repeatedCalls: number;
  /** Calls without usage in the log, billed by the model of the cache from estimated tokens. */
  readonly estimatedCalls: number;
  readonly conversations: number;
  /** First and last call, ms since 1970 UTC; null where the log has no dates. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly paid: Money;
  readonly tokens: {
    readonly total: number;
    readonly read: number;
    readonly write5m: number;
    readonly write1h: number;
    readonly uncached: number;
    readonly output: number;
  };
  readonly hitRatio: {
    /** Read tokens of all input tokens. */
    readonly byTokens: Ratio;
    /** Requests that read something of all requests. */
    readonly byRequests: Ratio;
  };
  readonly parts: readonly AuditPart[];
  readonly hourWrites: HourWrites;
  readonly policies: readonly AuditPolicy[];
  readonly changes: readonly AuditChange[];
  readonly models: readonly { readonly model: string; readonly calls: number; readonly cost: Money }[];
  readonly assumptions: readonly string[];
  /** What could not be read, and lines that were passed over. */
  readonly notes: readonly FileNote[];
  /** Notes beyond those listed. */
  readonly moreNotes: number;
}
