import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { generateText, isStepCount, streamText, tool, type ModelMessage } from 'ai';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { cachewright, cachewrightFetch, type Door } from '../../src/client/index.ts';
import { emptyCoverage, findFault } from '../fidelity/check-body.ts';
import { countersOf, inputBill } from './bills.ts';
import { startServers, words, type Servers } from './servers.ts';
import { holdConversation } from './ten-turns.ts';

const MODEL = 'claude-opus-5-5';
const PAUSE_MS = 30_000;

let servers: Servers;

beforeAll(async () => {
  vi.stubGlobal('AI_SDK_LOG_WARNINGS', false);
  servers = await startServers();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await servers.close();
});
beforeEach(() => servers.reset());

/** What a script has said, without what differs between any two runs, and what each answer was billed. */
interface Played {
  readonly said: unknown;
  readonly usages: readonly unknown[];
}

/** A client's script, with what sends its requests, and ours above that where it takes part. */
type Script = (send: typeof fetch, caching: boolean) => Promise<Played & { readonly door: Door | null }>;

/** A `fetch` that keeps the bytes of requests for a message, as they leave the process. */
function keepBytes(): { readonly send: typeof fetch; readonly bodies: Buffer[] } {
  const bodies: Buffer[] = [];
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const isMessage = request.method === 'POST' && new URL(request.url).pathname.endsWith('/v1/messages');
    if (isMessage) bodies.push(Buffer.from(await request.clone().arrayBuffer()));
    return fetch(request);
  };
  return { send, bodies };
}

function sdk(send: typeof fetch, caching: boolean): { client: Anthropic; door: Door | null } {
  const door = caching ? cachewright() : null;
  const client = new Anthropic({
    baseURL: servers.emulatorUrl,
    apiKey: 'sk-ant-test',
    maxRetries: 0,
    fetch: send,
    middleware: door ? [door] : [],
  });
  return { client, door };
}

const tenTurns =
  (isStream: boolean): Script =>
  async (send, caching) => {
    const { client, door } = sdk(send, caching);
    const answers = await holdConversation({
      client,
      model: MODEL,
      system: words(1_500),
      isStream,
      script: (entry) => servers.script(entry),
      pause: () => servers.advance(PAUSE_MS),
    });
    const said = answers.map(({ content, stop_reason: stopReason }) => [content, stopReason]);
    return { said, usages: answers.map(({ usage }) => usage), door };
  };

function toolCall(name: string, city: string, id: string): object {
  return { content: [{ type: 'tool_use', id, name, input: { city } }] };
}
const TOOL_SCRIPT = [
  toolCall('weather', 'Oslo', 'toolu_1'),
  toolCall('weather', 'Rome', 'toolu_2'),
  { text: 'Sunny everywhere.' },
];

const toolRunner: Script = async (send, caching) => {
  const { client, door } = sdk(send, caching);
  await servers.script(...TOOL_SCRIPT);
  const weather = betaTool({
    name: 'weather',
    description: 'Says what the weather is like.',
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    run: ({ city }) => `sunny in ${city}`,
  });
  const runner = client.beta.messages.toolRunner({
    model: MODEL,
    max_tokens: 512,
    system: words(1_500),
    messages: [{ role: 'user', content: 'What is the weather like?' }],
    tools: [weather],
  });
  const usages: unknown[] = [];
  for await (const { usage } of runner) usages.push(usage);
  return { said: runner.params.messages, usages, door };
};

/** A chat of the AI SDK: tools over several steps, and then turns that stream. */
const aiSdk: Script = async (send, caching) => {
  const door = caching ? cachewrightFetch({ fetch: send }) : null;
  const provider = createAnthropic({
    baseURL: `${servers.emulatorUrl}/v1`,
    apiKey: 'sk-ant-test',
    fetch: door ?? send,
  });
  const weather = tool({
    description: 'Says what the weather is like.',
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `sunny in ${city}`,
  });
  const instructions = words(1_500);
  const messages: ModelMessage[] = [{ role: 'user', content: 'What is the weather like?' }];
  const setting = { model: provider(MODEL), instructions, tools: { weather }, stopWhen: isStepCount(5) };
  await servers.script(...TOOL_SCRIPT);
  const { response, steps } = await generateText({ ...setting, messages });
  messages.push(...response.messages);
  const usages: unknown[] = steps.map(({ usage }) => usage.raw);
  for (let turn = 0; turn < 4; turn += 1) {
    await servers.advance(PAUSE_MS);
    messages.push({ role: 'user', content: words(40, `question${turn}-`) });
    await servers.script({ text: `Answer ${turn}.` });
    const stream = streamText({ ...setting, messages });
    messages.push({ role: 'assistant', content: await stream.text });
    usages.push((await stream.usage).raw);
  }
  return { said: messages, usages, door };
};

describe.each<[string, Script]>([
  ['ten turns of the SDK', tenTurns(false)],
  ['ten turns of the SDK, streamed', tenTurns(true)],
  ['the tool runner of the SDK', toolRunner],
  ['a chat of the AI SDK', aiSdk],
])('%s', (_name, play) => {
  test('sends the same bytes but markers, says the same, and costs less', async () => {
    const [without, within] = [keepBytes(), keepBytes()];
    const plain = await play(without.send, false);
    await servers.reset();
    const cached = await play(within.send, true);
    expect(cached.said).toEqual(plain.said);
    expect(within.bodies).toHaveLength(without.bodies.length);
    const coverage = emptyCoverage();
    const faults = without.bodies.map((body, index) =>
      findFault(body, within.bodies[index] ?? Buffer.alloc(0), coverage),
    );
    expect(faults).toEqual(faults.map(() => null));
    expect(coverage.added).toBeGreaterThan(0);
    const billOf = ({ usages }: Played): bigint => inputBill(MODEL, usages.map(countersOf));
    expect(cached.usages).toHaveLength(plain.usages.length);
    expect(Number(billOf(cached)) / Number(billOf(plain))).toBeLessThan(0.6);
    expect(cached.door?.counters()).toMatchObject({ failedSteps: 0, failedAnalyses: 0, failedAccounts: 0 });
  });
});
