import { Rows, type RowsState, type WrittenRows } from './rows.ts';

const HOUR_MS = 3_600_000;

/**
 * Ages at which uses are judged, in ms: within the first an entry of five minutes still lives, within the first five one
 * of an hour, and in the others one that is kept alive.
 */
export const AGES_MS: readonly number[] = [
  300_000,
  600_000,
  1_200_000,
  2_400_000,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  8 * HOUR_MS,
  16 * HOUR_MS,
  24 * HOUR_MS,
];

/** Spans within the hour. */
export const HOUR_SPANS = 5;

/** Number of a life table. */
export type Table = number;

/** Probability that the next use comes while an entry of each TTL still lives. */
export interface ReuseChance {
  readonly within5m: number;
  readonly within1h: number;
}

/**
 * Share that comes back in each span of those still waiting, where nothing is known: 45 % in five minutes, half in an hour; later
 * just so many that an hour's entry is kept alive once before it is known how it is.
 */
const PRIOR: readonly number[] = [0.45, 0.02, 0.02, 0.02, 0.02, 0.1, 0.08, 0.05, 0.05, 0.05];

/** The same where the request itself gives reason to doubt: just too few to be written without experience. */
const DOUBTFUL_PRIOR: readonly number[] = [0.19, 0.01, 0.01, 0.01, 0.01];

/** As many uses as what is known of the wider class weighs against a class's own. */
const PRIOR_WEIGHT = 5;

/** Each use weighs this much of the one after it, so that habits may change. */
const FADING = 0.995;

const SPANS = AGES_MS.length;
const JUDGED = 0;
const BACK = SPANS;
const OPEN = 2 * SPANS;
/** Two more than are needed: a table then is two lines of the processor's cache. */
const WORDS = 32;

/**
 * How soon uses came back, as life tables: for each span of age, how many uses got through it or came back in it
 * (`judged`), how many of them came back, and how many are in it now, neither back nor through (`open`).
 */
export class LifeTables {
  readonly #rows = new Rows(WORDS);
  /** Given back while uses were still open in them. */
  #retired: Table[] = [];

  /** One more than the highest number of a table. */
  get end(): number {
    return this.#rows.end;
  }

  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /** A table that knows nothing. */
  add(): Table {
    const table = this.#rows.add();
    this.#rows.clear(table);
    return table;
  }

  /** Gives a table back. Uses may still be open in it: its number is used again once they are not. */
  remove(table: Table): void {
    if (this.#isIdle(table)) this.#rows.remove(table);
    else this.#retired.push(table);
  }

  /** Lets go of those given back in which no use is open any more. */
  tidy(): void {
    const retired = this.#retired;
    this.#retired = retired.filter((table) => !this.#isIdle(table));
    if (this.#retired.length < retired.length)
      for (const table of retired) if (this.#isIdle(table)) this.#rows.remove(table);
  }

  /** A use enters a span. */
  enter(table: Table, span: number): void {
    this.#rows.setFloat(table, OPEN + span, this.open(table, span) + 1);
  }

  /** A use that was in a span came back, or got through it. */
  leave(table: Table, span: number, isBack: boolean): void {
    const rows = this.#rows;
    rows.setFloat(table, OPEN + span, this.open(table, span) - 1);
    rows.setFloat(table, JUDGED + span, this.judged(table, span) * FADING + 1);
    rows.setFloat(table, BACK + span, this.back(table, span) * FADING + (isBack ? 1 : 0));
  }

  judged(table: Table, span: number): number {
    return this.#rows.float(table, JUDGED + span);
  }

  back(table: Table, span: number): number {
    return this.#rows.float(table, BACK + span);
  }

  open(table: Table, span: number): number {
    return this.#rows.float(table, OPEN + span);
  }

  /** Probability that a use comes back within five minutes, as classes from the widest to the narrowest say together. */
  chanceWithin5m(classes: readonly Table[]): number {
    return this.#hazard(classes, 0, PRIOR[0] ?? 0);
  }

  /** When a use comes back: each class, from the widest to the narrowest, corrects the one before by its own uses. */
  chance(classes: readonly Table[], isDoubtful = false): ReuseChance {
    const prior = isDoubtful ? DOUBTFUL_PRIOR : PRIOR;
    let gone = 1;
    let within5m = 0;
    for (let span = 0; span < HOUR_SPANS; span += 1) {
      gone *= 1 - this.#hazard(classes, span, prior[span] ?? 0);
      if (span === 0) within5m = 1 - gone;
    }
    return { within5m, within1h: 1 - gone };
  }

  /** Share of uses that no other has followed by the end of each span. */
  survival(classes: readonly Table[]): readonly number[] {
    let gone = 1;
    return AGES_MS.map((_, span) => (gone *= 1 - this.#hazard(classes, span, PRIOR[span] ?? 0)));
  }

  /** Share that comes back in a span of those that wait. */
  #hazard(classes: readonly Table[], span: number, prior: number): number {
    let hazard = prior;
    for (const table of classes) {
      // Who is in the span now has been so for half of it on average.
      const atRisk = this.judged(table, span) + this.open(table, span) / 2;
      hazard = (this.back(table, span) + PRIOR_WEIGHT * hazard) / (atRisk + PRIOR_WEIGHT);
    }
    return hazard;
  }

  #isIdle(table: Table): boolean {
    for (let span = 0; span < SPANS; span += 1) if (this.open(table, span) !== 0) return false;
    return true;
  }

  /** What `fill` takes back. */
  written(): LifeTablesState<WrittenRows> {
    return { tables: this.#rows.written(), retired: Int32Array.from(this.#retired) };
  }

  /** Is every table either one of these, or given back? */
  isSound(used: readonly Table[]): boolean {
    return this.#rows.isSound([...used, ...this.#retired]);
  }

  fill({ tables, retired }: LifeTablesState): void {
    this.#rows.fill(tables);
    this.#retired = [...retired];
  }
}

/** All tables, as numbers. */
export interface LifeTablesState<State = RowsState> {
  readonly tables: State;
  /** Tables given back in which uses are still open. */
  readonly retired: Int32Array;
}
