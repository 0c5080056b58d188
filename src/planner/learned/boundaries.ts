import { endOf, type PrefixNode } from './prefix-tree.ts';
import type { PlaceName, PlannedRequest, TailKind } from './request.ts';
import { sizeClass, type ReuseClasses } from './reuse-classes.ts';
import { noCounts, reuseChance, type ReuseChance, type ReuseCounts } from './statistics.ts';

/** A place on a request's path where a breakpoint could pay. */
export class Boundary {
  /** Last block that a breakpoint there covers. */
  readonly index: number;
  readonly tokens: number;
  readonly place: Exclude<PlaceName, 'read'>;
  readonly node: PrefixNode;
  /** What learns from when the prefix is used again, the widest class first. */
  readonly classes: readonly ReuseCounts[];
  readonly #isDoubtful: boolean;
  #chance: ReuseChance | null = null;

  constructor(facts: Pick<Boundary, 'index' | 'tokens' | 'place' | 'node' | 'classes'>, isDoubtful: boolean) {
    this.index = facts.index;
    this.tokens = facts.tokens;
    this.place = facts.place;
    this.node = facts.node;
    this.classes = facts.classes;
    this.#isDoubtful = isDoubtful;
  }

  /** When the prefix will be used again, as far as is known; worked out when first asked for, which most never are. */
  get chance(): ReuseChance {
    this.#chance ??= reuseChance(this.classes, this.#isDoubtful);
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
}

function tailClasses(request: PlannedRequest, newest: Newest, classes: ReuseClasses): readonly ReuseCounts[] {
  const { newest: kind, application } = request;
  const size = sizeClass(newest.freshTokens);
  const turn = Math.min(TURNS_MAX, newest.node.turns);
  const root = `tail ${newest.tail}`;
  return [
    classes.get(root),
    classes.get(`${root}|${kind}`),
    classes.get(`${root}|${kind}|${size}|${turn}`),
    classes.get(`${root}|${kind}|${size}|of ${application}`),
  ];
}

/** Classes of what requests of one application share, looked up once for a request. */
interface SharedClasses {
  readonly all: ReuseCounts;
  readonly ofApplication: () => ReuseCounts;
  readonly byPopularity: (popularity: number) => ReuseCounts;
}

function sharedClasses(application: number, classes: ReuseClasses): SharedClasses {
  const known: ReuseCounts[] = [];
  let ofApplication: ReuseCounts | null = null;
  return {
    all: classes.get('shared'),
    ofApplication: () => (ofApplication ??= classes.get(`shared|${application}`)),
    byPopularity: (popularity) => (known[popularity] ??= classes.get(`shared|${application}|${popularity}`)),
  };
}

function classesOf(
  place: PlaceName,
  node: PrefixNode,
  application: number,
  shared: SharedClasses,
  classes: ReuseClasses,
): readonly ReuseCounts[] {
  node.counts ??= noCounts();
  // A place each: where tools stay and system prompts do not, neither may speak for the other.
  if (place !== 'shared') return [classes.get(place), classes.get(`${place}|${application}`), node.counts];
  const popularity = Math.min(POPULARITY_MAX, sizeClass(1 + (node.counts.judged[0] ?? 0)));
  return [shared.all, shared.ofApplication(), shared.byPopularity(popularity), node.counts];
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
  const shared = sharedClasses(request.application, classes);
  let from = -1;
  for (const node of worthALook(nodes, request)) {
    const isTail = node === newest.node;
    const end = isTail ? request.length - 1 : endOf(node) - 1;
    const index = lastMarkable(request, from, end);
    if (index < 0) continue;
    const layer = request.layers.find(({ length }) => length === end + 1);
    const place = layer?.place ?? (isTail ? 'tail' : 'shared');
    const own =
      place === 'tail'
        ? tailClasses(request, newest, classes)
        : classesOf(place, node, request.application, shared, classes);
    const isDoubtful = place === 'tail' && newest.tail !== 'plain';
    const tokens = request.cumulativeTokens[index] ?? 0;
    boundaries.push(new Boundary({ index, tokens, place, node, classes: own }, isDoubtful));
    from = index;
  }
  return boundaries;
}
