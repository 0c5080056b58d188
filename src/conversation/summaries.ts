import type { JsonObject } from '../core/index.ts';
import { pendingCalls } from './history.ts';
import type { HistoryMessage } from './message.ts';
import type { Summary } from './summary.ts';

/** What came of asking for a summary. */
export type SummaryResult = { readonly summary: Summary } | { readonly problem: string };

/** What came of one try; the bill comes in any case. */
export interface SummaryTry {
  /** The block that stands for the history; null where there is none. */
  readonly block: JsonObject | null;
  /** Why there is none. */
  readonly problem: string;
  readonly costPicoUsd: bigint;
}

/** Asks for one summary of a history; `results` are those that its last calls wait for. */
export type AskSummary = (
  history: readonly HistoryMessage[],
  results: readonly JsonObject[],
  attempt: number,
) => Promise<SummaryTry>;

/** Summaries of one conversation, each made by the model at the end of the history that it has in its cache. */
export class Summaries {
  readonly #ask: AskSummary;
  readonly #tries: number;
  /** Made already, or being made; it holds for as long as the history only grows. */
  #ahead: Promise<SummaryResult> | null = null;

  constructor(ask: AskSummary, tries: number) {
    this.#ask = ask;
    this.#tries = tries;
  }

  /** The history has been cut or has become another: what was made before does not fit it. */
  forget(): void {
    this.#ahead = null;
  }

  /** Begins a summary that will be needed soon; the caller does not wait. */
  begin(history: readonly HistoryMessage[], onFailure: (message: string) => void): void {
    // What is said next is appended to a message that got no answer, and the summary would not know of it.
    const isAnswered = history.at(-1)?.role === 'assistant' && pendingCalls(history).length === 0;
    if (this.#ahead || !isAnswered) return;
    const making = this.#make(history, []);
    this.#ahead = making;
    void making.then((result) => {
      if ('problem' in result) onFailure(`no summary could be made ahead: ${result.problem}`);
      return result;
    });
  }

  /** The summary that was begun, if it came to be one; and it is kept, should the request that needs it fail. */
  async takeAhead(): Promise<Summary | null> {
    const result = await this.#ahead;
    if (result && 'summary' in result) return result.summary;
    this.#ahead = null;
    return null;
  }

  async make(history: readonly HistoryMessage[], results: readonly JsonObject[]): Promise<SummaryResult> {
    this.#ahead = this.#make(history, results);
    return this.#ahead;
  }

  async #make(history: readonly HistoryMessage[], results: readonly JsonObject[]): Promise<SummaryResult> {
    let problem = 'it was not tried';
    let costPicoUsd = 0n;
    for (let attempt = 0; attempt < this.#tries; attempt += 1) {
      try {
        const tried = await this.#ask(history, results, attempt);
        costPicoUsd += tried.costPicoUsd;
        if (tried.block) return { summary: { block: tried.block, covers: history.length, costPicoUsd } };
        problem = tried.problem;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
    }
    return { problem };
  }
}
