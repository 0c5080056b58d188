import { AGES_MS, enterSpan, leaveSpan, type ReuseCounts } from './statistics.ts';

/** A use of a prefix, and the classes that learn from when the next one comes. */
export interface OpenUse {
  readonly atMs: number;
  /** None once it is judged, so that it keeps nothing in memory. */
  classes: readonly ReuseCounts[];
  /** The span of age that it is in; the number of spans once it is judged. */
  span: number;
}

/** Uses that wait for the end of a span at most; beyond, the oldest are judged early. Most come back in the first. */
const WAITING_MAX: readonly number[] = [100_000, 25_000, 25_000, 25_000, 25_000];
/** Uses judged of late from which on a class says what it has to say (200 is the most, since older ones fade). */
const SETTLED = 150;
const TAKEN_ONE_IN = 8;
/** Judged uses that are let go of at once. */
const RELEASE_AT = 4096;

const NONE: readonly ReuseCounts[] = [];

/** Uses in order of time, waiting for the end of one span. */
interface Waiting {
  uses: OpenUse[];
  head: number;
}

/** Uses waiting for the next one, and what they teach when it comes or a span of time is over. */
export class OpenUses {
  readonly #bySpan: readonly Waiting[] = AGES_MS.map(() => ({ uses: [], head: 0 }));
  #passed = 0;

  /** Should a use be counted in a class? Settled ones take one in eight. */
  isWanted({ judged }: ReuseCounts): boolean {
    if ((judged[0] ?? 0) < SETTLED) return true;
    this.#passed += 1;
    return this.#passed % TAKEN_ONE_IN === 0;
  }

  /** A prefix is used now. */
  open(nowMs: number, classes: readonly ReuseCounts[]): OpenUse {
    const wanting = classes.filter((counts) => this.isWanted(counts));
    const use: OpenUse = { atMs: nowMs, classes: wanting, span: 0 };
    for (const counts of wanting) enterSpan(counts, 0);
    this.#bySpan[0]?.uses.push(use);
    return use;
  }

  /** The next use has come. */
  answer(use: OpenUse): void {
    if (isJudged(use)) return;
    for (const counts of use.classes) leaveSpan(counts, use.span, true);
    close(use);
  }

  /** Judges uses whose span is over by now. */
  expire(nowMs: number): void {
    for (let span = 0; span < AGES_MS.length; span += 1) {
      const waiting = this.#bySpan[span];
      if (waiting) this.#expireSpan(waiting, span, nowMs - (AGES_MS[span] ?? 0));
    }
  }

  #expireSpan(waiting: Waiting, span: number, beforeMs: number): void {
    const { uses } = waiting;
    const most = WAITING_MAX[span] ?? 0;
    for (; waiting.head < uses.length; waiting.head += 1) {
      const use = uses[waiting.head];
      // An entry written or read then has just ended, so at that very age the span is over.
      if (!use || (use.atMs > beforeMs && uses.length - waiting.head <= most)) break;
      if (use.span === span) this.#passOn(use);
    }
    if (waiting.head < RELEASE_AT || waiting.head * 2 < uses.length) return;
    waiting.uses = uses.slice(waiting.head);
    waiting.head = 0;
  }

  /** Nothing came in its span: it goes on into the next. */
  #passOn(use: OpenUse): void {
    for (const counts of use.classes) leaveSpan(counts, use.span, false);
    const span = use.span + 1;
    if (span >= AGES_MS.length) {
      close(use);
      return;
    }
    use.span = span;
    for (const counts of use.classes) enterSpan(counts, span);
    this.#bySpan[span]?.uses.push(use);
  }
}

/** Has the use taught all that it could? */
export function isJudged({ span }: OpenUse): boolean {
  return span >= AGES_MS.length;
}

/** All that a use could teach is learned. */
function close(use: OpenUse): void {
  use.span = AGES_MS.length;
  use.classes = NONE;
}
