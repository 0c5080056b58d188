import { createHash } from 'node:crypto';
import {
  cacheStep,
  defaultCacheRules,
  emptyCacheState,
  type CacheOutcome,
  type CacheRules,
  type CacheState,
  type OpenQuestions,
  type PrefixChain,
} from '../../src/core/cache/index.ts';
import { PLATFORMS, type PlatformRules } from '../../src/core/catalogue/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { partitionOf } from '../../src/core/partition.ts';
import {
  chainPrefixes,
  readPrompt,
  toCacheRequest,
  type Block,
  type Prompt,
} from '../../src/core/prompt/index.ts';

/** A minute and an hour, in ms. */
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** Models of the golden tests: 512 tokens and configuration inside messages; 1,024 and configuration ahead; last-turn-only. */
export const NEWER = 'claude-opus-5-5';
export const OLDER = 'claude-opus-4-8';
export const LAST_TURN_ONLY = 'claude-sonnet-4-5';

const UNCOUNTED: ReadonlySet<string> = new Set(['type', 'id', 'tool_use_id', 'cache_control']);

/** Words of all string values at any depth, members `type`, `id`, `tool_use_id` and `cache_control` left out. */
export function countWords(value: unknown): number {
  if (typeof value === 'string') return value.split(/\s+/u).filter((word) => word !== '').length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [name, member]) => sum + (UNCOUNTED.has(name) ? 0 : countWords(member)),
    0,
  );
}

/** A text of exactly so many words that no other seed gives. */
function words(count: number, seed = 'w'): string {
  return Array.from({ length: count }, (_, index) => `${seed}${index}`).join(' ');
}

export const text = (count: number, seed = 'w'): JsonObject => ({ type: 'text', text: words(count, seed) });

/** A tool of exactly so many words, its name being one of them. */
export const tool = (name: string, count: number): JsonObject => ({
  name,
  description: words(count - 1, name),
  input_schema: { properties: {} },
});

export const user = (...content: readonly JsonObject[]): JsonObject => ({ role: 'user', content });
export const assistant = (...content: readonly JsonObject[]): JsonObject => ({ role: 'assistant', content });

/** The block with a marker; without a TTL as most clients write it. */
export const marked = (block: JsonObject, ttl?: '5m' | '1h'): JsonObject => ({
  ...block,
  cache_control: ttl ? { type: 'ephemeral', ttl } : { type: 'ephemeral' },
});

export const thinking = (count: number, seed = 'thought'): JsonObject => ({
  type: 'thinking',
  thinking: words(count, seed),
});

export const toolUse = (id: string, input: JsonObject = {}): JsonObject => ({
  type: 'tool_use',
  id,
  name: 'look',
  input,
});

export const toolResult = (id: string, content: unknown = 'found'): JsonObject => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});

/** How a request is sent, besides its body. */
export interface Sending {
  readonly beginsAfterMs?: number;
  readonly organization?: string;
  readonly workspace?: string;
  readonly isBatch?: boolean;
  readonly betas?: readonly string[];
  readonly platform?: PlatformRules;
}

/** What became of a request. */
export interface Sent {
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  readonly outcome: CacheOutcome;
}

/** The service of a golden test: a cache and nothing else, at times that the test gives. */
export interface Service {
  send(body: JsonObject, atMs: number, sending?: Sending): Sent;
  /** The cache as it is, to try things from one state. */
  fork(): Service;
}

/** Rules with some switches other than their defaults. */
export function rulesWith(open: Partial<OpenQuestions>): CacheRules {
  return { ...defaultCacheRules, open: { ...defaultCacheRules.open, ...open } };
}

export function createService(
  rules: CacheRules = defaultCacheRules,
  initial: CacheState = emptyCacheState,
): Service {
  let state = initial;
  return {
    send(body, atMs, sending = {}) {
      const platform = sending.platform ?? PLATFORMS['claude-api'];
      const prompt = readPrompt(body, { open: rules.open });
      const facts = {
        organization: sending.organization ?? 'org',
        workspace: sending.workspace ?? 'workspace',
        modelId: prompt.model.facts.id,
        isBatch: sending.isBatch ?? false,
        inferenceGeo: typeof body['inference_geo'] === 'string' ? body['inference_geo'] : null,
        betas: sending.betas ?? [],
      };
      const chain = chainPrefixes(prompt, {
        partition: partitionOf(facts, platform, rules.open),
        hash: (content: string) => createHash('sha256').update(content).digest('hex'),
        countTokens: (block: Block) => countWords(block.value),
        platform,
      });
      const times = { startMs: atMs, readyMs: atMs + (sending.beginsAfterMs ?? 0) };
      const [outcome, next] = cacheStep(state, toCacheRequest(prompt, chain), times, rules);
      state = next;
      return { prompt, chain, outcome };
    },
    fork: () => createService(rules, state),
  };
}

/** The four counters in one line: read / 1h write / 5m write / uncached. */
export function counters(outcome: CacheOutcome): readonly [number, number, number, number] {
  return [outcome.readTokens, outcome.write1hTokens, outcome.write5mTokens, outcome.uncachedTokens];
}

/** A conversation of one-block user turns of 100 words each, marked at one of them. */
export function turns(count: number, markedAt: readonly number[], model: string = NEWER): JsonObject {
  const messages = Array.from({ length: count }, (_, index) => {
    const block = text(100, `turn${index}-`);
    return user(markedAt.includes(index + 1) ? marked(block) : block);
  });
  return { model, messages };
}
