import type { JsonObject } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { summaryBlock } from './cut.ts';
import { append, pendingCalls } from './history.ts';
import type { HistoryMessage } from './message.ts';
import type { ConversationAnswer } from './options.ts';
import type { Requests } from './requests.ts';
import { readSummaryText, type Summary } from './summary.ts';

export interface SummariesOptions {
  readonly maxTokens: number;
  readonly request: string;
  readonly tries: number;
}

/** What came of asking for a summary. */
export type SummaryResult = { readonly summary: Summary } | { readonly problem: string };

/** The history with the request at its very end: behind an instruction, which stands last until it is answered, as another. */
function withRequest(
  history: readonly HistoryMessage[],
  content: readonly JsonObject[],
): readonly HistoryMessage[] {
  const last = history.at(-1);
  if (last?.role !== 'system') return append(history, { role: 'user', content });
  return history.with(-1, { ...last, content: [...last.content, ...content] });
}

/** Summaries of one conversation, each made by the model at the end of the history that it has in its cache. */
export class Summaries<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly #options: SummariesOptions;
  readonly #requests: Requests<Body, Answer>;
  /** Made already, or being made; it holds for as long as the history only grows. */
  #ahead: Promise<SummaryResult> | null = null;

  constructor(options: SummariesOptions, requests: Requests<Body, Answer>) {
    this.#options = options;
    this.#requests = requests;
  }

  get request(): JsonObject {
    return { type: 'text', text: this.#options.request };
  }

  /** The history has been cut or has become another: what was made before does not fit it. */
  forget(): void {
    this.#ahead = null;
  }

  /** Begins a summary that will be needed soon; the caller does not wait. */
  begin(history: readonly HistoryMessage[], onFailure: (message: string) => void): void {
    if (this.#ahead || pendingCalls(history).length > 0) return;
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

  /** Makes one of a history; `results` are those that its last calls wait for. */
  async make(history: readonly HistoryMessage[], results: readonly JsonObject[]): Promise<SummaryResult> {
    this.#ahead = this.#make(history, results);
    return this.#ahead;
  }

  async #make(history: readonly HistoryMessage[], results: readonly JsonObject[]): Promise<SummaryResult> {
    const messages = withRequest(history, [...results, this.request]);
    let problem = 'it was not tried';
    let costPicoUsd = 0n;
    for (let attempt = 0; attempt < this.#options.tries; attempt += 1) {
      try {
        const { maxTokens } = this.#options;
        const asked = await this.#requests.ask({ kind: 'summary', messages, maxTokens, use: 'read-only' });
        costPicoUsd += asked.billed?.costPicoUsd ?? 0n;
        const text = readSummaryText(asked.answer);
        if (text !== null)
          return { summary: { block: summaryBlock(text), covers: history.length, costPicoUsd } };
        problem = 'the model wrote no summary';
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
    }
    return { problem };
  }
}
