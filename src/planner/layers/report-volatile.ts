import { pathText } from '../../core/index.ts';
import { placedBlocks } from './build-parts.ts';
import { utf8Bytes, type VolatileKind } from './compare-text.ts';
import { expectedUsd } from './explain-plan.ts';
import { expectedCost } from './expected-cost.ts';
import { makeFinding, type LayerFinding, type TextPlace } from './finding.ts';
import { describeChanges } from './order-layers.ts';
import { stackOf, type OrderedPlan, type PlanningContext } from './plan-layers.ts';
import type { LayerChange, WatchedLayer } from './watch-layers.ts';

/** Changes told of one layer in one build. */
const CHANGES_MAX = 8;
const EXCERPT_CHARS = 60;
const HOUR_MS = 3_600_000;

/** Time between changes under which this share of requests finds something changed (`expected-cost.ts`). */
function intervalOf(changedShare: number, requestsPerHour: number): number {
  if (changedShare >= 1) return 0;
  return (HOUR_MS * (1 - changedShare)) / (requestsPerHour * changedShare);
}

/** What one request costs more, in USD, because a layer changes as often as was seen and not as declared. */
function costOfChanges(
  plan: OrderedPlan,
  context: PlanningContext,
  index: number,
  changedShare: number,
): number {
  const stacked = plan.stacked.map((layer, at) =>
    at === index ? { ...layer, changeIntervalMs: intervalOf(changedShare, layer.requestsPerHour) } : layer,
  );
  return expectedUsd(expectedCost(stackOf(stacked, context), plan.choices) - plan.costPicoUsd);
}

const NAMES: Readonly<Record<VolatileKind, string>> = {
  date: 'a date or time',
  id: 'an id',
  counter: 'a number',
  order: 'the order of its parts',
  text: 'its text',
};

function placeOf(plan: OrderedPlan, layer: string, { path, text }: LayerChange): TextPlace | null {
  const [block, ...members] = path;
  const placed = placedBlocks(plan.laidOut).find(
    (each) => each.layer === layer && each.indexInLayer === block,
  );
  if (!placed || text === null) return null;
  const startByte = utf8Bytes(text.whole, text.start);
  const endByte = utf8Bytes(text.whole, text.end);
  return { path: pathText([...placed.path, ...members]), startByte, endByte };
}

function excerpt({ text }: LayerChange): string {
  if (text === null || text.end === text.start) return '';
  return `, now ${JSON.stringify(text.whole.slice(text.start, Math.min(text.end, text.start + EXCERPT_CHARS)))}`;
}

/**
 * Findings about layers that changed more often than declared: a volatile piece of text each with its byte range, or
 * that the frequency is declared wrongly. `plan` is the one of the layers as they were watched.
 */
export function reportVolatile(
  plan: OrderedPlan,
  context: PlanningContext,
  watched: ReadonlyMap<string, WatchedLayer>,
): readonly LayerFinding[] {
  return plan.layers.flatMap((layer, index): readonly LayerFinding[] => {
    const seen = watched.get(layer.name);
    if (!seen?.isTooOften || seen.changes.length === 0) return [];
    const costUsd = costOfChanges(plan, context, index, seen.changedShare);
    const declared = `declared ${describeChanges(layer)}, changed in ${Math.round(seen.changedShare * 100)} % of the builds`;
    return seen.changes.slice(0, CHANGES_MAX).map((change) => {
      const code = change.kind === 'text' ? 'changes-too-often' : 'volatile-text';
      const sentence = `${layer.name}, ${declared}: ${NAMES[change.kind]} is not what it was${excerpt(change)}`;
      return makeFinding(code, layer.name, sentence, { place: placeOf(plan, layer.name, change), costUsd });
    });
  });
}
