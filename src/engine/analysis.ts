import {
  chainPrefixes,
  partitionOf,
  PLATFORMS,
  readPrompt,
  stringMember,
  type Calibration,
  type JsonObject,
  type PartitionFacts,
  type PrefixChain,
  type Prompt,
} from '../core/index.ts';
import {
  placeBreakpoints,
  stepBack,
  toPlannedRequest,
  type FamilyOf,
  type LearnedPlan,
  type NeverWorse,
  type Plan,
  type World,
} from '../planner/index.ts';
import { findSite, removeMarkers, scanBody, type BodyMap, type BodyReader } from '../wire/index.ts';
import { estimatePrompt, type EstimateMemory, type PromptEstimate } from './estimates.ts';
import type { EngineOptions } from './options.ts';
import type { PromptMemory } from './prompt-memory.ts';
import { betasOf, isEncoded, type IncomingMessageRequest } from './request-facts.ts';

/** All that is known of a request before it is sent. */
export interface Analysis {
  readonly body: JsonObject;
  /** The bytes that the plan is about: the client's, without its markers under `placement: override`. */
  readonly bytes: Buffer;
  readonly map: BodyMap;
  /** The prompt as the client sent it. */
  readonly clientPrompt: Prompt;
  /** The same without the client's markers where they are overridden. */
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  /** What to do: our own plan, or what its family has stepped back to. */
  readonly plan: Plan;
  readonly ownPlan: Plan;
  readonly world: World;
  /** Whose requests are judged together. */
  readonly family: FamilyOf;
  /** What the plan was made from, for telling the planner what became of it. */
  readonly learned: LearnedPlan;
  /** Uncalibrated estimate of the whole prompt, for learning from the bill. */
  readonly estimatedTokens: number;
}

/** Why a body is passed on as it is. */
export interface Skipped {
  readonly skipReason: string;
}

/** What an analysis draws on besides the request. */
export interface AnalysisContext {
  readonly options: EngineOptions;
  readonly calibration: Calibration;
  readonly estimates: EstimateMemory;
  readonly reader: BodyReader;
  readonly memory: PromptMemory;
}

function chainOf(
  prompt: Prompt,
  partition: PartitionFacts,
  estimate: PromptEstimate,
  { options, memory }: AnalysisContext,
): PrefixChain {
  const platform = PLATFORMS['claude-api'];
  return chainPrefixes(prompt, {
    partition: partitionOf(partition, platform, options.rules.open),
    hash: (text) => memory.hashSettings(text),
    countTokens: (block, prefixId) => estimate.next(block, prefixId),
    platform,
    countsOverhead: true,
    extend: (prefix, block) => memory.extend(prefix, block),
  });
}

/** What to do in the world that the request's family follows. */
function planFor(found: Omit<Analysis, 'plan' | 'estimatedTokens'>, guard: NeverWorse): Plan {
  const { world, family, prompt, clientPrompt, learned, ownPlan } = found;
  if (world === 'own') return ownPlan;
  // Where the client's markers are overridden, to follow the client is to leave them.
  const kept = world === 'client' ? clientPrompt : prompt;
  return stepBack(kept, learned, world, guard.lossAgainst(family, world));
}

/** A request that has been read, and not yet planned: what it asks for is known, and nothing was learned from it. */
export interface ReadRequest {
  readonly body: JsonObject;
  readonly bytes: Buffer;
  readonly map: BodyMap;
  readonly clientPrompt: Prompt;
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  readonly estimate: PromptEstimate;
}

/** Reads a request. Never changes a byte; one that cannot be read, or that must not be touched, is skipped with the reason. */
export function readRequest(
  request: IncomingMessageRequest,
  scope: string,
  context: AnalysisContext,
): ReadRequest | Skipped {
  const { options } = context;
  if (request.isTooLong) return { skipReason: 'body_too_large' };
  if (isEncoded(request.headers)) return { skipReason: 'encoded_body' };
  const read = context.reader.read(request.body);
  if (!read.ok) return { skipReason: 'not_json' };
  if ((read.value['thread'] ?? null) !== null) return { skipReason: 'thread' };
  const { catalogue, rules } = options;
  const clientPrompt = readPrompt(read.value, { catalogue, open: rules.open, blocks: read.blocks });
  const isOverride = options.placement === 'override' && clientPrompt.markerProblem === null;
  const bytes = isOverride ? removeMarkers(request.body, read.map) : request.body;
  const map = isOverride ? scanBody(bytes) : read.map;
  if (!map.ok) return { skipReason: 'not_json' };
  const prompt: Prompt = isOverride ? { ...clientPrompt, breakpoints: [], markerCount: 0 } : clientPrompt;
  const estimate = estimatePrompt(prompt, context.calibration, context.estimates);
  const partition: PartitionFacts = {
    organization: '',
    workspace: scope,
    modelId: prompt.model.facts.id,
    isBatch: false,
    inferenceGeo: stringMember(read.value, 'inference_geo'),
    betas: betasOf(request.headers),
  };
  const chain = chainOf(prompt, partition, estimate, context);
  return { body: read.value, bytes, map, clientPrompt, prompt, chain, estimate };
}

/** Plans the breakpoints of a request that is sent now; the planner learns that it was made. */
export function planRequest(read: ReadRequest, atMs: number, { options }: AnalysisContext): Analysis {
  const { body, bytes, map, clientPrompt, prompt, chain, estimate } = read;
  const learned = options.planner.plan(
    toPlannedRequest({
      prompt,
      chain,
      cumulativeHighTokens: estimate.cumulativeHighTokens(),
      // A member must not be there twice, `null` included.
      canSplice: (block) => findSite(map, block.path)?.markers.length === 0,
      atMs,
    }),
  );
  const ownPlan = placeBreakpoints(prompt, learned);
  const family = { group: chain.partition, application: learned.request.application };
  const world = options.guard.worldFor(family);
  const found = { body, bytes, map, clientPrompt, prompt, chain, ownPlan, world, family, learned };
  return { ...found, plan: planFor(found, options.guard), estimatedTokens: estimate.rawTokens() };
}

/** Reads a request and plans its breakpoints. */
export function analyse(
  request: IncomingMessageRequest,
  scope: string,
  atMs: number,
  context: AnalysisContext,
): Analysis | Skipped {
  const read = readRequest(request, scope, context);
  return 'skipReason' in read ? read : planRequest(read, atMs, context);
}
