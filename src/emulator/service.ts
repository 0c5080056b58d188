import {
  defaultCacheRules,
  isObject,
  resolveModel,
  scaleTtls,
  type CacheEntry,
  type CacheRules,
  type JsonObject,
  type ModelFacts,
  type OpenQuestions,
} from '../core/index.ts';
import { createId, seededRandom, type Random } from '../runtime/index.ts';
import type { WireMessage } from '../wire/index.ts';
import { composeContainer, composeMessage, type WireUsageAnswer } from './answer.ts';
import { admitThinking, bindSummary, bindThinking, summaryProblem, type BindingMode } from './binding.ts';
import {
  createCacheServer,
  type BillableRequest,
  type CacheServer,
  type ShownEntry,
} from './cache-server.ts';
import type { EmulatorClock } from './clock.ts';
import { applyCompacted, compactionProblem, signedBlock } from './compaction.ts';
import { createDiagnostics, type DiagnosticsService } from './diagnostics.ts';
import type { ApiError } from './errors.ts';
import { generate, type Generated } from './generate.ts';
import { createScriptQueue, scriptedError, type ScriptEntry, type ScriptQueue } from './script.ts';
import { blockCounter, TOKENIZERS, type CountBlock, type TokenizerName } from './tokenizers.ts';
import { validateBody, type Endpoint } from './validate.ts';

/** What decides how the emulator answers; times in ms. */
export interface ServiceOptions {
  readonly tokenizer: TokenizerName;
  /** Time from a request's arrival to the beginning of its response. */
  readonly ttftMs: number;
  /** How long an entry outlives its TTL. */
  readonly slackMs: number;
  /** Divides every TTL, for tests in real time. */
  readonly ttlScale: number;
  readonly seed: number;
  /** Positions of switches that no source settles; defaults for the rest (spec 15). */
  readonly open?: Partial<OpenQuestions>;
  /** Whether thinking blocks are bound to model and conversation. */
  readonly binding: BindingMode;
  /** A time in ms since 1970 as RFC 3339. */
  readonly formatTime: (timeMs: number) => string;
}

/** How long a container lives. */
const CONTAINER_LIFETIME_MS = 30 * 86_400_000;

/** A request as it came in. */
export interface IncomingRequest {
  readonly body: unknown;
  readonly workspace: string;
  readonly betas: readonly string[];
  /** Delay of the response that the request itself asks for; null for the configured one. */
  readonly beginAfterMs: number | null;
}

/** An answer that is ready to be sent when the clock reaches `beginMs`. */
export interface PreparedAnswer {
  readonly message: WireMessage;
  readonly startUsage: WireUsageAnswer;
  readonly isStream: boolean;
  readonly beginMs: number;
  readonly script: ScriptEntry;
  /** The client left before the response began: nothing was written. */
  abandon(): void;
}

export type MessagesResult = { readonly answer: PreparedAnswer } | { readonly error: ApiError };

/** The emulator without HTTP. */
export interface EmulatorService {
  messages(request: IncomingRequest): MessagesResult;
  countTokens(body: unknown): { readonly tokens: number } | { readonly error: ApiError };
  /** Bills and answers one request of a batch at once. */
  batchItem(request: IncomingRequest): { readonly message: WireMessage } | { readonly error: ApiError };
  appendScript(value: unknown): string | null;
  entries(): { readonly nowMs: number; readonly entries: readonly ShownEntry[] };
  createId(prefix: string): string;
  reset(): void;
}

class ModelledService implements EmulatorService {
  readonly #options: ServiceOptions;
  readonly #clock: EmulatorClock;
  readonly #countBlock: CountBlock;
  readonly #cache: CacheServer;
  readonly #diagnostics: DiagnosticsService;
  readonly #script: ScriptQueue = createScriptQueue();
  readonly #random: Random;

  constructor(options: ServiceOptions, clock: EmulatorClock) {
    const rules: CacheRules = {
      ...scaleTtls(defaultCacheRules, options.ttlScale),
      slackMs: options.slackMs,
      open: { ...defaultCacheRules.open, ...options.open },
    };
    this.#options = options;
    this.#clock = clock;
    this.#countBlock = TOKENIZERS[options.tokenizer];
    this.#cache = createCacheServer(options.tokenizer, rules);
    this.#diagnostics = createDiagnostics(rules.open.fingerprintLifetimeMs);
    this.#random = seededRandom(options.seed);
  }

  messages(request: IncomingRequest): MessagesResult {
    const accepted = this.#accept(request.body, 'messages');
    if ('error' in accepted) return accepted;
    const { body } = accepted;
    const entry = this.#script.take();
    const failure = entry ? scriptedError(entry) : null;
    if (failure) return { error: failure };
    const { message, startUsage, readyMs, written } = this.#answer(request, body, entry, false);
    const isStream = body['stream'] === true;
    const abandon = (): void => this.#cache.withdraw(written);
    return { answer: { message, startUsage, isStream, beginMs: readyMs, script: entry ?? {}, abandon } };
  }

  countTokens(body: unknown): { readonly tokens: number } | { readonly error: ApiError } {
    const accepted = this.#accept(body, 'count_tokens');
    return 'error' in accepted ? accepted : { tokens: this.#cache.count(accepted.body) };
  }

  batchItem(request: IncomingRequest): { readonly message: WireMessage } | { readonly error: ApiError } {
    const accepted = this.#accept(request.body, 'batch');
    if ('error' in accepted) return accepted;
    return { message: this.#answer(request, accepted.body, null, true).message };
  }

  appendScript(value: unknown): string | null {
    return this.#script.append(value);
  }

  entries(): { readonly nowMs: number; readonly entries: readonly ShownEntry[] } {
    const nowMs = this.#clock.nowMs();
    return { nowMs, entries: this.#cache.entries(nowMs) };
  }

  createId(prefix: string): string {
    return createId(prefix, this.#random);
  }

  reset(): void {
    this.#cache.reset();
    this.#script.clear();
    this.#diagnostics.reset();
  }

  /** The body as it is answered and billed, or why it is not. */
  #accept(body: unknown, endpoint: Endpoint): { readonly body: JsonObject } | { readonly error: ApiError } {
    const error = validateBody(body, endpoint);
    if (error || !isObject(body)) return { error: error ?? internalError };
    const isStrict = this.#options.binding === 'strict';
    const signed = isStrict ? signedBlock(body) : null;
    const problem = compactionProblem(body) ?? (signed && summaryProblem(signed));
    if (problem) return { error: problem };
    const seen = applyCompacted(body);
    return isStrict ? admitThinking(seen) : { body: seen };
  }

  /** Bills a valid request and puts its answer together; the cache moves here and nowhere else. */
  #answer(request: IncomingRequest, body: JsonObject, entry: ScriptEntry | null, isBatch: boolean): Answered {
    const { facts } = resolveModel(String(body['model']));
    const startMs = this.#clock.nowMs();
    // A stall before the first byte of a JSON answer is a response that begins later.
    const stallMs = body['stream'] === true ? 0 : (entry?.stallMs ?? 0);
    const readyMs = startMs + (isBatch ? 0 : (request.beginAfterMs ?? this.#options.ttftMs) + stallMs);
    const { workspace, betas } = request;
    const billable = { body, workspace, isBatch, betas, startMs, readyMs, scripted: entry?.usage ?? null };
    const generated = this.#generate(billable, entry, facts);
    const { prompt, written } = generated;
    const id = this.createId('msg');
    const countTokens = blockCounter(this.#countBlock, facts);
    const diagnostics = this.#diagnostics.diagnose({
      messageId: id,
      body,
      prompt,
      workspace,
      betas,
      atMs: startMs,
      countTokens,
    });
    const expiresAt = this.#options.formatTime(startMs + CONTAINER_LIFETIME_MS);
    const container = composeContainer(body, this.#random, expiresAt);
    const parts = {
      ...generated,
      body,
      model: facts,
      countBlock: this.#countBlock,
      isBatch,
      id,
      diagnostics,
      container,
    };
    return { ...composeMessage(parts), readyMs, written };
  }

  /** What is answered, and what the cache bills for it. */
  #generate(
    billable: Omit<BillableRequest, 'answer'>,
    entry: ScriptEntry | null,
    model: ModelFacts,
  ): Generated {
    const isStrict = this.#options.binding === 'strict';
    return generate(billable, entry, {
      cache: this.#cache,
      random: this.#random,
      countTokens: (block) => this.#countBlock(block, model),
      signThinking: isStrict ? bindThinking : null,
      signSummary: isStrict ? bindSummary : () => createId('cmp', this.#random, 48),
    });
  }
}

/** An emulator at a clock, its cache empty. */
export function createService(options: ServiceOptions, clock: EmulatorClock): EmulatorService {
  return new ModelledService(options, clock);
}

interface Answered {
  readonly message: WireMessage;
  readonly startUsage: WireUsageAnswer;
  readonly readyMs: number;
  readonly written: readonly CacheEntry[];
}

const internalError: ApiError = {
  status: 500,
  type: 'api_error',
  message: 'the body passed validation but is no object',
};
