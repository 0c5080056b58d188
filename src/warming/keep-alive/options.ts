import type { Catalogue, JsonObject, Ttl } from '../../core/index.ts';
import type { Clock, Random, Timers } from '../../runtime/index.ts';
import type { Calendar } from './calendar.ts';
import type { HeldRequest } from './holdings.ts';
import type { DecideKeeping, KeepAliveState, KeepSchedule } from './kept-entry.ts';
import type { SendPing } from './ping.ts';
import type { PingRecord } from './ping-ledger.ts';
import type { Spending } from './spending.ts';

/** What a keeper is made of. */
export interface KeeperOptions {
  /** What counts where neither a request nor its scope says anything. */
  readonly state: KeepAliveState;
  readonly schedule: KeepSchedule;
  readonly spending: Spending;
  readonly send: SendPing;
  /** The body of a held request, marked where the entry ends and nowhere else; null where it cannot be read. */
  readonly readBody: (held: HeldRequest, ttl: Ttl) => JsonObject | null;
  /** @default `decideKeepAlive` under the limits below */
  readonly decide: DecideKeeping;
  readonly calendar: Calendar;
  /** Send what was kept in the last window once more when the next one opens. */
  readonly warmsAtOpening: boolean;
  /** How long before its end an entry is refreshed, in ms. */
  readonly leadMs: number;
  /** Entries that are kept, and bytes of requests held for them. */
  readonly entriesMax: number;
  readonly heldBytesMax: number;
  /** Pings under way at once. */
  readonly concurrency: number;
  /** TTLs in ms. */
  readonly ttlMs: Readonly<Record<Ttl, number>>;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Told of every ping. */
  readonly onPing: (record: PingRecord) => void;
}

/** Counts of what became of entries. */
export interface KeeperCounts {
  /** The kill switch is on. */
  isKilled: boolean;
  /** What was said of scopes. */
  scopes: Record<string, KeepAliveState>;
  kept: number;
  heldBytes: number;
  inFlight: number;
  /** By reason, since the start. */
  letGo: Record<string, number>;
  /** The schedule did not answer. */
  failures: number;
}
