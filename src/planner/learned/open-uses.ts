import { AGES_MS, HOUR_SPANS, type LifeTables, type Table } from './life-tables.ts';
import { NumberQueue } from './number-queue.ts';
import { Rows } from './rows.ts';
import { NONE, type Run, type Runs } from './runs.ts';

/** Number of a use. */
export type Use = number;

const AT = 0;
const SPAN = 1;
const OWNER = 2;
/** The first span in which it has nothing to teach. */
const END = 3;
const CLASSES = 4;
/** Classes that one use can teach. */
const CLASSES_MAX = 4;
const WIDTH = CLASSES + CLASSES_MAX;

/** The span of a use that has taught all that it could. */
const JUDGED = AGES_MS.length;

/** Uses that wait for the end of a span at most; beyond, the oldest are judged early. Most come back in the first. */
const WAITING_MAX: readonly number[] = AGES_MS.map((_, span) => (span === 0 ? 100_000 : 25_000));
/** Uses judged of late from which on a class says what it has to say (200 is the most, since older ones fade). */
const SETTLED = 150;
const TAKEN_ONE_IN = 8;

/**
 * Uses waiting for the next one, and what they teach when it comes or a span of time is over. A use stands with the run
 * that it is of until it is judged.
 */
export class OpenUses {
  readonly #rows = new Rows(WIDTH);
  readonly #waiting: readonly NumberQueue[] = AGES_MS.map(() => new NumberQueue());
  readonly #runs: Runs;
  readonly #tables: LifeTables;
  #passed = 0;
  /** Told of everything that a use teaches; null where nobody asks. */
  onLesson: ((classes: readonly Table[], span: number, isBack: boolean) => void) | null = null;

  constructor(runs: Runs, tables: LifeTables) {
    this.#runs = runs;
    this.#tables = tables;
  }

  /** Uses that wait, and those answered whose span is not over. */
  get count(): number {
    return this.#rows.count;
  }

  /** One more than the highest number of a use. */
  get end(): number {
    return this.#rows.end;
  }

  get byteLength(): number {
    return this.#rows.byteLength + this.#waiting.reduce((sum, queue) => sum + queue.byteLength, 0);
  }

  /** Should a use be counted in a class? Settled ones take one in eight. */
  isWanted(table: Table): boolean {
    if (this.#rows.count < 3000 || this.#tables.judged(table, 0) < SETTLED) return true;
    this.#passed += 1;
    return this.#passed % TAKEN_ONE_IN === 0;
  }

  /**
   * A block of a run is used now; at most four classes learn from when the next use comes.
   *
   * @param isKept whether an entry may be kept alive beyond the hour, so that it matters who comes then
   */
  open(run: Run, index: number, nowMs: number, classes: readonly Table[], isKept = true): Use {
    const rows = this.#rows;
    const use = rows.add();
    rows.set(use, AT, nowMs);
    rows.set(use, SPAN, 0);
    rows.set(use, OWNER, run);
    rows.set(use, END, isKept ? JUDGED : HOUR_SPANS);
    let count = 0;
    for (const table of classes) {
      if (count === CLASSES_MAX || !this.isWanted(table)) continue;
      rows.set(use, CLASSES + count, table);
      this.#tables.enter(table, 0);
      count += 1;
    }
    if (count < CLASSES_MAX) rows.set(use, CLASSES + count, NONE);
    this.#waiting[0]?.add(use);
    this.#runs.setUse(run, use, index);
    return use;
  }

  /** The next use of what a run's use is of has come. */
  answer(run: Run): void {
    const use = this.#runs.use(run);
    if (use === NONE) return;
    this.#leave(use, true);
    this.#close(use);
  }

  /** A use goes on with another run, since its block does. */
  move(from: Run, to: Run): void {
    const use = this.#runs.use(from);
    this.#runs.setUse(to, use, this.#runs.useIndex(from));
    this.#runs.setUse(from, NONE, NONE);
    this.#rows.set(use, OWNER, to);
  }

  /** A run is forgotten: its use waits on, but nothing can answer it. */
  leaveRun(run: Run): void {
    const use = this.#runs.use(run);
    if (use !== NONE) this.#rows.set(use, OWNER, NONE);
  }

  /** Judges uses whose span is over by now. */
  expire(nowMs: number): void {
    for (let span = 0; span < AGES_MS.length; span += 1) {
      const waiting = this.#waiting[span];
      if (waiting) this.#expireSpan(waiting, span, nowMs - (AGES_MS[span] ?? 0));
    }
  }

  /** The span that a use is in; the number of spans once it is judged. */
  spanOf(use: Use): number {
    return this.#rows.get(use, SPAN);
  }

  #expireSpan(waiting: NumberQueue, span: number, beforeMs: number): void {
    const most = WAITING_MAX[span] ?? 0;
    for (let use = waiting.first(); use !== NONE; use = waiting.first()) {
      // An entry written or read then has just ended, so at that very age the span is over.
      if (this.#rows.get(use, AT) > beforeMs && waiting.count <= most) return;
      waiting.removeFirst();
      if (this.#rows.get(use, SPAN) === span) this.#passOn(use, span);
      else this.#rows.remove(use);
    }
  }

  /** Nothing came in its span: it goes on into the next. */
  #passOn(use: Use, from: number): void {
    this.#leave(use, false);
    const span = from + 1;
    if (span >= this.#rows.get(use, END)) {
      this.#close(use);
      this.#rows.remove(use);
      return;
    }
    this.#rows.set(use, SPAN, span);
    for (let order = 0; order < CLASSES_MAX; order += 1) {
      const table = this.#rows.get(use, CLASSES + order);
      if (table === NONE) break;
      this.#tables.enter(table, span);
    }
    this.#waiting[span]?.add(use);
  }

  #leave(use: Use, isBack: boolean): void {
    const span = this.#rows.get(use, SPAN);
    this.onLesson?.(this.#classesOf(use), span, isBack);
    for (let order = 0; order < CLASSES_MAX; order += 1) {
      const table = this.#rows.get(use, CLASSES + order);
      if (table === NONE) return;
      this.#tables.leave(table, span, isBack);
    }
  }

  #classesOf(use: Use): readonly Table[] {
    const classes = Array.from({ length: CLASSES_MAX }, (_, order) => this.#rows.get(use, CLASSES + order));
    const end = classes.indexOf(NONE);
    return end < 0 ? classes : classes.slice(0, end);
  }

  /** All that a use could teach is learned. Its row is free once the queue that it waits in comes to it. */
  #close(use: Use): void {
    this.#rows.set(use, SPAN, JUDGED);
    this.#rows.set(use, CLASSES, NONE);
    const run = this.#rows.get(use, OWNER);
    if (run !== NONE && this.#runs.use(run) === use) this.#runs.setUse(run, NONE, NONE);
  }

  /** What `fill` takes back. */
  written(): OpenUsesState {
    return {
      uses: this.#rows.written(),
      unused: this.#rows.unused(),
      waiting: this.#waiting.map((queue) => queue.values()),
    };
  }

  /** Does every use wait in one queue, and point to what is there? */
  isSound(): boolean {
    const waiting = this.#waiting.flatMap((queue) => queue.values());
    const isFine = (use: Use): boolean => {
      const { end } = this.#tables;
      return (
        use < this.end &&
        this.#classesOf(use).every((table) => Number.isInteger(table) && table >= 0 && table < end)
      );
    };
    const isOnce = new Set(waiting).size === waiting.length && waiting.length === this.count;
    return isOnce && waiting.every(isFine);
  }

  fill({ uses, unused, waiting }: OpenUsesState): void {
    this.#rows.fill(uses, unused);
    for (const [span, queue] of this.#waiting.entries())
      for (const use of Array.from(waiting[span] ?? [])) queue.add(use);
  }
}

/** All uses, as numbers. */
export interface OpenUsesState {
  readonly uses: Float64Array;
  readonly unused: ArrayLike<number>;
  /** Numbers of uses by the span whose end they wait for. */
  readonly waiting: readonly ArrayLike<number>[];
}
