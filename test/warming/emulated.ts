import type { JsonObject } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import type { Clock, Timers } from '../../src/runtime/index.ts';
import { httpSender, type SendWarm } from '../../src/warming/index.ts';
import { getJson, sendJson } from '../support/http-client.ts';

export const MODEL = 'claude-sonnet-5-5';
export const KEY = 'sk-test-very-secret-key';

/** Counters of an answer, in the API's names. */
export interface Usage {
  readonly input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly output_tokens: number;
}

/** An emulator whose clock stands still until it is moved, with a sender for it. */
export interface Emulated {
  readonly url: string;
  readonly clock: Clock;
  /** Nothing waits in fact: the emulator's clock is moved by the pause that is asked for. */
  readonly timers: Timers;
  readonly send: SendWarm;
  /** Bodies that were sent by `send`, in order. */
  readonly sent: JsonObject[];
  advance(ms: number): Promise<void>;
  script(entries: object | readonly object[]): Promise<void>;
  /** A request of a user's. */
  ask(body: object): Promise<Usage>;
  entries(): Promise<readonly { readonly tokens: number; readonly ttl: string }[]>;
  close(): Promise<void>;
}

export async function startEmulated(tokenizer: 'words' | 'estimate' = 'words'): Promise<Emulated> {
  const emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer });
  let nowMs = 0;
  const advance = async (advanceMs: number): Promise<void> => {
    await sendJson(emulator.url, { advanceMs }, { path: '/_emulator/clock' });
    nowMs += advanceMs;
  };
  const timers: Timers = {
    after(delayMs, run, isBackground = false) {
      let isCancelled = false;
      // Time-outs of the sender never come.
      if (!isBackground && delayMs < 100_000) {
        void advance(delayMs).then(() => {
          if (!isCancelled) run();
        });
      }
      return () => (isCancelled = true);
    },
  };
  const sent: JsonObject[] = [];
  const send = httpSender({ apiKey: KEY, baseUrl: emulator.url, timers });
  return {
    url: emulator.url,
    clock: { nowMs: () => nowMs },
    timers,
    sent,
    send(request) {
      sent.push(request.body);
      return send(request);
    },
    advance,
    async script(entries) {
      const { status } = await sendJson(emulator.url, entries, { path: '/_emulator/script' });
      if (status !== 200) throw new Error('the script was refused');
    },
    async ask(body) {
      const headers = ['x-api-key', KEY, 'anthropic-version', '2023-06-01'];
      const answer = await sendJson(emulator.url, { model: MODEL, max_tokens: 16, ...body }, { headers });
      const text = answer.body.toString('utf8');
      if (answer.status !== 200) throw new Error(text);
      return (JSON.parse(text) as { readonly usage: Usage }).usage;
    },
    async entries() {
      const { value } = await getJson(emulator.url, '/_emulator/entries');
      return (value as { readonly entries: readonly { tokens: number; ttl: string }[] }).entries;
    },
    close: () => emulator.close(),
  };
}

/** A text of so many words, which a seed makes another text. */
export function text(words: number, seed: number | string = 0): string {
  return Array.from({ length: words }, (_, index) => `w${seed}x${index % 50}`).join(' ');
}

export const question = (words: string): JsonObject => ({ role: 'user', content: words });
