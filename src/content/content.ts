import { hash } from 'node:crypto';

/** What is registered: text, or JSON such as tool definitions or blocks. */
export type Content = string | object;

/** Content as bytes, with its version. */
export interface EncodedContent {
  readonly form: 'text' | 'json';
  readonly bytes: Uint8Array;
  /** Full SHA-256 of the bytes in hexadecimal: `sha256sum` of a text file gives the same. */
  readonly version: string;
}

/** Half of a pair that stands alone: with `u` the halves of a pair are one character and do not match. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Objects whose JSON is not what they hold: bytes, promises that were not awaited, maps, dates. */
const PLAIN = new Set(['[object Object]', '[object Array]']);

function toJson(content: object): string {
  const kind = Object.prototype.toString.call(content);
  if (!PLAIN.has(kind)) throw new RangeError(`content must be a text or JSON, not ${kind.slice(8, -1)}`);
  try {
    return JSON.stringify(content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RangeError(`content must be a text or JSON: ${reason}`, { cause: error });
  }
}

/**
 * Text is its UTF-8 bytes, JSON what `JSON.stringify` gives, with keys in their order, since that order is part of the
 * prompt (spec 1.3).
 *
 * @throws RangeError for what is neither.
 */
export function encodeContent(content: Content): EncodedContent {
  const text = typeof content === 'string' ? content : toJson(content);
  // An object may have a `toJSON` that gives nothing.
  if (typeof text !== 'string') throw new RangeError('content must be a text or JSON');
  // Half a surrogate pair has no UTF-8 of its own: two different texts would get one version.
  if (LONE_SURROGATE.test(text)) throw new RangeError('content must be well-formed Unicode');
  const bytes = new TextEncoder().encode(text);
  return { form: typeof content === 'string' ? 'text' : 'json', bytes, version: versionOf(bytes) };
}

export function versionOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** The content that these bytes are; null where they do not have the version. */
export function decodeContent(
  bytes: Uint8Array,
  form: EncodedContent['form'],
  version: string,
): Content | null {
  if (versionOf(bytes) !== version) return null;
  const text = new TextDecoder().decode(bytes);
  return form === 'text' ? text : (JSON.parse(text) as object);
}

/** A name as part of a key of the store. */
const NAME_KEY_MAX = 110;

/** @throws RangeError for a name that cannot be kept. */
export function nameKey(name: string): string {
  const key = LONE_SURROGATE.test(name) ? '' : encodeURIComponent(name);
  if (key.length > 0 && key.length <= NAME_KEY_MAX) return key;
  throw new RangeError(
    `a name is a text of at most ${NAME_KEY_MAX} letters, fewer outside ASCII, got ${JSON.stringify(name.slice(0, 40))}`,
  );
}

/** Keys of the records of prompts begin with this. */
export const PROMPT_PREFIX = 'prompt/';

/** Where the record of a prompt is: one for each model, for caches are per model. */
export function promptKey(prompt: string, model: string): string {
  return `${PROMPT_PREFIX}${nameKey(prompt)}/${nameKey(model)}`;
}

/** The name of the prompt whose record is there. */
export function promptOfKey(key: string): string {
  return decodeURIComponent(key.slice(PROMPT_PREFIX.length).split('/')[0] ?? '');
}
