import { resolveModel, type ModelFacts, type PicoUsd } from '../core/index.ts';
import { ENTRY_QUESTIONS } from './entry-questions.ts';
import { KEY_QUESTIONS } from './key-questions.ts';
import type { ProbeAnswer } from './profile.ts';
import { runScripts, type Ending, type ProbeClock, type SendCall } from './scheduler.ts';
import { createSender, worstCost, type Budget, type Transport } from './send.ts';
import type { AnswerValue, ApiCall, Question, ScriptContext } from './types.ts';

/** What to ask, and how often. */
export interface ProbeOptions {
  readonly modelId: string;
  /** Runs of each question. */
  readonly repetitions: number;
  /** Makes prompts new, so that nothing is cached before the first request. */
  readonly nonce: string;
  /** Only these questions; empty: all. */
  readonly only: readonly string[];
}

/** What a probe will do at most. */
export interface ProbePlan {
  readonly questions: readonly {
    readonly name: string;
    readonly title: string;
    readonly refusal: string | null;
  }[];
  readonly requests: number;
  /** The most that it can cost. */
  readonly maxPicoUsd: PicoUsd;
  readonly durationMs: number;
}

/** All questions, in the order in which they matter. `longPromptCounts` shows only on a bill and cannot be asked. */
export const QUESTIONS: readonly Question[] = [...ENTRY_QUESTIONS, ...KEY_QUESTIONS];

interface Run {
  readonly question: Question;
  readonly context: ScriptContext;
}

function chosen(options: ProbeOptions): readonly Question[] {
  return options.only.length === 0 ? QUESTIONS : QUESTIONS.filter(({ name }) => options.only.includes(name));
}

function runsOf(options: ProbeOptions, model: ModelFacts): readonly Run[] {
  return chosen(options)
    .filter((question) => question.refusal(model) === null)
    .flatMap((question) =>
      Array.from({ length: options.repetitions }, (_, repetition) => ({
        question,
        context: {
          model,
          modelId: options.modelId,
          nonce: `${options.nonce}-${question.name}-${repetition}`,
        },
      })),
    );
}

/** A clock that only adds up. */
function virtualClock(startMs: number): ProbeClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    wait(ms) {
      nowMs += ms;
      return Promise.resolve();
    },
  };
}

/** Goes through every script without sending anything: how many requests, how long, and the most that it can cost. */
export async function planProbe(options: ProbeOptions, atMs: number): Promise<ProbePlan> {
  const model = resolveModel(options.modelId).facts;
  const clock = virtualClock(atMs);
  const calls: ApiCall[] = [];
  const note: SendCall = (call) => {
    calls.push(call);
    return Promise.resolve({ atMs: clock.nowMs(), json: {}, text: '', usage: null });
  };
  const runs = runsOf(options, model);
  await runScripts(
    runs.map(({ question, context }) => question.script(context)),
    clock,
    note,
  );
  const total = calls.reduce((sum, call) => sum + worstCost(model, call, atMs), 0n);
  return {
    questions: chosen(options).map(({ name, title, refusal }) => ({ name, title, refusal: refusal(model) })),
    requests: calls.length,
    maxPicoUsd: total,
    durationMs: clock.nowMs() - atMs,
  };
}

/** Times that differ by less than this share are one answer: no two runs ask at the very same age. */
const SAME_TIME_SHARE = 0.05;

function isSame(a: AnswerValue | undefined, b: AnswerValue | undefined): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return Math.abs(a - b) <= SAME_TIME_SHARE * Math.max(a, b);
  return a === b;
}

/** One answer from the runs of a question: sure only where all that found something found the same. */
function combine(question: Question, endings: readonly Ending[]): ProbeAnswer {
  const seen = endings.map((ending) => ('finding' in ending ? ending.finding.seen : ending.problem));
  const values = endings.flatMap((ending) => ('finding' in ending ? [ending.finding.value] : []));
  const found = values.filter((value) => value !== undefined);
  const [first = null] = found;
  if (found.length === 0) return { name: question.name, value: null, certainty: 'not-asked', seen };
  if (!found.every((value) => isSame(value, first))) {
    return { name: question.name, value: null, certainty: 'unsure', seen };
  }
  return { name: question.name, value: first, certainty: found.length > 1 ? 'repeated' : 'once', seen };
}

/** What a probe needs of the world. */
export interface ProbePorts {
  readonly clock: ProbeClock;
  readonly transport: Transport;
  readonly budget: Budget;
}

/**
 * Asks the service every open question and answers what it does. Calls go one after another; waiting is shared, so the
 * whole takes a little more than an hour of the port's time.
 */
export async function runProbe(options: ProbeOptions, ports: ProbePorts): Promise<readonly ProbeAnswer[]> {
  const model = resolveModel(options.modelId).facts;
  const runs = runsOf(options, model);
  const send = createSender(ports.transport, ports.clock, model, ports.budget);
  const scripts = runs.map(({ question, context }) => question.script(context));
  const endings = await runScripts(scripts, ports.clock, send);
  return chosen(options).map((question) => {
    const refusal = question.refusal(model);
    if (refusal !== null)
      return { name: question.name, value: null, certainty: 'not-asked', seen: [refusal] };
    return combine(
      question,
      endings.filter((_, index) => runs[index]?.question === question),
    );
  });
}
