import {
  defaultCacheRules,
  isObject,
  resolveModel,
  scaleTtls,
  type CacheRules,
  type JsonObject,
} from '../core/index.ts';
import { createId, seededRandom, type Random } from '../runtime/index.ts';
import type { WireMessage } from '../wire/index.ts';
import { composeAnswer, composeMessage, type WireUsageAnswer } from './answer.ts';
import { createCacheServer, type CacheServer, type ShownEntry } from './cache-server.ts';
import type { EmulatorClock } from './clock.ts';
import { createDiagnostics } from './diagnostics.ts';
import type { ApiError } from './errors.ts';
import { createScriptQueue, scriptedError, type ScriptEntry } from './script.ts';
import { blockCounter, TOKENIZERS, type TokenizerName } from './tokenizers.ts';
import { validateBody } from './validate.ts';

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
}

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

export function createService(options: ServiceOptions, clock: EmulatorClock): EmulatorService {
  const rules: CacheRules = { ...scaleTtls(defaultCacheRules, options.ttlScale), slackMs: options.slackMs };
  const countBlock = TOKENIZERS[options.tokenizer];
  const cache: CacheServer = createCacheServer(countBlock, rules);
  const diagnostics = createDiagnostics(rules.open.fingerprintLifetimeMs);
  const script = createScriptQueue();
  const random: Random = seededRandom(options.seed);

  /** Bills a valid request and puts its answer together; the model's state moves here and nowhere else. */
  const answer = (
    request: IncomingRequest,
    body: JsonObject,
    entry: ScriptEntry | null,
    isBatch: boolean,
  ) => {
    const { facts } = resolveModel(String(body['model']));
    const composed = composeAnswer(entry, body, random);
    const startMs = clock.nowMs();
    // A stall before the first byte of a JSON answer is a response that begins later.
    const stallMs = body['stream'] === true ? 0 : (entry?.stallMs ?? 0);
    const readyMs = startMs + (isBatch ? 0 : (request.beginAfterMs ?? options.ttftMs) + stallMs);
    const billed = cache.bill({
      body,
      workspace: request.workspace,
      isBatch,
      betas: request.betas,
      startMs,
      readyMs,
      answer: composed.content,
      isEvicted: entry?.usage === 'as-if-evicted',
    });
    const id = createId('msg', random);
    const diagnosis = diagnostics.diagnose({
      messageId: id,
      body,
      prompt: billed.prompt,
      workspace: request.workspace,
      atMs: startMs,
      countTokens: blockCounter(countBlock, facts),
    });
    const parts = { answer: composed, body, model: facts, countBlock, isBatch, passes: billed.passes };
    return { ...composeMessage({ ...parts, id, diagnostics: diagnosis }), readyMs, written: billed.written };
  };

  return {
    messages(request) {
      const error = validateBody(request.body, 'messages');
      if (error || !isObject(request.body)) return { error: error ?? internalError };
      const entry = script.take();
      const failure = entry ? scriptedError(entry) : null;
      if (failure) return { error: failure };
      const { message, startUsage, readyMs, written } = answer(request, request.body, entry, false);
      const isStream = request.body['stream'] === true;
      const abandon = (): void => cache.withdraw(written);
      return { answer: { message, startUsage, isStream, beginMs: readyMs, script: entry ?? {}, abandon } };
    },
    countTokens(body) {
      const error = validateBody(body, 'count_tokens');
      if (error || !isObject(body)) return { error: error ?? internalError };
      return { tokens: cache.count(body) };
    },
    batchItem(request) {
      const error = validateBody(request.body, 'batch');
      if (error || !isObject(request.body)) return { error: error ?? internalError };
      return { message: answer(request, request.body, null, true).message };
    },
    appendScript: (value) => script.append(value),
    entries() {
      const nowMs = clock.nowMs();
      return { nowMs, entries: cache.entries(nowMs) };
    },
    createId: (prefix) => createId(prefix, random),
    reset() {
      cache.reset();
      script.clear();
      diagnostics.reset();
    },
  };
}

const internalError: ApiError = {
  status: 500,
  type: 'api_error',
  message: 'the body passed validation but is no object',
};
