import {
  billTokens,
  cacheStep,
  emptyCacheState,
  noTokens,
  type CacheOutcome,
  type CacheRules,
  type CacheState,
  type PicoUsd,
  type Ttl,
} from '../core/index.ts';
import { isTooShort, pricingFor, worstCost, type PlannedPrompt, type SendablePrompt } from './plan-prompt.ts';

/** What warming one prompt would do; sizes and costs are estimates. */
export interface PromptPreview {
  readonly id: string;
  readonly model: string | null;
  readonly fate: 'send' | 'duplicate' | 'below-minimum' | 'refused';
  /** Why it would not be sent, or not with `max_tokens: 0`; null where there is nothing to say. */
  readonly reason: string | null;
  /** Marked blocks, e.g. `system.0`; the last one ends what will be warm. */
  readonly breakpoints: readonly { readonly path: string; readonly ttl: Ttl }[];
  readonly maxTokens: number;
  /** Size of what will be warm. */
  readonly prefixTokens: number;
  /** In a cache that holds none of it but what the prompts before have written. */
  readonly expectedPicoUsd: PicoUsd;
  /** What is held back of a budget while it is sent; null where nobody can say. */
  readonly worstPicoUsd: PicoUsd | null;
}

/** What a run would do and cost. */
export interface WarmPreview {
  readonly prompts: readonly PromptPreview[];
  readonly requests: number;
  readonly expectedPicoUsd: PicoUsd;
}

function nothing(prompt: PlannedPrompt, fate: PromptPreview['fate'], reason: string | null): PromptPreview {
  const isSendable = 'form' in prompt;
  return {
    id: prompt.id,
    model: prompt.model,
    fate,
    reason,
    breakpoints: isSendable ? prompt.targets.map(({ path, ttl }) => ({ path, ttl })) : [],
    maxTokens: isSendable ? prompt.form.maxTokens : 0,
    prefixTokens: isSendable ? prompt.prefix.tokens : 0,
    expectedPicoUsd: 0n,
    worstPicoUsd: 0n,
  };
}

function costOf(prompt: SendablePrompt, outcome: CacheOutcome, atMs: number): PicoUsd {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const input = { ...noTokens, readTokens, write5mTokens, write1hTokens, uncachedTokens };
  // One token is likely where any are possible; thinking may take all that it is given.
  const tokens = { ...input, outputTokens: prompt.form.maxTokens };
  return billTokens(prompt.facts, tokens, pricingFor(prompt, atMs)).totalPicoUsd;
}

/** Previews prompts in their order, on the model of the cache. */
export function previewPrompts(
  prompts: readonly PlannedPrompt[],
  rules: CacheRules,
  atMs: number,
): WarmPreview {
  let state: CacheState = emptyCacheState;
  const firstOf = new Map<string, string>();
  const previews = prompts.map((prompt): PromptPreview => {
    if ('refusal' in prompt) return nothing(prompt, 'refused', prompt.refusal.message);
    const first = firstOf.get(prompt.prefixId);
    if (first !== undefined) return nothing(prompt, 'duplicate', `its prefix is that of ${first}`);
    firstOf.set(prompt.prefixId, prompt.id);
    if (isTooShort(prompt)) return nothing(prompt, 'below-minimum', shortReason(prompt));
    const [outcome, next] = cacheStep(state, prompt.request, { startMs: atMs, readyMs: atMs }, rules);
    state = next;
    return {
      ...nothing(prompt, 'send', prompt.form.whyNotZero),
      expectedPicoUsd: costOf(prompt, outcome, atMs),
      worstPicoUsd: worstCost(prompt, prompt.form.maxTokens, atMs),
    };
  });
  return {
    prompts: previews,
    requests: previews.filter(({ fate }) => fate === 'send').length,
    expectedPicoUsd: previews.reduce((sum, preview) => sum + preview.expectedPicoUsd, 0n),
  };
}

/** Why a prompt that is certainly too short is not sent. */
export function shortReason({ prefix, facts }: SendablePrompt): string {
  return `about ${prefix.tokens} tokens: shorter than the ${facts.minCacheableTokens} that can be cached`;
}
