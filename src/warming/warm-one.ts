import { billTokens, canonicalJson, noTokens, type PicoUsd, type TokenCounts } from '../core/index.ts';
import type { Reservation } from './budget.ts';
import { asCheapForm, type WarmForm } from './choose-form.ts';
import type { ResolvedOptions } from './options.ts';
import { pricingFor, worstCost, type SendablePrompt } from './plan-prompt.ts';
import { readFailure, readWarmUsage, verify, type Failure, type WarmUsage } from './read-reply.ts';
import { addTokens } from './ledger.ts';
import { unsent, type WarmResult } from './report.ts';
import type { WarmState } from './warm-state.ts';
import { pauseAfter, waitFor, type SharedPause } from './waiting.ts';

/** What all prompts of a run share. */
export interface RunContext {
  readonly options: ResolvedOptions;
  readonly state: WarmState;
  readonly pause: SharedPause;
  readonly signal: AbortSignal;
  /** Reserves, waiting while money is held back that may come free; null where it will not. */
  reserve(worstPicoUsd: PicoUsd): Promise<Reservation | null>;
  /** Some money may have come free. */
  released(): void;
}

/** One try: a bill, or a failure and whether money may have been spent on it. */
type Try =
  | { readonly usage: WarmUsage; readonly startMs: number }
  | { readonly failure: Failure; readonly canRetry: boolean }
  | { readonly stop: 'over-budget' | 'cancelled' };

/** Statuses of something between us and the API, which says nothing of whether the API has done the work. */
function isUncertain(status: number | null): boolean {
  return (
    status === null || status === 408 || status === 502 || status === 504 || (status >= 520 && status <= 527)
  );
}

function canRetry(status: number | null): boolean {
  return status === null || status === 408 || status === 429 || status >= 500;
}

/** Warms one prompt: tries, pays and judges. */
class PromptWarmer {
  readonly #prompt: SendablePrompt;
  readonly #context: RunContext;
  #form: WarmForm;
  #tries = 0;
  #tokens: TokenCounts = noTokens;
  #costPicoUsd = 0n;
  #uncertainPicoUsd = 0n;

  constructor(prompt: SendablePrompt, context: RunContext) {
    this.#prompt = prompt;
    this.#context = context;
    this.#form = prompt.form;
  }

  async run(): Promise<WarmResult> {
    const { options } = this.#context;
    for (;;) {
      const tried = await this.#try();
      if ('stop' in tried) return this.#end(tried.stop, tried.stop === 'over-budget' ? OVER_BUDGET : null);
      if ('usage' in tried) return this.#judge(tried.usage, tried.startMs);
      const { failure } = tried;
      if (this.#takesCheapForm(failure)) continue;
      const reason = describe(failure);
      if (!tried.canRetry || this.#tries >= options.retry.triesMax) return this.#end('failed', reason);
      if (!(await this.#pause(failure)))
        return this.#end('failed', `${reason}; it asks for too long a pause`);
    }
  }

  /** A service may refuse `max_tokens: 0` for reasons of its own. */
  #takesCheapForm({ status, message }: Failure): boolean {
    const { fallback } = this.#context.options;
    if (status !== 400 || this.#form.maxTokens !== 0 || fallback === 'none') return false;
    if (!message.includes('max_tokens')) return false;
    this.#form = asCheapForm(this.#form);
    return true;
  }

  async #pause({ retryAfterMs }: Failure): Promise<boolean> {
    const { options, pause, signal } = this.#context;
    const pauseMs = pauseAfter(this.#tries, retryAfterMs, options.retry, options.random);
    if (pauseMs === null) return false;
    if (retryAfterMs !== null) pause.extend(options.clock.nowMs() + retryAfterMs);
    await waitFor(pauseMs, options.timers, signal);
    return true;
  }

  async #try(): Promise<Try> {
    const { options, pause, signal } = this.#context;
    await pause.wait(signal);
    if (signal.aborted) return { stop: 'cancelled' };
    // A cost that nobody can bound was refused already where there is a limit.
    const worst = worstCost(this.#prompt, this.#form.maxTokens, options.clock.nowMs()) ?? 0n;
    const reservation = await this.#context.reserve(worst);
    if (!reservation) return { stop: signal.aborted ? 'cancelled' : 'over-budget' };
    if (!signal.aborted) return this.#send(reservation);
    options.budget.refund(reservation);
    this.#context.released();
    return { stop: 'cancelled' };
  }

  async #send(reservation: Reservation): Promise<Try> {
    const { options, signal } = this.#context;
    const { body } = this.#form;
    const startMs = options.clock.nowMs();
    const request = { body, text: canonicalJson(body, true), headers: this.#prompt.headers, signal };
    this.#tries += 1;
    try {
      const usage = readWarmUsage(await options.send(request));
      if (usage) return this.#settle(reservation, usage, startMs);
      const failure = { status: 200, retryAfterMs: null, message: 'an answer without usage' };
      return this.#fail(reservation, failure, startMs, true);
    } catch (error) {
      const failure = readFailure(error);
      return this.#fail(reservation, failure, startMs, isUncertain(failure.status));
    } finally {
      this.#context.released();
    }
  }

  #settle(reservation: Reservation, usage: WarmUsage, startMs: number): Try {
    const { facts } = this.#prompt;
    const asked = pricingFor(this.#prompt, startMs);
    const pricing = {
      ...asked,
      speed: usage.speed ?? asked.speed,
      inferenceGeo: usage.inferenceGeo ?? asked.inferenceGeo,
    };
    const cost = billTokens(facts, usage.tokens, pricing).totalPicoUsd;
    this.#pay(reservation, cost);
    this.#tokens = addTokens(this.#tokens, usage.tokens);
    this.#costPicoUsd += cost;
    this.#record(startMs, 200, usage.tokens, cost, true);
    return { usage, startMs };
  }

  /** Where a request may have been billed although nothing came back, the worst is taken for spent. */
  #fail(reservation: Reservation, failure: Failure, startMs: number, mayBeBilled: boolean): Try {
    const { options, signal } = this.#context;
    const cost = mayBeBilled ? reservation.worstPicoUsd : 0n;
    if (mayBeBilled) this.#pay(reservation, cost);
    else options.budget.refund(reservation);
    this.#uncertainPicoUsd += cost;
    this.#record(startMs, failure.status, noTokens, cost, !mayBeBilled);
    if (signal.aborted) return { stop: 'cancelled' };
    return { failure, canRetry: canRetry(failure.status) };
  }

  #pay(reservation: Reservation, cost: PicoUsd): void {
    const { budget, clock } = this.#context.options;
    budget.settle(reservation, cost, clock.nowMs());
  }

  #record(
    atMs: number,
    status: number | null,
    tokens: TokenCounts,
    costPicoUsd: PicoUsd,
    isBilled: boolean,
  ): void {
    const { prefixId, model } = this.#prompt;
    this.#context.options.ledger.add({
      purpose: 'pre-warm',
      prefixId,
      model,
      atMs,
      status,
      tokens,
      costPicoUsd,
      isBilled,
    });
  }

  #judge({ tokens }: WarmUsage, startMs: number): WarmResult {
    const { targets, prefixId } = this.#prompt;
    const asked = targets.at(-1)?.ttl ?? '5m';
    const verdict = verify(tokens, asked);
    if (verdict.status === 'below-minimum') {
      const least = this.#prompt.facts.minCacheableTokens;
      return this.#end('below-minimum', `it is shorter than the ${least} tokens that can be cached`);
    }
    const prefixTokens = tokens.readTokens + tokens.write5mTokens + tokens.write1hTokens;
    const { state } = this.#context;
    if (verdict.status === 'wrote') state.wrote(prefixId, verdict.ttl, prefixTokens, startMs);
    else state.read(prefixId, prefixTokens, startMs);
    const isOther = verdict.status === 'wrote' && verdict.ttl !== asked;
    const reason = isOther ? `billed as ${verdict.ttl}, not ${asked}` : this.#note();
    return { ...this.#end(verdict.status, reason), ...this.#lifeOf(prefixId, startMs) };
  }

  #lifeOf(prefixId: string, startMs: number): Pick<WarmResult, 'ttl' | 'warmUntilMs'> {
    const entry = this.#context.state.find(prefixId, startMs);
    return { ttl: entry?.ttl ?? null, warmUntilMs: entry?.warmUntilMs ?? null };
  }

  #note(): string | null {
    const { whyNotZero, maxTokens } = this.#form;
    if (whyNotZero !== null) return `with max_tokens: ${maxTokens}, for ${whyNotZero}`;
    return this.#prompt.isBatch
      ? 'by an ordinary request: batches cannot warm, and are taken to share the cache'
      : null;
  }

  #end(status: WarmResult['status'], reason: string | null): WarmResult {
    const { id, model } = this.#prompt;
    return {
      ...unsent(id, model, status, reason),
      tries: this.#tries,
      tokens: this.#tokens,
      costPicoUsd: this.#costPicoUsd,
      uncertainPicoUsd: this.#uncertainPicoUsd,
    };
  }
}

const OVER_BUDGET = 'what it can cost at the most is more than the budget has left';

function describe({ status, message }: Failure): string {
  return status === null ? `nothing answered: ${message}` : `answered ${status}: ${message}`;
}

/** Sends a prompt until it is warm, or will not be. Never rejects. */
export function warmOne(prompt: SendablePrompt, context: RunContext): Promise<WarmResult> {
  return new PromptWarmer(prompt, context).run();
}
