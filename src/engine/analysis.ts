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
import { placeBreakpoints, toPlannedRequest, type LearnedPlan, type Plan } from '../planner/index.ts';
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
  readonly plan: Plan;
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

/**
 * Reads a request and plans its breakpoints. Never changes a byte; a body that cannot be read, or that must
 * not be touched, is skipped with the reason.
 */
export function analyse(
  request: IncomingMessageRequest,
  scope: string,
  atMs: number,
  context: AnalysisContext,
): Analysis | Skipped {
  const { options } = context;
  if (request.isTooLong) return { skipReason: 'body_too_large' };
  if (isEncoded(request.headers)) return { skipReason: 'encoded_body' };
  const read = context.reader.read(request.body);
  if (!read.ok) return { skipReason: 'not_json' };
  if ((read.value['thread'] ?? null) !== null) return { skipReason: 'thread' };
  const { catalogue, rules } = options;
  const clientPrompt = readPrompt(read.value, { catalogue, open: rules.open, memory: context.memory });
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
  const plan = placeBreakpoints(prompt, learned);
  const estimatedTokens = estimate.rawTokens();
  return { body: read.value, bytes, map, clientPrompt, prompt, chain, plan, learned, estimatedTokens };
}
