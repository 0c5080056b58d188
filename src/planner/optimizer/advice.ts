import type { Ttl } from '../../core/index.ts';
import type { BreakEvens } from './break-even.ts';

/**
 * Why a place has its TTL, or none: `cheapest-5m` and `cheapest-1h`, its requests cost least so; `reads-do-not-repay`, uses come too far
 * apart; `below-minimum`, no prefix there is long enough; `no-gain`, reads would repay, but nothing is saved beside the
 * breakpoints that are advised.
 */
export type PlaceReason = 'cheapest-5m' | 'cheapest-1h' | 'reads-do-not-repay' | 'below-minimum' | 'no-gain';

/** What was measured at one kind of place, and what is advised for it. */
export interface PlaceAdvice {
  readonly place: string;
  /** Requests that have it. */
  readonly uses: number;
  readonly meanTokens: number;
  /** Shares of the uses that came within five minutes and within an hour of the one before. */
  readonly within5m: number;
  readonly within1h: number;
  /** null: no breakpoint. */
  readonly ttl: Ttl | null;
  readonly reason: PlaceReason;
  /** The sentence for people. */
  readonly why: string;
}

/** An amount with the middle nine tenths of what other such months would bring; null where too little was measured. */
export interface Projected {
  readonly usd: number;
  readonly lowUsd: number | null;
  readonly highUsd: number | null;
}

/** What 30 days of such traffic would come to. */
export interface MonthProjection {
  readonly requests: number;
  readonly withoutCachingUsd: number;
  /** Under the advice. */
  readonly costUsd: number;
  /** Against no caching at all. */
  readonly saving: Projected;
  /** Against what was billed; null unless every request tells its bill. */
  readonly savingOnBill: Projected | null;
}

/** What is to be known before the advice is followed. */
export interface AdviceFinding {
  readonly code: 'too-short' | 'uncertain' | 'billed-less' | 'requests-forgotten' | 'model-unknown';
  readonly sentence: string;
}

/** Advice for the requests of one family and model. */
export interface FamilyAdvice {
  readonly family: string;
  readonly model: string;
  readonly requests: number;
  /** Times of the first and the last of them. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly isWorthCaching: boolean;
  /** Where to set breakpoints, in prompt order; empty where caching does not pay. */
  readonly breakpoints: readonly { readonly place: string; readonly ttl: Ttl }[];
  /** Every place that was seen, in prompt order. */
  readonly places: readonly PlaceAdvice[];
  readonly breakEvens: BreakEvens;
  /** USD of input for the requests that were measured. */
  readonly measured: {
    readonly withoutCachingUsd: number;
    readonly costUsd: number;
    readonly billedUsd: number | null;
  };
  /** null where less than an hour was measured. */
  readonly month: MonthProjection | null;
  /** Share of resamples of the measured time in which no other choice costs less; null where it was too short. */
  readonly confidence: number | null;
  readonly findings: readonly AdviceFinding[];
}
