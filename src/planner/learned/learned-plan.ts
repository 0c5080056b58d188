import type { BelievedEntries, EntryRef } from './believed-entries.ts';
import type { Boundary } from './boundaries.ts';
import type { EntriesAre } from './layering.ts';
import type { PrefixTree } from './prefix-tree.ts';
import type { PlannedBreakpoint, PlannedRequest } from './request.ts';
import type { Run } from './runs.ts';

/** What to do with one request, and what it was decided from. */
export interface LearnedPlan {
  /** In the order of what they are worth; at most four. */
  readonly breakpoints: readonly PlannedBreakpoint[];
  /** Last block of the longest prefix that can be read; -1 without one. */
  readonly hitIndex: number;
  /** Another request is writing some of what could be written: to write it too would buy nothing. */
  readonly isInFlight: boolean;
  readonly boundaries: readonly Boundary[];
  readonly request: PlannedRequest;
  /** The request's way along what is known, as long as nothing of that was cut or forgotten since. */
  readonly path: readonly Run[];
  readonly tree: PrefixTree;
  readonly changes: number;
}

/** A breakpoint as it was sent, ours or the client's. */
export interface SentBreakpoint {
  readonly index: number;
  readonly isHour: boolean;
}

/** An entry that a request writes. */
export interface WrittenEntry extends SentBreakpoint {
  readonly ref: EntryRef;
}

/** What a request is believed to have read and written; for `begin`, `cancel` and `billed`. */
export interface PlanTicket {
  readonly written: readonly WrittenEntry[];
  readonly entries: BelievedEntries;
  readonly request: PlannedRequest;
  /** Last block of what it should read; -1 when nothing. */
  readonly hitIndex: number;
  /** The bill will show whether an hour's entry outlives those of five minutes below it. */
  readonly testsLayering: boolean;
}

/** Limits of what is remembered, and what is known of the service. */
export interface LearnedOptions {
  /** Runs of blocks. @default 100,000 */
  readonly runsMax?: number;
  /** Blocks of all runs. @default 5,000,000 */
  readonly blocksMax?: number;
  /** Bills correct it: three hour's entries in a row that ended early, or one that did not. @default 'self-contained' */
  readonly entriesAre?: EntriesAre;
  /** Pings keep entries alive where that pays, so that they may be written for it. @default false */
  readonly keepsAlive?: boolean;
}
