import { isJudged, type OpenUse } from './open-uses.ts';
import type { ReuseCounts } from './statistics.ts';

/** An entry that the cache is believed to hold, on the edge of a node. */
export interface BelievedEntry {
  /** Block index of the prefix's end. */
  readonly index: number;
  readonly isHour: boolean;
  readyMs: number;
  expiresMs: number;
}

/** A run of blocks that no request has parted yet; it ends where a layer ends, where requests part, or with the longest. */
export interface PrefixNode {
  parent: PrefixNode | null;
  /** Block index of the first key. */
  start: number;
  /** Keys of the prefixes that end with each block of the run. */
  keys: number[];
  childCount: number;
  lastUseMs: number;
  /** In the order in which they were written. */
  entries: readonly BelievedEntry[];
  /** How soon requests come by the end of the run again; null before the first did. */
  counts: ReuseCounts | null;
  /** The latest use of the run's end, or of the place where a request ended inside it. */
  openUse: OpenUse | null;
  openIndex: number;
  /** What missing the hour has cost the conversation that ends here so far, in tokens at the uncached price. */
  debt: number;
  /** Requests that ended in the run. */
  turns: number;
}

/** A request's way along the tree. */
export interface TreePath {
  /** Nodes from the start, all but the last matched to their ends. */
  readonly nodes: PrefixNode[];
  /** Blocks that were known before. */
  readonly knownLength: number;
}

/** Block index behind the last block of a run. */
export function endOf(node: PrefixNode): number {
  return node.start + node.keys.length;
}

/** Prefixes seen, as a radix tree over keys that stand for a whole prefix each. */
export class PrefixTree {
  /** By first key. */
  readonly #nodes = new Map<number, PrefixNode>();
  #blockCount = 0;

  get size(): number {
    return this.#nodes.size;
  }

  get blockCount(): number {
    return this.#blockCount;
  }

  /** The run that consists of one block alone, by its key and index; null where there is none. */
  lastBlock(key: number, index: number): PrefixNode | null {
    const node = this.#nodes.get(key);
    return node?.start === index && node.keys.length === 1 ? node : null;
  }

  /** Follows as much of a path as is known. */
  find(keys: ArrayLike<number>, length: number): TreePath {
    const nodes: PrefixNode[] = [];
    let at = 0;
    while (at < length) {
      const node = this.#nodes.get(keys[at] ?? 0);
      if (!node || node.start !== at) break;
      nodes.push(node);
      const same = sameLength(node, keys, length);
      at = node.start + same;
      if (same < node.keys.length) break;
    }
    return { nodes, knownLength: at };
  }

  /** Makes the whole path known and gives its nodes; a run ends at each of `layerEnds`, which are lengths, ascending. */
  insert(
    keys: ArrayLike<number>,
    length: number,
    path: TreePath,
    layerEnds: readonly number[],
    nowMs: number,
  ): PrefixNode[] {
    const nodes = [...path.nodes];
    const last = nodes.at(-1);
    if (last && path.knownLength < endOf(last) && path.knownLength < length)
      nodes[nodes.length - 1] = this.#split(last, path.knownLength);
    let from = path.knownLength;
    const leaf = nodes.at(-1);
    if (leaf && from < length && leaf.childCount === 0 && !layerEnds.includes(from)) {
      from = this.#append(leaf, keys, from, nextEnd(layerEnds, from, length));
    }
    while (from < length) {
      const to = nextEnd(layerEnds, from, length);
      nodes.push(this.#add(nodes.at(-1) ?? null, from, slice(keys, from, to)));
      from = to;
    }
    for (const node of nodes) node.lastUseMs = nowMs;
    return nodes;
  }

  #append(leaf: PrefixNode, keys: ArrayLike<number>, from: number, to: number): number {
    for (let at = from; at < to; at += 1) leaf.keys.push(keys[at] ?? 0);
    this.#blockCount += to - from;
    return to;
  }

  #add(parent: PrefixNode | null, start: number, keys: number[]): PrefixNode {
    const node = newNode(parent, start, keys);
    this.#blockCount += keys.length;
    if (parent) parent.childCount += 1;
    this.#nodes.set(keys[0] ?? 0, node);
    return node;
  }

  /** Cuts a run in two; the node stays the end of it, and its beginning becomes a node of its own, which is given back. */
  #split(node: PrefixNode, at: number): PrefixNode {
    const upper = newNode(node.parent, node.start, node.keys.slice(0, at - node.start));
    upper.childCount = 1;
    upper.lastUseMs = node.lastUseMs;
    upper.entries = node.entries.filter((entry) => entry.index < at);
    if (node.openUse && node.openIndex < at) {
      upper.openUse = node.openUse;
      upper.openIndex = node.openIndex;
      node.openUse = null;
    }
    node.parent = upper;
    node.start = at;
    node.keys = node.keys.slice(upper.keys.length);
    node.entries = node.entries.filter((entry) => entry.index >= at);
    this.#nodes.set(upper.keys[0] ?? 0, upper);
    this.#nodes.set(node.keys[0] ?? 0, node);
    return upper;
  }

  /** Lets go of what has no further use: entries that have expired, and uses that have taught all they could. */
  tidy(nowMs: number): void {
    for (const node of this.#nodes.values()) {
      if (node.openUse && isJudged(node.openUse)) node.openUse = null;
      if (node.entries.length === 0) continue;
      const kept = node.entries.filter(({ expiresMs }) => expiresMs > nowMs);
      if (kept.length < node.entries.length) node.entries = kept.length > 0 ? kept : NO_ENTRIES;
    }
  }

  /** Forgets runs that were not used since a time, from the ends of paths backwards. */
  forgetBefore(timeMs: number): void {
    for (const node of this.#nodes.values()) {
      let leaf: PrefixNode | null = node;
      while (leaf && leaf.childCount === 0 && leaf.lastUseMs < timeMs) leaf = this.#remove(leaf);
    }
  }

  /** Forgets what was not used for the longest until at most so many runs are left. */
  shrinkTo(runs: number): void {
    if (this.#nodes.size <= runs) return;
    const times = Float64Array.from(this.#nodes.values(), (node) => node.lastUseMs).sort();
    const timeMs = times[times.length - runs - 1] ?? Infinity;
    this.forgetBefore(timeMs);
    // Runs used at one and the same time may be more than are to go.
    for (const node of this.#nodes.values()) {
      let leaf: PrefixNode | null = node;
      while (leaf && leaf.childCount === 0 && leaf.lastUseMs <= timeMs && this.#nodes.size > runs)
        leaf = this.#remove(leaf);
    }
  }

  /** Gives the parent. */
  #remove(leaf: PrefixNode): PrefixNode | null {
    const { parent } = leaf;
    this.#nodes.delete(leaf.keys[0] ?? 0);
    this.#blockCount -= leaf.keys.length;
    // A removed run must not be taken for a leaf again.
    leaf.childCount = -1;
    if (parent) parent.childCount -= 1;
    return parent;
  }
}

/** One list for all runs without entries, which most are. */
const NO_ENTRIES: readonly BelievedEntry[] = [];

function newNode(parent: PrefixNode | null, start: number, keys: number[]): PrefixNode {
  return {
    parent,
    start,
    keys,
    childCount: 0,
    lastUseMs: 0,
    entries: NO_ENTRIES,
    counts: null,
    openUse: null,
    openIndex: -1,
    debt: 0,
    turns: 0,
  };
}

function nextEnd(layerEnds: readonly number[], from: number, length: number): number {
  return layerEnds.find((end) => end > from && end < length) ?? length;
}

function slice(keys: ArrayLike<number>, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, offset) => keys[from + offset] ?? 0);
}

/** Keys of a run that a path shares: since each key stands for all before it, the last that is equal is found by halving. */
function sameLength(node: PrefixNode, keys: ArrayLike<number>, length: number): number {
  let low = 1;
  let high = Math.min(node.keys.length, length - node.start);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (node.keys[middle - 1] === keys[node.start + middle - 1]) low = middle;
    else high = middle - 1;
  }
  return low;
}
