import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { billTokens, resolveModel, standardPricing } from '../../src/core/index.ts';
import { startEmulator, type RunningServer } from '../../src/emulator/index.ts';
import { layers, type Layer, type LayeredPrompt } from '../../src/planner/index.ts';
import { words } from '../clients/servers.ts';

const MODEL = 'claude-sonnet-5';
const PRICING = standardPricing(Date.UTC(2026, 10, 22));
const INPUT_PICO_USD = 2_000_000;

let emulator: RunningServer;

beforeAll(async () => {
  emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words' });
});
beforeEach(() => post('/_emulator/reset', {}));
afterAll(() => emulator.close(0));

async function post(path: string, body: object): Promise<unknown> {
  const response = await fetch(emulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'any', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

/** What one request read, wrote and left uncached, and its input bill in uncached input tokens. */
interface Billed {
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly uncached: number;
  readonly units: number;
}

interface Usage {
  readonly input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number;
    readonly ephemeral_1h_input_tokens: number;
  };
}

async function send(request: object): Promise<Billed> {
  const answer = (await post('/v1/messages', { model: MODEL, max_tokens: 16, ...request })) as {
    usage: Usage;
  };
  const { input_tokens: uncached, cache_read_input_tokens: read, cache_creation: created } = answer.usage;
  const write5m = created.ephemeral_5m_input_tokens;
  const write1h = created.ephemeral_1h_input_tokens;
  const counts = {
    uncachedTokens: uncached,
    readTokens: read,
    write5mTokens: write5m,
    write1hTokens: write1h,
    outputTokens: 0,
  };
  const bill = billTokens(resolveModel(MODEL).facts, counts, PRICING);
  return { read, write5m, write1h, uncached, units: Number(bill.totalPicoUsd) / INPUT_PICO_USD };
}

const advance = (advanceMs: number): Promise<unknown> => post('/_emulator/clock', { advanceMs });

/** The four layers of the article's example, as long as it says: 1,700, 2,000, 5,000 and 100 tokens. */
function article(versions: Partial<Record<'rules' | 'context' | 'question', string>> = {}): readonly Layer[] {
  const { rules = 'r', context = 'c', question = 'q' } = versions;
  const tools = [{ name: 'search', description: words(1_699, 't'), input_schema: { type: 'object' } }];
  return [
    { name: 'tools', changes: 'never', tokens: 1_700, tools },
    { name: 'rules', changes: 'daily', tokens: 2_000, system: words(2_000, rules) },
    { name: 'context', changes: 'hourly', tokens: 5_000, system: words(5_000, context) },
    { name: 'question', changes: 'per-request', tokens: 100, messages: words(100, question) },
  ];
}

function builder(requestsPerHour = 120): (declared: readonly Layer[]) => LayeredPrompt {
  const prompts = layers({ model: MODEL, requestsPerHour });
  return (declared) => prompts.build(declared);
}

describe('an edit of the hourly layer', () => {
  test('re-processes only what follows the daily and the never layer', async () => {
    const build = builder();
    const first = await send(build(article()).request);
    expect(first).toMatchObject({ read: 0, write5m: 7_000, write1h: 1_700, uncached: 100 });
    await advance(30_000);
    expect(await send(build(article({ question: 'p' })).request)).toMatchObject({
      read: 8_700,
      uncached: 100,
    });
    await advance(30_000);
    const edited = await send(build(article({ context: 'd' })).request);
    expect(edited).toMatchObject({ read: 3_700, write5m: 5_000, write1h: 0, uncached: 100 });
  });

  test('costs 6,720 input tokens, where one breakpoint at the end costs 10,975', async () => {
    const build = builder();
    await send(build(article()).request);
    const withLayers = await send(build(article({ context: 'd' })).request);
    await post('/_emulator/reset', {});
    const flat = (context: string): object => {
      const { system = [], ...rest } = build(article({ context })).request;
      const texts = (Array.isArray(system) ? system : []).map((block: { text: string }) => block.text);
      const { description, ...tool } = (rest.tools?.[0] ?? {}) as Record<string, unknown>;
      delete tool['cache_control'];
      return {
        ...rest,
        tools: [{ ...tool, description }],
        system: texts.map((text, index) => ({
          type: 'text',
          text,
          ...(index === texts.length - 1 && { cache_control: { type: 'ephemeral' } }),
        })),
      };
    };
    await send(flat('c'));
    const withoutLayers = await send(flat('d'));
    expect([withLayers.units, withoutLayers.units]).toEqual([6_720, 10_975]);
    expect(1 - withLayers.units / withoutLayers.units).toBeCloseTo(0.388, 3);
  });

  test('of the daily layer re-processes that one too, and an edit of the question nothing', async () => {
    const build = builder();
    await send(build(article()).request);
    expect(await send(build(article({ rules: 's' })).request)).toMatchObject({ read: 1_700, write5m: 7_000 });
    expect(await send(build(article({ rules: 's', question: 'p' })).request)).toMatchObject({ read: 8_700 });
  });
});

describe('the TTL of each layer', () => {
  test('outlasts the pauses that are expected: at ten requests an hour nothing is written twice', async () => {
    const build = builder(10);
    const first = await send(build(article()).request);
    expect(first).toMatchObject({ write1h: 8_700, write5m: 0 });
    for (let turn = 0; turn < 5; turn += 1) {
      await advance(20 * 60_000);
      expect(await send(build(article({ question: `p${turn}x` })).request)).toMatchObject({
        read: 8_700,
        uncached: 100,
      });
    }
  });

  test('is none where nobody would read the entry', async () => {
    const { request, plan } = builder(0.2)(article());
    expect(plan.breakpoints).toEqual([]);
    expect((await send(request)).units).toBe(8_800);
  });
});

describe('a prompt that tells the time first', () => {
  const at = (minute: number): readonly Layer[] => [
    { name: 'rules', changes: 'never', system: `Now it is 10:${minute}.\n${words(3_000)}` },
    { name: 'question', changes: 'per-request', messages: 'Why?' },
  ];
  const minutes = [10, 11, 12, 13, 14, 15];

  async function total(moveVolatile: boolean): Promise<number> {
    await post('/_emulator/reset', {});
    const prompts = layers({ model: MODEL, requestsPerHour: 60, moveVolatile });
    let units = 0;
    for (const minute of minutes) {
      units += (await send(prompts.build(at(minute)).request)).units;
      await advance(60_000);
    }
    return units;
  }

  test('is read from the cache once its time stands behind the last breakpoint', async () => {
    const [stays, moves] = [await total(false), await total(true)];
    expect(stays).toBeGreaterThan(6 * 1.25 * 3_000);
    // Two writes, one of them before anything was known, and four reads.
    expect(moves).toBeLessThan(2 * 2 * 3_010 + 4 * 0.1 * 3_010 + 6 * 10);
  });
});
