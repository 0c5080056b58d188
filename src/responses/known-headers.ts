import { hash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import type { MessageCall } from './request.ts';
import { isTelling, mayTell, telling, type HeaderMap } from './scope.ts';

/** What beside its body a call is read from: the same object for calls that are read in one way, as far as bodies are the same. */
export interface CallContext {
  /** The same for no other one. */
  readonly number: number;
}

/** A context with the raw headers by which it is known again. */
interface KnownHeaders {
  readonly target: string | undefined;
  /** Names and values in turn, of those that tell. */
  readonly told: readonly string[];
  readonly context: CallContext;
}

const KNOWN_MAX = 8_192;
/** Headers of different callers, or ways of writing them, on one connection: a proxy may bring many. */
const WAYS_MAX = 8;

/** Are these the headers that tell, all of them, in this order? */
function areTold(told: readonly string[], raw: readonly string[]): boolean {
  let at = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!mayTell(name)) continue;
    if (name === told[at] && raw[index + 1] === told[at + 1]) at += 2;
    else if (isTelling(name)) return false;
  }
  return at === told.length;
}

/** What beside body and headers says how a call is read; only programs say it, and those of HTTP do not. */
function isPlain({ scope, tags, contents, ttlMs }: MessageCall): boolean {
  return scope === undefined && tags === undefined && contents === undefined && ttlMs === undefined;
}

/** As one text; two calls that are read differently never have the same. */
function describe({ target, scope, tags, contents, ttlMs }: MessageCall, headers: HeaderMap): string {
  // The number as text, for JSON knows no infinity.
  return JSON.stringify([
    headers,
    target ?? null,
    scope ?? null,
    tags ?? null,
    contents ?? null,
    String(ttlMs),
  ]);
}

/**
 * Finds the context of a call. What came over one connection is compared with what came over it before; everything else is
 * known by its hash, so that no credential is kept for longer than its connection.
 */
export class KnownContexts {
  readonly #byHash = new LRUCache<string, CallContext>({ max: KNOWN_MAX });
  readonly #byConnection = new WeakMap<object, KnownHeaders[]>();
  #count = 0;

  of(call: MessageCall): CallContext {
    const { origin, target } = call;
    if (!origin || !isPlain(call)) return this.#ofText(call, telling(call.headers));
    const { connection, rawHeaders } = origin;
    const ways = this.#byConnection.get(connection);
    if (ways) {
      for (const way of ways) if (way.target === target && areTold(way.told, rawHeaders)) return way.context;
    }
    const headers = telling(call.headers);
    const context = this.#ofText(call, headers);
    const told = rawHeaders.filter((_text, index) => isTelling(rawHeaders[index - (index % 2)] ?? ''));
    this.#byConnection.set(connection, [{ target, told, context }, ...(ways ?? []).slice(0, WAYS_MAX - 1)]);
    return context;
  }

  #ofText(call: MessageCall, headers: HeaderMap): CallContext {
    const id = hash('sha256', describe(call, headers), 'base64');
    const known = this.#byHash.get(id);
    if (known) return known;
    const context = { number: (this.#count += 1) };
    this.#byHash.set(id, context);
    return context;
  }
}
