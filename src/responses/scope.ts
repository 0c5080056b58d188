import { createHmac, type KeyObject } from 'node:crypto';

/** Names of headers in lower case, and their values. */
export type HeaderMap = Readonly<Record<string, string>>;

/** Headers that say who asks. */
const CREDENTIAL_HEADERS = ['x-api-key', 'authorization'] as const;

/** Headers of ours, which are not passed on. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'x-cachewright-response-cache',
  'x-cachewright-scope',
  'x-cachewright-tags',
]);

/** Credentials, headers of the API, and ours, in any case. */
const TELLING = /^(?:x-api-key$|authorization$|anthropic-|x-cachewright-)/i;

const [UPPER_TO_LOWER, LETTER_A, LETTER_X] = [0x20, 0x61, 0x78];

/** May a call be read from it? At a glance: all that `TELLING` finds begins with one of two letters. */
export function mayTell(name: string): boolean {
  const letter = name.charCodeAt(0) | UPPER_TO_LOWER;
  return letter === LETTER_A || letter === LETTER_X;
}

/** Is a call read from the header of this name, in any case? */
export function isTelling(name: string): boolean {
  return mayTell(name) && TELLING.test(name);
}

/** The headers from which a call is read, with names in lower case: who asks, those of the API, and ours. */
export function telling(headers: HeaderMap): HeaderMap {
  const told: Record<string, string> = {};
  for (const given of Object.keys(headers))
    if (isTelling(given)) told[given.toLowerCase()] = headers[given] ?? '';
  return told;
}

/** Headers of the API that say nothing of the answer, or are part of the scope. */
const NOT_IN_KEY: ReadonlySet<string> = new Set([
  'anthropic-workspace-id',
  'anthropic-dangerous-direct-browser-access',
]);

/**
 * Who may share answers: an opaque name for credential, workspace and the name given by the caller. A name splits a
 * scope and never joins two.
 *
 * @returns null when nothing says who asks
 */
export function scopeOf(
  secret: KeyObject | Uint8Array,
  headers: HeaderMap,
  name: string | null,
): string | null {
  const credentials = CREDENTIAL_HEADERS.map((header) => headers[header] ?? null);
  const scopeName = headers['x-cachewright-scope'] ?? null;
  const workspace = headers['anthropic-workspace-id'] ?? null;
  const parts = [...credentials, workspace, scopeName, name];
  if (parts.every((part) => part === null)) return null;
  return createHmac('sha256', secret)
    .update(JSON.stringify(['scope', ...parts]))
    .digest('base64url')
    .slice(0, 22);
}

/** Order and repetition of betas say nothing. */
function sortBetas(value: string): string {
  const betas = value.split(',').map((beta) => beta.trim());
  return [...new Set(betas.filter((beta) => beta !== ''))].toSorted().join(',');
}

/** The headers on which an answer depends: all of the API's own, those that nobody knows yet too. */
export function relevantHeaders(headers: HeaderMap): readonly (readonly [string, string])[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('anthropic-') && !NOT_IN_KEY.has(name))
    .map(([name, value]) => [name, name === 'anthropic-beta' ? sortBetas(value) : value] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The headers without those that are ours, with names in lower case. */
export function withoutOwnHeaders(headers: HeaderMap): HeaderMap {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(lower.filter(([name]) => !OWN_HEADERS.has(name)));
}
