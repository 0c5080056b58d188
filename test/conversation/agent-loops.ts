import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

import {
  conversationFetch,
  type ConversationFetch,
  type ConversationFetchOptions,
  type CutReport,
} from '../../src/conversation/index.ts';
import type { JsonObject } from '../../src/core/index.ts';
import { words, type Servers } from '../clients/servers.ts';
import type { SentMessage } from './emulated.ts';

/** What agents are asked; each step of theirs opens one drawer, and the last answer tells what they have found. */
export const PROMPT = 'Go through all drawers and tell me what is in them.';
export const DONE = 'All are empty.';

/** One agent at work: drawers with so many words in each, opened one after the other. */
export interface AgentRun {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly model: string;
  readonly steps: number;
  readonly drawerWords: number;
  readonly isStream: boolean;
}

/** What its loop ended with. */
type RunAgent = (run: AgentRun) => Promise<string>;

const NAME = 'open_drawer';
const MAX_TOKENS = 500;

/** The tool runner of the official SDK. */
async function runToolRunner({ url, model, drawerWords, isStream, ...run }: AgentRun): Promise<string> {
  const client = new Anthropic({ apiKey: 'k', baseURL: url, fetch: run.fetch, maxRetries: 0 });
  const drawer = betaTool({
    name: NAME,
    description: 'Opens a drawer.',
    inputSchema: { type: 'object', properties: { drawer: { type: 'number' } }, required: ['drawer'] },
    run: ({ drawer: number }) => `Drawer ${number}: ${words(drawerWords)}`,
  });
  const last = await client.beta.messages
    .toolRunner({
      model,
      max_tokens: MAX_TOKENS,
      system: words(300),
      tools: [drawer],
      stream: isStream,
      messages: [{ role: 'user', content: PROMPT }],
    })
    .runUntilDone();
  return last.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** A loop of the AI SDK. */
async function runAiSdk({ url, model, steps, drawerWords, isStream, ...run }: AgentRun): Promise<string> {
  const anthropic = createAnthropic({ apiKey: 'k', baseURL: `${url}/v1`, fetch: run.fetch });
  const drawer = tool({
    description: 'Opens a drawer.',
    inputSchema: z.object({ drawer: z.number() }),
    execute: ({ drawer: number }) => `Drawer ${number}: ${words(drawerWords)}`,
  });
  const asked = {
    model: anthropic(model),
    instructions: words(300),
    prompt: PROMPT,
    tools: { [NAME]: drawer },
    stopWhen: isStepCount(steps + 5),
    maxOutputTokens: MAX_TOKENS,
    maxRetries: 0,
  };
  return isStream ? streamText(asked).text : (await generateText(asked)).text;
}

/** Agents that keep their own history and send it whole, by name. */
export const AGENTS: readonly (readonly [string, RunAgent])[] = [
  ['the tool runner of the official SDK', runToolRunner],
  ['the AI SDK', runAiSdk],
];

/** The answer that opens one drawer, as the emulator is told it. */
function openDrawer(drawer: number): object {
  return {
    content: [
      { type: 'thinking', thinking: `Drawer ${drawer} is next.` },
      { type: 'tool_use', id: `toolu_${drawer}`, name: NAME, input: { drawer } },
    ],
    stop_reason: 'tool_use',
  };
}

export type SentBody = JsonObject & { readonly messages: readonly SentMessage[] };

/** A fetch for one agent, with what it sent and what was cut. */
export interface WatchedAgent {
  readonly fetch: ConversationFetch;
  readonly bodies: SentBody[];
  readonly cuts: CutReport[];
}

/** Is a summary of the model's asked for, by a request of its own? */
export function asksModel({ messages }: SentBody): boolean {
  return JSON.stringify(messages.at(-1)).includes('Summarise the conversation so far');
}

/**
 * Answers each request as it comes: drawers one after the other, then the end; and where a summary is asked for, or can be
 * made on the way, that text.
 */
export function watchAgent(
  servers: Servers,
  steps: number,
  summary: string,
  options: ConversationFetchOptions,
): WatchedAgent {
  const bodies: SentBody[] = [];
  const cuts: CutReport[] = [];
  let opened = 0;
  const answering: typeof fetch = async (input, init) => {
    const body = JSON.parse(init?.body as string) as SentBody;
    bodies.push(body);
    if (body['compaction'] !== undefined) await servers.script({ summary });
    else if (asksModel(body)) await servers.script({ text: summary });
    else {
      await servers.script({ summary, ...(opened < steps ? openDrawer(opened) : { text: DONE }) });
      opened += 1;
    }
    return fetch(input, init);
  };
  const watched = conversationFetch({ ...options, fetch: answering, onCut: (report) => cuts.push(report) });
  return { fetch: watched, bodies, cuts };
}

/** Ids of the calls whose results were brought, in order, each as often as it was sent as news. */
export function broughtResults(bodies: readonly SentBody[]): readonly string[] {
  return bodies.flatMap(({ messages }) =>
    (messages.at(-1)?.content ?? []).flatMap((block) =>
      block['type'] === 'tool_result' ? [String(block['tool_use_id'])] : [],
    ),
  );
}
