import { createMemory, type Memory } from './memory.ts';
import { pack, unpack, type Section } from './packing.ts';
import { PlannerStateError } from './planner-state-error.ts';
import { NONE } from './runs.ts';

/** What is no column: names, and numbers of which there is one. */
interface Extra {
  readonly classes: readonly (readonly [string, number])[];
  readonly stamp: number;
  readonly layeringFailures: number;
}

/** Everything learned, as bytes that `restoreMemory` takes back. */
export function snapshotOf(memory: Memory): Uint8Array<ArrayBuffer> {
  const { runs, tables, entries, uses, classes, layering } = memory;
  const ofRuns = runs.written();
  const ofEntries = entries.written();
  const ofUses = uses.written();
  const extra: Extra = {
    classes: classes.written(),
    stamp: ofEntries.stamp,
    layeringFailures: layering.failures,
  };
  return pack(extra, [
    ofRuns.runs,
    Int32Array.from(ofRuns.unused),
    ofRuns.lengths,
    ofRuns.more,
    ofEntries.entries,
    Int32Array.from(ofEntries.unused),
    ofEntries.restsMs,
    tables.written(),
    Int32Array.from(tables.unused()),
    ofUses.uses,
    Int32Array.from(ofUses.unused),
    ...ofUses.waiting,
  ]);
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
  runs.fill({
    runs: sections.next(Float64Array),
    unused: sections.next(Int32Array),
    lengths: sections.next(Int32Array),
    more: sections.next(Float64Array),
  });
  entries.fill({
    entries: sections.next(Float64Array),
    unused: sections.next(Int32Array),
    restsMs: sections.next(Float64Array),
    stamp: extra.stamp,
  });
  tables.fill(sections.next(Float32Array), sections.next(Int32Array));
  uses.fill({
    uses: sections.next(Float64Array),
    unused: sections.next(Int32Array),
    waiting: sections.rest(),
  });
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
      runs.keys(run).length === runs.length(run) &&
      runs.start(run) === follows &&
      isIn(runs.entry(run), entries.end) &&
      isIn(runs.use(run), uses.end) &&
      isIn(runs.table(run), tables.end)
    );
  });
  const areClassesFine = classes.every(([, table]) => table >= 0 && isIn(table, tables.end));
  if (!areFine || !areClassesFine || !entries.isSound() || !uses.isSound())
    throw new PlannerStateError('the columns of the saved state do not fit together');
}
