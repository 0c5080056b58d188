import { endOf, type PrefixNode } from './prefix-tree.ts';
import type { PlaceName, PlannedRequest, TailKind } from './request.ts';
import { sizeClass, type ReuseClasses } from './reuse-classes.ts';
import { chanceWithin5m, noCounts, reuseChance, type ReuseChance, type ReuseCounts } from './statistics.ts';

/** A place on a request's path where a breakpoint could pay. */
export class Boundary {
  /** Last block that a breakpoint there covers. */
  readonly index: number;
  readonly place: Exclude<PlaceName, 'read'>;
  readonly node: PrefixNode;
  readonly #around: Around;
  #classes: readonly ReuseCounts[] | null = null;
  #chance: ReuseChance | null = null;

  constructor(index: number, place: Boundary['place'], node: PrefixNode, around: Around) {
    this.index = index;
    this.place = place;
    this.node = node;
    this.#around = around;
  }

  /** Tokens up to and including the block. */
  get tokens(): number {
    return this.#around.request.cumulativeTokens[this.index] ?? 0;
  }

  /** What learns from when the prefix is used again, the widest class first. Made when first asked for: most never are. */
  get classes(): readonly ReuseCounts[] {
    const { request, newest, classes } = this.#around;
    this.#classes ??=
      this.place === 'tail'
        ? tailClasses(request, newest, classes)
        : sharedClasses(this.place, this.node, request.application, classes);
    return this.#classes;
  }

  /** The nearer half of `chance`, for those of which no more is asked. */
  get within5m(): number {
    return this.#chance?.within5m ?? chanceWithin5m(this.classes);
  }

  /** When the prefix will be used again, as far as is known. */
  get chance(): ReuseChance {
    const isDoubtful = this.place === 'tail' && this.#around.newest.tail !== 'plain';
    this.#chance ??= reuseChance(this.classes, isDoubtful);
    return this.#chance;
  }
}

/** More boundaries than these are not weighed: the layers stay, and of the rest the longest prefixes. */
const BOUNDARIES_MAX = 12;

/** Turns after which a conversation is as good as any longer one. */
const TURNS_MAX = 3;
/** Uses after which a shared prefix is as popular as any more popular one, as a power of two. */
const POPULARITY_MAX = 6;

/** What is known of a request's newest part. */
export interface Newest {
  readonly node: PrefixNode;
  /** Tokens that no request had before. */
  readonly freshTokens: number;
  readonly tail: TailKind;
  /** Requests that ended in its run before. */
  readonly turns: number;
}

/** What the boundaries of one request have in common. */
interface Around {
  readonly request: PlannedRequest;
  readonly newest: Newest;
  readonly classes: ReuseClasses;
}

function tailClasses(request: PlannedRequest, newest: Newest, classes: ReuseClasses): readonly ReuseCounts[] {
  const { newest: kind, application } = request;
  const size = sizeClass(newest.freshTokens);
  const root = `tail ${newest.tail}`;
  return [
    classes.get(root),
    classes.get(`${root}|${kind}`),
    classes.get(`${root}|${kind}|${size}|${Math.min(TURNS_MAX, newest.turns)}`),
    classes.get(`${root}|${kind}|${size}|of ${application}`),
  ];
}

/** Classes of what several requests share, the run's own among them. */
function sharedClasses(
  place: PlaceName,
  node: PrefixNode,
  application: number,
  classes: ReuseClasses,
): readonly ReuseCounts[] {
  node.counts ??= noCounts();
  // A place each: where tools stay and system prompts do not, neither may speak for the other.
  if (place !== 'shared') return [classes.get(place), classes.get(`${place}|${application}`), node.counts];
  const popularity = Math.min(POPULARITY_MAX, sizeClass(1 + (node.counts.judged[0] ?? 0)));
  return [...classes.ofShared(application, popularity), node.counts];
}

/** The last block up to `end`, and behind `from`, on which a breakpoint may stand; -1 without one. */
function lastMarkable(request: PlannedRequest, from: number, end: number): number {
  let index = end;
  while (index > from && !request.canMark(index)) index -= 1;
  return index > from ? index : -1;
}

/** Nodes of a path that are worth a look: an adversary may part a path at every block. */
function worthALook(nodes: readonly PrefixNode[], request: PlannedRequest): readonly PrefixNode[] {
  if (nodes.length <= BOUNDARIES_MAX) return nodes;
  const late = nodes.length - BOUNDARIES_MAX + request.layers.length;
  const isLayerEnd = (node: PrefixNode): boolean =>
    request.layers.some(({ length }) => length === endOf(node));
  return nodes.filter((node, order) => order >= late || isLayerEnd(node));
}

/** Places on a path, shortest prefix first; the last is the tail. */
export function findBoundaries(
  request: PlannedRequest,
  nodes: readonly PrefixNode[],
  newest: Newest,
  classes: ReuseClasses,
): readonly Boundary[] {
  const boundaries: Boundary[] = [];
  const around: Around = { request, newest, classes };
  let from = -1;
  for (const node of worthALook(nodes, request)) {
    const isTail = node === newest.node;
    const end = isTail ? request.length - 1 : endOf(node) - 1;
    const index = lastMarkable(request, from, end);
    if (index < 0) continue;
    const layer = request.layers.find(({ length }) => length === end + 1);
    const place = layer?.place ?? (isTail ? 'tail' : 'shared');
    boundaries.push(new Boundary(index, place, node, around));
    from = index;
  }
  return boundaries;
}
