import { endOf, type PrefixNode } from './prefix-tree.ts';
import type { PlaceName, PlannedRequest, TailKind } from './request.ts';
import { sizeClass, type ReuseClasses } from './reuse-classes.ts';
import { noCounts, reuseChance, type ReuseChance, type ReuseCounts } from './statistics.ts';

/** A place on a request's path where a breakpoint could pay. */
export interface Boundary {
  /** Last block that a breakpoint there covers. */
  readonly index: number;
  readonly tokens: number;
  readonly place: Exclude<PlaceName, 'read'>;
  readonly node: PrefixNode;
  /** When the prefix is used again, as far as is known. */
  readonly chance: ReuseChance;
  /** What learns from when it really is. */
  readonly classes: readonly ReuseCounts[];
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

function layerClasses(
  node: PrefixNode,
  place: PlaceName,
  application: number,
  classes: ReuseClasses,
): readonly ReuseCounts[] {
  node.counts ??= noCounts();
  return [classes.get('layer'), classes.get(`${place}|${application}`), node.counts];
}

function sharedClasses(node: PrefixNode, application: number, classes: ReuseClasses): readonly ReuseCounts[] {
  node.counts ??= noCounts();
  const popularity = Math.min(POPULARITY_MAX, sizeClass(1 + (node.counts.judged[0] ?? 0)));
  return [
    classes.get('shared'),
    classes.get(`shared|${application}`),
    classes.get(`shared|${application}|${popularity}`),
    node.counts,
  ];
}

function classesOf(
  place: PlaceName,
  request: PlannedRequest,
  node: PrefixNode,
  newest: Newest,
  classes: ReuseClasses,
): readonly ReuseCounts[] {
  if (place === 'tail') return tailClasses(request, newest, classes);
  if (place === 'shared') return sharedClasses(node, request.application, classes);
  return layerClasses(node, place, request.application, classes);
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
  let from = -1;
  for (const node of worthALook(nodes, request)) {
    const isTail = node === newest.node;
    const end = isTail ? request.length - 1 : endOf(node) - 1;
    const index = lastMarkable(request, from, end);
    if (index < 0) continue;
    const layer = request.layers.find(({ length }) => length === end + 1);
    const place = layer?.place ?? (isTail ? 'tail' : 'shared');
    const own = classesOf(place, request, node, newest, classes);
    const chance = reuseChance(own, place === 'tail' && newest.tail !== 'plain');
    boundaries.push({
      index,
      tokens: request.cumulativeTokens[index] ?? 0,
      place,
      node,
      chance,
      classes: own,
    });
    from = index;
  }
  return boundaries;
}
