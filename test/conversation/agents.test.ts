import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { generateText, isStepCount, tool } from 'ai';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { conversationFetch, type ConversationFetch, type CutReport } from '../../src/conversation/index.ts';
import { startServers, words, type Servers } from '../clients/servers.ts';
import type { SentMessage } from './emulated.ts';
import { illegalities } from './legal.ts';

const MODEL = 'claude-opus-5-5';
const STEPS = 40;
const PROMPT = 'Go through all forty drawers and tell me what is in them.';

let servers: Servers;
let cuts: CutReport[];
let bodies: { readonly messages: readonly SentMessage[] }[];
beforeAll(async () => {
  vi.stubGlobal('AI_SDK_LOG_WARNINGS', false);
  servers = await startServers();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await servers.close();
});
beforeEach(async () => {
  await servers.reset();
  cuts = [];
  bodies = [];
  const calls = Array.from({ length: STEPS }, (_, drawer) => ({
    content: [
      { type: 'thinking', thinking: `Drawer ${drawer} is next.` },
      { type: 'tool_use', id: `toolu_${drawer}`, name: 'open_drawer', input: { drawer } },
    ],
    stop_reason: 'tool_use',
  }));
  await servers.script(...calls, { text: 'All forty are empty.' });
});

/** A fetch that holds a conversation with room for a good half of the loop. */
function agentFetch(): ConversationFetch {
  const recording: typeof fetch = async (input, init) => {
    bodies.push(JSON.parse(init?.body as string) as (typeof bodies)[number]);
    return fetch(input, init);
  };
  return conversationFetch({
    fetch: recording,
    highTokens: 1_900,
    lowTokens: 800,
    onCut: (report) => cuts.push(report),
  });
}

function checkRun(agent: ConversationFetch): void {
  const opened = bodies.flatMap(({ messages }) =>
    (messages.at(-1)?.content ?? []).flatMap((block) =>
      block['type'] === 'tool_result' ? [block['tool_use_id']] : [],
    ),
  );
  expect(opened).toEqual(Array.from({ length: STEPS }, (_, drawer) => `toolu_${drawer}`));
  expect(cuts.map(({ strategy, reason }) => [strategy, reason])).toEqual([['drop-oldest', 'tokens']]);
  for (const body of bodies) {
    expect(illegalities({ body } as never)).toEqual([]);
    expect(JSON.stringify(body.messages[0])).toContain(PROMPT);
  }
  const totals = agent.conversation()?.totals;
  expect(totals).toMatchObject({ turns: STEPS + 1, cuts: 1 });
  expect(totals?.hitRatio).toBeGreaterThan(0.85);
}

describe('a tool loop of forty steps through a conversation, with one cut', () => {
  test('by the tool runner of the official SDK', async () => {
    const agent = agentFetch();
    const client = new Anthropic({ apiKey: 'sk-ant-test', baseURL: servers.emulatorUrl, fetch: agent });
    const drawer = betaTool({
      name: 'open_drawer',
      description: 'Opens a drawer.',
      inputSchema: { type: 'object', properties: { drawer: { type: 'number' } }, required: ['drawer'] },
      run: ({ drawer: number }) => `Drawer ${number}: ${words(40)}`,
    });
    const messages = [{ role: 'user' as const, content: PROMPT }];
    const params = { model: MODEL, max_tokens: 500, system: words(300), tools: [drawer], messages };
    const last = await client.beta.messages.toolRunner(params).runUntilDone();
    expect(last.content).toMatchObject([{ type: 'text', text: 'All forty are empty.' }]);
    checkRun(agent);
  });

  test('by the AI SDK', async () => {
    const agent = agentFetch();
    const anthropic = createAnthropic({
      apiKey: 'sk-ant-test',
      baseURL: `${servers.emulatorUrl}/v1`,
      fetch: agent,
    });
    const openDrawer = tool({
      description: 'Opens a drawer.',
      inputSchema: z.object({ drawer: z.number() }),
      execute: ({ drawer }) => `Drawer ${drawer}: ${words(40)}`,
    });
    const { text, steps } = await generateText({
      model: anthropic(MODEL),
      instructions: words(300),
      prompt: PROMPT,
      tools: { open_drawer: openDrawer },
      stopWhen: isStepCount(STEPS + 5),
      maxOutputTokens: 500,
    });
    expect(text).toBe('All forty are empty.');
    expect(steps).toHaveLength(STEPS + 1);
    checkRun(agent);
  });
});
