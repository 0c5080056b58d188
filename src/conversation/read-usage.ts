import {
  billTokens,
  isObject,
  standardPricing,
  stringMember,
  totalInputTokens,
  type JsonObject,
  type ModelFacts,
  type PicoUsd,
  type TokenCounts,
} from '../core/index.ts';

/** What one answer was billed. */
export interface Billed {
  readonly tokens: TokenCounts;
  readonly costPicoUsd: PicoUsd;
}

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

/** The bill of an answer; null when it says nothing of its tokens. */
export function readBill(answer: object, facts: ModelFacts, atMs: number): Billed | null {
  const { usage } = answer as { readonly usage?: unknown };
  if (!isObject(usage)) return null;
  const tokens = readTokens(usage);
  if (totalInputTokens(tokens) === 0) return null;
  const context = {
    ...standardPricing(atMs),
    inferenceGeo: stringMember(usage, 'inference_geo'),
    speed: stringMember(usage, 'speed'),
  };
  const tools = isObject(usage['server_tool_use']) ? usage['server_tool_use'] : {};
  const cost = billTokens(facts, tokens, context, countOf(tools, 'web_search_requests'));
  return { tokens, costPicoUsd: cost.totalPicoUsd };
}
