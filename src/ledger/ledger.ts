import type { PicoUsd, TokenCounts } from '../core/index.ts';
import type { AlikeRecords } from './alike.ts';
import type { OwnCost } from './own-cost.ts';
import type { RequestRecord } from './record.ts';
import type { Reuse } from './reuse.ts';

/** Which records to look at; every member narrows. */
export interface RecordFilter {
  /** From this time on, ms since 1970 UTC. */
  readonly fromMs?: number | undefined;
  /** Before this time. */
  readonly toMs?: number | undefined;
  readonly scope?: string | undefined;
  readonly model?: string | undefined;
  readonly tag?: string | undefined;
}

/** Which records are listed. */
export interface ListFilter extends RecordFilter {
  /** Those that missed something for this reason. */
  readonly reason?: string | undefined;
  /** Those that cost so much or more. */
  readonly minCostPicoUsd?: PicoUsd | undefined;
  /** The one of this id. */
  readonly id?: string | undefined;
  /** Those that lost most to the `reason` first; without a reason nothing changes. */
  readonly isDearestFirst?: boolean | undefined;
}

/** Does it leave anything out? */
export function isFiltered(filter: ListFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

/** The answer of `GET /api/v1/summary`. */
export interface Summary {
  readonly requests: number;
  /** Billed cost, output included, in pico-dollars as a decimal string. */
  readonly costPicoUsd: string;
  readonly costUsd: number;
  readonly uncachedTokens: number;
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly outputTokens: number;
  /** Read tokens over total input tokens; null while there is no input. */
  readonly hitRatio: number | null;
  /** What we spent ourselves: pings and warming. */
  readonly ownCostUsd: number;
  /** Signed: negative is a loss. */
  readonly savedUsd: { readonly noCaching: number; readonly client: number; readonly automatic: number };
  /** The same, less what we spent ourselves. */
  readonly netSavedUsd: { readonly noCaching: number; readonly client: number; readonly automatic: number };
  /** Requests that were sent and told no usage: what they cost is not known, which is not 0. */
  readonly unreported: number;
  /** Requests of which the service says another reason of a miss than we do. */
  readonly disputed: number;
  /** By what they cost; a request with two misses of one reason counts once. */
  readonly misses: readonly {
    readonly reason: string;
    readonly requests: number;
    readonly costUsd: number;
  }[];
}

/** What was missed for one reason, added up. */
export interface MissSum {
  readonly reason: string;
  /** Requests that missed something for this reason. */
  readonly requests: number;
  readonly tokens: number;
  readonly costPicoUsd: PicoUsd;
}

/** What is counted of requests beside their tokens and their money. */
export interface RequestCounts {
  readonly requests: number;
  /** Requests that were sent and told no usage: what they cost is not known, which is not 0. */
  readonly unreported: number;
  /** Requests of which the service says another reason of a miss than we do. */
  readonly disputed: number;
  /** Requests that we sent ourselves: pings and warming. They are not among `requests`. */
  readonly ownRequests: number;
  /** What the tier of exact answers did, by outcome. */
  readonly responsesHit: number;
  readonly responsesCollapsed: number;
  readonly responsesStored: number;
  readonly responsesMissed: number;
  readonly responsesBypassed: number;
}

/** What was asked of one model within one bucket of time. */
export interface TimelineRow extends TokenCounts, RequestCounts {
  /** When the bucket begins, ms since 1970 UTC; a whole multiple of its length. */
  readonly atMs: number;
  readonly model: string;
  /** Billed, output included. */
  readonly costPicoUsd: PicoUsd;
  /** Signed: negative is a loss. What we spent ourselves is not subtracted. */
  readonly savedPicoUsd: {
    readonly noCaching: PicoUsd;
    readonly client: PicoUsd;
    readonly automatic: PicoUsd;
  };
  readonly ownCostPicoUsd: PicoUsd;
  /** By what they cost. */
  readonly misses: readonly MissSum[];
}

/** The shortest bucket of a timeline; each is a whole multiple of it. */
export const BUCKET_MS = 300_000;

/** How a ledger is; what hurts it never hurts a request. */
export interface LedgerHealth {
  /** Records that wait to be stored. */
  readonly waiting: number;
  /** Records that were lost: the queue was full, or the place refused them for good. */
  readonly dropped: number;
  /** A sentence while records cannot be stored; null when all is well. */
  readonly problem: string | null;
}

/** What can be asked of records that are kept. */
export interface LedgerReader {
  summary(filter?: RecordFilter): Summary | Promise<Summary>;
  /**
   * The last stored first; `before` is the id of a record that all given ones were stored before. With a filter in the order
   * of their times, the last first, and before the time of that record; dearest first where that is asked for, and then those
   * behind that record, of which what was lost alike is in the order of time.
   */
  list(
    limit: number,
    before?: string,
    filter?: ListFilter,
  ): readonly RequestRecord[] | Promise<readonly RequestRecord[]>;
  /**
   * What was asked, by time and model: rows in the order of `atMs`, then of the model's name; none for a bucket in which
   * nothing happened. `bucketMs` is a whole multiple of `BUCKET_MS`.
   *
   * @throws RangeError when it is not.
   */
  timeline(filter: RecordFilter, bucketMs: number): Promise<readonly TimelineRow[]>;
  /** How long after their last use prefixes were wanted again. For one scope or tag as far back as records are kept. */
  reuse(filter?: RecordFilter): Reuse | Promise<Reuse>;
  /** Names of all scopes, in any order; a ledger without it has to be read for them. */
  scopes?(): Promise<readonly string[]>;
  /** Every record, oldest first, a few at a time: any number of them fits into memory. */
  export(filter?: RecordFilter): AsyncIterable<RequestRecord>;
  /** What we spent ourselves, oldest first; it has no tags, so with one in the filter there is none. */
  exportOwn(filter?: RecordFilter): AsyncIterable<OwnCost>;
}

/** Keeps records. */
export interface Ledger extends LedgerReader {
  /** Never throws, and never waits. A record whose id is stored already is not stored again. */
  add(record: RequestRecord): void;
  /**
   * For hits of the exact-response tier, of which there may be tens of thousands a second: takes what their records have in
   * common, and gives what takes the rest of each. Never throws. A ledger without it is given each record by `add`, and so
   * it is where the result is null.
   */
  alike?(common: RequestRecord): AlikeRecords | null;
  /** What we spent ourselves: in `ownCostUsd` of summaries, and in nothing else of them. */
  addOwn(cost: OwnCost): void;
  health(): LedgerHealth;
  /** Stores what waits. */
  flush(): Promise<void>;
  /** Stores what waits, and ends; nothing may be added after it. */
  close(): Promise<void>;
}

/** A ledger that is only read: another process may be writing it. */
export interface OpenLedger extends LedgerReader {
  close(): Promise<void>;
}

/** Why a ledger cannot be had. */
export type LedgerErrorCode = 'LEDGER_MISSING' | 'LEDGER_UNUSABLE' | 'LEDGER_FOREIGN' | 'LEDGER_CLOSED';

/** A ledger that cannot be had, or not be asked; the message is a sentence for people, without any password. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError' as const;
  readonly code: LedgerErrorCode;

  constructor(code: LedgerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
