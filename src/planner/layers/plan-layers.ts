import {
  defaultOpenQuestions,
  estimateBlock,
  noTokens,
  ratesFor,
  readPrompt,
  sumEstimates,
  type Block,
  type ModelFacts,
  type PricingContext,
  type TokenEstimate,
} from '../../core/index.ts';
import {
  lastBlockOf,
  layOut,
  renderedBlocks,
  writeParts,
  type LaidOut,
  type PlacedBlock,
} from './build-parts.ts';
import { chooseBoundaries } from './choose-boundaries.ts';
import {
  expectedCost,
  stackLayers,
  type BoundaryChoice,
  type LayerStack,
  type StackedLayer,
} from './expected-cost.ts';
import type { PlainLayer } from './layer.ts';

/** What a plan depends on besides the layers. */
export interface PlanningContext {
  readonly facts: ModelFacts;
  readonly requestsPerHour: number;
  readonly pricing: PricingContext;
  /** Sizes of layers seen before: one build plans the same layers more than once. */
  readonly sizes: WeakMap<PlainLayer, TokenEstimate>;
}

/** Layers in prompt order with sizes, chosen boundaries and expected cost. */
export interface OrderedPlan {
  readonly layers: readonly PlainLayer[];
  readonly laidOut: LaidOut;
  readonly sizes: readonly TokenEstimate[];
  /** The last rendered block of each layer. */
  readonly ends: readonly (PlacedBlock | null)[];
  readonly stacked: readonly StackedLayer[];
  readonly stack: LayerStack;
  readonly choices: readonly BoundaryChoice[];
  /** Expected pico-dollars of input for one request. */
  readonly costPicoUsd: number;
}

function sizeOf(layer: PlainLayer, { facts, sizes }: PlanningContext): TokenEstimate {
  const { measuredTokens: tokens } = layer;
  if (tokens !== null) return { tokens, low: tokens, high: tokens };
  const known = sizes.get(layer);
  if (known) return known;
  const size = sumEstimates(renderedBlocks(layer).map((block) => estimateBlock(block, facts.tokenizer)));
  sizes.set(layer, size);
  return size;
}

/** The blocks of the request as the cache sees them, by path; strings are found under the block they stand for. */
function readBlocks(laidOut: LaidOut, facts: ModelFacts): ReadonlyMap<string, Block> {
  const prompt = readPrompt({ model: facts.id, ...writeParts(laidOut, new Map()) });
  return new Map(
    prompt.blocks.map((block) => [[...block.path, ...(block.isString ? [0] : [])].join('.'), block]),
  );
}

/** The stack with some layers changed: what would be if they were different. */
export function stackOf(stacked: readonly StackedLayer[], { facts, pricing }: PlanningContext): LayerStack {
  const totalTokens = stacked.reduce((sum, layer) => sum + layer.tokens, 0);
  const rates = ratesFor(facts, { ...noTokens, uncachedTokens: totalTokens }, pricing, defaultOpenQuestions);
  return stackLayers(stacked, facts.minCacheableTokens, rates);
}

/** Chooses breakpoints for layers that are in prompt order. */
export function planOrdered(layers: readonly PlainLayer[], context: PlanningContext): OrderedPlan {
  const laidOut = layOut(layers);
  const blocks = readBlocks(laidOut, context.facts);
  const sizes = layers.map((layer) => sizeOf(layer, context));
  const ends = layers.map((layer) => lastBlockOf(laidOut, layer));
  const stacked = layers.map((layer, index): StackedLayer => {
    const block = blocks.get(ends[index]?.path.join('.') ?? '');
    return {
      name: layer.name,
      tokens: (sizes[index]?.tokens ?? 0) + layer.appendsTokens,
      changeIntervalMs: layer.changeIntervalMs,
      requestsPerHour: layer.requestsPerHour ?? context.requestsPerHour,
      freshTokens: layer.appendsTokens,
      canCarryMarker: block?.canCarryMarker === true && block.isDocumentedCarrier,
    };
  });
  const stack = stackOf(stacked, context);
  const choices = chooseBoundaries(stack);
  const costPicoUsd = expectedCost(stack, choices);
  return { layers, laidOut, sizes, ends, stacked, stack, choices, costPicoUsd };
}
