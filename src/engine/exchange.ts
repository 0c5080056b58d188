import { stringMember } from '../core/index.ts';
import type { RequestRecord } from '../ledger/index.ts';
import { asSent } from '../planner/index.ts';
import { NOTHING_READ, type BilledUsage, type UsageReading } from '../wire/index.ts';
import type { Account } from './account.ts';
import type { Analysis, ReadRequest } from './analysis.ts';
import type { EngineContext } from './context.ts';
import type { Exchange, ResponseFacts } from './exchange-port.ts';
import { MissReport } from './miss-report.ts';
import { names } from './error-answer.ts';
import { GatePass } from './gate.ts';
import { settlementOf } from './guard-costs.ts';
import { judge, learn } from './learn.ts';
import { createRecordId, type Mode } from './options.ts';
import { modeOf, routeOf, scopeOf, tagsOf, timesOf, type IncomingMessageRequest } from './request-facts.ts';
import {
  addedTypes,
  addsMarkers,
  ANSWERED,
  leaveUntouched,
  prepare,
  readIncoming,
  summarisePlan,
  type Prepared,
} from './prepare.ts';
import { createResponseTap, type ResponseTap } from './response-tap.ts';

/** Characters of a model id that are kept. */
const MODEL_LENGTH_MAX = 200;

/** One request's way through the engine, from its bytes to its record. The methods stand in the order of the way. */
class OpenExchange implements Exchange {
  readonly id: string;
  readonly #context: EngineContext;
  #request: IncomingMessageRequest;
  readonly #atMs: number;
  readonly #scope: string;
  readonly #mode: Mode;
  /** null: the body is not read. */
  #pass: GatePass | null = null;
  /** Until it is planned, which is when it goes out. */
  #read: ReadRequest | null = null;
  #made: Prepared | null = null;
  readonly #report: MissReport;
  #sentMs: number;
  #response: ResponseFacts | null = null;
  #tap: ResponseTap | null = null;
  #firstByteMs: number | null = null;
  #isResent = false;
  #isCancelled = false;
  #isOver = false;

  /** Step 1: whose request is it, what would caching do for it, and which bytes go out? */
  constructor(context: EngineContext, request: IncomingMessageRequest) {
    const { options } = context;
    this.#context = context;
    this.#request = request;
    this.#report = new MissReport(context);
    this.#atMs = options.clock.nowMs();
    this.id = createRecordId(options);
    this.#scope = scopeOf(request.headers, context.scopeKey);
    this.#mode = modeOf(request.headers, options.mode);
    this.#sentMs = this.#atMs;
    const read = readIncoming(context, request, this.#scope, this.#mode);
    if ('skipReason' in read) {
      this.#made = leaveUntouched(request, read.skipReason);
      return;
    }
    this.#read = read;
    this.#pass = this.#tryOwn(() => new GatePass(context, read, this.#mode, request.headers));
    if (!this.#pass?.mustWait) this.#plan(read);
  }

  /** Step 1a: another writes what this one would read, here or at another gateway: wait for it. */
  ready(): Promise<void> | null {
    const pass = this.#pass;
    if (!pass || !this.#read) return null;
    const turn = this.#made ? pass.takeTurn() : this.#waitForTurn(pass);
    const send = (): void => {
      this.#sentMs = this.#context.options.clock.nowMs();
    };
    const failed = (): void => {
      this.#context.counters.failedAccounts += 1;
    };
    return turn?.then(send, failed) ?? null;
  }

  async #waitForTurn(pass: GatePass): Promise<void> {
    // Planned only then: what it has waited for can be read.
    await pass.hold(() => void this.#prepared);
    if (!this.#isOver) await pass.takeTurn();
  }

  get #prepared(): Prepared {
    if (this.#made) return this.#made;
    return this.#read ? this.#plan(this.#read) : leaveUntouched(this.#request, 'left_waiting');
  }

  #plan(read: ReadRequest): Prepared {
    const atMs = this.#context.options.clock.nowMs();
    this.#sentMs = atMs;
    const made = prepare(this.#context, this.#request, read, { scope: this.#scope, mode: this.#mode, atMs });
    this.#made = made;
    const { analysis, forecast } = made;
    const asker = { id: this.id, scope: this.#scope, mode: this.#mode };
    this.#tryOwn(() => this.#report.observe(made, asker));
    if (analysis && forecast)
      this.#tryOwn(() => this.#context.findings.observe(this.#scope, analysis, forecast, atMs));
    this.#tryOwn(() => this.#pass?.lead(made));
    return made;
  }

  get bytes(): Buffer {
    return this.#report.asking ?? this.#prepared.bytes;
  }

  /** Step 2: the response begins; from now on what the request wrote can be read (spec 4.4). */
  responseStart(response: ResponseFacts): 'pass' | 'hold' {
    this.#response = response;
    const isOurs = !this.#isResent && (addsMarkers(this.#prepared) || this.#report.asking !== null);
    if (response.status === 400 && isOurs) return 'hold';
    this.#beginResponse(response);
    if (response.status < 400) this.#tryOwn(() => this.#beginEntries());
    else this.#writeNothing();
    this.#tryOwn(() => this.#context.keepAlive.refused(this.#scope, response.status));
    return 'pass';
  }

  /** Step 2a, only after a 400: if it is about our markers, forget the plan and go back to the original. */
  judgeHeld(body: Uint8Array): 'pass' | 'resend' {
    const { analysis } = this.#prepared;
    const response = this.#response;
    const isAbout = (member: string): boolean => names(member, body, response?.contentEncoding ?? '');
    if (analysis && isAbout('cache_control')) {
      this.#giveUpPlan(analysis);
      return 'resend';
    }
    if (this.#report.asking && isAbout('diagnostics')) {
      this.#report.drop(true);
      this.#isResent = true;
      this.#response = null;
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
    const { analysis, forecast, ticket } = this.#prepared;
    const { planner, guard } = this.#context.options;
    forecast?.begin(nowMs);
    if (forecast) this.#report.begin(forecast);
    if (ticket) planner.begin(ticket, nowMs);
    if (analysis && forecast)
      guard.settle(analysis.family, settlementOf(analysis, forecast, this.#mode), this.#sentMs);
    this.#pass?.begin(this.#isResent ? null : nowMs - this.#sentMs);
    const origin = { scope: this.#scope, mode: this.#mode, atMs: this.#sentMs };
    this.#context.keepAlive.answered(this.#request, origin, this.#prepared);
  }

  #cancelEntries(): void {
    const { forecast, ticket } = this.#prepared;
    forecast?.cancel();
    if (ticket) this.#context.options.planner.cancel(ticket);
  }

  /** It failed: its entries are taken back before those who wait for them are let go, for they plan anew at once. */
  #writeNothing(): void {
    if (!this.#isCancelled) this.#tryOwn(() => this.#cancelEntries());
    this.#isCancelled = true;
    this.#report.cancel();
    this.#tryOwn(() => this.#pass?.fail());
  }

  #beginResponse(response: ResponseFacts): void {
    this.#firstByteMs = this.#context.options.clock.nowMs();
    this.#tap = createResponseTap(response.contentType, response.contentEncoding);
  }

  #giveUpPlan(analysis: Analysis): void {
    const { counters, refusedPlans, cacheModel, options } = this.#context;
    counters.refusedPlans += 1;
    this.#report.drop(false);
    refusedPlans.add(this.#scope, analysis.prompt.model.facts.id, analysis.plan, addedTypes(analysis));
    this.#tryOwn(() => this.#cancelEntries());
    this.#tryOwn(() => this.#pass?.fail());
    const untouched = { bytes: this.#request.body, forecast: null, ticket: null, isApplied: false };
    const original: Prepared = { ...this.#prepared, ...untouched };
    this.#made = original;
    this.#isResent = true;
    this.#response = null;
    this.#tryOwn(() => {
      const { breakpoints } = analysis.clientPrompt;
      const forecast = cacheModel.forecast(analysis, breakpoints, options.clock.nowMs());
      const ticket = options.planner.sent(analysis.learned, asSent(breakpoints));
      this.#made = { ...original, forecast, ticket, isBelieved: true };
    });
  }

  /** Runs a part of our bookkeeping: its failure is counted and never the request's. */
  #tryOwn<Result>(run: () => Result): Result | null {
    try {
      return run();
    } catch {
      this.#context.counters.failedAccounts += 1;
      return null;
    }
  }

  /** Step 4: the answer is over, whole or not: take its usage, once. */
  #finish(error: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Left while it waited: nothing was sent, and nothing asked of the cache.
    this.#made ??= leaveUntouched(this.#request, 'left_waiting');
    if (!this.#response || this.#response.status >= 400) this.#writeNothing();
    else this.#tryOwn(() => this.#pass?.fail());
    const settle = (reading: UsageReading): void => {
      this.#tryOwn(() => {
        this.#record(reading, error ?? reading.error?.type ?? null);
        learn(this.#context, this.#prepared, reading);
      });
      // Without an answer, whoever sends may yet ask for the bytes.
      if (this.#response) this.#release();
    };
    if (this.#tap) this.#tryOwn(() => this.#tap?.finish(settle));
    else settle(NOTHING_READ);
  }

  /** Lets go of the body: what has grown old with a slow answer is collected late, and all that it holds with it. */
  #release(): void {
    this.#request = ANSWERED;
    this.#made = leaveUntouched(ANSWERED, 'answered');
    this.#read = this.#pass = this.#tap = null;
    this.#report.release();
  }

  /** Step 5: one record, whatever happened: what was billed, what the model says to it, what was saved. */
  #record(reading: UsageReading, error: string | null): void {
    const { options } = this.#context;
    const { analysis, skipReason } = this.#prepared;
    const atMs = this.#atMs;
    const model = analysis ? (stringMember(analysis.body, 'model') ?? '') : (reading.model ?? '');
    const account = this.#account(reading.usage, model);
    const record: RequestRecord = {
      id: this.id,
      atMs,
      scope: this.#scope,
      tags: tagsOf(this.#request.headers),
      path: routeOf(this.#request.path),
      model: model.slice(0, MODEL_LENGTH_MAX),
      modelNote: analysis?.prompt.model.note ?? null,
      responseModel: reading.model?.slice(0, MODEL_LENGTH_MAX) ?? null,
      mode: this.#mode,
      messageId: reading.messageId,
      stopReason: reading.stopReason,
      ...account,
      ...this.#report.parts(reading, account.misses),
      plan: summarisePlan(this.#prepared),
      gate: this.#tryOwn(() => this.#pass?.record(reading.usage, atMs)) ?? null,
      responses: this.#request.responses?.() ?? null,
      skipReason,
      isResent: this.#isResent,
      isPartial: reading.started && !reading.complete,
      error,
      status: this.#response?.status ?? 0,
      ...timesOf({ atMs, firstByteMs: this.#firstByteMs, endMs: options.clock.nowMs() }),
    };
    this.#tryOwn(() => judge(this.#context, this.#prepared, record));
    options.ledger.add(record);
    this.#tryOwn(() => this.#request.onRecord?.(record));
  }

  /** An answer that cannot be priced still keeps its counters. */
  #account(usage: BilledUsage | null, model: string): Account {
    const { forecast } = this.#prepared;
    const { catalogue } = this.#context.options;
    const account = this.#tryOwn(() => this.#report.account(usage, model, forecast, this.#atMs, catalogue));
    return account ?? { usage, cost: null, prediction: null, savings: null, misses: [] };
  }
}

/** Opens one request's way through the engine; see `Exchange` for how to drive it. */
export function openExchange(context: EngineContext, request: IncomingMessageRequest): Exchange {
  return new OpenExchange(context, request);
}
