import type { UsageFormCall } from '../logs/index.ts';
import { endTokens } from './calls.ts';
import { followsAnswer } from './habits.ts';
import type { Prediction } from './predictor.ts';

/** Why a prediction was not exact, as far as the file tells. */
export type MissKind =
  | 'answer-cached'
  | 'history-shortened'
  | 'lost-inside-ttl'
  | 'read-after-life'
  | 'start-not-seen-before'
  | 'start-not-read'
  | 'restart-other-size'
  | 'other';

/** What each kind means, for people. */
export const MISS_MEANINGS: { readonly [K in MissKind]: string } = {
  'answer-cached': 'the last answer was cached too (background call); its size is not recorded',
  'history-shortened': 'part of the history was left out or not yet readable; its size is not recorded',
  'lost-inside-ttl': 'the history was lost although its TTL holds: changed prefix or eviction',
  'read-after-life': 'read although expired: something outside the file kept it alive',
  'start-not-seen-before': 'a first call read a shared prefix that no earlier line shows alive',
  'start-not-read': 'a first call read less than the shared prefix that seemed alive',
  'restart-other-size': 'after a lost history a shared prefix of another size was read',
  other: 'none of these',
};

/** Sorts one inexact prediction. */
export function classifyMiss(
  prediction: Prediction,
  call: UsageFormCall,
  before: UsageFormCall | null,
): MissKind {
  const actual = call.usage.readTokens;
  if (prediction.expected === 'start') {
    return actual > prediction.readTokens ? 'start-not-seen-before' : 'start-not-read';
  }
  if (prediction.expected === 'lost-history') return 'restart-other-size';
  if (prediction.expected === 'expired') return actual > prediction.readTokens ? 'read-after-life' : 'other';
  if (prediction.expected === 'model-change' || !before) return 'other';
  if (actual * 2 < endTokens(before)) return 'lost-inside-ttl';
  const isAnswer = followsAnswer(before, call) && actual > endTokens(before);
  return isAnswer ? 'answer-cached' : 'history-shortened';
}

/** Inexact predictions of one kind. */
export interface MissRow {
  readonly kind: MissKind;
  readonly calls: number;
  readonly absErrorTokens: number;
}

/** Counts misses by kind. */
export class MissTable {
  readonly #rows = new Map<MissKind, { calls: number; absErrorTokens: number }>();

  add(kind: MissKind, absErrorTokens: number): void {
    const row = this.#rows.get(kind) ?? { calls: 0, absErrorTokens: 0 };
    this.#rows.set(kind, { calls: row.calls + 1, absErrorTokens: row.absErrorTokens + absErrorTokens });
  }

  /** Most tokens first. */
  rows(): readonly MissRow[] {
    const rows = [...this.#rows].map(([kind, row]) => ({ kind, ...row }));
    return rows.toSorted((a, b) => b.absErrorTokens - a.absErrorTokens);
  }
}
