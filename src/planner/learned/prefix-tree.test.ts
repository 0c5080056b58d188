import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BelievedEntries } from './believed-entries.ts';
import { LifeTables } from './life-tables.ts';
import { OpenUses } from './open-uses.ts';
import { PrefixTree, type Kept } from './prefix-tree.ts';
import { NONE, Runs, type Run } from './runs.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** Paths as words, a letter a block: `t` tools, `s` system, any other a message. */
class Words {
  readonly #keys = new Map<string, number>();

  /** A number for each prefix of a word. */
  keys(word: string): number[] {
    return Array.from(word, (_, at) => {
      const prefix = word.slice(0, at + 1);
      if (!this.#keys.has(prefix)) this.#keys.set(prefix, this.#keys.size);
      return this.#keys.get(prefix) ?? -1;
    });
  }
}

/** Ends of layers inside a word. */
function layerEndsOf(word: string): { length: number }[] {
  const ends = [word.lastIndexOf('t') + 1, word.lastIndexOf('s') + 1];
  return ends.filter((end) => end > 0 && end < word.length).map((length) => ({ length }));
}

const prefixesOf = (word: string): string[] => Array.from(word, (_, at) => word.slice(0, at + 1));

/** The tree beside the set of all prefixes that it should know. */
interface Pair {
  readonly words: Words;
  readonly kept: Kept;
  readonly tree: PrefixTree;
  known: ReadonlySet<string>;
  /** Every run, with a prefix that ends in it. */
  nodes: Map<Run, string>;
}

function createKept(): Kept {
  const runs = new Runs();
  const tables = new LifeTables();
  return { runs, tables, entries: new BelievedEntries(runs), uses: new OpenUses(runs, tables) };
}

function createPair(): Pair {
  const kept = createKept();
  return { words: new Words(), kept, tree: new PrefixTree(kept), known: new Set(), nodes: new Map() };
}

function insert(pair: Pair, word: string, nowMs: number): Run[] {
  const keys = pair.words.keys(word);
  const path = pair.tree.find(keys, word.length);
  expect(path.knownLength).toBe(prefixesOf(word).filter((prefix) => pair.known.has(prefix)).length);
  const nodes = pair.tree.insert(keys, word.length, path, layerEndsOf(word), nowMs);
  pair.known = new Set([...pair.known, ...prefixesOf(word)]);
  checkPath(pair, word, nodes);
  return nodes;
}

function checkPath({ words, kept: { runs } }: Pair, word: string, nodes: readonly Run[]): void {
  let at = 0;
  let parent = NONE;
  for (const node of nodes) {
    expect([runs.start(node), runs.parent(node)]).toEqual([at, parent]);
    expect(runs.length(node)).toBeGreaterThan(0);
    at = runs.endOf(node);
    parent = node;
  }
  expect(at).toBeGreaterThanOrEqual(word.length);
  const keys = nodes.flatMap((node) => runs.keys(node));
  expect(keys.slice(0, word.length)).toEqual(words.keys(word));
  const ends = nodes.map((node) => runs.endOf(node));
  for (const { length } of layerEndsOf(word)) expect(ends).toContain(length);
}

/** Walks all that is known, and holds the tree's books against it. */
function check(pair: Pair): void {
  pair.nodes = new Map();
  for (const word of pair.known) {
    const path = pair.tree.find(pair.words.keys(word), word.length);
    expect(path.knownLength).toBe(word.length);
    for (const node of path.runs) if (!pair.nodes.has(node)) pair.nodes.set(node, word);
  }
  expect(pair.tree.size).toBe(pair.nodes.size);
  expect(pair.tree.blockCount).toBe(pair.known.size);
  const nodes = [...pair.nodes.keys()];
  const { runs, entries } = pair.kept;
  expect([runs.isSound(), entries.isSound()]).toEqual([true, true]);
  expect([...runs.all()].toSorted((a, b) => a - b)).toEqual(nodes.toSorted((a, b) => a - b));
  for (const node of nodes) {
    const children = nodes.filter((other) => runs.parent(other) === node);
    expect(runs.childCount(node)).toBe(children.length);
    for (const child of children) expect(runs.lastUseMs(child)).toBeLessThanOrEqual(runs.lastUseMs(node));
  }
  checkRuns(pair);
}

/** Requests part only at the ends of runs. */
function checkRuns(pair: Pair): void {
  const known = [...pair.known];
  for (const prefix of known) {
    const next = known.filter((word) => word.length === prefix.length + 1 && word.startsWith(prefix));
    if (next.length < 2) continue;
    const last = pair.tree.find(pair.words.keys(prefix), prefix.length).runs.at(-1) ?? NONE;
    expect(pair.kept.runs.endOf(last)).toBe(prefix.length);
  }
}

/** After something was forgotten: what is known is what the runs left hold. */
function checkForgotten(pair: Pair, keys: ReadonlySet<number>): void {
  pair.known = new Set([...pair.known].filter((word) => keys.has(pair.words.keys(word).at(-1) ?? -1)));
  check(pair);
}

const word = fc
  .tuple(
    fc.constantFrom('', 't', 'tt'),
    fc.constantFrom('', 's', 'ss'),
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 7 }),
  )
  .map((parts) => parts.join(''));
const words = fc.array(word, { minLength: 1, maxLength: 25 });

describe('a tree of prefixes', () => {
  it('knows what a set of prefixes knows, and its runs end where layers end and requests part', () => {
    fc.assert(
      fc.property(words, (list) => {
        const pair = createPair();
        for (const [nowMs, each] of list.entries()) {
          insert(pair, each, nowMs);
          check(pair);
        }
      }),
      { numRuns },
    );
  });

  it('forgets exactly the runs not used since a time', () => {
    fc.assert(
      fc.property(words, fc.nat({ max: 26 }), words, (before, timeMs, after) => {
        const pair = createPair();
        for (const [nowMs, each] of before.entries()) insert(pair, each, nowMs);
        check(pair);
        const { runs } = pair.kept;
        const kept = [...pair.nodes.keys()].filter((node) => runs.lastUseMs(node) >= timeMs);
        const keys = new Set(kept.flatMap((node) => runs.keys(node)));
        pair.tree.forgetBefore(timeMs);
        checkForgotten(pair, keys);
        for (const [nowMs, each] of after.entries()) insert(pair, each, before.length + nowMs);
        check(pair);
      }),
      { numRuns },
    );
  });

  it('shrinks to so many runs, those not used for the longest first, also where times are equal', () => {
    fc.assert(
      fc.property(words, fc.nat({ max: 12 }), fc.constantFrom(1, 3, 100), (list, runs, everyMs) => {
        const pair = createPair();
        for (const [at, each] of list.entries()) insert(pair, each, Math.floor(at / everyMs));
        check(pair);
        const before = new Map(
          [...pair.nodes].map(([node, known]) => {
            const keys = pair.kept.runs.keys(node);
            return [node, { known, keys, lastUseMs: pair.kept.runs.lastUseMs(node) }];
          }),
        );
        pair.tree.shrinkTo(runs);
        expect(pair.tree.size).toBe(Math.min(before.size, runs));
        const isKept = (node: Run): boolean => {
          const known = before.get(node)?.known ?? '';
          return pair.tree.find(pair.words.keys(known), known.length).runs.includes(node);
        };
        const [kept, gone] = [true, false].map((wanted) =>
          [...before].filter(([node]) => isKept(node) === wanted).map(([, each]) => each),
        );
        const timesOf = (list: typeof kept): number[] => (list ?? []).map(({ lastUseMs }) => lastUseMs);
        expect(Math.max(...timesOf(gone))).toBeLessThanOrEqual(Math.min(...timesOf(kept)));
        checkForgotten(pair, new Set((kept ?? []).flatMap(({ keys }) => keys)));
      }),
      { numRuns },
    );
  });

  it('keeps entries and open uses on the run that holds their block, wherever it is cut', () => {
    fc.assert(
      fc.property(words, (list) => {
        const pair = createPair();
        const { runs, entries, uses } = pair.kept;
        for (const [nowMs, each] of list.entries()) {
          const last = insert(pair, each, nowMs).at(-1);
          if (last === undefined) continue;
          entries.setReady(entries.add(last, each.length - 1, false, nowMs), 0);
          uses.open(last, each.length - 1, nowMs, []);
        }
        check(pair);
        const indices = [...runs.all()].flatMap((run) => {
          const isInside = (index: number): boolean => index >= runs.start(run) && index < runs.endOf(run);
          const found = entries.readableIndices(run, 0);
          expect(found.every(isInside)).toBe(true);
          expect(runs.use(run) === NONE || isInside(runs.useIndex(run))).toBe(true);
          return found;
        });
        expect(indices.length).toBe(list.filter((each) => each.length > 0).length);
      }),
      { numRuns },
    );
  });
});

describe('a run', () => {
  const keys = Array.from({ length: 10 }, (_, at) => at);
  const create = () => {
    const kept = createKept();
    const tree = new PrefixTree(kept);
    const insert = (
      path: readonly number[],
      nowMs: number,
      ends: readonly { length: number }[] = [],
    ): Run[] => tree.insert(path, path.length, tree.find(path, path.length), ends, nowMs);
    return { ...kept, tree, insert };
  };

  it('grows with the conversation that ends in it, and remembers what was learned of it', () => {
    const { runs, tree, insert } = create();
    const [first = NONE] = insert(keys.slice(0, 3), 0);
    runs.setTurns(first, 2);
    expect(insert(keys.slice(0, 8), 1)).toEqual([first]);
    expect([tree.size, tree.blockCount, runs.turns(first), runs.endOf(first)]).toEqual([1, 8, 2, 8]);
  });

  it('that is cut stays the end; its beginning knows nothing of uses yet', () => {
    const { runs, tables, insert, tree } = create();
    const [whole = NONE] = insert(keys.slice(0, 6), 5);
    runs.setTable(whole, tables.add());
    runs.setDebt(whole, 7);
    const changes = tree.changes;
    const [upper = NONE, branch = NONE] = insert([0, 1, 2, 97, 98], 9);
    expect([runs.start(whole), runs.keys(whole), runs.table(whole), runs.debt(whole)]).toEqual([
      3,
      [3, 4, 5],
      0,
      7,
    ]);
    expect([runs.start(upper), runs.keys(upper), runs.table(upper), runs.childCount(upper)]).toEqual([
      0,
      [0, 1, 2],
      NONE,
      2,
    ]);
    expect(runs.keys(branch)).toEqual([97, 98]);
    expect([whole, upper, branch].map((run) => runs.lastUseMs(run))).toEqual([5, 9, 9]);
    expect(tree.changes).toBe(changes + 1);
  });

  it('lets go of entries that have expired', () => {
    const { entries, tree, insert } = create();
    const [run = NONE] = insert(keys.slice(0, 3), 0);
    for (const isHour of [true, false]) entries.setReady(entries.add(run, 2, isHour, 0), 0);
    tree.tidy(299_999);
    expect(entries.count).toBe(2);
    tree.tidy(300_000);
    expect(entries.count).toBe(1);
    expect(entries.deepestReadable(run, 3, 300_000, '1h')).toBe(2);
    tree.tidy(3_600_000);
    expect(entries.count).toBe(0);
  });

  it('that is forgotten takes its entries and its table with it, and leaves its use to be judged', () => {
    const { runs, entries, uses, tables, tree, insert } = create();
    const [run = NONE] = insert(keys.slice(0, 3), 0);
    const table = tables.add();
    runs.setTable(run, table);
    uses.open(run, 2, 0, [table]);
    entries.add(run, 2, false, 0);
    tree.forgetBefore(1);
    expect([tree.size, entries.count, tables.open(table, 0)]).toEqual([0, 0, 1]);
    tables.tidy();
    expect(tables.add()).not.toBe(table);
    const [next = NONE] = insert([50, 51], 2);
    expect([next, runs.use(next), runs.table(next)]).toEqual([run, NONE, NONE]);
    uses.expire(86_400_000);
    uses.expire(86_400_000);
    expect([uses.count, tables.open(table, 0), tables.judged(table, 4)]).toEqual([0, 0, 1]);
    tables.tidy();
    expect(tables.add()).toBe(table);
    expect(tables.judged(table, 4)).toBe(0);
  });

  it('is not taken for another that begins with the same number elsewhere', () => {
    const { tree, insert } = create();
    insert([1, 2], 0, [{ length: 1 }]);
    expect(tree.find([2, 3], 2)).toEqual({ runs: [], knownLength: 0 });
  });
});
