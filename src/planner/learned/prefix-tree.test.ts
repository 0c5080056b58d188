import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { noCounts } from './statistics.ts';
import { endOf, PrefixTree, type PrefixNode } from './prefix-tree.ts';

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
function layerEndsOf(word: string): number[] {
  const ends = [word.lastIndexOf('t') + 1, word.lastIndexOf('s') + 1];
  return ends.filter((end) => end > 0 && end < word.length);
}

const prefixesOf = (word: string): string[] => Array.from(word, (_, at) => word.slice(0, at + 1));

/** The tree beside the set of all prefixes that it should know. */
interface Pair {
  readonly words: Words;
  readonly tree: PrefixTree;
  known: ReadonlySet<string>;
  /** Every run, with a prefix that ends in it. */
  nodes: Map<PrefixNode, string>;
}

function createPair(): Pair {
  return { words: new Words(), tree: new PrefixTree(), known: new Set(), nodes: new Map() };
}

function insert(pair: Pair, word: string, nowMs: number): PrefixNode[] {
  const keys = pair.words.keys(word);
  const path = pair.tree.find(keys, word.length);
  expect(path.knownLength).toBe(prefixesOf(word).filter((prefix) => pair.known.has(prefix)).length);
  const nodes = pair.tree.insert(keys, word.length, path, layerEndsOf(word), nowMs);
  pair.known = new Set([...pair.known, ...prefixesOf(word)]);
  checkPath(pair, word, nodes);
  return nodes;
}

function checkPath(pair: Pair, word: string, nodes: readonly PrefixNode[]): void {
  let at = 0;
  let parent: PrefixNode | null = null;
  for (const node of nodes) {
    expect([node.start, node.parent]).toEqual([at, parent]);
    expect(node.keys.length).toBeGreaterThan(0);
    at = endOf(node);
    parent = node;
  }
  expect(at).toBeGreaterThanOrEqual(word.length);
  const keys = nodes.flatMap((node) => node.keys);
  expect(keys.slice(0, word.length)).toEqual(pair.words.keys(word));
  const ends = nodes.map(endOf);
  for (const end of layerEndsOf(word)) expect(ends).toContain(end);
}

/** Walks all that is known, and holds the tree's books against it. */
function check(pair: Pair): void {
  pair.nodes = new Map();
  for (const word of pair.known) {
    const path = pair.tree.find(pair.words.keys(word), word.length);
    expect(path.knownLength).toBe(word.length);
    for (const node of path.nodes) if (!pair.nodes.has(node)) pair.nodes.set(node, word);
  }
  expect(pair.tree.size).toBe(pair.nodes.size);
  expect(pair.tree.blockCount).toBe(pair.known.size);
  const nodes = [...pair.nodes.keys()];
  for (const node of nodes) {
    const children = nodes.filter((other) => other.parent === node);
    expect(node.childCount).toBe(children.length);
    for (const child of children) expect(child.lastUseMs).toBeLessThanOrEqual(node.lastUseMs);
  }
  checkRuns(pair);
}

/** Requests part only at the ends of runs. */
function checkRuns(pair: Pair): void {
  const known = [...pair.known];
  for (const prefix of known) {
    const next = known.filter((word) => word.length === prefix.length + 1 && word.startsWith(prefix));
    if (next.length < 2) continue;
    const last = pair.tree.find(pair.words.keys(prefix), prefix.length).nodes.at(-1);
    expect(last && endOf(last)).toBe(prefix.length);
  }
}

/** After something was forgotten: what is known is what the runs left hold. */
function checkForgotten(pair: Pair, isKept: (node: PrefixNode) => boolean): void {
  const kept = [...pair.nodes.keys()].filter(isKept);
  const keys = new Set(kept.flatMap((node) => node.keys));
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
        pair.tree.forgetBefore(timeMs);
        checkForgotten(pair, (node) => node.lastUseMs >= timeMs);
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
        const sizeBefore = pair.tree.size;
        pair.tree.shrinkTo(runs);
        expect(pair.tree.size).toBe(Math.min(sizeBefore, runs));
        const isKept = new Map<PrefixNode, boolean>();
        for (const [node, known] of pair.nodes) {
          const found = pair.tree.find(pair.words.keys(known), known.length);
          isKept.set(node, found.nodes.includes(node));
        }
        const times = (kept: boolean): number[] =>
          [...isKept].filter(([, is]) => is === kept).map(([node]) => node.lastUseMs);
        expect(Math.max(...times(false))).toBeLessThanOrEqual(Math.min(...times(true)));
        checkForgotten(pair, (node) => isKept.get(node) === true);
      }),
      { numRuns },
    );
  });

  it('keeps entries and open uses on the run that holds their block, wherever it is cut', () => {
    fc.assert(
      fc.property(words, (list) => {
        const pair = createPair();
        for (const [nowMs, each] of list.entries()) {
          const last = insert(pair, each, nowMs).at(-1);
          if (!last) continue;
          const entry = { index: each.length - 1, isHour: false, readyMs: 0, expiresMs: nowMs };
          last.entries = [...last.entries, entry];
          last.openUse = { atMs: nowMs, classes: [noCounts()], span: 0 };
          last.openIndex = each.length - 1;
        }
        check(pair);
        const entries = [...pair.nodes.keys()].flatMap((node) => {
          for (const { index } of node.entries) {
            expect(index).toBeGreaterThanOrEqual(node.start);
            expect(index).toBeLessThan(endOf(node));
          }
          const isInside = node.openIndex >= node.start && node.openIndex < endOf(node);
          expect(isInside || node.openUse === null).toBe(true);
          return node.entries;
        });
        expect(entries.length).toBe(list.filter((each) => each.length > 0).length);
      }),
      { numRuns },
    );
  });
});

describe('a run', () => {
  const keys = Array.from({ length: 10 }, (_, at) => at);
  const find = (tree: PrefixTree, length: number) => tree.find(keys, length);

  it('grows with the conversation that ends in it, and remembers what was learned of it', () => {
    const tree = new PrefixTree();
    const [first] = tree.insert(keys, 3, find(tree, 3), [], 0);
    if (first) first.turns = 2;
    const [grown, ...more] = tree.insert(keys, 8, find(tree, 8), [], 1);
    expect(grown).toBe(first);
    expect(more).toEqual([]);
    expect([tree.size, tree.blockCount, grown?.turns, grown && endOf(grown)]).toEqual([1, 8, 2, 8]);
  });

  it('that is cut stays the end; its beginning knows nothing of uses yet', () => {
    const tree = new PrefixTree();
    const [whole] = tree.insert(keys, 6, find(tree, 6), [], 5);
    if (!whole) throw new Error('there is a run');
    whole.counts = noCounts();
    whole.debt = 7;
    const other = [0, 1, 2, 97, 98];
    const [upper, branch] = tree.insert(other, 5, tree.find(other, 5), [], 9);
    expect([whole.start, whole.keys, whole.counts !== null, whole.debt]).toEqual([3, [3, 4, 5], true, 7]);
    expect([upper?.start, upper?.keys, upper?.counts, upper?.childCount]).toEqual([0, [0, 1, 2], null, 2]);
    expect(branch?.keys).toEqual([97, 98]);
    expect([whole.lastUseMs, upper?.lastUseMs, branch?.lastUseMs]).toEqual([5, 9, 9]);
  });

  it('lets go of entries that have expired and of uses that were judged', () => {
    const tree = new PrefixTree();
    const [node] = tree.insert(keys, 3, find(tree, 3), [], 0);
    if (!node) throw new Error('there is a run');
    const live = { index: 2, isHour: true, readyMs: 0, expiresMs: 101 };
    node.entries = [{ index: 1, isHour: false, readyMs: 0, expiresMs: 100 }, live];
    node.openUse = { atMs: 0, classes: [], span: 4 };
    tree.tidy(100);
    expect([node.entries, node.openUse?.span]).toEqual([[live], 4]);
    node.openUse = { atMs: 0, classes: [], span: 5 };
    tree.tidy(101);
    expect([node.entries, node.openUse]).toEqual([[], null]);
  });

  it('is not taken for another that begins with the same number elsewhere', () => {
    const tree = new PrefixTree();
    tree.insert([1, 2], 2, tree.find([1, 2], 2), [1], 0);
    expect(tree.find([2, 3], 2)).toEqual({ nodes: [], knownLength: 0 });
  });
});
