import {
  cacheStep,
  chainPrefixes,
  emptyCacheState,
  isObject,
  partitionOf,
  PLATFORMS,
  readPrompt,
  sweepExpired,
  toCacheRequest,
  withdraw,
  type Block,
  type Breakpoint,
  type CacheEntry,
  type CacheRules,
  type CacheState,
  type JsonObject,
  type PrefixChain,
  type Prompt,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { blockCounter, type CountBlock } from './tokenizers.ts';

/** Input counters of one pass of the model over a prompt. */
export interface InputCounters {
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly uncachedTokens: number;
}

/** A request to bill. */
export interface BillableRequest {
  readonly body: JsonObject;
  readonly workspace: string;
  readonly isBatch: boolean;
  readonly betas: readonly string[];
  readonly startMs: number;
  readonly readyMs: number;
  /** Blocks that the model will answer with: server-tool results among them are read again (spec 2.5). */
  readonly answer: readonly JsonObject[];
  readonly isEvicted: boolean;
}

/** What a request was billed: a list with one item for each pass, more than one only with server tools. */
export interface Billed {
  readonly passes: readonly InputCounters[];
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  readonly written: readonly CacheEntry[];
}

/** An entry as `GET /_emulator/entries` shows it. */
export interface ShownEntry {
  readonly model: string;
  readonly workspace: string;
  readonly tokens: number;
  readonly ttl: string;
  readonly readyMs: number;
  readonly expiresMs: number;
}

/** The cache behind the emulator: the state, and the one function of `core` that moves it. */
export interface CacheServer {
  bill(request: BillableRequest): Billed;
  count(body: JsonObject): number;
  /** A request was given up before its response began: its writes never happened. */
  withdraw(written: readonly CacheEntry[]): void;
  entries(nowMs: number): readonly ShownEntry[];
  reset(): void;
}

/** Requests between two sweeps of expired entries: keeps the state as large as what lives. */
const SWEEP_EVERY = 256;

/** Is this a block after which the service puts its own breakpoint (spec 2.5)? */
function isServerToolResult(block: JsonObject): boolean {
  return typeof block['type'] === 'string' && /.+_tool_result$/.test(block['type']);
}

/** The body with part of the answer appended, as the service reads it again after a server tool. */
function withAnswer(body: JsonObject, answer: readonly JsonObject[]): JsonObject {
  const messages = Array.isArray(body['messages']) ? body['messages'] : [];
  return { ...body, messages: [...messages, { role: 'assistant', content: answer }] };
}

export function createCacheServer(countBlock: CountBlock, rules: CacheRules): CacheServer {
  let state: CacheState = emptyCacheState;
  let billedSinceSweep = 0;

  const read = (body: JsonObject): Prompt => readPrompt(body, { open: rules.open });

  const chain = (prompt: Prompt, request: BillableRequest): PrefixChain => {
    const { body, workspace, isBatch, betas } = request;
    const inferenceGeo = typeof body['inference_geo'] === 'string' ? body['inference_geo'] : null;
    const facts = {
      organization: '',
      workspace,
      modelId: prompt.model.facts.id,
      isBatch,
      inferenceGeo,
      betas,
    };
    return chainPrefixes(prompt, {
      partition: partitionOf(facts, PLATFORMS['claude-api'], rules.open),
      hash: sha256Text,
      countTokens: blockCounter(countBlock, prompt.model.facts),
    });
  };

  const evict = (prefixes: PrefixChain): void => {
    const known = new Set(prefixes.prefixIds);
    const doomed = [...state.entries.entries()].filter(([prefixId]) => known.has(prefixId));
    for (const [, entries] of doomed) state = withdraw(state, entries);
  };

  const onePass = (
    prompt: Prompt,
    prefixes: PrefixChain,
    breakpoints: readonly Breakpoint[],
    request: BillableRequest,
  ) => {
    const cacheRequest = toCacheRequest(prompt, prefixes, breakpoints);
    const [outcome, next] = cacheStep(state, cacheRequest, request, rules);
    state = next;
    return outcome;
  };

  return {
    bill(request) {
      const prompt = read(request.body);
      const prefixes = chain(prompt, request);
      if (request.isEvicted) evict(prefixes);
      billedSinceSweep += 1;
      if (billedSinceSweep % SWEEP_EVERY === 0) state = sweepExpired(state, request.startMs, rules);
      const first = onePass(prompt, prefixes, prompt.breakpoints, request);
      const passes: InputCounters[] = [first];
      const written = [...first.written];
      const results = request.answer.flatMap((block, index) => (isServerToolResult(block) ? [index] : []));
      const serverBlocks: number[] = [];
      for (const index of results) {
        const longer = read(withAnswer(request.body, request.answer.slice(0, index + 1)));
        const longerPrefixes = chain(longer, request);
        serverBlocks.push(longer.blocks.length - 1);
        const breakpoints = withServerBreakpoints(prompt.breakpoints, serverBlocks, rules);
        const pass = onePass(longer, longerPrefixes, breakpoints, { ...request, startMs: request.readyMs });
        passes.push(pass);
        written.push(...pass.written);
      }
      return { passes, prompt, chain: prefixes, written };
    },
    count(body) {
      const prompt = read(body);
      const countOne = blockCounter(countBlock, prompt.model.facts);
      return prompt.blocks.reduce((sum: number, block: Block) => sum + countOne(block), 0);
    },
    withdraw(written) {
      state = withdraw(state, written);
    },
    entries(nowMs) {
      state = sweepExpired(state, nowMs, rules);
      return [...state.entries.entries()].flatMap(([, entries]) =>
        entries.map((entry) => showEntry(entry, rules)),
      );
    },
    reset() {
      state = emptyCacheState;
    },
  };
}

/** The client's breakpoints with the service's own 5m ones; none unless the request has any (spec 2.5). */
function withServerBreakpoints(
  own: readonly Breakpoint[],
  serverBlocks: readonly number[],
  rules: CacheRules,
): readonly Breakpoint[] {
  if (own.length === 0) return own;
  const room = rules.open.serverBreakpointsCount ? 4 - own.length : serverBlocks.length;
  const added = serverBlocks.slice(-Math.max(0, room)).slice(0, Math.max(0, room));
  return [...own, ...added.map((blockIndex): Breakpoint => ({ blockIndex, ttl: '5m', origin: 'server' }))];
}

function showEntry(entry: CacheEntry, rules: CacheRules): ShownEntry {
  const partition: unknown = JSON.parse(entry.partition);
  const [, workspace, model] = Array.isArray(partition) ? partition.map(String) : [];
  return {
    model: model ?? '',
    workspace: workspace ?? '',
    tokens: entry.tokens,
    ttl: entry.ttl,
    readyMs: entry.readyMs,
    expiresMs: entry.expiresMs + rules.slackMs,
  };
}

/** Sums the passes of one request into the counters that its answer shows (spec 5.3). */
export function sumPasses(passes: readonly InputCounters[]): InputCounters {
  const sum = (pick: (pass: InputCounters) => number): number =>
    passes.reduce((total, pass) => total + pick(pass), 0);
  return {
    readTokens: sum((pass) => pass.readTokens),
    write5mTokens: sum((pass) => pass.write5mTokens),
    write1hTokens: sum((pass) => pass.write1hTokens),
    uncachedTokens: sum((pass) => pass.uncachedTokens),
  };
}

/** A JSON object or an empty one. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
