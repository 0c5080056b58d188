import { isObject, type JsonObject } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import { isCompaction } from './compaction.ts';
import { summaryBlock } from './cut.ts';
import { append, appendSystem } from './history.ts';
import { readBlocks, type HistoryMessage } from './message.ts';
import type { ConversationAnswer } from './options.ts';
import type { Requests } from './requests.ts';
import type { AskSummary } from './summaries.ts';
import { readSummaryText } from './summary.ts';

/** The history with the request at its very end: behind an instruction, which stands last until it is answered, as another. */
function withRequest(
  history: readonly HistoryMessage[],
  content: readonly JsonObject[],
): readonly HistoryMessage[] {
  const isInstructed = history.at(-1)?.role === 'system';
  return isInstructed ? appendSystem(history, content) : append(history, { role: 'user', content });
}

/** Has the model write the summary as the answer to a request of ours. */
export function askModel<Body extends RequestParts, Answer extends ConversationAnswer>(
  requests: Requests<Body, Answer>,
  maxTokens: number,
  request: JsonObject,
): AskSummary {
  return async (history, results) => {
    const messages = withRequest(history, [...results, request]);
    const asked = await requests.ask({ kind: 'summary', messages, maxTokens, use: 'read-only' });
    const text = readSummaryText(asked.answer);
    const block = text === null ? null : summaryBlock(text);
    return { block, problem: 'the model wrote no summary', costPicoUsd: asked.billed?.costPicoUsd ?? 0n };
  };
}

const NO_TOOLS =
  'Summarise the conversation so far, with all that later turns may need. Call no tools; answer with text alone.';

/**
 * Asks the API for a summary of its own, which it signs. One that was cut off is asked for with twice the room, and where the
 * model called a tool in place of writing it is told not to.
 *
 * @param instructions in place of the service's own
 */
export function askApi<Body extends RequestParts, Answer extends ConversationAnswer>(
  requests: Requests<Body, Answer>,
  maxTokens: number,
  instructions: string | undefined,
): AskSummary {
  let told = instructions;
  return async (messages, _results, attempt) => {
    const compaction = { type: 'summarize', ...(told !== undefined && { instructions: told }) };
    const question = { kind: 'summary', messages, maxTokens: maxTokens * 2 ** attempt, compaction } as const;
    const { answer, billed } = await requests.ask({ ...question, use: 'read-only' });
    const block = readBlocks(answer.content, 'the summary').find(isCompaction) ?? null;
    const reason = answer.stop_reason ?? 'nothing';
    if (reason === 'tool_use') told ??= NO_TOOLS;
    return {
      block: isObject(block) ? block : null,
      problem: `the API wrote no summary and ended with ${reason}`,
      costPicoUsd: billed?.costPicoUsd ?? 0n,
    };
  };
}
