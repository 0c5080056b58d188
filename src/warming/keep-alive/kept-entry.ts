import type { PicoUsd, Ttl } from '../../core/index.ts';
import type { KeepAdvice } from '../../planner/index.ts';
import type { KeepAliveDecision, KeepAliveEntry } from './decide.ts';

/** `observe`: nothing is sent, and it is told what would have been sent and saved. */
export type KeepAliveState = 'off' | 'observe' | 'on';

export const KEEP_ALIVE_STATES: readonly ['off', 'observe', 'on'] = ['off', 'observe', 'on'];

/** Judges an entry that ends soon, as `decideKeepAlive` does. */
export type DecideKeeping = (entry: KeepAliveEntry, nowMs: number) => KeepAliveDecision;

/** A prefix that a real request has used, and that pings may keep in the cache. */
export interface KeptPrefix {
  /** Names the prefix, and whose cache it is in. */
  readonly key: string;
  /** Its size, estimated. */
  readonly tokens: number;
  readonly ttl: Ttl;
  /** Where in the request's body it ends: a path to a block. */
  readonly blockPath: readonly (string | number)[];
  /** What the planner expects of a ping. */
  readonly advise: (nowMs: number) => KeepAdvice | null;
  /** A ping that began then has read it. */
  readonly pinged: (atMs: number) => void;
  /** The next shorter one, for when this one does not pay. */
  readonly below: KeptPrefix | null;
}

/** A real request that has used a prefix. */
export interface KeptVisit {
  /** Pseudonym of whose cache it is in. */
  readonly scope: string;
  readonly model: string;
  /** When the request began, ms since 1970 UTC: a TTL counts from there (spec 4.2). */
  readonly atMs: number;
  /** What the request itself asks for; null where it says nothing. */
  readonly asked: KeepAliveState | null;
  /** The request came through a gateway that only observes: whoever says `on`, nothing is sent. */
  readonly isObserved: boolean;
  readonly prefix: KeptPrefix;
}

/** What all machines know of an entry; times by this machine's clock. */
export interface EntryStanding {
  /** Start of the last real request that used it. */
  readonly visitedMs: number;
  /** It can be read until then. */
  readonly expiresMs: number;
  /** Pings since the visit, and what they have cost. */
  readonly pings: number;
  readonly spentPicoUsd: PicoUsd;
  /** The last of them. */
  readonly pingId: string | null;
  /** Is it still this machine's to act? Asked at the last moment. */
  readonly mayAct: () => boolean;
}

/** What became of an entry that was due. */
export type DueOutcome =
  | {
      readonly kind: 'pinged';
      /** Start of the ping. */
      readonly atMs: number;
      readonly costPicoUsd: PicoUsd;
      readonly pingId: string;
    }
  | { readonly kind: 'later'; readonly untilMs: number }
  | { readonly kind: 'let-go'; readonly reason: string }
  /** Nothing is held here for it: another machine may have what it takes. */
  | { readonly kind: 'not-held' };

/** The last ping before a visit. */
export interface OutstandingPing {
  readonly pingId: string;
  /** Without pings, the entry would have ended before the visit, and with them it had not. */
  readonly isBridged: boolean;
}

/** Who acts on what a schedule says. */
export interface KeepHandler {
  /** An entry is due: once in the fleet at a time. Never rejects. */
  due(key: string, standing: EntryStanding, signal: AbortSignal): Promise<DueOutcome>;
  /** An entry that was let go has ended, and nobody came after its last ping. */
  ended(pingId: string): void;
  /** Another machine has renewed an entry by a ping that began then. */
  renewed(key: string, atMs: number): void;
  /** Another machine was told what is to count of a scope, or of all. */
  ordered(scope: string | null, state: KeepAliveState | null): void;
}

/** Knows when entries end, and says shortly before it: in this process, or for a fleet. */
export interface KeepSchedule {
  start(handler: KeepHandler): void;
  /** A real request moves the end of the entry. Gives the last ping before it, once in the fleet; null without one. */
  visit(key: string, atMs: number, ttlMs: number): Promise<OutstandingPing | null>;
  /** This machine no longer keeps it. */
  drop(key: string): void;
  /** What was said here of a scope (null: of all) is to count everywhere. */
  order(scope: string | null, state: KeepAliveState | null): void;
  /** A sentence about what does not work; null when all does. */
  note(): string | null;
  close(): Promise<void>;
}
