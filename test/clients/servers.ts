import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk';

import { startEmulator, type EmulatorOptions, type RunningServer } from '../../src/emulator/index.ts';
import { startGateway, type RunningGateway } from '../../src/gateway/index.ts';

/** Where a client sends its requests: to the emulator itself, or to a gateway in front of it. */
export type Route = 'emulator' | 'gateway';

export const ROUTES: readonly Route[] = ['emulator', 'gateway'];

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
  /** An unmodified SDK; it does not retry unless told to, so that every failure shows. */
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
  const urlOf = (route: Route): string => (route === 'emulator' ? emulator.url : gateway.data.url);
  return {
    emulatorUrl: emulator.url,
    gatewayUrl: gateway.data.url,
    gateway,
    urlOf,
    client: (route, more = {}) =>
      new Anthropic({ baseURL: urlOf(route), apiKey: 'sk-ant-test', maxRetries: 0, ...more }),
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

/** A `fetch` that keeps what passes through it. */
export function recordingFetch(): { readonly fetch: typeof fetch; readonly recorded: Recorded[] } {
  const recorded: Recorded[] = [];
  return {
    recorded,
    async fetch(input, init) {
      const response = await fetch(input, init);
      const url = new URL(input instanceof Request ? input.url : input);
      const body: Record<string, unknown> = typeof init?.body === 'string' ? JSON.parse(init.body) : {};
      recorded.push({ path: url.pathname + url.search, body, status: response.status });
      return response;
    },
  };
}

/** Exactly so many words. */
export function words(count: number, word = 'word'): string {
  return Array.from({ length: count }, (_, index) => `${word}${index}`).join(' ');
}
