import { createMemory, type Memory } from './memory.ts';
import { frame, putSection, unpack, type Section } from './packing.ts';
import { PlannerStateError } from './planner-state-error.ts';
import type { Rows, RowsState, WrittenRows } from './rows.ts';
import { NONE } from './runs.ts';

/** What is no column: names, and numbers of which there is one. */
interface Extra {
  readonly classes: readonly (readonly [string, number])[];
  readonly stamp: number;
  readonly layeringFailures: number;
}

/** Words copied at a time: 1 MB. */
const SLICE_WORDS = 2 ** 18;

/** A snapshot that is being made, of all that was known when it began. */
export class SnapshotCopy {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #left: Rows[];

  /** @param left rows whose copies have begun */
  constructor(bytes: Uint8Array<ArrayBuffer>, left: Rows[]) {
    this.#bytes = bytes;
    this.#left = left;
  }

  /** Copies about a megabyte; true once all is there. */
  copySlice(): boolean {
    if (this.#left[0]?.copySome(SLICE_WORDS) === true) this.#left.shift();
    return this.#left.length === 0;
  }

  /** All of it; what is not there yet is copied now. */
  finish(): Uint8Array<ArrayBuffer> {
    let isDone = false;
    while (!isDone) isDone = this.copySlice();
    return this.#bytes;
  }
}

/** A part of a snapshot, and the rows that it is of. */
interface Column {
  readonly section: Section;
  readonly source: Rows | null;
}

function columnsOf({ runs, tables, entries, uses }: Memory): readonly Column[] {
  const ofRuns = runs.written();
  const ofEntries = entries.written();
  const ofTables = tables.written();
  const ofUses = uses.written();
  const rows = ({ words, free, source }: WrittenRows): readonly Column[] => [
    { section: words, source },
    { section: free, source: null },
  ];
  const small = (section: Section): Column => ({ section, source: null });
  return [
    ...rows(ofRuns.runs),
    ...rows(ofRuns.more),
    ...rows(ofEntries.entries),
    small(ofEntries.restsMs),
    ...rows(ofTables.tables),
    small(ofTables.retired),
    ...rows(ofUses.uses),
    ...ofUses.waiting.map((queue) => small(queue)),
  ];
}

/**
 * Begins to copy everything learned as bytes that `restoreMemory` takes back: what is small now, what is larger than a
 * slice later, as it is now.
 */
export function beginSnapshot(memory: Memory, sliceWords: number = SLICE_WORDS): SnapshotCopy {
  const { entries, classes, layering } = memory;
  const extra: Extra = {
    classes: classes.written(),
    stamp: entries.stamp,
    layeringFailures: layering.failures,
  };
  const columns = columnsOf(memory);
  const { bytes, places } = frame(
    extra,
    columns.map(({ section }) => section),
  );
  const left: Rows[] = [];
  for (const [order, { section, source }] of columns.entries()) {
    const place = places[order] ?? 0;
    if (source && section.length > sliceWords) {
      source.beginCopy(new Int32Array(bytes.buffer, place, section.length));
      left.push(source);
    } else putSection(bytes, place, section);
  }
  return new SnapshotCopy(bytes, left);
}

/** The next section, which has to be of a kind. */
class Sections {
  readonly #sections: readonly Section[];
  #at = 0;

  constructor(sections: readonly Section[]) {
    this.#sections = sections;
  }

  next<Kind extends Section>(kind: new (length: number) => Kind): Kind {
    const section = this.#sections[this.#at];
    this.#at += 1;
    if (section instanceof kind) return section;
    throw new PlannerStateError('a column of the saved state is missing');
  }

  nextRows(): RowsState {
    return { words: this.next<Int32Array>(Int32Array), free: this.next<Int32Array>(Int32Array) };
  }

  rest(): readonly Int32Array[] {
    const left = this.#sections.length - this.#at;
    return Array.from({ length: left }, () => this.next<Int32Array>(Int32Array));
  }
}

function isExtra(value: unknown): value is Extra {
  if (typeof value !== 'object' || value === null) return false;
  const { classes, stamp, layeringFailures } = value as Partial<Record<keyof Extra, unknown>>;
  const isNamed = (each: unknown): boolean =>
    Array.isArray(each) && typeof each[0] === 'string' && Number.isSafeInteger(each[1]);
  const areNumbers = typeof stamp === 'number' && typeof layeringFailures === 'number';
  return areNumbers && Array.isArray(classes) && classes.every(isNamed);
}

/**
 * The memory that a snapshot was made of.
 *
 * @throws PlannerStateError where the bytes are something else, or do not fit together
 */
export function restoreMemory(bytes: Uint8Array): Memory {
  const { extra, sections: all } = unpack(bytes);
  if (!isExtra(extra)) throw new PlannerStateError('the saved state does not say what its columns are');
  const sections = new Sections(all);
  const memory = createMemory();
  const { runs, tables, entries, uses, classes, tree } = memory;
  runs.fill({ runs: sections.nextRows(), more: sections.nextRows() });
  entries.fill({ entries: sections.nextRows(), restsMs: sections.next(Float64Array) }, extra.stamp);
  tables.fill({ tables: sections.nextRows(), retired: sections.next<Int32Array>(Int32Array) });
  uses.fill({ uses: sections.nextRows(), waiting: sections.rest() });
  classes.fill(extra.classes);
  memory.layering.fill(extra.layeringFailures);
  check(memory, extra);
  tree.takeOver();
  return memory;
}

/** Whatever the columns point to has to be there: a plan must never run in circles over a damaged file. */
function check({ runs, tables, entries, uses }: Memory, { classes }: Extra): void {
  const isIn = (value: number, end: number): boolean =>
    Number.isInteger(value) && value >= NONE && value < end;
  const areFine = [...runs.all()].every((run) => {
    const parent = runs.parent(run);
    const follows = parent === NONE ? 0 : runs.isThere(parent) ? runs.endOf(parent) : NaN;
    return (
      isIn(parent, runs.end) &&
      runs.length(run) >= 1 &&
      runs.start(run) === follows &&
      isIn(runs.entry(run), entries.end) &&
      isIn(runs.use(run), uses.end) &&
      isIn(runs.table(run), tables.end)
    );
  });
  const used = classes.map(([, table]) => table);
  for (const run of runs.all()) if (runs.table(run) !== NONE) used.push(runs.table(run));
  const areSound = runs.isSound() && entries.isSound() && tables.isSound(used) && uses.isSound();
  if (!areFine || !areSound)
    throw new PlannerStateError('the columns of the saved state do not fit together');
}
