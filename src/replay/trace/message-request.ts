import { hasKeyOrder, isObject, KEY_ORDER, stringMember, type JsonObject } from '../../core/index.ts';
import { parseTimestamp } from '../../runtime/index.ts';
import { parseBody, readUsage } from '../../wire/index.ts';
import { optionalAmount, RecordProblem } from './record-fields.ts';
import { STOP_KINDS, type RequestKind, type StopKind } from './trace.ts';

/** A request for a message with what a log says about it. */
export interface MessageRequest {
  /** ms from a point in time that all requests of a trace share. */
  readonly startMs: number;
  readonly body: JsonObject;
  readonly model: string;
  readonly messageCount: number;
  /** Workspace or the like, if the log names one. */
  readonly scope: string;
  /** Null where the log does not tell it. */
  readonly conversation: string | null;
  readonly timeToFirstTokenMs: number | null;
  readonly outputTokens: number;
  readonly kind: RequestKind;
  readonly stop: StopKind;
}

const BODY_MEMBERS = ['body', 'request', 'params', 'body_raw'] as const;

/** The member that holds the Messages body; null where the record is the body itself, or has none. */
function bodyMemberOf(record: JsonObject): string | null {
  return BODY_MEMBERS.find((name) => isObject(record[name]) || typeof record[name] === 'string') ?? null;
}

/** Whether a record is a Messages request with its time. */
export function isTimedRequest(record: JsonObject): boolean {
  const hasBody = bodyMemberOf(record) !== null || Array.isArray(record['messages']);
  return hasBody && ('t' in record || 'timestamp' in record);
}

/** Whether a record is a captured HTTP request. */
export function isCaptureRecord(record: JsonObject): boolean {
  return isTimedRequest(record) && typeof record['path'] === 'string' && isObject(record['headers']);
}

/** `t` in seconds or `timestamp` in ms, as the other forms have them; or either as RFC 3339. */
function readStartMs(record: JsonObject): number {
  const name = (record['t'] ?? null) === null ? 'timestamp' : 't';
  const value = record[name];
  if (typeof value === 'number' && Number.isFinite(value)) return name === 't' ? 1000 * value : value;
  const timeMs = typeof value === 'string' ? parseTimestamp(value) : null;
  if (timeMs !== null) return timeMs;
  throw new RecordProblem(
    `'${name}' is ${JSON.stringify(value) ?? 'missing'}, neither a number nor an RFC 3339 time`,
  );
}

function readBody(record: JsonObject): JsonObject {
  const name = bodyMemberOf(record);
  const body = name === null ? record : record[name];
  if (typeof body === 'string') {
    const parsed = parseBody(Buffer.from(body));
    if (!parsed.ok) throw new RecordProblem(`'${name}' holds no Messages body: ${parsed.reason}`);
    return parsed.value;
  }
  const value = body as JsonObject;
  // Of a record that was parsed as a whole only the root tells that some object inside had its keys in another order.
  if (hasKeyOrder(record) && !hasKeyOrder(value)) {
    Object.defineProperty(value, KEY_ORDER, { value: Object.keys(value) });
  }
  return value;
}

function isToolTurn(messages: readonly unknown[]): boolean {
  const last = messages.at(-1);
  const content = isObject(last) ? last['content'] : null;
  return (
    Array.isArray(content) && content.some((block) => isObject(block) && block['type'] === 'tool_result')
  );
}

/** Where Claude Code says whose turn it is. */
function conversationHeaders(headers: unknown): string | null {
  if (!isObject(headers)) return null;
  const session = stringMember(headers, 'x-claude-code-session-id');
  return session === null ? null : `${session}/${stringMember(headers, 'x-claude-code-agent-id') ?? ''}`;
}

function readConversation(record: JsonObject): string | null {
  const named = record['conversation'] ?? record['session'];
  if (typeof named === 'string' || typeof named === 'number') return `${named}`;
  return conversationHeaders(record['headers']);
}

function readMessages(body: JsonObject): readonly unknown[] {
  const { messages, thread } = body;
  if (!Array.isArray(messages)) throw new RecordProblem("a Messages body without a list of 'messages'");
  if (!isObject(thread)) return messages;
  throw new RecordProblem('a message thread: its earlier messages are not in the line');
}

const MESSAGES_PATH = /\/messages\/?(?:\?|$)/;
const BATCHES_PATH = /\/messages\/batches\/?(?:\?|$)/;

/** Whether a captured request asked for a message and got one: others cost no tokens. */
function isBilled(record: JsonObject): boolean {
  const { method, response } = record;
  const path = record['path'] ?? '/v1/messages';
  if (typeof path !== 'string') return false;
  if (BATCHES_PATH.test(path) && method === 'POST') {
    throw new RecordProblem('a batch: when its requests ran is not known');
  }
  if (!MESSAGES_PATH.test(path)) return false;
  const status = isObject(response) ? response['status'] : undefined;
  return typeof status !== 'number' || status < 400;
}

/**
 * Reads a record; null where it is of a call that costs no tokens.
 *
 * @throws RecordProblem
 */
export function readMessageRequest(record: JsonObject): MessageRequest | null {
  if (!isBilled(record)) return null;
  const body = readBody(record);
  const messages = readMessages(body);
  const { response } = record;
  const answer = isObject(response) && isObject(response['body']) ? response['body'] : response;
  const stop = isObject(answer) ? answer['stop_reason'] : null;
  return {
    startMs: readStartMs(record),
    body,
    model: stringMember(body, 'model') ?? '',
    messageCount: messages.length,
    scope: stringMember(record, 'scope') ?? '',
    conversation: readConversation(record),
    timeToFirstTokenMs: optionalAmount(record, 'ttft_ms'),
    outputTokens: (isObject(answer) ? readUsage(answer['usage'])?.outputTokens : null) ?? 0,
    kind: isToolTurn(messages) ? 'tool' : 'user',
    stop: STOP_KINDS.find((kind) => kind === stop) ?? 'other',
  };
}
