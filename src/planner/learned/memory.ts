import { BelievedEntries } from './believed-entries.ts';
import { Layering, type EntriesAre } from './layering.ts';
import { LifeTables } from './life-tables.ts';
import { OpenUses } from './open-uses.ts';
import { PrefixTree } from './prefix-tree.ts';
import { ReuseClasses } from './reuse-classes.ts';
import { Runs } from './runs.ts';

/** All that a planner has learned. */
export interface Memory {
  readonly runs: Runs;
  readonly tables: LifeTables;
  readonly entries: BelievedEntries;
  readonly uses: OpenUses;
  readonly classes: ReuseClasses;
  readonly tree: PrefixTree;
  readonly layering: Layering;
}

export function createMemory(entriesAre: EntriesAre = 'self-contained'): Memory {
  const runs = new Runs();
  const tables = new LifeTables();
  const entries = new BelievedEntries(runs);
  const uses = new OpenUses(runs, tables);
  const classes = new ReuseClasses(tables);
  const tree = new PrefixTree({ runs, tables, entries, uses });
  return { runs, tables, entries, uses, classes, tree, layering: new Layering(entriesAre) };
}

export function bytesOf({ runs, tables, entries, uses, tree }: Memory): number {
  return [runs, tables, entries, uses, tree].reduce((sum, part) => sum + part.byteLength, 0);
}
