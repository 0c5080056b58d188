import { BREAKPOINTS_MAX, type Ttl } from '../../core/index.ts';
import { expectedUsd } from './explain-plan.ts';
import { expectedCost, type BoundaryChoice } from './expected-cost.ts';
import type { Layer, RequestParts } from './layer.ts';
import { contextOf, planInOrder, type LayersOptions } from './layers.ts';
import type { OrderedPlan } from './plan-layers.ts';
import { readLayers } from './read-layers.ts';

/** A breakpoint at the end of a layer. */
export interface LayerPlacement {
  readonly layer: string;
  readonly ttl: Ttl;
}

function toChoice({ layers, stack }: OrderedPlan, { layer, ttl }: LayerPlacement): BoundaryChoice {
  const index = layers.findIndex(({ name }) => name === layer);
  if (index < 0) throw new RangeError(`there is no layer ${JSON.stringify(layer)}`);
  if (stack.boundaries[index]?.isCandidate !== true)
    throw new RangeError(
      `no entry can end at ${layer}: it is below the minimum, empty, or can carry no marker`,
    );
  return { index, ttl };
}

/** Spec 1.6 and 4.6. */
function checkChoices(choices: readonly BoundaryChoice[]): void {
  if (choices.length > BREAKPOINTS_MAX)
    throw new RangeError(`the API takes ${BREAKPOINTS_MAX} breakpoints, got ${choices.length}`);
  choices.forEach(({ index, ttl }, order) => {
    const before = choices[order - 1];
    if (before?.index === index) throw new RangeError('a layer ends at one breakpoint only');
    if (before?.ttl === '5m' && ttl === '1h') throw new RangeError('1h must not come after 5m');
  });
}

/**
 * What a request of these layers is expected to cost with breakpoints of one's own, by the model by which `layers()`
 * chooses: USD of input, in the order in which `layers()` would put them. Nothing is remembered.
 *
 * @example priceLayers({ model, requestsPerHour: 60 }, declared, [{ layer: 'tools', ttl: '1h' }]) // 0.0123
 * @throws RangeError for declarations that make no sense, and placements that the API refuses or that can never write
 */
export function priceLayers<Parts extends RequestParts = RequestParts>(
  options: LayersOptions,
  declared: readonly Layer<Parts>[],
  placement: readonly LayerPlacement[],
): number {
  const { layers } = readLayers(declared);
  const plan = planInOrder(layers, options.order ?? 'stable-first', contextOf(options));
  const choices = placement.map((each) => toChoice(plan, each)).toSorted((a, b) => a.index - b.index);
  checkChoices(choices);
  return expectedUsd(expectedCost(plan.stack, choices));
}
