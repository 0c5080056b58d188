import {
  defaultCatalogue,
  resolveModel,
  standardPricing,
  type Catalogue,
  type JsonObject,
  type PricingContext,
  type Ttl,
} from '../../core/index.ts';
import { writeParts } from './build-parts.ts';
import { explainPlan, reportSizes, type LayerPlan } from './explain-plan.ts';
import { makeFinding, type LayerFinding } from './finding.ts';
import type { Layer, PlainLayer, RequestParts } from './layer.ts';
import { createVolatileMover, type VolatileMover } from './move-volatile.ts';
import {
  compareStability,
  orderLayers,
  reportMoves,
  reportOrder,
  type CompareLayers,
} from './order-layers.ts';
import { planOrdered, type OrderedPlan, type PlanningContext } from './plan-layers.ts';
import { MOVED_NAME, readLayers } from './read-layers.ts';
import { reportVolatile } from './report-volatile.ts';
import { createMemory, type LayersMemory } from './snapshot.ts';
import { makeStable } from './stable-order.ts';
import { createLayerWatch, type WatchedLayer } from './watch-layers.ts';

/** How layers are built into requests. */
export interface LayersOptions {
  /** Decides minimum, prices and the estimate of tokens. */
  readonly model: string;
  /**
   * Requests an hour that use these layers. The rate decides TTLs and what is worth a breakpoint, so measure it.
   * @default 60, with a finding that says so
   */
  readonly requestsPerHour?: number;
  /**
   * How layers stand inside a level. `stable-first`: what changes most rarely first. `cheapest`: that, or what changes
   * most rarely for each of its tokens first, whichever is expected to cost less; a large layer is sometimes better off
   * before a small one that is a little more stable. `declared`: as declared.
   * @default 'stable-first'
   */
  readonly order?: 'stable-first' | 'cheapest' | 'declared';
  /**
   * Takes lines and sentences with dates, ids or counters that change more often than their layer should out of
   * system text and documents, and puts them behind the last breakpoint as a block of their own, once successive
   * builds have shown them.
   * @default false
   */
  readonly moveVolatile?: boolean;
  /** Sorts tools by name and the keys of their schemas, and reports what moved. @default false */
  readonly stableTools?: boolean;
  /** The models and their prices. @default the shipped ones */
  readonly catalogue?: Catalogue;
  /** What else decides prices: day, batch, geography, speed. @default the newest standard prices */
  readonly pricing?: PricingContext;
}

/** A request built from layers. */
export interface LayeredPrompt<Parts extends RequestParts = RequestParts> {
  /** `tools`, `system` and `messages` with markers, to be sent as they are; a part without layers is absent. */
  readonly request: Pick<Parts, 'tools' | 'system' | 'messages'>;
  readonly plan: LayerPlan;
  readonly findings: readonly LayerFinding[];
}

/** Builds requests from layers and remembers what successive builds had in common. */
export interface Layers<Parts extends RequestParts = RequestParts> extends LayersMemory {
  /** @throws RangeError that names the layer, where a declaration makes no sense. */
  build(declared: readonly Layer<Parts>[]): LayeredPrompt<Parts>;
}

const REQUESTS_PER_HOUR = 60;

/** What changes most rarely for each of its tokens first: for frequent requests that is the cheapest order of two. */
function comparePerToken(plan: OrderedPlan): CompareLayers {
  const tokensOf = new Map(plan.layers.map((layer, index) => [layer.name, plan.sizes[index]?.tokens ?? 0]));
  const weight = (layer: PlainLayer): number =>
    layer.changeIntervalMs * Math.max(1, tokensOf.get(layer.name) ?? 0);
  return (a, b) => {
    const difference = weight(b) - weight(a);
    // Both never, or both with every request.
    return Number.isNaN(difference) || difference === 0 ? compareStability(a, b) : Math.sign(difference);
  };
}

/** Orders and plans layers as the option says. */
export function planInOrder(
  layers: readonly PlainLayer[],
  order: NonNullable<LayersOptions['order']>,
  context: PlanningContext,
): OrderedPlan {
  const first = planOrdered(orderLayers(layers, order === 'declared' ? null : compareStability), context);
  if (order !== 'cheapest') return first;
  const second = planOrdered(orderLayers(layers, comparePerToken(first)), context);
  return second.costPicoUsd < first.costPicoUsd ? second : first;
}

/**
 * The moved text as a layer. It stays system text where nothing behind it is cached; else it joins the last message,
 * unless that is the assistant's, whose words it must not become.
 */
function movedLayer(text: string, plan: OrderedPlan): PlainLayer {
  const last = plan.choices.at(-1)?.index ?? -1;
  const endsWithAssistant = plan.laidOut.messages.at(-1)?.message['role'] === 'assistant';
  const isSystem = plan.layers[last]?.level !== 'messages' || endsWithAssistant;
  return {
    name: MOVED_NAME,
    kind: isSystem ? 'system' : 'documents',
    level: isSystem ? 'system' : 'messages',
    changes: 'per-request',
    changeIntervalMs: 0,
    measuredTokens: null,
    requestsPerHour: null,
    appendsTokens: 0,
    blocks: [{ type: 'text', text }],
    messages: [],
  };
}

interface Movable {
  readonly layers: readonly PlainLayer[];
  readonly movedText: string;
  readonly findings: readonly LayerFinding[];
}

function takeVolatile(
  layers: readonly PlainLayer[],
  mover: VolatileMover,
  { facts }: PlanningContext,
): Movable {
  const texts: string[] = [];
  const findings: LayerFinding[] = [];
  const rest = layers.map((layer) => {
    const taken = mover.take(layer, facts.tokenizer);
    if (!taken) return layer;
    texts.push(taken.text);
    const sentence = `volatile text of ${layer.name} stands behind the last breakpoint: ${JSON.stringify(taken.text.slice(0, 80))}`;
    findings.push(makeFinding('volatile-moved', layer.name, sentence));
    return taken.layer;
  });
  return { layers: rest, movedText: texts.join('\n'), findings };
}

/** What plans depend on besides the layers. @throws RangeError for a rate that is none */
export function contextOf(options: LayersOptions): PlanningContext {
  const { catalogue = defaultCatalogue, requestsPerHour = REQUESTS_PER_HOUR } = options;
  if (!(requestsPerHour >= 0 && Number.isFinite(requestsPerHour)))
    throw new RangeError(`requestsPerHour must be 0 or more, got ${requestsPerHour}`);
  const { facts } = resolveModel(options.model, catalogue);
  // The newest prices are those of the end of time.
  const pricing = options.pricing ?? standardPricing(Number.POSITIVE_INFINITY);
  return { facts, requestsPerHour, pricing, sizes: new WeakMap() };
}

function reportAssumptions(options: LayersOptions): readonly LayerFinding[] {
  const { note } = resolveModel(options.model, options.catalogue);
  const assumed = `no rate was given: ${REQUESTS_PER_HOUR} requests an hour are assumed, and TTLs depend on it`;
  return [
    ...(note === null ? [] : [makeFinding('model-unknown', '', note)]),
    ...(options.requestsPerHour === undefined ? [makeFinding('rate-assumed', '', assumed)] : []),
  ];
}

function ttlsOf(plan: OrderedPlan): ReadonlyMap<string, Ttl> {
  return new Map(plan.choices.map(({ index, ttl }) => [plan.ends[index]?.path.join('.') ?? '', ttl]));
}

/**
 * A prompt as layers by how often they change: stable first, at most four breakpoints and a TTL for each where the
 * expected cost of a request is least (`expected-cost.ts` has the model). The markers of the given content are taken
 * out. Every build is compared with the one before, so keep one of these for each kind of prompt.
 *
 * @example
 * const prompts = layers<Anthropic.MessageCreateParams>({ model: 'claude-sonnet-5-5', requestsPerHour: 120 });
 * const { request } = prompts.build([
 *   { name: 'tools', changes: 'never', tools },
 *   { name: 'handbook', changes: 'daily', system: handbook },
 *   { name: 'question', changes: 'per-request', messages: question },
 * ]);
 * await client.messages.create({ model: 'claude-sonnet-5-5', max_tokens: 1024, ...request });
 */
export function layers<Parts extends RequestParts = RequestParts>(options: LayersOptions): Layers<Parts> {
  const context = contextOf(options);
  const order = options.order ?? 'stable-first';
  const watch = createLayerWatch();
  const mover = createVolatileMover();

  function watchAll(all: readonly PlainLayer[]): ReadonlyMap<string, WatchedLayer> {
    return new Map(
      all.map((layer) => [layer.name, watch.watch(layer, layer.requestsPerHour ?? context.requestsPerHour)]),
    );
  }

  /** What was learnt just now is taken out at once; the next build is compared with what is left. */
  function moveLearnt(
    before: Movable,
    declared: readonly PlainLayer[],
    watched: ReadonlyMap<string, WatchedLayer>,
  ): Movable {
    const tooOften = before.layers.filter((layer) => watched.get(layer.name)?.isTooOften === true);
    if (tooOften.length === 0) return before;
    for (const layer of tooOften)
      mover.learn(layer, watched.get(layer.name) ?? { changes: [], changedShare: 0, isTooOften: false });
    const after = takeVolatile(declared, mover, context);
    for (const layer of after.layers) watch.rebase(layer);
    return after;
  }

  function build(declared: readonly Layer<Parts>[]): LayeredPrompt<Parts> {
    const read = readLayers(declared);
    const stable = read.layers.map((layer) =>
      options.stableTools === true ? makeStable(layer) : { layer, findings: [] },
    );
    const given = stable.map(({ layer }) => layer);
    const isMoving = options.moveVolatile === true;
    const before = isMoving
      ? takeVolatile(given, mover, context)
      : { layers: given, movedText: '', findings: [] };
    const watched = watchAll(before.layers);
    const asWatched = planInOrder(before.layers, order, context);
    const moved = isMoving ? moveLearnt(before, given, watched) : before;
    const bare = moved === before ? asWatched : planInOrder(moved.layers, order, context);
    const plan =
      moved.movedText === ''
        ? bare
        : planInOrder([...moved.layers, movedLayer(moved.movedText, bare)], order, context);
    const request: JsonObject = { ...writeParts(plan.laidOut, ttlsOf(plan)) };
    const findings = [
      ...reportAssumptions(options),
      ...read.findings,
      ...stable.flatMap((each) => each.findings),
      ...reportMoves(moved.layers, bare.layers),
      ...reportOrder(plan.layers, order !== 'stable-first'),
      ...reportSizes(plan, context),
      ...reportVolatile(asWatched, context, watched),
      ...moved.findings,
    ];
    return {
      request: request as LayeredPrompt<Parts>['request'],
      plan: explainPlan(plan, context),
      findings,
    };
  }

  return { build, ...createMemory(watch, mover) };
}
