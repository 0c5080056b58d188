import {
  billTokens,
  isObject,
  noTokens,
  resolveModel,
  standardPricing,
  stringMember,
  totalInputTokens,
  type JsonObject,
  type ModelFacts,
  type PicoUsd,
  type TokenCounts,
} from '../core/index.ts';
import { addTokens } from './state.ts';

/** What one answer was billed. */
export interface Billed {
  /** Of all passes of the model, those that made a summary included (spec 5.3). */
  readonly tokens: TokenCounts;
  /** Of the first pass: what the request as it was sent has read and written. */
  readonly sent: TokenCounts;
  /** Of the last pass that gave an answer: how large the context is. */
  readonly context: TokenCounts;
  readonly costPicoUsd: PicoUsd;
  /** Did the service run tools, and give one sum for the passes around them? */
  readonly isSummed: boolean;
}

/** Of an answer that says nothing of its tokens. */
export const unbilled: Billed = {
  tokens: noTokens,
  sent: noTokens,
  context: noTokens,
  costPicoUsd: 0n,
  isSummed: false,
};

function countOf(usage: JsonObject, name: string): number {
  const value = usage[name];
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Counters of a usage object; writes that it does not split count as those of five minutes (spec 5.2). */
function readTokens(usage: JsonObject): TokenCounts {
  const split = isObject(usage['cache_creation']) ? usage['cache_creation'] : {};
  const write1hTokens = countOf(split, 'ephemeral_1h_input_tokens');
  const written = countOf(usage, 'cache_creation_input_tokens') - write1hTokens;
  return {
    uncachedTokens: countOf(usage, 'input_tokens'),
    readTokens: countOf(usage, 'cache_read_input_tokens'),
    write5mTokens: Math.max(countOf(split, 'ephemeral_5m_input_tokens'), written),
    write1hTokens,
    outputTokens: countOf(usage, 'output_tokens'),
  };
}

/** One pass of the model, at its own prices. */
interface Pass {
  readonly tokens: TokenCounts;
  readonly facts: ModelFacts;
  readonly isReply: boolean;
}

/** The passes of an answer: where it lists them these, for its sums leave summaries out (spec 5.3). */
function readPasses(usage: JsonObject, facts: ModelFacts): readonly Pass[] {
  const listed: unknown = usage['iterations'];
  const passes = (Array.isArray(listed) ? listed : []).filter(isObject).map((pass) => ({
    tokens: readTokens(pass),
    facts: typeof pass['model'] === 'string' ? resolveModel(pass['model']).facts : facts,
    isReply: pass['type'] === 'message',
  }));
  return passes.length > 0 ? passes : [{ tokens: readTokens(usage), facts, isReply: true }];
}

/** Has the service run a tool itself, and read all of the prompt again with what it brought (spec 5.3)? */
function hasServerResult(content: unknown): boolean {
  const blocks = Array.isArray(content) ? content.filter(isObject) : [];
  return blocks.some(({ type }) => typeof type === 'string' && type.endsWith('_tool_result'));
}

/** The bill of an answer; null when it says nothing of its tokens. */
export function readBill(answer: object, facts: ModelFacts, atMs: number): Billed | null {
  const { usage, content } = answer as { readonly usage?: unknown; readonly content?: unknown };
  if (!isObject(usage)) return null;
  const passes = readPasses(usage, facts);
  const tokens = passes.reduce((sum, pass) => addTokens(sum, pass.tokens), noTokens);
  if (totalInputTokens(tokens) === 0) return null;
  const priced = {
    ...standardPricing(atMs),
    inferenceGeo: stringMember(usage, 'inference_geo'),
    speed: stringMember(usage, 'speed'),
  };
  const tools = isObject(usage['server_tool_use']) ? usage['server_tool_use'] : {};
  const searches = countOf(tools, 'web_search_requests');
  const costPicoUsd = passes.reduce((sum, pass, index) => {
    const bill = billTokens(pass.facts, pass.tokens, priced, index === 0 ? searches : 0);
    return sum + bill.totalPicoUsd;
  }, 0n);
  const replies = passes.filter(({ isReply }) => isReply).length;
  const last = passes.findLast(({ isReply }) => isReply) ?? passes.at(-1);
  return {
    tokens,
    sent: passes[0]?.tokens ?? tokens,
    context: last?.tokens ?? tokens,
    costPicoUsd,
    isSummed: replies < 2 && hasServerResult(content),
  };
}

/** Tokens of the prompt of a pass. Where passes are summed there are two at least, and all begin with the prompt. */
export function promptTokens(pass: TokenCounts, isSummed: boolean, expectedTokens: number): number {
  const total = totalInputTokens(pass);
  return isSummed ? Math.min(Math.ceil(total / 2), expectedTokens) : total;
}
