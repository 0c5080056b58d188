import { createByteStore } from './byte-store.ts';
import { isObject } from '../core/index.ts';
import { decodeUtf8 } from './json-bytes.ts';
import {
  NOTHING_READ,
  parseJson,
  withError,
  withMessage,
  type UsageReading,
  type UsageTap,
} from './usage-tap.ts';

/** Limits of a JSON tap. */
export interface JsonTapLimits {
  /**
   * A longer body is not read: it counts as skipped and its usage is unknown.
   * @default 33554432 (32 MiB)
   */
  readonly bodyBytesMax?: number;
}

const BODY_BYTES_MAX = 32 * 1024 * 1024;

/**
 * A tap for a response that is one JSON document: a message, or an error. It is read once, at `end`.
 *
 * @example
 * const tap = createJsonUsageTap();
 * tap.push(body);
 * tap.end();
 * tap.result().usage?.readTokens;
 */
export function createJsonUsageTap({ bodyBytesMax = BODY_BYTES_MAX }: JsonTapLimits = {}): UsageTap {
  const body = createByteStore();
  let sizeBytes = 0;
  let reading = NOTHING_READ;
  let hasEnded = false;

  return {
    push(chunk) {
      if (hasEnded) return;
      sizeBytes += chunk.length;
      if (sizeBytes <= bodyBytesMax) body.append(chunk);
      else body.clear();
    },
    end() {
      if (hasEnded) return;
      hasEnded = true;
      reading = sizeBytes > bodyBytesMax ? { ...NOTHING_READ, skippedEvents: 1 } : readBody(body.view());
      body.clear();
    },
    result: () => reading,
  };
}

function readBody(bytes: Uint8Array): UsageReading {
  const body = parseJson(decodeUtf8(bytes));
  if (!isObject(body)) return NOTHING_READ;
  if (body['type'] === 'message') return { ...withMessage(NOTHING_READ, body), complete: true };
  return isObject(body['error']) ? withError(NOTHING_READ, body) : NOTHING_READ;
}
