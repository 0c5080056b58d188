import {
  cacheStep,
  chainPrefixes,
  conditionOf,
  defaultCacheRules,
  emptyCacheState,
  LOOKBACK_POSITIONS,
  readPrompt,
  sweepExpired,
  toCacheRequest,
  type BlockPath,
  type Breakpoint,
  type CacheEntry,
  type CacheOutcome,
  type CacheState,
  type JsonObject,
  type PrefixChain,
  type Prompt,
  type Ttl,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { promptTokens, type Billed } from './read-usage.ts';
import type { Sizes } from './sizes.ts';

/** The longest prefix of a prompt that can be read now. */
export interface WarmPrefix {
  readonly blockIndex: number;
  readonly tokens: number;
  readonly expiresMs: number;
}

/** A request with the places of its breakpoints, and what the model of the cache expects of it. */
export interface PlannedRequest {
  readonly paths: readonly BlockPath[];
  readonly outcome: CacheOutcome;
  readonly warm: WarmPrefix | null;
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  readonly breakpoints: readonly Breakpoint[];
  /** Tokens of the whole prompt by plain estimate. */
  readonly estimatedTokens: number;
}

/** `tail`: the last block is written, for the next turn to read. `read-only`: only what is there already is read. */
export type BreakpointUse = 'tail' | 'read-only';

function canMark(prompt: Prompt, index: number): boolean {
  const block = prompt.blocks[index];
  return block !== undefined && block.canCarryMarker && block.isDocumentedCarrier;
}

/** The last block of what stands before the messages, where a breakpoint outlives every cut; -1 without one. */
function pinnedIndex(prompt: Prompt): number {
  return prompt.blocks.findLastIndex(({ level }, index) => level !== 'messages' && canMark(prompt, index));
}

function scaled(chain: PrefixChain, ratio: number): PrefixChain {
  return { ...chain, cumulativeTokens: chain.cumulativeTokens.map((tokens) => Math.round(tokens * ratio)) };
}

/** What this conversation has written to the cache, by the rules that the service follows. */
export class PrefixBook {
  readonly #ttl: Ttl;
  #state: CacheState;

  constructor(ttl: Ttl, entries: readonly CacheEntry[] = []) {
    this.#ttl = ttl;
    const byId = Map.groupBy(entries, ({ prefixId }) => prefixId);
    this.#state = {
      entries: [...byId].reduce((map, [id, same]) => map.put(id, same), emptyCacheState.entries),
    };
  }

  get entries(): readonly CacheEntry[] {
    return [...this.#state.entries.entries()].flatMap(([, same]) => same);
  }

  #findWarm(chain: PrefixChain, nowMs: number): WarmPrefix | null {
    for (let index = chain.prefixIds.length - 1; index >= 0; index -= 1) {
      const same = this.#state.entries.get(chain.prefixIds[index] ?? '') ?? [];
      const live = same.filter((entry) => conditionOf(entry, nowMs, defaultCacheRules) === 'live');
      if (live.length > 0) {
        const expiresMs = Math.max(...live.map((entry) => entry.expiresMs));
        return { blockIndex: index, tokens: chain.cumulativeTokens[index] ?? 0, expiresMs };
      }
    }
    return null;
  }

  /**
   * Places breakpoints: after tools and system, on the last block, and on the longest prefix that is alive where that is
   * too far back for the last breakpoint to find it (spec 2.2). Runs of tool blocks count block by block here, as on
   * platforms that do not collapse them: one marker more costs nothing.
   *
   * @param ratio billed tokens per estimated one, as seen last
   */
  plan(body: JsonObject, sizes: Sizes, ratio: number, nowMs: number, use: BreakpointUse): PlannedRequest {
    const prompt = readPrompt(body);
    const partition = prompt.model.facts.id;
    const plain = chainPrefixes(prompt, {
      partition,
      hash: sha256Text,
      countTokens: (block) => sizes.of(block.value).tokens,
      countsOverhead: true,
    });
    const chain = scaled(plain, ratio);
    const warm = this.#findWarm(chain, nowMs);
    const tail = prompt.blocks.findLastIndex((_block, index) => canMark(prompt, index));
    const places = new Set<number>([pinnedIndex(prompt)]);
    if (use === 'tail') places.add(tail);
    if (warm && (use === 'read-only' || tail - warm.blockIndex >= LOOKBACK_POSITIONS))
      places.add(warm.blockIndex);
    const breakpoints = [...places]
      .filter((index) => canMark(prompt, index))
      .toSorted((a, b) => a - b)
      .map((blockIndex): Breakpoint => ({ blockIndex, ttl: this.#ttl, origin: 'explicit' }));
    const times = { startMs: nowMs, readyMs: nowMs };
    const [outcome] = cacheStep(this.#state, toCacheRequest(prompt, chain, breakpoints), times);
    const paths = breakpoints.map(({ blockIndex }) => prompt.blocks[blockIndex]?.path ?? []);
    const estimatedTokens = plain.cumulativeTokens.at(-1) ?? 0;
    return { paths, outcome, warm, prompt, chain, breakpoints, estimatedTokens };
  }

  /** Takes over what an answered request has written; null where nothing was said of its tokens. */
  settle(planned: PlannedRequest, billed: Billed | null, startMs: number, readyMs: number): void {
    const { readTokens = 0, write5mTokens = 0, write1hTokens = 0 } = billed?.sent ?? {};
    if (billed && readTokens + write5mTokens + write1hTokens === 0) return;
    const estimated = planned.chain.cumulativeTokens.at(-1) ?? 0;
    const isKnown = billed && estimated > 0;
    const ratio = isKnown ? promptTokens(billed.sent, billed.isSummed, estimated) / estimated : 1;
    const chain = scaled(planned.chain, ratio);
    const request = toCacheRequest(planned.prompt, chain, planned.breakpoints);
    const [, state] = cacheStep(this.#state, request, { startMs, readyMs });
    this.#state = sweepExpired(state, startMs, defaultCacheRules);
  }
}

function markBlocks(blocks: unknown, at: ReadonlySet<string>, path: string, marker: JsonObject): unknown {
  if (!Array.isArray(blocks)) return blocks;
  return blocks.map((block: JsonObject, index) =>
    at.has(`${path}.${index}`) ? { ...block, cache_control: marker } : block,
  );
}

/** The body with markers at these places. */
export function markBody(body: JsonObject, paths: readonly BlockPath[], ttl: Ttl): JsonObject {
  const at = new Set(paths.map((path) => path.join('.')));
  const marker = ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
  const messages = (body['messages'] as readonly JsonObject[]).map((message, index) => ({
    ...message,
    content: markBlocks(message['content'], at, `messages.${index}.content`, marker),
  }));
  return {
    ...body,
    ...(body['tools'] !== undefined && { tools: markBlocks(body['tools'], at, 'tools', marker) }),
    ...(body['system'] !== undefined && { system: markBlocks(body['system'], at, 'system', marker) }),
    messages,
  };
}
