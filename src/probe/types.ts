import type { ModelFacts, OpenQuestions } from '../core/index.ts';
import type { BilledUsage } from '../wire/index.ts';

/** One call of the API. */
export interface ApiCall {
  readonly method: 'GET' | 'POST';
  /** Path, or a whole address on the same server (as in `results_url`). */
  readonly path: string;
  /** null: none. */
  readonly body: object | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a probe does next: wait, or call the API. */
export type Step = { readonly waitMs: number } | { readonly call: ApiCall };

/** What came of a step. */
export interface Reply {
  /** When the call was sent (or the wait was over), in ms of the probe's clock. */
  readonly atMs: number;
  readonly json: unknown;
  /** The body as it came, for results that are lines of JSON. */
  readonly text: string;
  /** null where the answer has none. */
  readonly usage: BilledUsage | null;
}

/** A value that a switch, or a measured time in ms, can have. */
export type AnswerValue = string | number | boolean | null;

/** What one run of a question found. */
export interface Finding {
  /** undefined: what the question needs did not happen. */
  readonly value: AnswerValue | undefined;
  /** What was seen, for people. */
  readonly seen: string;
}

/** One run of a question: yields steps, is told their replies, ends with what it found. Never branches before its end. */
export type Script = Generator<Step, Finding, Reply>;

/** What is asked: a switch of `core`, or how long entries live in fact. */
export type QuestionName = keyof OpenQuestions | 'life5mMs' | 'life1hMs';

/** Everything that a run needs. */
export interface ScriptContext {
  readonly model: ModelFacts;
  /** The model as it is named in requests. */
  readonly modelId: string;
  /** Different for each run, so that nothing is cached before. */
  readonly nonce: string;
}

/** A question that sources leave open, and how to ask the service. */
export interface Question {
  readonly name: QuestionName;
  readonly title: string;
  /** Why this model cannot be asked; null when it can. */
  readonly refusal: (model: ModelFacts) => string | null;
  readonly script: (context: ScriptContext) => Script;
}
