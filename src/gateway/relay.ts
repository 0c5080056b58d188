import { STATUS_CODES } from 'node:http';

import type { Exchange } from '../engine/index.ts';
import { headerValues, returnedHeaders } from './headers.ts';
import type { Upstream, UpstreamCall, UpstreamRequest, UpstreamSink } from './upstream.ts';

/** Where an answer goes: a client, or something that looks like one. */
export interface RelayTarget {
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  readonly headersSent: boolean;
  sendDate: boolean;
  once(event: 'drain', listener: () => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  writeHead(status: number, statusText: string, headers: string[]): unknown;
  flushHeaders(): void;
  write(bytes: Buffer): boolean;
  end(bytes?: Buffer): unknown;
  destroy(): unknown;
  /** Told why no answer came, in place of an error of ours in the form of an answer. */
  failWith?(message: string): void;
}

/** What an answer is relayed with. */
export interface RelayOptions {
  readonly upstream: Upstream;
  readonly response: RelayTarget;
  /** null: the answer is passed on without being looked at. */
  readonly exchange: Exchange | null;
  /** Builds the request for bytes; called again when the engine wants the original sent. */
  readonly buildRequest: () => UpstreamRequest;
  /** What the answer says of a cache that was not asked. */
  readonly cacheStatus?: string | undefined;
  /** Resolves when it is known what became of a whole answer, which is then told to the exchange. @default at once */
  readonly settled?: Promise<void> | undefined;
}

/** To do something after what is being done, at less cost than `queueMicrotask`. */
const AT_ONCE = Promise.resolve();

/** An error answer longer than this is no sentence about our markers: it is passed on. */
const HELD_BYTES_MAX = 64 * 1024;

/** An error of ours in the API's form, so that SDKs read it as they read the API's own. */
export function sendGatewayError(response: RelayTarget, status: number, type: string, message: string): void {
  const body = Buffer.from(
    JSON.stringify({ type: 'error', error: { type, message: `cachewright: ${message}` } }),
  );
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** The last part of a network error's message is the useful one: `connect ECONNREFUSED 127.0.0.1:9`. */
function describeFailure(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  return error.message === '' ? (code ?? error.name) : error.message;
}

/** A reason phrase as Node will write it: its bytes again, for undici reads them as UTF-8, and no control characters. */
function reasonPhrase(status: number, statusText: string): string {
  if (statusText === STATUS_CODES[status]) return statusText;
  return Buffer.from(statusText)
    .toString('latin1')
    .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
}

/** An answer kept back until the engine has judged it. */
interface HeldAnswer {
  readonly head: readonly [status: number, statusText: string, headers: string[]];
  readonly chunks: Buffer[];
  size: number;
}

/** Passes one answer's bytes to the client as they come. */
class Relay implements UpstreamSink {
  readonly #options: RelayOptions;
  #call: UpstreamCall | null = null;
  #held: HeldAnswer | null = null;
  #hasBegunBody = false;
  #waitsForDrain = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { response, exchange } = options;
    response.on('close', () => {
      if (response.writableFinished) return;
      exchange?.fail('client_left');
      // Otherwise tokens would be paid for nobody.
      this.#call?.abort(new Error('the client left'));
    });
  }

  /** Sends when the engine says so: mostly at once. */
  start(): void {
    const ready = this.#options.exchange?.ready() ?? null;
    if (!ready) return this.send();
    void ready.then(() => {
      // Gone while it waited: nobody is left to answer to.
      if (!this.#options.response.destroyed) this.send();
    });
    return undefined;
  }

  send(): void {
    this.#call = this.#options.upstream.send(this.#options.buildRequest(), this);
  }

  head(status: number, statusText: string, rawHeaders: readonly (Buffer | string)[]): void {
    const { exchange, response } = this.#options;
    const headers = returnedHeaders(rawHeaders);
    const contentType = headerValues(headers, 'content-type');
    const contentEncoding = headerValues(headers, 'content-encoding');
    const verdict = exchange?.responseStart({ status, contentType, contentEncoding }) ?? 'pass';
    if (verdict === 'hold') {
      this.#held = { head: [status, statusText, headers], chunks: [], size: 0 };
      return;
    }
    this.#writeHead(status, statusText, headers);
    // Node keeps a head back until the body's first byte, which may be minutes away. What has come with
    // the head is handed over before this runs, and goes out in one piece with it.
    void AT_ONCE.then(() => {
      if (!this.#hasBegunBody && !response.destroyed) response.flushHeaders();
    });
  }

  chunk(bytes: Buffer): boolean {
    const held = this.#held;
    if (!held) {
      this.#hasBegunBody = true;
      const { exchange, response } = this.#options;
      exchange?.data(bytes);
      return response.write(bytes) || this.#waitForDrain(response);
    }
    held.chunks.push(bytes);
    held.size += bytes.length;
    if (held.size > HELD_BYTES_MAX) {
      this.#options.exchange?.judgeHeld(new Uint8Array());
      this.#release(held);
    }
    return true;
  }

  #waitForDrain(response: RelayTarget): false {
    if (this.#waitsForDrain) return false;
    this.#waitsForDrain = true;
    response.once('drain', () => {
      this.#waitsForDrain = false;
      this.#call?.resume();
    });
    return false;
  }

  end(): void {
    const { exchange, response, settled } = this.#options;
    const held = this.#held;
    if (held && exchange?.judgeHeld(Buffer.concat(held.chunks)) === 'resend') {
      this.#held = null;
      this.send();
      return;
    }
    if (held) this.#release(held);
    this.#hasBegunBody = true;
    response.end();
    if (settled) void settled.then(() => exchange?.complete());
    // What was written goes out at the end of this turn: the books are kept after it, so that nobody waits for them.
    else if (exchange) void AT_ONCE.then(() => exchange.complete());
  }

  fail(error: Error): void {
    const { exchange, response, upstream } = this.#options;
    this.#held = null;
    exchange?.fail(describeFailure(error));
    // A broken answer must break for the client too: an orderly end would pass for a whole one.
    if (response.headersSent) response.destroy();
    else if (!response.destroyed) {
      const message = `cannot reach ${upstream.url}: ${describeFailure(error)}`;
      if (response.failWith) response.failWith(message);
      else sendGatewayError(response, 502, 'api_error', message);
    }
  }

  #release({ head, chunks }: HeldAnswer): void {
    this.#held = null;
    this.#writeHead(...head);
    for (const bytes of chunks) this.chunk(bytes);
  }

  #writeHead(status: number, statusText: string, headers: string[]): void {
    const { exchange, response, cacheStatus } = this.#options;
    if (exchange) headers.push('x-cachewright-id', exchange.id);
    if (cacheStatus !== undefined) headers.push('cache-status', cacheStatus);
    // A date that the upstream did not give is not ours to give.
    response.sendDate = false;
    response.writeHead(status, reasonPhrase(status, statusText), headers);
  }
}

/**
 * Sends one request and passes the answer's bytes back: back-pressure kept, the upstream cancelled when the
 * client leaves, a broken answer broken off for the client too.
 */
export function relay(options: RelayOptions): void {
  new Relay(options).start();
}
