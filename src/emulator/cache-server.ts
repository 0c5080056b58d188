import {
  cacheStep,
  chainPrefixes,
  emptyCacheState,
  KEY_ORDER,
  partitionOf,
  PLATFORMS,
  readPrompt,
  stringMember,
  sweepExpired,
  toCacheRequest,
  withdraw,
  type Block,
  type Breakpoint,
  type CacheEntry,
  type CacheOutcome,
  type CacheRules,
  type CacheState,
  type JsonObject,
  type PrefixChain,
  type Prompt,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import type { ScriptedUsage } from './script.ts';
import { blockCounter, TOKENIZERS, type CountBlock, type TokenizerName } from './tokenizers.ts';

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
  /** Billed otherwise than asked. */
  readonly scripted: ScriptedUsage | null;
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
export function isServerToolResult(block: JsonObject): boolean {
  return typeof block['type'] === 'string' && /.+_tool_result$/.test(block['type']);
}

/** The body with part of the answer appended, as the service reads it again after a server tool. */
function withAnswer(body: JsonObject, answer: readonly JsonObject[]): JsonObject {
  const messages: readonly unknown[] = Array.isArray(body['messages']) ? body['messages'] : [];
  return withMessages(body, [...messages, { role: 'assistant', content: answer }]);
}

/** A copy with other messages; the note that source key order matters goes along. */
export function withMessages(body: JsonObject, messages: readonly unknown[]): JsonObject {
  const copy: JsonObject = { ...body, messages };
  const note = Object.getOwnPropertyDescriptor(body, KEY_ORDER);
  return note ? Object.defineProperty(copy, KEY_ORDER, note) : copy;
}

/** The state, moved by `cacheStep` alone. */
class ModelledCache implements CacheServer {
  #state: CacheState = emptyCacheState;
  #billedSinceSweep = 0;
  readonly #countBlock: CountBlock;
  readonly #countsOverhead: boolean;
  readonly #rules: CacheRules;

  constructor(tokenizer: TokenizerName, rules: CacheRules) {
    this.#countBlock = TOKENIZERS[tokenizer];
    // Words are what a test can count by looking: nothing is added to them.
    this.#countsOverhead = tokenizer !== 'words';
    this.#rules = rules;
  }

  bill(request: BillableRequest): Billed {
    const prompt = this.#read(request.body);
    const chain = this.#chain(prompt, request);
    if (request.scripted === 'as-if-evicted') this.#evict(chain);
    this.#billedSinceSweep += 1;
    if (this.#billedSinceSweep % SWEEP_EVERY === 0) {
      this.#state = sweepExpired(this.#state, request.startMs, this.#rules);
    }
    const breakpoints = request.scripted === 'hour-as-5m' ? withoutHour(prompt) : prompt.breakpoints;
    const first = this.#step(prompt, chain, breakpoints, request);
    const later = this.#stepAfterServerTools(breakpoints, request);
    const outcomes = [first, ...later];
    const written = outcomes.flatMap((outcome) => outcome.written).map((entry) => this.#asItStands(entry));
    return { passes: outcomes, prompt, chain, written };
  }

  count(body: JsonObject): number {
    const prompt = this.#read(body);
    const countOne = blockCounter(this.#countBlock, prompt.model.facts);
    const { systemTokens, messagesTokens } = prompt.overhead;
    const overhead = this.#countsOverhead ? systemTokens + messagesTokens : 0;
    return prompt.blocks.reduce((sum: number, block: Block) => sum + countOne(block), overhead);
  }

  withdraw(written: readonly CacheEntry[]): void {
    this.#state = withdraw(this.#state, written);
  }

  entries(nowMs: number): readonly ShownEntry[] {
    this.#state = sweepExpired(this.#state, nowMs, this.#rules);
    const all = [...this.#state.entries.entries()].flatMap(([, entries]) => entries);
    return all.map((entry) => showEntry(entry, this.#rules));
  }

  reset(): void {
    this.#state = emptyCacheState;
  }

  /** An entry as the state has it now: a later pass of the same request has renewed what an earlier one wrote. */
  #asItStands(entry: CacheEntry): CacheEntry {
    const entries = this.#state.entries.get(entry.prefixId) ?? [];
    return entries.findLast((other) => other.ttl === entry.ttl && other.readyMs === entry.readyMs) ?? entry;
  }

  #read(body: JsonObject): Prompt {
    return readPrompt(body, { open: this.#rules.open });
  }

  #chain(prompt: Prompt, request: BillableRequest): PrefixChain {
    const { body, workspace, isBatch, betas } = request;
    const inferenceGeo = stringMember(body, 'inference_geo');
    const facts = {
      organization: '',
      workspace,
      modelId: prompt.model.facts.id,
      isBatch,
      inferenceGeo,
      betas,
    };
    return chainPrefixes(prompt, {
      partition: partitionOf(facts, PLATFORMS['claude-api'], this.#rules.open),
      hash: sha256Text,
      countTokens: blockCounter(this.#countBlock, prompt.model.facts),
      countsOverhead: this.#countsOverhead,
    });
  }

  /** Loses every entry on a prompt's path, as the service may under load. */
  #evict(chain: PrefixChain): void {
    for (const prefixId of chain.prefixIds) {
      const entries = this.#state.entries.get(prefixId);
      if (entries) this.#state = withdraw(this.#state, entries);
    }
  }

  #step(
    prompt: Prompt,
    chain: PrefixChain,
    breakpoints: readonly Breakpoint[],
    at: { readonly startMs: number; readonly readyMs: number },
  ): CacheOutcome {
    const [outcome, next] = cacheStep(
      this.#state,
      toCacheRequest(prompt, chain, breakpoints),
      at,
      this.#rules,
    );
    this.#state = next;
    return outcome;
  }

  /** After each server-tool result the model reads the prompt again, longer by what it has answered so far. */
  #stepAfterServerTools(own: readonly Breakpoint[], request: BillableRequest): readonly CacheOutcome[] {
    const serverBlocks: number[] = [];
    return request.answer.flatMap((block, index) => {
      if (!isServerToolResult(block)) return [];
      const longer = this.#read(withAnswer(request.body, request.answer.slice(0, index + 1)));
      serverBlocks.push(longer.blocks.length - 1);
      const breakpoints = withServerBreakpoints(own, serverBlocks, this.#rules);
      const at = { startMs: request.readyMs, readyMs: request.readyMs };
      return [this.#step(longer, this.#chain(longer, request), breakpoints, at)];
    });
  }
}

/** An empty cache with a way of counting and rules. */
export function createCacheServer(tokenizer: TokenizerName, rules: CacheRules): CacheServer {
  return new ModelledCache(tokenizer, rules);
}

/** A prompt's breakpoints as a service has them that keeps nothing for an hour. */
function withoutHour({ breakpoints }: Prompt): readonly Breakpoint[] {
  return breakpoints.map((breakpoint) => ({ ...breakpoint, ttl: '5m' }));
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
