import type { Level } from '../../core/index.ts';
import { makeFinding, type LayerFinding } from './finding.ts';
import type { PlainLayer } from './layer.ts';

const LEVELS: readonly Level[] = ['tools', 'system', 'messages'];

/** Puts the layer that should come first first: negative when that is `a`. */
export type CompareLayers = (a: PlainLayer, b: PlainLayer) => number;

/** What changes most rarely first. Differences of infinities are no numbers, hence no subtraction. */
export const compareStability: CompareLayers = (a, b) => {
  if (a.changeIntervalMs === b.changeIntervalMs) return 0;
  return a.changeIntervalMs > b.changeIntervalMs ? -1 : 1;
};

function isType(type: string): (block: { readonly type?: unknown }) => boolean {
  return (block) => block.type === type;
}

/** Results must follow the calls they answer at once: nothing may be put between such layers. */
function canStandBefore(messages: PlainLayer): boolean {
  return !messages.messages[0]?.blocks.some(isType('tool_result'));
}

/**
 * Orders the messages level: layers of messages keep their order among each other, for that order is their meaning;
 * each layer of documents goes before the first of them that should come after it.
 */
function orderMessages(layers: readonly PlainLayer[], compare: CompareLayers): readonly PlainLayer[] {
  const ordered = layers.filter((layer) => layer.kind === 'messages');
  const documents = layers.filter((layer) => layer.kind === 'documents').toSorted(compare);
  let from = 0;
  for (const document of documents) {
    const isLater = (layer: PlainLayer, index: number): boolean =>
      index >= from && (layer.kind !== 'messages' || compare(document, layer) <= 0);
    const found = ordered.findIndex(isLater);
    let at = found < 0 ? ordered.length : found;
    // Where results follow their calls, there is room before the calls, not between.
    while (at > from && at < ordered.length && ordered[at]?.kind === 'messages') {
      const after = ordered[at];
      if (after === undefined || canStandBefore(after)) break;
      at -= 1;
    }
    ordered.splice(at, 0, document);
    from = at + 1;
  }
  return ordered;
}

/**
 * Puts layers in prompt order: tools, system, messages, as the API renders them (spec 1.1), and inside each level by
 * `compare`, or as declared without it. Layers that compare equal stay as declared.
 */
export function orderLayers(
  layers: readonly PlainLayer[],
  compare: CompareLayers | null,
): readonly PlainLayer[] {
  return LEVELS.flatMap((level) => {
    const own = layers.filter((layer) => layer.level === level);
    if (compare === null) return own;
    return level === 'messages' ? orderMessages(own, compare) : own.toSorted(compare);
  });
}

/** How often a layer changes, for sentences: `daily`, `every 90 s`. */
export function describeChanges({ changes, changeIntervalMs }: PlainLayer): string {
  if (typeof changes === 'string') return changes;
  if (changeIntervalMs === 0) return 'per-request';
  return changeIntervalMs === Number.POSITIVE_INFINITY ? 'never' : `every ${changeIntervalMs / 1000} s`;
}

function orderReason(before: PlainLayer, layer: PlainLayer): string {
  if (before.level !== layer.level)
    return `the API renders ${before.level} before ${layer.level}, so a change of ${before.name} (${describeChanges(before)}) loses ${layer.name} (${describeChanges(layer)}) too`;
  return `the order of messages is their meaning, so ${layer.name} (${describeChanges(layer)}) stays after ${before.name} (${describeChanges(before)}) and is lost with it`;
}

/**
 * Where the order cannot be stable first: a layer that stands after one that changes more often, with the reason.
 * One finding for a layer, about the one before it that changes most. Where the order is the caller's own, only what
 * no order could mend is reported.
 */
export function reportOrder(ordered: readonly PlainLayer[], isOwnOrder: boolean): readonly LayerFinding[] {
  return ordered.flatMap((layer, index) => {
    const worse = ordered
      .slice(0, index)
      .filter((before) => before.changeIntervalMs < layer.changeIntervalMs)
      .filter((before) => !isOwnOrder || before.level !== layer.level)
      .toSorted((a, b) => a.changeIntervalMs - b.changeIntervalMs)[0];
    return worse ? [makeFinding('order-not-honoured', layer.name, orderReason(worse, layer))] : [];
  });
}

/** Layers that stand elsewhere among those of their level than they were declared. */
export function reportMoves(
  declared: readonly PlainLayer[],
  ordered: readonly PlainLayer[],
): readonly LayerFinding[] {
  return LEVELS.flatMap((level) => {
    const names = (layers: readonly PlainLayer[]): readonly string[] =>
      layers.filter((layer) => layer.level === level).map((layer) => layer.name);
    const after = names(ordered);
    const before = names(declared);
    if (after.join('\n') === before.join('\n')) return [];
    const sentence = `${level}: ${before.join(', ')} became ${after.join(', ')}, what changes rarely first`;
    return [makeFinding('reordered', '', sentence)];
  });
}
