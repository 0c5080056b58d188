import {
  totalInputTokens,
  type CacheOutcome,
  type CacheRules,
  type Level,
  type ModelFacts,
  type PricingContext,
  type TokenCounts,
} from '../core/index.ts';
import {
  explainMisses,
  partsRead,
  partsUpToBlock,
  priceMisses,
  shapeOf,
  type CachedPart,
  type Miss,
  type NotedRequest,
  type PromptOutline,
  type PromptShape,
  type Relation,
  type SeenRequest,
  type SentRequest,
} from '../ledger/index.ts';
import type { Analysis } from './analysis.ts';
import type { Forecast } from './cache-model.ts';
import { readEveryBlock } from './estimates.ts';

/** A request whose misses will be asked for. */
export interface MissTrace {
  readonly shape: PromptShape;
  /** The earlier request that it is compared with; null where none is known. */
  readonly compared: SeenRequest | null;
  /** Its response has begun, to what was sent in the end. */
  begin(forecast: Forecast): void;
  /** It failed. */
  cancel(): void;
  answered(messageId: string | null): void;
  /** What was missed, by the bill of one pass over the prompt. */
  misses(
    forecast: Forecast,
    billed: TokenCounts,
    model: ModelFacts,
    pricing: PricingContext,
  ): readonly Miss[];
}

function bytesByLevel({ map }: Analysis): Record<Level, number> {
  const bytes: Record<Level, number> = { tools: 0, system: 0, messages: 0 };
  if (!map.ok) return bytes;
  for (const { path, span } of map.sites) {
    const level = path[0];
    if (level === 'tools' || level === 'system' || level === 'messages')
      bytes[level] += span.end - span.start;
  }
  return bytes;
}

/** The longest prefix that a request read or wrote, which is what of it is in the cache from then on. */
function cachedPart(sent: CacheOutcome, { asked }: Forecast, prompt: PromptOutline): CachedPart | null {
  const written = sent.breakpoints.findLast(({ verdict }) => verdict === 'written')?.breakpoint;
  const blockIndex = written?.blockIndex ?? sent.hit?.blockIndex;
  if (blockIndex === undefined) return null;
  const parts = partsUpToBlock(prompt, blockIndex);
  const ttl = written?.ttl ?? asked.state.entries.get(prompt.prefixIds[parts - 1] ?? '')?.[0]?.ttl ?? '5m';
  return { parts, ttl, usedMs: asked.startMs };
}

/** Has the model spoken in it before? */
function hasAnswer({ prompt: { blocks } }: Analysis, from: number): boolean {
  for (let index = from; index < blocks.length; index += 1) {
    if (blocks[index]?.role === 'assistant') return true;
  }
  return false;
}

/** So much of what was expected is all of it, sizes being estimated. */
const AS_EXPECTED = 0.97;

/** A request, from when it is sent to its bill. */
export class Trace implements MissTrace {
  readonly shape: PromptShape;
  readonly compared: SeenRequest | null;
  readonly #previous: SeenRequest | null;
  readonly #prompt: PromptOutline;
  readonly #noted: NotedRequest;
  readonly #relations: readonly Relation[];
  readonly #rules: CacheRules;
  readonly #hasUnseenPast: boolean;
  readonly #minimum: number;
  readonly #analysis: Analysis;

  constructor(
    found: {
      readonly prompt: PromptOutline;
      readonly noted: NotedRequest;
      readonly previous: SeenRequest | null;
    },
    relations: readonly Relation[],
    rules: CacheRules,
    analysis: Analysis,
    hasPast: boolean,
  ) {
    this.#prompt = found.prompt;
    this.#noted = found.noted;
    this.#previous = found.previous;
    this.compared = relations[0]?.earlier ?? found.previous;
    this.#relations = relations;
    this.#rules = rules;
    this.#minimum = analysis.prompt.model.facts.minCacheableTokens;
    this.#analysis = analysis;
    // A conversation that goes on was begun somewhere.
    this.#hasUnseenPast = hasPast || hasAnswer(analysis, found.prompt.messagesStart);
    this.shape = shapeOf(found.prompt, bytesByLevel(analysis));
  }

  begin(forecast: Forecast): void {
    const own = cachedPart(forecast.sent, forecast, this.#prompt);
    const inherited = this.#previous?.cached ?? null;
    const isLonger = (inherited?.parts ?? 0) > (own?.parts ?? 0);
    this.#noted.begin(isLonger ? inherited : own);
  }

  cancel(): void {
    this.#noted.cancel();
  }

  answered(messageId: string | null): void {
    this.#noted.answered(messageId);
  }

  misses(
    { sent: outcome, asked }: Forecast,
    billed: TokenCounts,
    model: ModelFacts,
    pricing: PricingContext,
  ): readonly Miss[] {
    const prompt = this.#prompt;
    const total = totalInputTokens(billed);
    if (this.#isAsExpected(outcome, billed)) return [];
    const counted = outcome.breakpoints.filter(({ verdict }) => verdict !== 'below-minimum');
    const partsTo = (blockIndex: number | undefined): number =>
      blockIndex === undefined ? 0 : partsUpToBlock(prompt, blockIndex);
    const sent: SentRequest = {
      prompt,
      atMs: asked.startMs,
      state: asked.state,
      rules: this.#rules,
      expectedParts: partsTo(outcome.hit?.blockIndex),
      markedParts: partsTo(counted.at(-1)?.breakpoint.blockIndex),
      minCacheableTokens: this.#minimum,
    };
    const likely = [sent.expectedParts, ...this.#relations.map(({ earlier }) => earlier.cached?.parts ?? 0)];
    const readParts = partsRead(prompt, billed, likely);
    const missed = explainMisses({
      sent,
      readParts,
      relations: this.#relations,
      isBelowMinimum: total < this.#minimum,
      hasUnseenPast: () => this.#hasUnseenPast,
    });
    const isWhole = missed.every(({ from, to }) => from === 0 && to === prompt.prefixIds.length);
    const sized = isWhole ? prompt : this.#readOut(prompt);
    return priceMisses(missed, sized, { tokens: billed, model, pricing, rules: this.#rules });
  }

  /** The prompt with sizes from all of its text: dollars depend on where in it a part begins. */
  #readOut(prompt: PromptOutline): PromptOutline {
    const all = readEveryBlock(this.#analysis.prompt);
    if (!all) return prompt;
    const tokens = prompt.blockIndices?.map((index) => all[index] ?? 0) ?? all;
    return { ...prompt, tokens };
  }

  /** Was all read that was known, as most of the time? Then nothing has to be looked for. */
  #isAsExpected({ hit, nearMiss, totalTokens }: CacheOutcome, billed: TokenCounts): boolean {
    if (!hit || nearMiss || totalTokens === 0) return false;
    const readParts = partsUpToBlock(this.#prompt, hit.blockIndex);
    const expected = (hit.tokens / totalTokens) * totalInputTokens(billed);
    return (
      billed.readTokens >= expected * AS_EXPECTED &&
      this.#relations.every(({ end, obstacles }) => end <= readParts && obstacles.length === 0)
    );
  }
}
