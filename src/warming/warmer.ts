import type { PicoUsd } from '../core/index.ts';
import type { Budget, Reservation } from './budget.ts';
import type { WarmLedger } from './ledger.ts';
import { resolveOptions, type ResolvedOptions, type WarmerOptions } from './options.ts';
import { isTooShort, planPrompt, type PlannedPrompt, type SendablePrompt } from './plan-prompt.ts';
import { previewPrompts, shortReason, type WarmPreview } from './preview.ts';
import type { WarmPrompt } from './prompt.ts';
import { summarise, unsent, type WarmReport, type WarmResult } from './report.ts';
import { createLeaders, createSharedPause, type Leaders } from './waiting.ts';
import { warmOne, type RunContext } from './warm-one.ts';
import { createWarmState, type WarmEntry, type WarmState } from './warm-state.ts';

/** How far a run has come. */
export interface WarmProgress {
  readonly done: number;
  readonly prompts: number;
  /** What became of the prompt that was finished last. */
  readonly last: WarmResult;
}

/** Options of one run. */
export interface WarmRunOptions {
  /** Ends the run: nothing more is sent, what is under way is aborted, and the report says so. */
  readonly signal: AbortSignal;
  /** Called after each prompt; must not throw. */
  readonly onProgress: (progress: WarmProgress) => void;
  /** Prompts that are known to stay warm for so long are not sent. @default all are sent, which renews them */
  readonly enoughMs: number;
}

/** Fills the cache before users come. */
export interface Warmer {
  readonly budget: Budget;
  readonly ledger: WarmLedger;
  /** What a run would send and cost; sends nothing. */
  preview(prompts: readonly WarmPrompt[]): WarmPreview;
  /** Sends every prompt, and reports what became of each. Never rejects for a prompt's sake. */
  run(prompts: readonly WarmPrompt[], options?: Partial<WarmRunOptions>): Promise<WarmReport>;
  /** Prefixes that are known to be warm now, the first to expire first. */
  warm(): readonly WarmEntry[];
  /** Until when the shared part of a prompt is warm, ms since 1970 UTC; null where it is not known to be. */
  warmUntilMs(prompt: WarmPrompt): number | null;
}

/** One run over many prompts. */
class WarmRun {
  readonly #options: ResolvedOptions;
  readonly #state: WarmState;
  readonly #leaders: Leaders = createLeaders();
  readonly #context: RunContext;
  readonly #enoughMs: number;
  #openReservations = 0;
  #waiting: (() => void)[] = [];

  constructor(options: ResolvedOptions, state: WarmState, signal: AbortSignal, enoughMs: number) {
    this.#options = options;
    this.#state = state;
    this.#enoughMs = enoughMs;
    this.#context = {
      options,
      state,
      signal,
      pause: createSharedPause(options.clock, options.timers),
      reserve: (worst) => this.#reserve(worst),
      released: () => this.#released(),
    };
  }

  async warm(prompt: SendablePrompt): Promise<WarmResult> {
    const { clock } = this.#options;
    if (isTooShort(prompt)) return unsent(prompt.id, prompt.model, 'below-minimum', shortReason(prompt));
    const known = this.#state.find(prompt.prefixId, clock.nowMs());
    if (known && known.warmUntilMs - clock.nowMs() >= this.#enoughMs) {
      const { ttl, warmUntilMs } = known;
      return { ...unsent(prompt.id, prompt.model, 'still-warm'), ttl, warmUntilMs };
    }
    // Of prompts with a common prefix one writes it, and the others read it: a write for each would cost 12 times that.
    const done = await this.#leaders.lead(prompt.prefixIds);
    let isWarm = false;
    try {
      const result = await warmOne(prompt, this.#context);
      isWarm = result.warmUntilMs !== null;
      return result;
    } finally {
      done(isWarm);
    }
  }

  /** Money that is held back for others may come free, for they are billed less than the worst. */
  async #reserve(worst: PicoUsd): Promise<Reservation | null> {
    const { budget, clock } = this.#options;
    for (;;) {
      const reservation = this.#context.signal.aborted ? null : budget.reserve(worst, clock.nowMs());
      if (reservation) this.#openReservations += 1;
      if (reservation || this.#openReservations === 0 || this.#context.signal.aborted) return reservation;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #released(): void {
    this.#openReservations -= 1;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Runs a job for each item, so many at once; results in the order of the items. */
async function runAll<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  job: (item: Item, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next; index < items.length; index = next) {
      next = index + 1;
      const item = items[index];
      if (item !== undefined) results[index] = await job(item, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
  return results;
}

/** For each prompt the index of an earlier one with its prefix; null where there is none. */
function findFirsts(planned: readonly PlannedPrompt[]): readonly (number | null)[] {
  const firsts = new Map<string, number>();
  return planned.map((prompt, index) => {
    if ('refusal' in prompt) return null;
    const first = firsts.get(prompt.prefixId) ?? null;
    if (first === null) firsts.set(prompt.prefixId, index);
    return first;
  });
}

/**
 * Warms prompts: sends each with `max_tokens: 0`, or the cheapest form that the API takes, with a marker on its last
 * shared block; looks at the bill to see what became of it; tries again what may succeed; stays within a budget.
 *
 * @throws RangeError for an option that makes no sense.
 * @example
 * const warming = warmer({ send: ({ body, signal }) => client.messages.create(body, { signal, maxRetries: 0 }) });
 * const report = await warming.run([{ id: 'handbook', body: { model, tools, system } }]);
 * report.counts.wrote; // 1
 */
export function warmer(given: Pick<WarmerOptions, 'send'> & Partial<WarmerOptions>): Warmer {
  const options = resolveOptions(given);
  const { clock, budget, ledger, rules } = options;
  const state = createWarmState(rules);
  const hasLimit = budget.read(clock.nowMs()).length > 0;

  const plan = (prompt: WarmPrompt, index: number): PlannedPrompt => {
    const id = prompt.id ?? String(index + 1);
    const planned = planPrompt(prompt, id, options);
    if ('refusal' in planned || !hasLimit || Number.isFinite(planned.worstTokens)) return planned;
    const message = 'nothing in it says how long it is, so that a budget could not be kept';
    return { id, model: planned.model, refusal: { code: 'cost-unbounded', message } };
  };

  const run: Warmer['run'] = async (prompts, { signal, onProgress, enoughMs } = {}) => {
    const startMs = clock.nowMs();
    const planned = prompts.map(plan);
    const firsts = findFirsts(planned);
    const stop = signal ?? new AbortController().signal;
    const current = new WarmRun(options, state, stop, enoughMs ?? Number.POSITIVE_INFINITY);
    let done = 0;
    const results = await runAll(planned, options.concurrency, async (prompt, index) => {
      const result = await resultOf(prompt, firsts[index] ?? null, current);
      done += 1;
      onProgress?.({ done, prompts: prompts.length, last: result });
      return result;
    });
    return summarise(results, firsts, startMs, clock.nowMs());
  };

  return {
    budget,
    ledger,
    run,
    preview: (prompts) => previewPrompts(prompts.map(plan), rules, clock.nowMs()),
    warm: () => state.list(clock.nowMs()),
    warmUntilMs(prompt) {
      const planned = plan(prompt, 0);
      const entry = 'refusal' in planned ? null : state.find(planned.prefixId, clock.nowMs());
      return entry?.warmUntilMs ?? null;
    },
  };
}

async function resultOf(prompt: PlannedPrompt, first: number | null, run: WarmRun): Promise<WarmResult> {
  if ('refusal' in prompt) return unsent(prompt.id, prompt.model, 'refused', prompt.refusal.message);
  return first === null ? run.warm(prompt) : unsent(prompt.id, prompt.model, 'duplicate');
}
