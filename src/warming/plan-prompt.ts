import {
  billTokens,
  chainPrefixes,
  defaultOpenQuestions,
  estimateBlock,
  noTokens,
  partitionOf,
  PLATFORMS,
  readPrompt,
  standardPricing,
  stringMember,
  sumEstimates,
  toCacheRequest,
  type CacheRequest,
  type Catalogue,
  type JsonObject,
  type Level,
  type ModelFacts,
  type PicoUsd,
  type PricingContext,
  type Prompt,
  type TokenEstimate,
  type Ttl,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { chooseForm, type Fallback, type WarmForm } from './choose-form.ts';
import { cutTail } from './cut-tail.ts';
import { markShared, type Target } from './mark-shared.ts';
import type { WarmPrompt, WarmRefusal } from './prompt.ts';
import { worstInputTokens } from './worst-tokens.ts';

/** What a prompt is planned with. */
export interface PlanContext {
  readonly catalogue: Catalogue;
  readonly shared: Level | null;
  readonly ttl: Ttl | null;
  readonly fallback: Fallback;
}

/** A prompt that can be sent. */
export interface SendablePrompt {
  readonly id: string;
  readonly form: WarmForm;
  readonly headers: Readonly<Record<string, string>>;
  readonly isBatch: boolean;
  readonly facts: ModelFacts;
  readonly model: string;
  readonly targets: readonly Target[];
  readonly request: CacheRequest;
  /** The prefix that ends at the last marker: what is to be warm. */
  readonly prefixId: string;
  /** Prefixes at all markers, in prompt order. */
  readonly prefixIds: readonly string[];
  /** Estimated size of that prefix. */
  readonly prefix: TokenEstimate;
  readonly worstTokens: number;
}

/** A prompt that cannot be sent, and why. */
export interface RefusedPrompt {
  readonly id: string;
  readonly model: string | null;
  readonly refusal: WarmRefusal;
}

export type PlannedPrompt = SendablePrompt | RefusedPrompt;

function partitionFor({ model }: Prompt): string {
  const facts = {
    organization: '',
    workspace: '',
    modelId: model.facts.id,
    isBatch: false,
    inferenceGeo: null,
    betas: [],
  };
  return partitionOf(facts, PLATFORMS['claude-api'], defaultOpenQuestions);
}

/** Estimates block by block, and of the prefix up to the last breakpoint with its band. */
function measure(prompt: Prompt): { readonly request: CacheRequest; readonly prefix: TokenEstimate } {
  const estimates = prompt.blocks.map((block) => estimateBlock(block.value, prompt.model.facts.tokenizer));
  let index = -1;
  const chain = chainPrefixes(prompt, {
    partition: partitionFor(prompt),
    hash: sha256Text,
    countTokens: () => {
      index += 1;
      return estimates[index]?.tokens ?? 0;
    },
    countsOverhead: true,
  });
  const request = toCacheRequest(prompt, chain);
  const last = request.breakpoints.at(-1)?.blockIndex ?? -1;
  const { high, low } = sumEstimates(estimates.slice(0, last + 1));
  const tokens = chain.cumulativeTokens[last] ?? 0;
  const added = tokens - estimates.slice(0, last + 1).reduce((sum, estimate) => sum + estimate.tokens, 0);
  return { request, prefix: { tokens, low: low + added, high: high + added } };
}

function findFault(body: JsonObject): WarmRefusal | null {
  if (stringMember(body, 'model') === null) return { code: 'no-model', message: 'it names no model' };
  if ((body['thread'] ?? null) === null) return null;
  return { code: 'thread', message: 'it belongs to a thread, whose prompt the service keeps' };
}

/** Makes the request that warms a prompt, or says why none can. */
export function planPrompt(prompt: WarmPrompt, id: string, context: PlanContext): PlannedPrompt {
  const model = stringMember(prompt.body, 'model');
  const refuse = (refusal: WarmRefusal): RefusedPrompt => ({ id, model, refusal });
  const fault = findFault(prompt.body);
  if (fault || model === null) return refuse(fault ?? { code: 'no-model', message: 'it names no model' });
  const marked = markShared(prompt.body, context);
  if ('refusal' in marked) return refuse(marked.refusal);
  const form = chooseForm(cutTail(marked, context.catalogue), context.fallback);
  if ('refusal' in form) return refuse(form.refusal);
  const read = readPrompt(form.body, { catalogue: context.catalogue });
  const { request, prefix } = measure(read);
  const prefixIds = request.breakpoints.map(({ blockIndex }) => request.prefixIds[blockIndex] ?? '');
  const prefixId = prefixIds.at(-1);
  if (prefixId === undefined) {
    return refuse({ code: 'nothing-shared', message: 'the service drops the block that would be marked' });
  }
  return {
    id,
    form,
    headers: prompt.headers ?? {},
    isBatch: prompt.isBatch ?? false,
    facts: read.model.facts,
    model,
    targets: marked.targets,
    request,
    prefixId,
    prefixIds,
    prefix,
    worstTokens: worstInputTokens(form.body, read),
  };
}

/** Estimates that err more than this do not occur: a prefix that is still too short then is not worth a request. */
const SHORT_MARGIN = 1.5;

/** Is the prefix certainly below the model's minimum, so that sending it would warm nothing (spec 3)? */
export function isTooShort({ prefix, facts }: SendablePrompt): boolean {
  return prefix.high * SHORT_MARGIN < facts.minCacheableTokens;
}

/** What a body says of its price. */
export function pricingFor({ form }: SendablePrompt, atMs: number): PricingContext {
  const { body } = form;
  return {
    ...standardPricing(atMs),
    inferenceGeo: stringMember(body, 'inference_geo'),
    speed: stringMember(body, 'speed'),
  };
}

/** The most that sending a prompt once can cost; null where nobody can say. */
export function worstCost(prompt: SendablePrompt, outputTokens: number, atMs: number): PicoUsd | null {
  if (!Number.isFinite(prompt.worstTokens)) return null;
  const isLong = prompt.targets.some(({ ttl }) => ttl === '1h');
  const input = isLong ? { write1hTokens: prompt.worstTokens } : { write5mTokens: prompt.worstTokens };
  const tokens = { ...noTokens, ...input, outputTokens };
  // The workspace may have a geography of its own, which costs more where it is `us` (spec 9.4).
  const pricing = { ...pricingFor(prompt, atMs), inferenceGeo: 'us' };
  return billTokens(prompt.facts, tokens, pricing).totalPicoUsd;
}
