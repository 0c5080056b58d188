import { isObject, type JsonObject } from '../core/index.ts';

/** What the model is asked at the end of the history that it is to summarise. */
export const SUMMARY_REQUEST: string = [
  'Pause here. Your next message is kept in place of the older part of this conversation, which you will not see again.',
  'Summarise the conversation so far: what the user wants, facts and figures, names, decisions, results of tools that are',
  'still needed, what is done and what is open. Leave nothing out that later turns may need. Write the summary alone, as',
  'plain text, and call no tools.',
].join(' ');

/** A summary of the first messages of a history. */
export interface Summary {
  readonly block: JsonObject;
  /** How many messages it covers. */
  readonly covers: number;
  readonly costPicoUsd: bigint;
}

/** The text of an answer that is to be a summary; null where it is none. */
export function readSummaryText(answer: {
  readonly content: readonly object[];
  readonly stop_reason?: string | null;
}): string | null {
  if (answer.stop_reason === 'refusal') return null;
  const texts = answer.content.flatMap((block) =>
    isObject(block) && block['type'] === 'text' && typeof block['text'] === 'string' ? [block['text']] : [],
  );
  const text = texts.join('\n').trim();
  return text === '' ? null : text;
}
