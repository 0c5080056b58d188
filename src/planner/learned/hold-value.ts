import { AGES_MS } from './life-tables.ts';

/** An entry that could be kept alive by pings, each of which reads it. All costs in tokens at the uncached price. */
export interface Holding {
  /** How long ago the prefix was used when the first ping would go out. */
  readonly ageMs: number;
  /** Time between pings: the entry's TTL. */
  readonly everyMs: number;
  /** What one ping costs. */
  readonly pingCost: number;
  /** What the next use saves when it finds the entry alive. */
  readonly saved: number;
}

/** What the best number of pings is expected to save, beyond what they cost. */
export interface HoldValue {
  readonly pings: number;
  readonly value: number;
  /** Share of uses, of all, that come while the entry is held. */
  readonly back: number;
}

const NOT_HELD: HoldValue = { pings: 0, value: 0, back: 0 };
/** Pings have to be worth so much more than they cost, since what they would save is a guess and the cost is not. */
const MARGIN = 0.2;
/** More pings than these for one use are not thought of: as many as a rewrite costs at the lowest read price. */
const PINGS_MAX = 48;

/**
 * Share of uses that no other has followed by an age. Within a span of ages each moment is as likely as any; of what
 * comes after a day nothing is known.
 *
 * @param survival the shares at the ends of the spans of `AGES_MS`
 */
export function survivalAt(survival: readonly number[], ageMs: number): number {
  let startMs = 0;
  let atStart = 1;
  for (const [span, endMs] of AGES_MS.entries()) {
    const atEnd = survival[span] ?? atStart;
    if (ageMs < endMs) {
      const share = (ageMs - startMs) / (endMs - startMs);
      return atStart * (atEnd / Math.max(atStart, Number.MIN_VALUE)) ** share;
    }
    startMs = endMs;
    atStart = atEnd;
  }
  return atStart;
}

/**
 * How many pings pay, and what they are worth: with k of them, whoever comes within k times the TTL saves a rewrite, and
 * a ping is paid for as long as nobody has come.
 */
export function holdValue(survival: readonly number[], holding: Holding): HoldValue {
  const { ageMs, everyMs, pingCost, saved } = holding;
  const now = survivalAt(survival, ageMs);
  if (now <= 0 || saved <= pingCost) return NOT_HELD;
  let best = NOT_HELD;
  let spent = 0;
  let waiting = now;
  for (
    let pings = 1;
    pings <= PINGS_MAX && ageMs + (pings - 1) * everyMs < (AGES_MS.at(-1) ?? 0);
    pings += 1
  ) {
    spent += pingCost * waiting;
    waiting = survivalAt(survival, ageMs + pings * everyMs);
    const value = saved * (now - waiting) - spent;
    if (value > best.value && value > MARGIN * spent) best = { pings, value, back: now - waiting };
  }
  return best;
}
