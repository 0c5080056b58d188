import { gunzipSync } from 'node:zlib';

import { observe, resolveModel, totalInputTokens, type Calibration } from '../core/index.ts';
import type { Miss, PlanSummary, Prediction, RequestRecord, Savings } from '../ledger/index.ts';
import { spliceMarkers, type UsageReading } from '../wire/index.ts';
import { costOf, missOf, predictionOf, pricingOf, savingsOf } from './account.ts';
import { analyse, type Analysis } from './analysis.ts';
import type { CacheModel, Forecast } from './cache-model.ts';
import { createRecordId, type EngineOptions, type Mode } from './options.ts';
import type { RefusedPlans } from './refused-plans.ts';
import { modeOf, scopeOf, tagsOf, type IncomingMessageRequest } from './request-facts.ts';
import { createResponseTap, type ResponseTap } from './response-tap.ts';

/** What all requests of one engine share. */
export interface EngineContext {
  readonly options: EngineOptions;
  readonly cacheModel: CacheModel;
  readonly refusedPlans: RefusedPlans;
  readonly counters: EngineCounters;
  calibration: Calibration;
}

/** What went wrong with our own part; users' requests went through all the same. */
export interface EngineCounters {
  /** Requests whose analysis failed: sent on as they came. */
  failedAnalyses: number;
  /** Answers that could not be accounted for. */
  failedAccounts: number;
  /** Plans that the service refused, after which the original was sent. */
  refusedPlans: number;
}

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
  /** What to send upstream; the original once the plan was refused. */
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
  readonly skipReason: string | null;
  readonly isApplied: boolean;
}

/** Step 1: what is this request, what would caching do for it, and which bytes go out? Fails open. */
function prepare(context: EngineContext, request: IncomingMessageRequest, scope: string, mode: Mode, atMs: number): Prepared {
  const untouched = { bytes: request.body, analysis: null, forecast: null, isApplied: false };
  if (mode === 'off') return { ...untouched, skipReason: 'mode_off' };
  try {
    const found = analyse(request, scope, context.calibration, context.options);
    if ('skipReason' in found) return { ...untouched, skipReason: found.skipReason };
    const isApplied = mode === 'optimize' && !isKnownRefusal(context, scope, found);
    const bytes = isApplied ? spliceMarkers(found.bytes, found.map, found.plan.added).bytes : request.body;
    const breakpoints = isApplied ? found.plan.breakpoints : found.clientPrompt.breakpoints;
    const forecast = context.cacheModel.forecast(found, breakpoints, atMs);
    return { bytes, analysis: found, forecast, skipReason: null, isApplied };
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

function planSummary({ analysis, isApplied }: Prepared): PlanSummary | null {
  if (!analysis) return null;
  const added = analysis.plan.added.map(({ place, path, ttl, reason }) => ({ place, path: path.join('.'), ttl, reason }));
  return { added, declined: analysis.plan.declined, isApplied };
}

/** Longest error answer that is unpacked to see what it is about. */
const ERROR_BYTES_MAX = 1024 * 1024;

function decodeError(body: Uint8Array, encoding: string): string {
  if (encoding !== 'gzip') return Buffer.from(body).toString('utf8');
  try {
    return gunzipSync(body, { maxOutputLength: ERROR_BYTES_MAX }).toString('utf8');
  } catch {
    return '';
  }
}

interface Money {
  readonly usage: RequestRecord['usage'];
  readonly cost: RequestRecord['cost'];
  readonly prediction: Prediction | null;
  readonly savings: Savings | null;
  readonly miss: Miss | null;
}

/** Step 4: price what was billed and hold it against the model. */
function account(context: EngineContext, prepared: Prepared, reading: UsageReading, atMs: number): Money {
  const { usage } = reading;
  if (!usage) return { usage: null, cost: null, prediction: null, savings: null, miss: null };
  const { options } = context;
  const modelId = prepared.analysis ? String(prepared.analysis.body['model']) : (reading.model ?? '');
  const model = resolveModel(modelId, options.catalogue).facts;
  const pricing = pricingOf(usage, atMs);
  const cost = costOf(usage, model, pricing, options.catalogue);
  const { forecast } = prepared;
  if (!forecast) return { usage, cost, prediction: null, savings: null, miss: null };
  return {
    usage,
    cost,
    prediction: predictionOf(forecast, usage),
    savings: savingsOf(forecast, usage, cost, model, pricing),
    miss: missOf(forecast, usage, model, pricing),
  };
}

/** Step 5: let the estimator learn from the bill. */
function learn(context: EngineContext, prepared: Prepared, reading: UsageReading): void {
  const { analysis } = prepared;
  if (!analysis || !reading.usage || !reading.complete) return;
  context.calibration = observe(context.calibration, {
    model: analysis.prompt.model.facts.id,
    estimatedTokens: analysis.estimatedTokens,
    billedTokens: totalInputTokens(reading.usage),
  });
}

const NOTHING: UsageReading = {
  messageId: null,
  model: null,
  stopReason: null,
  usage: null,
  diagnostics: null,
  error: null,
  started: false,
  complete: false,
  skippedEvents: 0,
};

/** Opens one request's way through the engine; see `Exchange` for how to drive it. */
export function openExchange(context: EngineContext, request: IncomingMessageRequest): Exchange {
  const { options, counters } = context;
  const atMs = options.clock.nowMs();
  const id = createRecordId(options.random);
  const scope = scopeOf(request.headers, options.secret);
  const mode = modeOf(request.headers, options.mode);
  let prepared = prepare(context, request, scope, mode, atMs);
  let facts: ResponseFacts | null = null;
  let tap: ResponseTap | null = null;
  let firstByteMs: number | null = null;
  let isResent = false;
  let isOver = false;

  /** Step 2: the service refused our markers: forget the plan, go back to the original. */
  const giveUpPlan = (analysis: Analysis): void => {
    counters.refusedPlans += 1;
    context.refusedPlans.add(scope, analysis.prompt.model.facts.id, analysis.plan, addedTypes(analysis));
    prepared.forecast?.cancel();
    const forecast = context.cacheModel.forecast(analysis, analysis.clientPrompt.breakpoints, options.clock.nowMs());
    prepared = { ...prepared, bytes: request.body, forecast, isApplied: false };
    isResent = true;
    facts = null;
  };

  /** Step 6: one record, whatever happened. */
  const record = (reading: UsageReading, error: string | null): void => {
    const { analysis, skipReason } = prepared;
    const endMs = options.clock.nowMs();
    const model = analysis ? String(analysis.body['model']) : (reading.model ?? '');
    options.ledger.add({
      id,
      atMs,
      scope,
      tags: tagsOf(request.headers),
      path: request.path,
      model,
      modelNote: analysis?.prompt.model.note ?? null,
      mode,
      status: facts?.status ?? 0,
      messageId: reading.messageId,
      stopReason: reading.stopReason,
      ...account(context, prepared, reading, atMs),
      plan: planSummary(prepared),
      skipReason,
      isResent,
      isPartial: reading.started && !reading.complete,
      error: error ?? reading.error?.type ?? null,
      firstByteMs: firstByteMs === null ? null : firstByteMs - atMs,
      totalMs: endMs - atMs,
    });
    learn(context, prepared, reading);
  };

  const finish = (error: string | null): void => {
    if (isOver) return;
    isOver = true;
    if (!facts || facts.status >= 400) prepared.forecast?.cancel();
    const settle = (reading: UsageReading): void => {
      try {
        record(reading, error);
      } catch {
        counters.failedAccounts += 1;
      }
    };
    if (tap) tap.finish(settle);
    else settle(NOTHING);
  };

  return {
    id,
    get bytes() {
      return prepared.bytes;
    },
    // Step 3: the response begins; from now on what the request wrote can be read (spec 4.4).
    responseStart(response) {
      facts = response;
      const isOurs = prepared.isApplied && (prepared.analysis?.plan.added.length ?? 0) > 0;
      if (response.status === 400 && isOurs) return 'hold';
      firstByteMs = options.clock.nowMs();
      if (response.status < 400) prepared.forecast?.begin(firstByteMs);
      tap = createResponseTap(response.contentType, response.contentEncoding);
      return 'pass';
    },
    judgeHeld(body) {
      const { analysis } = prepared;
      const isAboutMarkers = decodeError(body, facts?.contentEncoding ?? '').includes('cache_control');
      if (!analysis || !isAboutMarkers) {
        firstByteMs = options.clock.nowMs();
        tap = createResponseTap(facts?.contentType ?? '', facts?.contentEncoding ?? '');
        return 'pass';
      }
      giveUpPlan(analysis);
      return 'resend';
    },
    data: (chunk) => tap?.push(chunk),
    complete: () => finish(null),
    fail: (reason) => finish(reason),
  };
}
