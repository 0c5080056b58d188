import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';

import type { ResponseSettings } from './options.ts';
import { readCall, type MessageCall, type ReadCall } from './request.ts';
import { telling } from './scope.ts';

/** Calls whose reading is known; each takes about a kilobyte. */
const KNOWN_MAX = 8192;

/** What beside the body a call is read from, as one text; two calls that are read differently never have the same. */
function describe(call: MessageCall, headers: Readonly<Record<string, string>>): string {
  const { target = null, scope = null, tags = null, contents = null, ttlMs } = call;
  // As text, for JSON knows no infinity.
  return JSON.stringify([headers, target, scope, tags, contents, String(ttlMs)]);
}

/**
 * Reads calls, and those that were read before at once: what is read of a call depends on its bytes, the headers that are
 * shown to `readCall`, and the caller's own words, of all of which it knows the hash.
 */
export class CallReader {
  readonly #settings: ResponseSettings;
  readonly #secret: KeyObject;
  readonly #known = new LRUCache<string, ReadCall>({ max: KNOWN_MAX });

  constructor(settings: ResponseSettings) {
    this.#settings = settings;
    this.#secret = createSecretKey(settings.secret);
  }

  /** As `readCall`; names of headers in any case. */
  read(call: MessageCall): ReadCall {
    const headers = telling(call.headers);
    const { body } = call;
    if (body.length > this.#settings.bodyBytesMax) return this.#readAnew(call, headers);
    const rest = `${describe(call, headers)}\n`;
    const whole = typeof body === 'string' ? rest + body : Buffer.concat([Buffer.from(rest), body]);
    const id = hash('sha256', whole, 'base64');
    const known = this.#known.get(id);
    if (known) return known;
    const read = this.#readAnew(call, headers);
    this.#known.set(id, read);
    return read;
  }

  #readAnew(call: MessageCall, headers: Readonly<Record<string, string>>): ReadCall {
    return readCall(call, headers, this.#settings, this.#secret);
  }
}
