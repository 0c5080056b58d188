import { isObject } from '../core/index.ts';
import { mergeUsage, readUsage, type BilledUsage } from './usage.ts';

/** Reads usage from a response while its bytes pass by. It keeps no reference to a chunk it does not need. */
export interface UsageTap {
  /** Takes the next bytes of the decoded response body, cut anywhere. Never throws. */
  push(chunk: Uint8Array): void;
  /** Says that no more bytes will come, whether or not the response was whole. */
  end(): void;
  /** What is known so far; before `end` this may still grow. */
  result(): UsageReading;
}

/** What a tap learned about a response. */
export interface UsageReading {
  readonly messageId: string | null;
  readonly model: string | null;
  readonly stopReason: string | null;
  /** The last usage seen, also of a response that broke off. */
  readonly usage: BilledUsage | null;
  /** `message.diagnostics` as it came (spec 10.1); null where absent. */
  readonly diagnostics: unknown;
  readonly error: { readonly type: string; readonly message: string } | null;
  /** The message has begun: `message_start`, or a message as JSON. */
  readonly started: boolean;
  /** The message was received whole: `message_stop`, or a message as JSON. */
  readonly complete: boolean;
  /** Events (for a JSON response: the body) passed over because they exceeded the size limit. */
  readonly skippedEvents: number;
}

/** A reading in which nothing was seen. */
export const NOTHING_READ: UsageReading = {
  messageId: null,
  model: null,
  stopReason: null,
  usage: null,
  diagnostics: null,
  error: null,
  started: false,
  complete: false,
  skippedEvents: 0,
};

/** Takes in a message object: the body of a JSON response, or the `message` of `message_start`. */
export function withMessage(reading: UsageReading, message: unknown): UsageReading {
  if (!isObject(message)) return reading;
  return {
    ...reading,
    messageId: textOf(message['id']),
    model: textOf(message['model']),
    stopReason: textOf(message['stop_reason']),
    usage: readUsage(message['usage']),
    diagnostics: message['diagnostics'] ?? null,
    started: true,
  };
}

/** Takes in a `message_delta` event (spec 5.4). */
export function withDelta(reading: UsageReading, event: unknown): UsageReading {
  if (!isObject(event)) return reading;
  const delta = isObject(event['delta']) ? event['delta'] : {};
  return {
    ...reading,
    stopReason: textOf(delta['stop_reason']) ?? reading.stopReason,
    usage: mergeUsage(reading.usage, event['usage']),
  };
}

/** Takes in an error body, `{"type":"error","error":{"type","message"}}`; whatever else came as an error is still one. */
export function withError(reading: UsageReading, body: unknown): UsageReading {
  const error = isObject(body) && isObject(body['error']) ? body['error'] : {};
  const type = textOf(error['type']) ?? 'unknown_error';
  return { ...reading, error: { type, message: textOf(error['message']) ?? '' } };
}

/** The parsed JSON, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
