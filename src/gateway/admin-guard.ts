import { createHash, timingSafeEqual } from 'node:crypto';

import { refuseForeign } from '../runtime/index.ts';

/** Who may ask the admin listener. */
export interface AdminGuardOptions {
  /** Names besides loopback that `Host` may carry, without a port. */
  readonly allowedHosts: readonly string[];
  /** What `authorization: Bearer` must carry; null asks for none. */
  readonly token: string | null;
}

/** Headers of a request that the guard reads. */
export interface GuardedRequest {
  readonly method: string;
  header(name: string): string | undefined;
}

/** Why a request may not pass: a status and a sentence. */
export interface AdminRefusal {
  readonly status: 401 | 403 | 415;
  readonly sentence: string;
}

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Equal? In a time that depends on neither: digests are compared, which have one length. */
function isSameToken(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

/** Whatever may change state must say so in a way that no form or link of a page in a browser can. */
function refuseChange(request: GuardedRequest): AdminRefusal | null {
  if (READING_METHODS.has(request.method)) return null;
  if (request.header('x-cachewright-admin') !== '1') {
    return { status: 403, sentence: 'what changes state needs the header x-cachewright-admin: 1' };
  }
  const [contentType = ''] = (request.header('content-type') ?? '').split(';');
  if (contentType.trim().toLowerCase() === 'application/json') return null;
  return { status: 415, sentence: 'what changes state needs content-type: application/json' };
}

/**
 * Judges a request to the admin listener.
 *
 * @returns null when it may pass
 * @example refuseAdmin({ method: 'GET', header: (name) => headers[name] }, { allowedHosts: [], token: null })
 */
export function refuseAdmin(request: GuardedRequest, options: AdminGuardOptions): AdminRefusal | null {
  const origins = { host: request.header('host'), origin: request.header('origin') };
  const sentence = refuseForeign(origins, options.allowedHosts);
  if (sentence !== null) return { status: 403, sentence };
  if (options.token !== null) {
    const given = /^Bearer +(.*)$/i.exec(request.header('authorization') ?? '')?.[1] ?? '';
    if (!isSameToken(given, options.token)) {
      return { status: 401, sentence: 'the admin listener needs its token: authorization: Bearer TOKEN' };
    }
  }
  return refuseChange(request);
}
