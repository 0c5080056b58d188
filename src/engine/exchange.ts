import { observe, stringMember, totalInputTokens } from '../core/index.ts';
import type { PlanSummary } from '../ledger/index.ts';
import { asSent, type PlanTicket } from '../planner/index.ts';
import { NOTHING_READ, spliceMarkers, type BilledUsage, type UsageReading } from '../wire/index.ts';
import { accountFor, type Account } from './account.ts';
import { analyse, type Analysis } from './analysis.ts';
import type { Forecast } from './cache-model.ts';
import type { EngineContext } from './context.ts';
import { namesMarkers } from './error-answer.ts';
import { createRecordId, type Mode } from './options.ts';
import { modeOf, scopeOf, tagsOf, type IncomingMessageRequest } from './request-facts.ts';
import { createResponseTap, type ResponseTap } from './response-tap.ts';

/** Headers of an answer that matter here. */
export interface ResponseFacts {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/**
 * One request's way, driven by whoever moves the bytes: send `bytes`, then report what comes back in the order
 * `responseStart`, `data` as often as it comes, and once `complete` or `fail`.
 */
export interface Exchange {
  readonly id: string;
  /** What to send upstream; the original once the plan was refused. Not for a body that is too long to be held. */
  readonly bytes: Buffer;
  /** `hold`: keep this (small) answer back and ask `judgeHeld` with its body. */
  responseStart(facts: ResponseFacts): 'pass' | 'hold';
  /** `resend`: the answer is about our markers; send `bytes`, which now is the original, once more. */
  judgeHeld(body: Uint8Array): 'pass' | 'resend';
  data(chunk: Uint8Array): void;
  complete(): void;
  /** The answer broke off, or never came. */
  fail(reason: string): void;
}

interface Prepared {
  readonly bytes: Buffer;
  readonly analysis: Analysis | null;
  readonly forecast: Forecast | null;
  /** What the planner believes to be written. */
  readonly ticket: PlanTicket | null;
  readonly skipReason: string | null;
  readonly isApplied: boolean;
}

/** Reads, plans and marks; whatever of it fails, the original bytes go out. */
function prepare(
  context: EngineContext,
  request: IncomingMessageRequest,
  scope: string,
  mode: Mode,
  atMs: number,
): Prepared {
  const untouched = { bytes: request.body, analysis: null, forecast: null, ticket: null, isApplied: false };
  if (mode === 'off') return { ...untouched, skipReason: 'mode_off' };
  try {
    const found = analyse(request, scope, atMs, context);
    if ('skipReason' in found) return { ...untouched, skipReason: found.skipReason };
    const isApplied = mode === 'optimize' && !isKnownRefusal(context, scope, found);
    const bytes = isApplied ? spliceMarkers(found.bytes, found.map, found.plan.added).bytes : request.body;
    const breakpoints = isApplied ? found.plan.breakpoints : found.clientPrompt.breakpoints;
    const forecast = context.cacheModel.forecast(found, breakpoints, atMs);
    const ticket = context.options.planner.sent(found.learned, asSent(breakpoints));
    return { bytes, analysis: found, forecast, ticket, skipReason: null, isApplied };
  } catch {
    context.counters.failedAnalyses += 1;
    return { ...untouched, skipReason: 'analysis_failed' };
  }
}

function addedTypes(analysis: Analysis): readonly string[] {
  return analysis.plan.added.map(({ blockIndex }) => analysis.prompt.blocks[blockIndex]?.type ?? '');
}

function isKnownRefusal(context: EngineContext, scope: string, analysis: Analysis): boolean {
  const { plan, prompt } = analysis;
  return context.refusedPlans.has(scope, prompt.model.facts.id, plan, addedTypes(analysis));
}

function summarisePlan({ analysis, isApplied }: Prepared): PlanSummary | null {
  if (!analysis) return null;
  const added = analysis.plan.added.map(({ place, path, ttl, reason }) => ({
    place,
    path: path.join('.'),
    ttl,
    reason,
  }));
  return { added, declined: analysis.plan.declined, isApplied };
}

/** Characters of a model id that are kept. */
const MODEL_LENGTH_MAX = 200;

/** Was the prompt read once? With server tools it is read again after each, and the bill is the sum (spec 5.3). */
function isOnePass({ serverToolUse, iterations }: BilledUsage): boolean {
  return (iterations?.length ?? 0) <= 1 && Object.values(serverToolUse).every((requests) => requests === 0);
}

/** Step 6: let the estimator and the planner learn from the bill. */
function learn(context: EngineContext, prepared: Prepared, reading: UsageReading): void {
  const { analysis, ticket } = prepared;
  if (!analysis || !reading.usage || !reading.complete || !isOnePass(reading.usage)) return;
  const { planner } = context.options;
  if (ticket) planner.billed(ticket, reading.usage.readTokens / Math.max(1, totalInputTokens(reading.usage)));
  context.calibration = observe(context.calibration, {
    model: analysis.prompt.model.facts.id,
    estimatedTokens: analysis.estimatedTokens,
    billedTokens: totalInputTokens(reading.usage),
  });
}

/** One request's way through the engine, from its bytes to its record. The methods stand in the order of the way. */
class OpenExchange implements Exchange {
  readonly id: string;
  readonly #context: EngineContext;
  readonly #request: IncomingMessageRequest;
  readonly #atMs: number;
  readonly #scope: string;
  readonly #mode: Mode;
  #prepared: Prepared;
  #response: ResponseFacts | null = null;
  #tap: ResponseTap | null = null;
  #firstByteMs: number | null = null;
  #isResent = false;
  #isOver = false;

  /** Step 1: whose request is it, what would caching do for it, and which bytes go out? */
  constructor(context: EngineContext, request: IncomingMessageRequest) {
    const { options } = context;
    this.#context = context;
    this.#request = request;
    this.#atMs = options.clock.nowMs();
    this.id = createRecordId(options.random);
    this.#scope = scopeOf(request.headers, context.scopeKey);
    this.#mode = modeOf(request.headers, options.mode);
    this.#prepared = prepare(context, request, this.#scope, this.#mode, this.#atMs);
  }

  get bytes(): Buffer {
    return this.#prepared.bytes;
  }

  /** Step 2: the response begins; from now on what the request wrote can be read (spec 4.4). */
  responseStart(response: ResponseFacts): 'pass' | 'hold' {
    this.#response = response;
    const { analysis, isApplied } = this.#prepared;
    const hasOurs = isApplied && (analysis?.plan.added.length ?? 0) > 0;
    if (response.status === 400 && hasOurs) return 'hold';
    this.#beginResponse(response);
    if (response.status < 400) this.#tryOwn(() => this.#beginEntries());
    return 'pass';
  }

  /** Step 2a, only after a 400: if it is about our markers, forget the plan and go back to the original. */
  judgeHeld(body: Uint8Array): 'pass' | 'resend' {
    const { analysis } = this.#prepared;
    const response = this.#response;
    const isAboutMarkers = namesMarkers(body, response?.contentEncoding ?? '');
    if (analysis && isAboutMarkers) {
      this.#giveUpPlan(analysis);
      return 'resend';
    }
    if (response) this.#beginResponse(response);
    return 'pass';
  }

  /** Step 3: the answer's bytes pass; usage is read beside them. */
  data(chunk: Uint8Array): void {
    this.#tryOwn(() => this.#tap?.push(chunk));
  }

  complete(): void {
    this.#finish(null);
  }

  fail(reason: string): void {
    this.#finish(reason);
  }

  #beginEntries(): void {
    const nowMs = this.#context.options.clock.nowMs();
    const { forecast, ticket } = this.#prepared;
    forecast?.begin(nowMs);
    if (ticket) this.#context.options.planner.begin(ticket, nowMs);
  }

  #cancelEntries(): void {
    const { forecast, ticket } = this.#prepared;
    forecast?.cancel();
    if (ticket) this.#context.options.planner.cancel(ticket);
  }

  #beginResponse(response: ResponseFacts): void {
    this.#firstByteMs = this.#context.options.clock.nowMs();
    this.#tap = createResponseTap(response.contentType, response.contentEncoding);
  }

  #giveUpPlan(analysis: Analysis): void {
    const { counters, refusedPlans, cacheModel, options } = this.#context;
    counters.refusedPlans += 1;
    refusedPlans.add(this.#scope, analysis.prompt.model.facts.id, analysis.plan, addedTypes(analysis));
    this.#tryOwn(() => this.#cancelEntries());
    const bytes = this.#request.body;
    const original: Prepared = { ...this.#prepared, bytes, forecast: null, ticket: null, isApplied: false };
    this.#prepared = original;
    this.#isResent = true;
    this.#response = null;
    this.#tryOwn(() => {
      const { breakpoints } = analysis.clientPrompt;
      const forecast = cacheModel.forecast(analysis, breakpoints, options.clock.nowMs());
      const ticket = options.planner.sent(analysis.learned, asSent(breakpoints));
      this.#prepared = { ...original, forecast, ticket };
    });
  }

  /** Runs a part of our bookkeeping: its failure is counted and never the request's. */
  #tryOwn(run: () => void): void {
    try {
      run();
    } catch {
      this.#context.counters.failedAccounts += 1;
    }
  }

  /** Step 4: the answer is over, whole or not: take its usage, once. */
  #finish(error: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const hasFailed = !this.#response || this.#response.status >= 400;
    if (hasFailed) this.#tryOwn(() => this.#cancelEntries());
    const settle = (reading: UsageReading): void =>
      this.#tryOwn(() => {
        this.#record(reading, error);
        learn(this.#context, this.#prepared, reading);
      });
    if (this.#tap) this.#tryOwn(() => this.#tap?.finish(settle));
    else settle(NOTHING_READ);
  }

  /** Step 5: one record, whatever happened: what was billed, what the model says to it, what was saved. */
  #record(reading: UsageReading, error: string | null): void {
    const { options } = this.#context;
    const { analysis, skipReason } = this.#prepared;
    const atMs = this.#atMs;
    const model = analysis ? (stringMember(analysis.body, 'model') ?? '') : (reading.model ?? '');
    options.ledger.add({
      id: this.id,
      atMs,
      scope: this.#scope,
      tags: tagsOf(this.#request.headers),
      // The query may hold a credential.
      path: this.#request.path.split('?')[0] ?? '',
      model: model.slice(0, MODEL_LENGTH_MAX),
      modelNote: analysis?.prompt.model.note ?? null,
      mode: this.#mode,
      status: this.#response?.status ?? 0,
      messageId: reading.messageId,
      stopReason: reading.stopReason,
      ...this.#account(reading.usage, model),
      plan: summarisePlan(this.#prepared),
      skipReason,
      isResent: this.#isResent,
      isPartial: reading.started && !reading.complete,
      error: error ?? reading.error?.type ?? null,
      firstByteMs: this.#firstByteMs === null ? null : this.#firstByteMs - atMs,
      totalMs: options.clock.nowMs() - atMs,
    });
  }

  /** An answer that cannot be priced still keeps its counters. */
  #account(usage: BilledUsage | null, model: string): Account {
    const { options } = this.#context;
    let account: Account = { usage, cost: null, prediction: null, savings: null, miss: null };
    this.#tryOwn(() => {
      account = accountFor(usage, model, this.#prepared.forecast, this.#atMs, options.catalogue);
    });
    return account;
  }
}

/** Opens one request's way through the engine; see `Exchange` for how to drive it. */
export function openExchange(context: EngineContext, request: IncomingMessageRequest): Exchange {
  return new OpenExchange(context, request);
}
