import Anthropic, { type ClientOptions, type Middleware } from '@anthropic-ai/sdk';

import { cachewright, cachewrightFetch } from '../../src/client/index.ts';
import { startEmulator, type EmulatorOptions, type RunningServer } from '../../src/emulator/index.ts';
import { startGateway, type RunningGateway } from '../../src/gateway/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';

/**
 * Where a client sends its requests: to the emulator itself, to a gateway in front of it, or to the emulator through the
 * library within the client's own process.
 */
export type Route = 'emulator' | 'gateway' | 'library';

/** The routes on which something of ours may put markers in. */
export const CACHING_ROUTES: readonly Exclude<Route, 'emulator'>[] = ['gateway', 'library'];

export const ROUTES: readonly Route[] = ['emulator', ...CACHING_ROUTES];

/** An entry of the cache as the emulator shows it. */
export interface ShownEntry {
  readonly model: string;
  readonly workspace: string;
  readonly tokens: number;
  readonly ttl: string;
  readonly readyMs: number;
  readonly expiresMs: number;
}

/** What `GET /_emulator/entries` answers. */
export interface EmulatorState {
  readonly nowMs: number;
  readonly inFlight: number;
  readonly entries: readonly ShownEntry[];
}

/** A body that an SDK has sent, and the answer's status. */
export interface Recorded {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: number;
}

/** An emulator with a gateway in front of it, in this process. */
export interface Servers {
  readonly emulatorUrl: string;
  readonly gatewayUrl: string;
  readonly gateway: RunningGateway;
  urlOf(route: Route): string;
  /** What a client other than the official SDK is given to send with. */
  fetchOf(route: Route): typeof fetch;
  ledgerOf(route: Exclude<Route, 'emulator'>): Ledger;
  /**
   * An SDK that is unmodified but for the library's middleware on that route, after those that are given; it does not
   * retry unless told to, so that every failure shows.
   */
  client(route: Route, options?: ClientOptions): Anthropic;
  script(...entries: readonly object[]): Promise<void>;
  advance(ms: number): Promise<void>;
  reset(): Promise<void>;
  state(): Promise<EmulatorState>;
  closeEmulator(): Promise<void>;
  close(): Promise<void>;
}

async function control(url: string, body?: unknown): Promise<unknown> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const response = await fetch(url, body === undefined ? {} : init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

/** Starts both on free ports; by default the clock is manual and tokens are words. */
export async function startServers(options: Partial<EmulatorOptions> = {}): Promise<Servers> {
  const emulator: RunningServer = await startEmulator({
    port: 0,
    clock: 'manual',
    tokenizer: 'words',
    ...options,
  });
  const free = { host: '127.0.0.1', port: 0 };
  const gateway = await startGateway({ upstreamUrl: emulator.url, listen: free, adminListen: free });
  const urlOf = (route: Route): string => (route === 'gateway' ? gateway.data.url : emulator.url);
  const middleware = cachewright();
  const libraryFetch = cachewrightFetch({ engine: middleware.engine });
  return {
    emulatorUrl: emulator.url,
    gatewayUrl: gateway.data.url,
    gateway,
    urlOf,
    fetchOf: (route) => (route === 'library' ? libraryFetch : fetch),
    ledgerOf: (route) => (route === 'library' ? middleware : gateway).engine.options.ledger,
    client: (route, { middleware: given = [], ...more } = {}) =>
      new Anthropic({
        baseURL: urlOf(route),
        apiKey: 'sk-ant-test',
        maxRetries: 0,
        middleware: route === 'library' ? [...given, middleware] : given,
        ...more,
      }),
    script: async (...entries) => void (await control(`${emulator.url}/_emulator/script`, entries)),
    advance: async (advanceMs) => void (await control(`${emulator.url}/_emulator/clock`, { advanceMs })),
    reset: async () => void (await control(`${emulator.url}/_emulator/reset`, {})),
    state: async () => (await control(`${emulator.url}/_emulator/entries`)) as EmulatorState,
    closeEmulator: () => emulator.close(0),
    async close() {
      // At once: clients keep connections open, some of which have never carried a request.
      await gateway.data.close(0);
      await gateway.close();
      await emulator.close(0);
    },
  };
}

function record(url: string, body: unknown, status: number): Recorded {
  const { pathname, search } = new URL(url);
  return { path: pathname + search, body: typeof body === 'string' ? JSON.parse(body) : {}, status };
}

/** A `fetch` that keeps what passes through it. */
export function recordingFetch(below: typeof fetch): {
  readonly fetch: typeof fetch;
  readonly recorded: Recorded[];
} {
  const recorded: Recorded[] = [];
  return {
    recorded,
    async fetch(input, init) {
      const response = await below(input, init);
      const url = input instanceof Request ? input.url : String(input);
      recorded.push(record(url, init?.body, response.status));
      return response;
    },
  };
}

/** The same for the SDK, which is recorded before anything of ours has touched its requests. */
export function recordingMiddleware(): { readonly middleware: Middleware; readonly recorded: Recorded[] } {
  const recorded: Recorded[] = [];
  return {
    recorded,
    async middleware(request, next) {
      const response = await next(request);
      recorded.push(record(request.url, request.body, response.status));
      return response;
    },
  };
}

/** Exactly so many words. */
export function words(count: number, word = 'word'): string {
  return Array.from({ length: count }, (_, index) => `${word}${index}`).join(' ');
}
