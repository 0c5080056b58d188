import { KEY_ORDER } from '../core/prompt/canonical.ts';
import { isObject } from '../core/index.ts';
import {
  JSON_DEPTH_MAX,
  JsonSyntaxError,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  decodeString,
  decodeUtf8,
  hasByteOrderMark,
  skipValue,
  walkArray,
  walkDocument,
  walkObject,
  type MemberVisitor,
} from './json-bytes.ts';

/** A parsed body, or why there is none; `offset` is the byte where it shows, when it can be told. */
export type ParsedBody =
  | { readonly ok: true; readonly value: Record<string, unknown> }
  | { readonly ok: false; readonly reason: string; readonly offset?: number };

/**
 * A member name that JavaScript may move to the front: digits, perhaps written as escapes. A match inside a string value
 * does no harm, it only costs the slower reader.
 */
const INTEGER_LIKE_KEY = /"(?:\d|\\u003\d)+"[ \t\n\r]*:/;

/**
 * Parses a request body as the API does: UTF-8 JSON with an object at the root. Bad UTF-8 is replaced; a byte order mark,
 * other roots and nesting deeper than 512 are failures. Never throws.
 *
 * JavaScript lists integer-like keys first, whatever the source said, but key order is part of the prompt (spec 1.3). So an
 * object whose order was lost this way carries its source order under `KEY_ORDER` (not enumerable), and so does the root of
 * such a body. A repeated key keeps the place of its first and the value of its last occurrence.
 *
 * @example
 * parseBody(Buffer.from('{"b":{"2":0,"1":0}}')); // value.b[KEY_ORDER] -> ['2', '1']
 */
export function parseBody(bytes: Uint8Array): ParsedBody {
  if (hasByteOrderMark(bytes)) return { ok: false, reason: 'byte order mark', offset: 0 };
  try {
    const text = decodeUtf8(bytes);
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return { ok: false, reason: 'the root is not an object' };
    const needsReader = hasBackslashKey(value, JSON_DEPTH_MAX) || INTEGER_LIKE_KEY.test(text);
    return { ok: true, value: needsReader ? readInOrder(bytes) : value };
  } catch (error) {
    return explainFailure(bytes, error);
  }
}

/**
 * `parseBody` for bytes that were scanned: an object, nested no deeper than allowed, without a member name that begins
 * with a digit or is spelled with an escape. It is what `JSON.parse` makes of it, and nothing has to be looked for.
 */
export function parseScanned(bytes: Uint8Array): ParsedBody {
  try {
    const value: unknown = JSON.parse(decodeUtf8(bytes));
    return isObject(value) ? { ok: true, value } : { ok: false, reason: 'the root is not an object' };
  } catch (error) {
    return explainFailure(bytes, error);
  }
}

/** `JSON.parse` names neither byte nor reason in a stable way; the byte reader does. */
function explainFailure(bytes: Uint8Array, error: unknown): ParsedBody {
  try {
    walkDocument(bytes, null);
  } catch (found) {
    if (found instanceof JsonSyntaxError) return { ok: false, reason: found.message, offset: found.offset };
  }
  // Left over: a control character far inside a string, and text longer than the longest JavaScript string.
  return { ok: false, reason: error instanceof Error ? error.message : 'unreadable body' };
}

/**
 * Whether some key holds a backslash; throws below `levels` levels.
 *
 * JSON.parse of Node 24 and later may take a key written with an escape for another key, one with a backslash, that it saw in
 * an earlier document (https://github.com/nodejs/node/issues/63785). A key without a backslash never comes of that.
 */
function hasBackslashKey(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) throw new RangeError('nested too deep');
  if (Array.isArray(value)) return value.some((element) => hasBackslashKey(element, levels - 1));
  return Object.entries(value).some(
    ([key, member]) => key.includes('\\') || hasBackslashKey(member, levels - 1),
  );
}

/** Builds the value from the bytes, whose root is an object, noting the order of keys wherever JavaScript changes it. */
function readInOrder(bytes: Uint8Array): Record<string, unknown> {
  /** The value read last: the walkers hand back offsets, not values. */
  let latest: unknown;

  function readValue(at: number, depth: number): number {
    if (bytes[at] === OPEN_BRACE) return readObject(at, depth);
    if (bytes[at] === OPEN_BRACKET) return readArray(at, depth);
    const end = skipValue(bytes, at, depth);
    latest =
      bytes[at] === QUOTE
        ? decodeString(bytes, at, end)
        : (JSON.parse(decodeUtf8(bytes, at, end)) as unknown);
    return end;
  }

  function readArray(at: number, depth: number): number {
    const elements: unknown[] = [];
    const end = walkArray(
      bytes,
      at,
      depth,
      (_index, valueAt) => {
        const valueEnd = readValue(valueAt, depth + 1);
        elements.push(latest);
        return valueEnd;
      },
      null,
    );
    latest = elements;
    return end;
  }

  function readObject(at: number, depth: number): number {
    // A Map gives a repeated key what JSON.parse gives it: the first place, the last value.
    const members = new Map<string, unknown>();
    const end = walkObject(bytes, at, depth, visitorOf(members, depth + 1), null);
    latest = toObject(members);
    return end;
  }

  function visitorOf(members: Map<string, unknown>, depth: number): MemberVisitor {
    return (keyStart, keyEnd, valueAt) => {
      const valueEnd = readValue(valueAt, depth);
      members.set(decodeString(bytes, keyStart, keyEnd), latest);
      return valueEnd;
    };
  }

  const rootMembers = new Map<string, unknown>();
  walkDocument(bytes, visitorOf(rootMembers, 1));
  const root = toObject(rootMembers);
  // Readers can so tell from the root alone whether to look for notes at all.
  if (!Object.hasOwn(root, KEY_ORDER) && hasNote(root)) setNote(root, Object.keys(root));
  return root;
}

function toObject(members: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const object = Object.fromEntries(members);
  const keys = [...members.keys()];
  const isMoved = Object.keys(object).some((key, index) => key !== keys[index]);
  if (isMoved) setNote(object, keys);
  return object;
}

function setNote(object: object, keys: readonly string[]): void {
  Object.defineProperty(object, KEY_ORDER, { value: keys });
}

/** Looked for in the finished value: of a repeated key only the last value counts, and notes in others do not. */
function hasNote(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasNote);
  return isObject(value) && (Object.hasOwn(value, KEY_ORDER) || Object.values(value).some(hasNote));
}
