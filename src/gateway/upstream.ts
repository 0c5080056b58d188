import type { Readable } from 'node:stream';

import { EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';

/** Where requests go, and how. */
export interface UpstreamOptions {
  /** Base URL; may carry a path prefix. */
  readonly url: string;
  /** `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment; null without. */
  readonly proxy: {
    readonly httpProxy?: string;
    readonly httpsProxy?: string;
    readonly noProxy?: string;
  } | null;
  /** How long an answer may take to begin, and how long it may pause, in ms. At least the client's own time-out. */
  readonly responseTimeoutMs: number;
}

/** A request to send. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
}

/** Takes what comes back. */
export interface UpstreamSink {
  /** Status, reason phrase, and raw headers as a flat list. */
  head(status: number, statusText: string, rawHeaders: readonly (Buffer | string)[]): void;
  /** false: wait for `resume`. */
  chunk(bytes: Buffer): boolean;
  end(): void;
  fail(error: Error): void;
}

/** A request under way. */
export interface UpstreamCall {
  resume(): void;
  /** Cancels: the upstream sees the connection close. */
  abort(reason: Error): void;
}

/** Sends requests to one upstream over kept-alive connections. */
export interface Upstream {
  /** The base URL for people to read: without user name, password and query. */
  readonly url: string;
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall;
  close(): Promise<void>;
}

/** Time to connect, and idle time of a kept connection, in ms. */
const CONNECT_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;

function createDispatcher(options: UpstreamOptions, origin: string): Dispatcher {
  const settings = {
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: options.responseTimeoutMs,
    bodyTimeout: options.responseTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    allowH2: false,
  };
  return options.proxy
    ? new EnvHttpProxyAgent({ ...settings, ...options.proxy })
    : new Pool(origin, settings);
}

/** Headers as pairs: of a flat list undici's proxy agent keeps only the last line of each name. */
function headerPairs(flat: readonly string[]): ReadonlySet<[string, string]> {
  const pairs = new Set<[string, string]>();
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.add([flat[at] ?? '', flat[at + 1] ?? '']);
  return pairs;
}

/** One request under way: told by undici what comes back, and by us when to stop. */
class Sending implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #sink: UpstreamSink;
  #controller: Dispatcher.DispatchController | null = null;
  #abortReason: Error | null = null;

  constructor(sink: UpstreamSink) {
    this.#sink = sink;
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(started: Dispatcher.DispatchController): void {
    this.#controller = started;
    if (this.#abortReason) started.abort(this.#abortReason);
  }

  onResponseStart(
    started: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    // Interim answers (RFC 9110 15.2) are for this hop; the final one is still to come.
    if (status < 200) return;
    const { rawHeaders } = started;
    try {
      this.#sink.head(status, statusText ?? '', Array.isArray(rawHeaders) ? rawHeaders : []);
    } catch (error) {
      // undici would go on as if nothing had happened, and the client would wait for ever.
      started.abort(error instanceof Error ? error : new Error('the head could not be passed on'));
    }
  }

  onResponseData(running: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#sink.chunk(chunk)) running.pause();
  }

  onResponseEnd(): void {
    this.#sink.end();
  }

  onResponseError(_failed: unknown, error: Error): void {
    this.#sink.fail(error);
  }
}

/** An upstream at a URL; nothing is connected until the first request. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { origin, pathname } = new URL(options.url);
  const prefix = pathname.replace(/\/+$/, '');
  const dispatcher = createDispatcher(options, origin);
  return {
    url: origin + prefix,
    send({ path, method, headers, body }, sink) {
      const sending = new Sending(sink);
      dispatcher.dispatch(
        {
          origin,
          path: prefix + path,
          method,
          headers: options.proxy ? headerPairs(headers) : headers,
          body,
        },
        sending,
      );
      return sending;
    },
    close: () => dispatcher.close(),
  };
}
