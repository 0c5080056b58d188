import type { PicoUsd } from '../../core/index.ts';
import type { VolatileKind } from '../layers/compare-text.ts';

/** What keeps the cache from being read, or makes it not worth writing, as successive requests show it. */
export type TrafficFindingCode =
  | 'volatile-text'
  | 'tool-order'
  | 'tool-keys'
  | 'tools-changed'
  | 'tools-alternate'
  | 'system-changed'
  | 'system-alternate'
  | 'messages-changed'
  | 'settings-changed'
  | 'settings-alternate'
  | 'expires-before-reuse'
  | 'nothing-repeats'
  | 'below-minimum'
  | 'breakpoint-never-read';

/** A stretch that changes, in UTF-8 bytes of the string at a finding's path as it was sent last; the end exclusive. */
export interface ChangedRange {
  readonly kind: VolatileKind;
  readonly startByte: number;
  readonly endByte: number;
}

/** One culprit in the requests of one application. Holds places and numbers, and nothing of a prompt's text. */
export interface TrafficFinding {
  readonly code: TrafficFindingCode;
  /** Pseudonym of whose cache it is. */
  readonly scope: string;
  readonly model: string;
  /** Requests with one number are of one application: their tools and system prompt are alike. 0: about all of the scope. */
  readonly application: number;
  /** What it is, for people. */
  readonly sentence: string;
  /** What to do about it, for people. */
  readonly advice: string;
  /** Where, e.g. `system.0.text`; null where it is about the whole request. */
  readonly path: string | null;
  /** The first pieces of that string that change; empty where it is not about a piece of text. */
  readonly ranges: readonly ChangedRange[];
  /** Tools that stand elsewhere than before, by their path in the last request; empty for other codes. */
  readonly moved: readonly string[];
  /** Which lifetime runs out; null for other codes. */
  readonly ttl: '5m' | '1h' | null;
  /** In so many requests, */
  readonly seen: number;
  /** of so many of the application; estimates where not every request was compared. */
  readonly requests: number;
  /** Tokens that were sent again and could have been read. */
  readonly lostTokens: number;
  /** What they cost beyond reading them, over the requests in which it was seen: an estimate of the input price. */
  readonly costPicoUsd: PicoUsd;
  /** Time of the first and the last request in which it was seen, in ms since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
}
