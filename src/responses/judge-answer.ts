import { isObject, type JsonObject } from '../core/index.ts';
import { readMessage } from './message-forms.ts';
import type { AnswerForm } from './request.ts';

/** Why an answer is not kept. */
export type NotKept =
  | 'status'
  | 'content-type'
  | 'incomplete'
  | 'stop-reason'
  | 'refusal'
  | 'container'
  | 'incomplete-or-too-large'
  | 'superseded'
  | 'purged';

export interface KeepRules {
  readonly keepRefusals: boolean;
}

/** What an answer says that is kept beside it. */
export interface AnswerFacts {
  /** The model that answered. */
  readonly model: string;
  /** As in the answer. */
  readonly usage: JsonObject;
}

export type Judgement =
  | { readonly isKept: true; readonly facts: AnswerFacts }
  | { readonly isKept: false; readonly reason: NotKept };

/** Reasons to stop after which nothing is left to say. */
const FINAL_STOPS: ReadonlySet<unknown> = new Set(['end_turn', 'stop_sequence', 'tool_use']);

function refuse(reason: NotKept): Judgement {
  return { isKept: false, reason };
}

/** The form that a content type announces; null for anything else. */
export function formOf(contentType: string | undefined): AnswerForm | null {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  if (type === 'text/event-stream') return 'sse';
  return type === 'application/json' ? 'json' : null;
}

/** Whether an answer that has arrived as a whole may be given to others. */
export function judgeAnswer(
  status: number,
  form: AnswerForm | null,
  bytes: Uint8Array,
  rules: KeepRules,
): Judgement {
  if (status !== 200) return refuse('status');
  if (!form) return refuse('content-type');
  const message = readMessage(form, bytes);
  if (!message || !Array.isArray(message['content'])) return refuse('incomplete');
  const { stop_reason: stop, container, usage, model } = message;
  if (stop === 'refusal' && !rules.keepRefusals) return refuse('refusal');
  if (stop !== 'refusal' && !FINAL_STOPS.has(stop)) return refuse('stop-reason');
  if (container !== undefined && container !== null) return refuse('container');
  if (!isObject(usage)) return refuse('incomplete');
  return { isKept: true, facts: { model: typeof model === 'string' ? model : '', usage } };
}
