import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';

import { KnownContexts } from './known-headers.ts';
import type { ResponseSettings } from './options.ts';
import { readCall, type MessageCall, type ReadCall } from './request.ts';
import { telling } from './scope.ts';

/** Bytes of calls whose reading is known, and what each takes beside its body. */
const KNOWN_BYTES_MAX = 32 * 1024 * 1024;
const KNOWN_OVERHEAD_BYTES = 1024;

/** Longer bodies are known by their hash, and not kept. */
const COMPARED_BYTES_MAX = 64 * 1024;

/** A call that was read before. */
interface KnownCall {
  /** null: it is known by its hash. */
  readonly body: Uint8Array | string | null;
  readonly read: ReadCall;
}

function isSame(body: Uint8Array | string, known: Uint8Array | string): boolean {
  if (typeof body === 'string' || typeof known === 'string') return body === known;
  return Buffer.compare(body, known) === 0;
}

/**
 * Reads calls, and those that were read before at once. What is read of a call depends on its bytes, the headers that are
 * shown to `readCall`, and the caller's own words; all of that is compared with what was read before, so that a checksum
 * is enough to find it.
 */
export class CallReader {
  readonly #settings: ResponseSettings;
  readonly #secret: KeyObject;
  readonly #contexts = new KnownContexts();
  readonly #known = new LRUCache<number | string, KnownCall>({
    maxSize: KNOWN_BYTES_MAX,
    sizeCalculation: ({ body }) => KNOWN_OVERHEAD_BYTES + (body?.length ?? 0),
  });

  constructor(settings: ResponseSettings) {
    this.#settings = settings;
    this.#secret = createSecretKey(settings.secret);
  }

  /** As `readCall`; names of headers in any case. */
  read(call: MessageCall): ReadCall {
    const { body } = call;
    if (body.length > this.#settings.bodyBytesMax) return this.#readAnew(call);
    const context = this.#contexts.of(call);
    const isCompared = body.length <= COMPARED_BYTES_MAX;
    const id = isCompared
      ? context.number * 2 ** 32 + crc32(body)
      : `${context.number} ${hash('sha256', body, 'base64')}`;
    const known = this.#known.get(id);
    if (known && (known.body === null || isSame(body, known.body))) return known.read;
    const read = this.#readAnew(call);
    // A copy: what is kept must not keep a chunk of a connection's, nor change with it.
    const kept = typeof body === 'string' ? body : new Uint8Array(body);
    this.#known.set(id, { body: isCompared ? kept : null, read });
    return read;
  }

  #readAnew(call: MessageCall): ReadCall {
    return readCall(call, telling(call.headers), this.#settings, this.#secret);
  }
}
