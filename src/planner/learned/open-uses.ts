import { AGES_MS, HOUR_SPANS, type LifeTables, type Table } from './life-tables.ts';
import { NumberQueue } from './number-queue.ts';
import { Rows, type RowsState, type WrittenRows } from './rows.ts';
import { NONE, type Run, type Runs } from './runs.ts';

/** Number of a use. */
export type Use = number;

const AT = 0;
/** The run that it is of. */
const OWNER = 2;
/** The first span in which it has nothing to teach times 16, and the span that it is in. */
const SPANS = 3;
const SPAN_BITS = 4;
const SPAN_MASK = 2 ** SPAN_BITS - 1;
/** The classes, one after the other; `NONE` where there are no more. */
const CLASSES = 4;
/** Classes that one use can teach. */
const CLASSES_MAX = 4;
const WORDS = CLASSES + CLASSES_MAX;

/** The span of a use that has taught all that it could. */
const JUDGED = AGES_MS.length;

/** Uses that wait for the end of a span at most; beyond, the oldest are judged early. Most come back in the first. */
const WAITING_MAX: readonly number[] = AGES_MS.map((_, span) => (span === 0 ? 100_000 : 25_000));
/** Uses judged of late from which on a class says what it has to say (200 is the most, since older ones fade). */
const SETTLED = 150;
const TAKEN_ONE_IN = 8;
/** With so few uses at a time, all are counted: a settled class then sees at once that habits have changed. */
const FEW = 3000;
/** Answered uses that are let go of at once, when they are most of those that wait. */
const ANSWERED_MAX = 4096;

/**
 * Uses waiting for the next one, and what they teach when it comes or a span of time is over. A use stands with the run
 * that it is of until it is judged.
 */
export class OpenUses {
  readonly #rows = new Rows(WORDS);
  readonly #waiting: readonly NumberQueue[] = AGES_MS.map(() => new NumberQueue());
  readonly #runs: Runs;
  readonly #tables: LifeTables;
  #passed = 0;
  /** Uses that were answered and still stand in the queue of the first span. */
  #answered = 0;
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

  /** Should a use be counted in a class? Among many, settled ones take one in eight. */
  isWanted(table: Table): boolean {
    if (this.#rows.count < FEW || this.#tables.judged(table, 0) < SETTLED) return true;
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
    rows.setDouble(use, AT, nowMs);
    rows.setInteger(use, OWNER, run);
    rows.setInteger(use, SPANS, (isKept ? JUDGED : HOUR_SPANS) << SPAN_BITS);
    const wanting = classes.filter((table) => this.isWanted(table)).slice(0, CLASSES_MAX);
    for (let order = 0; order < CLASSES_MAX; order += 1)
      rows.setInteger(use, CLASSES + order, wanting[order] ?? NONE);
    for (const table of wanting) this.#tables.enter(table, 0);
    this.#waiting[0]?.add(use);
    this.#runs.setUse(run, use, index);
    return use;
  }

  /** The next use of what a run's use is of has come. */
  answer(run: Run): void {
    const use = this.#runs.use(run);
    if (use === NONE) return;
    this.#remember(run, use);
    this.#leave(use, true);
    const isInFirst = this.spanOf(use) === 0;
    this.#close(use);
    if (isInFirst) this.#answered += 1;
    if (this.#answered > ANSWERED_MAX && 2 * this.#answered > (this.#waiting[0]?.count ?? 0)) this.#sweep();
  }

  /** A prefix that has come again has a table of its own from then on; most never do. */
  #remember(run: Run, use: Use): void {
    if (this.#endOf(use) !== JUDGED || this.#runs.table(run) !== NONE) return;
    const table = this.#tables.add();
    this.#tables.enter(table, this.spanOf(use));
    this.#tables.leave(table, this.spanOf(use), true);
    this.#runs.setTable(run, table);
  }

  #endOf(use: Use): number {
    return this.#rows.integer(use, SPANS) >> SPAN_BITS;
  }

  /** Most uses are answered soon after they began: their rows need not wait for the end of the span. */
  #sweep(): void {
    const [first] = this.#waiting;
    for (let left = first?.count ?? 0; first && left > 0; left -= 1) {
      const use = first.first();
      first.removeFirst();
      if (this.spanOf(use) === 0) first.add(use);
      else this.#rows.remove(use);
    }
    this.#answered = 0;
  }

  /** A use goes on with another run, since its block does. */
  move(from: Run, to: Run): void {
    const use = this.#runs.use(from);
    this.#runs.setUse(to, use, this.#runs.useIndex(from));
    this.#runs.setUse(from, NONE, NONE);
    this.#setOwner(use, to);
  }

  /** A run is forgotten: its use waits on, but nothing can answer it. */
  leaveRun(run: Run): void {
    const use = this.#runs.use(run);
    if (use !== NONE) this.#setOwner(use, NONE);
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
    return this.#rows.integer(use, SPANS) & SPAN_MASK;
  }

  #expireSpan(waiting: NumberQueue, span: number, beforeMs: number): void {
    const most = WAITING_MAX[span] ?? 0;
    for (let use = waiting.first(); use !== NONE; use = waiting.first()) {
      // An entry written or read then has just ended, so at that very age the span is over.
      if (this.#rows.double(use, AT) > beforeMs && waiting.count <= most) return;
      waiting.removeFirst();
      if (this.spanOf(use) === span) this.#passOn(use, span);
      else {
        this.#rows.remove(use);
        if (span === 0) this.#answered -= 1;
      }
    }
  }

  /** Nothing came in its span: it goes on into the next. */
  #passOn(use: Use, from: number): void {
    this.#leave(use, false);
    const span = from + 1;
    if (span >= this.#endOf(use)) {
      this.#close(use);
      this.#rows.remove(use);
      return;
    }
    this.#setSpan(use, span);
    for (let order = 0; order < CLASSES_MAX; order += 1) {
      const table = this.#classOf(use, order);
      if (table === NONE) break;
      this.#tables.enter(table, span);
    }
    this.#waiting[span]?.add(use);
  }

  #leave(use: Use, isBack: boolean): void {
    const span = this.spanOf(use);
    this.onLesson?.(this.#classesOf(use), span, isBack);
    for (let order = 0; order < CLASSES_MAX; order += 1) {
      const table = this.#classOf(use, order);
      if (table === NONE) return;
      this.#tables.leave(table, span, isBack);
    }
  }

  #classesOf(use: Use): readonly Table[] {
    const classes = Array.from({ length: CLASSES_MAX }, (_, order) => this.#classOf(use, order));
    const end = classes.indexOf(NONE);
    return end < 0 ? classes : classes.slice(0, end);
  }

  #setSpan(use: Use, span: number): void {
    this.#rows.setInteger(use, SPANS, (this.#rows.integer(use, SPANS) & ~SPAN_MASK) | span);
  }

  #setOwner(use: Use, run: Run): void {
    this.#rows.setInteger(use, OWNER, run);
  }

  #classOf(use: Use, order: number): Table {
    return this.#rows.integer(use, CLASSES + order);
  }

  /** All that a use could teach is learned. Its row is free once the queue that it waits in comes to it. */
  #close(use: Use): void {
    this.#setSpan(use, JUDGED);
    this.#rows.setInteger(use, CLASSES, NONE);
    const run = this.#rows.integer(use, OWNER);
    if (run !== NONE && this.#runs.use(run) === use) this.#runs.setUse(run, NONE, NONE);
  }

  /** What `fill` takes back. */
  written(): OpenUsesState<WrittenRows> {
    return {
      uses: this.#rows.written(),
      waiting: this.#waiting.map((queue) => queue.values()),
    };
  }

  /** Does every use wait in one queue, and point to what is there? */
  isSound(): boolean {
    const waiting = this.#waiting.flatMap((queue) => [...queue.values()]);
    const isFine = (use: Use): boolean => {
      const { end } = this.#tables;
      return this.#classesOf(use).every((table) => table >= 0 && table < end);
    };
    return this.#rows.isSound(waiting) && waiting.every(isFine);
  }

  fill({ uses, waiting }: OpenUsesState): void {
    this.#rows.fill(uses);
    for (const [span, queue] of this.#waiting.entries())
      for (const use of waiting[span] ?? []) queue.add(use);
  }
}

/** All uses, as numbers. */
export interface OpenUsesState<State = RowsState> {
  readonly uses: State;
  /** Numbers of uses by the span whose end they wait for. */
  readonly waiting: readonly Int32Array[];
}
