import { createHmac, type KeyObject } from 'node:crypto';

import type { RequestRecord, ResponseTierRecord } from '../ledger/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { KEEP_ALIVE_STATES, type KeepAliveState } from '../warming/index.ts';
import { MODES, type Mode } from './options.ts';

/** Headers by lower-case name. */
export type Headers = { readonly [name: string]: string | readonly string[] | undefined };

/** A request for a message as the gateway or the client received it. */
export interface IncomingMessageRequest {
  readonly path: string;
  readonly headers: Headers;
  /** Kept, and read again when it is asked what a block says: it must not be written to. */
  readonly body: Buffer;
  /** The body is too long to be held, and `body` is not all of it: it goes out as it comes, and only its bill is read. */
  readonly isTooLong?: boolean;
  /** What the tier of exact answers did, once the answer is over. */
  readonly responses?: () => ResponseTierRecord;
  /** Is told the record when it is made. */
  readonly onRecord?: (record: RequestRecord) => void;
}

/** How the name of every header begins that is meant for us; none is ever forwarded, known or not. */
export const OWN_HEADER_PREFIX = 'x-cachewright-';

/** The headers that steer us. */
export const OWN_HEADERS: ReadonlySet<string> = new Set([
  'x-cachewright-mode',
  'x-cachewright-keepalive',
  'x-cachewright-scope',
  'x-cachewright-response-cache',
  'x-cachewright-tags',
  'x-cachewright-gate',
]);

/** Tags kept of one request, and characters kept of one tag. */
const TAGS_MAX = 16;
const TAG_LENGTH_MAX = 64;

const NONE: readonly string[] = [];

function one(headers: Headers, name: string): string {
  const value = headers[name];
  return (typeof value === 'string' ? value : value?.[0]) ?? '';
}

/** Pseudonyms remembered of one secret; forgotten all at once, since that they are many is rare. */
const SCOPES_MAX = 1000;

/** Pseudonyms that were made with a secret, by a hash of what they stand for: a client's requests repeat its credential. */
class ScopeMemo {
  readonly #known = new Map<string, string>();

  of(text: string, make: (text: string) => string): string {
    const hash = sha256Text(text);
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    if (this.#known.size >= SCOPES_MAX) this.#known.clear();
    const scope = make(text);
    this.#known.set(hash, scope);
    return scope;
  }
}

const memos = new WeakMap<KeyObject, ScopeMemo>();

/**
 * Whose cache a request uses, as a pseudonym: an HMAC of the credential, the workspace and the scope's name, so
 * that a name can split a scope and never join two, and no credential is kept.
 *
 * @param secret as a key object, pseudonyms are remembered with it
 */
export function scopeOf(headers: Headers, secret: Uint8Array | KeyObject): string {
  const key = one(headers, 'x-api-key');
  const authorization = one(headers, 'authorization');
  const bearer = authorization === '' ? '' : authorization.replace(/^bearer\s+/i, '');
  const parts = [
    key || bearer,
    // Where both are sent the service decides which counts, so a shared key must not join two bearers.
    key && bearer,
    one(headers, 'anthropic-workspace-id'),
    one(headers, 'x-cachewright-scope'),
  ];
  const make = (text: string): string =>
    createHmac('sha256', secret).update(text).digest('base64url').slice(0, 22);
  const text = JSON.stringify(parts);
  if (secret instanceof Uint8Array) return make(text);
  const memo = memos.get(secret) ?? new ScopeMemo();
  memos.set(secret, memo);
  return memo.of(text, make);
}

/** The mode that the request asks for, else the configured one; an unknown word changes nothing. */
export function modeOf(headers: Headers, configured: Mode): Mode {
  const text = one(headers, 'x-cachewright-mode');
  if (text === '') return configured;
  const asked = text.trim().toLowerCase();
  return MODES.find((mode) => mode === asked) ?? configured;
}

/** May the request be held back, by its header or else as configured? An unknown word changes nothing. */
export function isGateAsked(headers: Headers, configured: boolean): boolean {
  const asked = one(headers, 'x-cachewright-gate').trim().toLowerCase();
  return asked === 'on' || asked === 'off' ? asked === 'on' : configured;
}

/** What the request says of keep-alive; null where it says nothing that is known. */
export function keepAliveOf(headers: Headers): KeepAliveState | null {
  const asked = one(headers, 'x-cachewright-keepalive').trim().toLowerCase();
  return KEEP_ALIVE_STATES.find((state) => state === asked) ?? null;
}

/** `x-cachewright-tags: a, b` as a list, bounded. */
export function tagsOf(headers: Headers): readonly string[] {
  const text = one(headers, 'x-cachewright-tags');
  if (text === '') return NONE;
  const tags = text.split(',');
  const cleaned = tags.map((tag) => tag.trim().slice(0, TAG_LENGTH_MAX)).filter((tag) => tag !== '');
  return [...new Set(cleaned)].slice(0, TAGS_MAX);
}

/** A path without its query, which may hold a credential. */
export function routeOf(path: string): string {
  const end = path.indexOf('?');
  return end < 0 ? path : path.slice(0, end);
}

/** How long an answer took to begin, and to end; null when it never began. */
export function timesOf({
  atMs,
  firstByteMs,
  endMs,
}: {
  readonly atMs: number;
  readonly firstByteMs: number | null;
  readonly endMs: number;
}): Pick<RequestRecord, 'firstByteMs' | 'totalMs'> {
  return { firstByteMs: firstByteMs === null ? null : firstByteMs - atMs, totalMs: endMs - atMs };
}

/** `anthropic-beta` as a list. */
export function betasOf(headers: Headers): readonly string[] {
  const text = one(headers, 'anthropic-beta');
  if (text === '') return NONE;
  return text
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '');
}

/** Is the body compressed, so that we cannot read it? */
export function isEncoded(headers: Headers): boolean {
  const encoding = one(headers, 'content-encoding').trim().toLowerCase();
  return encoding !== '' && encoding !== 'identity';
}
