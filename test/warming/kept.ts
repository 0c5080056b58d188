import { PICO_PER_USD } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import type { KeepAliveOptions } from '../../src/engine/index.ts';
import type { GatewayOptions } from '../../src/gateway/index.ts';
import { decideKeepAlive, type DecideKeeping, type Keeper } from '../../src/warming/index.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { getJson, send, sendJson, type Answer } from '../support/http-client.ts';
import { ManualTime } from '../support/manual-time.ts';
import { MODEL, text, type Usage } from './emulated.ts';

/** A credential that must not be found anywhere. */
export const SECRET_KEY = 'sk-ant-keepalive-hunter2';

/** Every prefix is worth a ping, so that what is seen is the keeper's doing; all limits hold. */
export function alwaysWorth(
  entry: Parameters<DecideKeeping>[0],
  nowMs: number,
  leadMs = 15_000,
): ReturnType<DecideKeeping> {
  const advice = { pings: 1, value: 1000, back: 1, ageMs: 0, returnChance: 1 };
  // A machine whose clock is a little behind the server's is not to wait again.
  return decideKeepAlive({ ...entry, advise: () => advice }, nowMs, { leadMs: leadMs + 50, pingsMax: 1000 });
}

/** A gateway with keep-alive in front of an emulator, on one clock that the test moves. */
export interface KeptGateway {
  readonly gateway: TestGateway;
  readonly keeper: Keeper;
  readonly emulatorUrl: string;
  readonly time: ManualTime;
  /** Moves both clocks, in steps, of a second by default, and lets what is due be done. */
  advance(ms: number, stepMs?: number): Promise<void>;
  /** A real request with a system prompt of a name. */
  ask(name: string, more?: AskOptions): Promise<Usage>;
  status(): Promise<ReturnType<typeof JSON.parse>>;
  admin(body: object): Promise<Answer>;
  alive(): Promise<number>;
  script(entries: object | readonly object[]): Promise<void>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly headers?: readonly string[];
  readonly words?: number;
  readonly ttl?: '5m' | '1h';
  readonly body?: object;
}

const body = (name: string, { words = 5000, ttl = '5m', body: more = {} }: AskOptions = {}): object => ({
  model: MODEL,
  max_tokens: 16,
  system: [{ type: 'text', text: text(words, name), cache_control: { type: 'ephemeral', ttl } }],
  messages: [{ role: 'user', content: 'where is it' }],
  ...more,
});

const defaults: Partial<KeepAliveOptions> = {
  state: 'on',
  decide: (entry, nowMs) => alwaysWorth(entry, nowMs),
  keptTtls: ['5m', '1h'],
  minimumTokens: 1000,
  hourPicoUsd: 1000n * PICO_PER_USD,
  dayPicoUsd: 1000n * PICO_PER_USD,
};

const STEP_MS = 1000;

export async function startKept(
  keepAlive: Partial<KeepAliveOptions> = {},
  options: Partial<GatewayOptions['engine']> = {},
): Promise<KeptGateway> {
  const emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words' });
  const time = new ManualTime();
  const gateway = await startTestGateway(emulator.url, {
    engine: { clock: time, timers: time, ...options, keepAlive: { ...defaults, ...keepAlive } },
  });
  const { keeper } = gateway.engine.keepAlive;
  if (!keeper) throw new Error('the gateway has no keeper');
  const settled = async (): Promise<void> => {
    // What has been sent is answered by a process of our own: it takes some turns of the loop.
    for (let turn = 0; turn < 200 && keeper.counts().inFlight > 0; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    gateway,
    keeper,
    emulatorUrl: emulator.url,
    time,
    async advance(ms, stepMs = STEP_MS) {
      for (let left = ms; left > 0; left -= stepMs) {
        const advanceMs = Math.min(left, stepMs);
        await sendJson(emulator.url, { advanceMs }, { path: '/_emulator/clock' });
        time.advance(advanceMs);
        await settled();
      }
    },
    async ask(name, more = {}) {
      const headers = ['x-api-key', SECRET_KEY, 'anthropic-version', '2023-06-01', ...(more.headers ?? [])];
      const answer = await sendJson(gateway.url, body(name, more), { headers });
      await gateway.ledger.next();
      const read = answer.body.toString('utf8');
      if (answer.status !== 200) throw new Error(read);
      return (JSON.parse(read) as { readonly usage: Usage }).usage;
    },
    status: async () => (await getJson(gateway.admin.url, '/api/v1/keep-alive')).value,
    admin: (value) =>
      sendJson(gateway.admin.url, value, {
        path: '/api/v1/keep-alive',
        headers: ['x-cachewright-admin', '1'],
      }),
    async alive() {
      const { value } = await getJson(emulator.url, '/_emulator/entries');
      return (value as { readonly entries: readonly unknown[] }).entries.length;
    },
    async script(entries) {
      const body = JSON.stringify(entries);
      const headers = ['content-type', 'application/json'];
      const { status } = await send(emulator.url, { path: '/_emulator/script', headers, body });
      if (status !== 200) throw new Error('the script was refused');
    },
    async close() {
      await gateway.close();
      await emulator.close();
    },
  };
}
