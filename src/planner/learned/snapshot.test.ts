import { describe, expect, it } from 'vitest';

import { createMemory, type Memory } from './memory.ts';
import { PlannerStateError } from './planner-state-error.ts';
import { NONE } from './runs.ts';
import { beginSnapshot, restoreMemory } from './snapshot.ts';

/** Two paths of twelve blocks that share four; entries, uses and tables on them. */
function createFilled(): Memory {
  const memory = createMemory();
  const { tree, runs, entries, uses, tables } = memory;
  const keys = Array.from({ length: 12 }, (_, at) => 2 ** 40 + at);
  for (const path of [keys, keys.map((key, at) => (at < 4 ? key : key + 100))]) {
    const found = tree.insert(path, 12, tree.find(path, 12), [], 1000);
    const last = found.at(-1) ?? NONE;
    entries.setReady(entries.add(last, 11, true, 1000), 1000);
    runs.setTable(last, tables.add());
    uses.open(last, 11, 1000, [memory.classes.get('a class')]);
  }
  return memory;
}

const saved = (memory: Memory): Uint8Array => beginSnapshot(memory).finish();

describe('saved state', () => {
  it('is the same once more when it was restored', () => {
    const bytes = saved(createFilled());
    expect(saved(restoreMemory(bytes))).toEqual(bytes);
    expect(restoreMemory(bytes).tree.blockCount).toBe(20);
  });

  const damages: readonly (readonly [string, (memory: Memory) => void])[] = [
    ['an entry that is no run’s', ({ runs }) => runs.setEntry(0, NONE)],
    ['an entry of two runs', ({ runs }) => runs.setEntry(1, runs.entry(0))],
    ['a table of two runs', ({ runs }) => runs.setTable(0, runs.table(2))],
    ['a table that is nobody’s', ({ tables }) => void tables.add()],
    ['a run under one that is not there', ({ runs }) => runs.setParent(0, 99)],
    ['a use that is not there', ({ runs }) => runs.setUse(0, 99, 11)],
    [
      'runs without their keys',
      ({ runs }) => {
        runs.fill({ runs: runs.written().runs, more: createMemory().runs.written().more });
      },
    ],
    [
      'uses that wait twice',
      ({ uses }) => {
        const { uses: rows, waiting } = uses.written();
        uses.fill({ uses: rows, waiting });
      },
    ],
  ];

  it.each(damages)('with %s is refused', (_what, damage) => {
    const memory = createFilled();
    damage(memory);
    const bytes = saved(memory);
    expect(() => restoreMemory(bytes)).toThrow(PlannerStateError);
  });
});
