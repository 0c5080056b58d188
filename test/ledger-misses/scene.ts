import { startEmulator } from '../../src/emulator/index.ts';
import type { EngineOptions } from '../../src/engine/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ManualTime } from '../support/manual-time.ts';
import { words } from '../support/messages.ts';

/** A body of a request. */
export type Body = Record<string, unknown>;

/** `usage` of an answer in the API's names. */
export interface Billed {
  readonly input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number;
    readonly ephemeral_1h_input_tokens: number;
  };
  readonly output_tokens: number;
}

/** What a request was answered, and what the ledger has of it. */
export interface Asked {
  readonly billed: Billed;
  readonly messageId: string;
  readonly record: RequestRecord;
}

const MODEL = 'claude-opus-5-5';

/** USD per million tokens, from the price list: uncached, read, written for five minutes and for an hour, output. */
const PRICES: Readonly<Record<string, readonly [number, number, number, number, number]>> = {
  'claude-opus-5-5': [4, 0.2, 5, 8, 20],
  'claude-sonnet-5-5': [2, 0.1, 2.5, 4, 10],
  'claude-sonnet-4-5': [3, 0.3, 3.75, 6, 15],
};

/** The bill in pico-dollars, at standard prices. */
export function priceOf(billed: Billed, model: unknown = MODEL): bigint {
  const prices = PRICES[String(model)];
  if (!prices) throw new Error(`no price of ${String(model)}`);
  const counts = [
    billed.input_tokens,
    billed.cache_read_input_tokens,
    billed.cache_creation.ephemeral_5m_input_tokens,
    billed.cache_creation.ephemeral_1h_input_tokens,
    billed.output_tokens,
  ];
  return counts.reduce(
    (sum, count, index) => sum + BigInt(count) * BigInt(Math.round((prices[index] ?? 0) * 1e6)),
    0n,
  );
}

const MARKER = { type: 'ephemeral' };

/** A tool. Blocks are so small that the gateway's estimates come from all of their text, as the emulator's do. */
export function tool(name: string, description: string = words(120, name)): Body {
  return { name, description, input_schema: { type: 'object', properties: {} } };
}

/** A conversation with a marker on the system prompt and on its last message. */
export function conversation({
  tools = [],
  system = [words(700, 'rule')],
  turns,
  isMarked = true,
  more = {},
}: {
  readonly tools?: readonly Body[];
  readonly system?: readonly string[];
  /** What is said, the user first. */
  readonly turns: readonly string[];
  readonly isMarked?: boolean;
  readonly more?: Body;
}): Body {
  const marked = (isLast: boolean): Body => (isLast && isMarked ? { cache_control: MARKER } : {});
  const blocks = (texts: readonly string[]): Body[] =>
    texts.map((text, at) => ({ type: 'text', text, ...marked(at === texts.length - 1) }));
  return {
    model: MODEL,
    max_tokens: 16,
    ...(tools.length > 0 ? { tools } : {}),
    ...(system.length > 0 ? { system: blocks(system) } : {}),
    messages: turns.map((text, at) => ({
      role: at % 2 === 0 ? 'user' : 'assistant',
      content: [{ type: 'text', text, ...marked(at === turns.length - 1) }],
    })),
    ...more,
  };
}

/** What is said in a turn. */
export const said = (turn: number, count: number = 60): string => `${turn}. ${words(count, `turn${turn}x`)}`;

/** Sends a request somewhere and reads the answer. */
export async function send(url: string, body: Body, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'key', ...headers },
    body: JSON.stringify(body),
  });
}

/** A gateway in front of an emulator, both in the test's time. */
export class Scene {
  readonly time: ManualTime = new ManualTime();
  readonly #cleanUp = new CleanUp();
  gateway!: TestGateway;
  emulatorUrl = '';

  /** `ttftMs`: how long the emulator takes to begin an answer. */
  static async open(engine: Partial<EngineOptions> = {}, ttftMs = 0): Promise<Scene> {
    const scene = new Scene();
    scene.emulatorUrl = await scene.emulate(ttftMs);
    await scene.restart(engine);
    return scene;
  }

  /** Another emulator, with nothing in its cache. */
  async emulate(ttftMs = 0): Promise<string> {
    const { time } = this;
    const emulator = await startEmulator({ port: 0, systemClock: time, timers: time, ttftMs });
    return this.#cleanUp.add(emulator).url;
  }

  /** Another gateway in front of the same emulator. */
  async restart(engine: Partial<EngineOptions> = {}): Promise<void> {
    const { time } = this;
    this.gateway = this.#cleanUp.add(
      await startTestGateway(this.emulatorUrl, {
        engine: { mode: 'observe', clock: time, timers: time, ...engine },
      }),
    );
  }

  /** Sends a request through the gateway, whole. */
  async ask(body: Body, headers: Record<string, string> = {}): Promise<Asked> {
    const response = await send(this.gateway.url, body, headers);
    const answer = (await response.json()) as { usage: Billed; id: string };
    const record = await this.gateway.ledger.next();
    return { billed: answer.usage, messageId: answer.id, record };
  }

  /** Tells the emulator something. */
  async control(action: string, body: unknown = {}): Promise<void> {
    await fetch(`${this.emulatorUrl}/_emulator/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** Resolves when so many requests wait for their answers to begin. */
  async untilInFlight(count: number): Promise<void> {
    for (;;) {
      const response = await fetch(`${this.emulatorUrl}/_emulator/entries`);
      const { inFlight } = (await response.json()) as { inFlight: number };
      if (inFlight >= count) return;
    }
  }

  /** What the last of these requests is billed where nothing else has been sent. */
  async billAlone(bodies: readonly Body[]): Promise<bigint> {
    const url = await this.emulate();
    let cost = 0n;
    for (const body of bodies) {
      const { usage } = (await (await send(url, body)).json()) as { usage: Billed };
      cost = priceOf(usage, body['model']);
    }
    return cost;
  }

  close(): Promise<void> {
    return this.#cleanUp.run();
  }
}
