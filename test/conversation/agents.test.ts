import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { ConversationFetchOptions } from '../../src/conversation/index.ts';
import { startServers, type Servers } from '../clients/servers.ts';
import {
  AGENTS,
  asksModel,
  broughtResults,
  DONE,
  PROMPT,
  watchAgent,
  type SentBody,
  type WatchedAgent,
} from './agent-loops.ts';
import { illegalities } from './legal.ts';

const MODEL = 'claude-opus-5-5';
const STEPS = 40;
const SUMMARY = 'The first drawers were empty.';

let servers: Servers;
beforeAll(async () => {
  vi.stubGlobal('AI_SDK_LOG_WARNINGS', false);
  servers = await startServers({ binding: 'strict' });
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await servers.close();
});
beforeEach(() => servers.reset());

/** One way of cutting, with room for a good half of the loop; and the block that stands first from the cut on. */
interface Way {
  readonly name: string;
  readonly options: ConversationFetchOptions;
  readonly drawerWords: number;
  /** Requests besides the turns. */
  readonly extra: number;
  readonly first: object;
  readonly summary: string | null;
}

const SMALL = { highTokens: 1_900, lowTokens: 800 };
const TOLD = `Summary of the conversation before this point:\n\n${SUMMARY}`;
const ASKED = { type: 'text', text: PROMPT };
const SUMMARISED = { type: 'text', text: TOLD };
const WRITTEN = { type: 'compaction', content: SUMMARY };

const WAYS: readonly Way[] = [
  {
    name: 'drop-oldest',
    options: { ...SMALL, strategy: 'drop-oldest' },
    drawerWords: 40,
    extra: 0,
    first: ASKED,
    summary: null,
  },
  {
    name: 'drop-tool-results',
    options: { ...SMALL, lowTokens: 1_000, strategy: 'drop-tool-results' },
    drawerWords: 40,
    extra: 0,
    first: ASKED,
    summary: null,
  },
  {
    name: 'summarise',
    options: { ...SMALL, highTokens: 2_300, strategy: 'summarise' },
    drawerWords: 40,
    extra: 1,
    first: SUMMARISED,
    summary: TOLD,
  },
  {
    name: 'api',
    options: { ...SMALL, strategy: 'api' },
    drawerWords: 40,
    extra: 1,
    first: WRITTEN,
    summary: SUMMARY,
  },
  {
    name: 'api at a threshold',
    options: { strategy: 'api', apiCompaction: 'threshold', highTokens: 50_000 },
    drawerWords: 1_900,
    extra: 0,
    first: WRITTEN,
    summary: SUMMARY,
  },
];

const isTurn = (body: SentBody): boolean => body['compaction'] === undefined && !asksModel(body);

function checkRun({ fetch: agent, bodies, cuts }: WatchedAgent, way: Way, isStream: boolean): void {
  const { options, summary } = way;
  for (const body of bodies) expect(body['stream'] === true).toBe(isStream && isTurn(body));
  const turns = bodies.filter(isTurn);
  expect([turns.length, bodies.length]).toEqual([STEPS + 1, STEPS + 1 + way.extra]);
  expect(broughtResults(turns)).toEqual(Array.from({ length: STEPS }, (_, drawer) => `toolu_${drawer}`));
  expect(cuts).toMatchObject([{ strategy: options.strategy, reason: 'tokens', fallback: null, summary }]);
  for (const body of bodies) expect(illegalities({ body } as never)).toEqual([]);
  expect(turns[0]?.messages).toMatchObject([{ role: 'user', content: [ASKED] }]);
  expect(turns.at(-1)?.messages[0]?.content[0]).toMatchObject(way.first);
  expect(agent.conversation()?.messages.at(-1)).toMatchObject({ content: [{ text: DONE }] });
  const totals = agent.conversation()?.totals;
  expect(totals).toMatchObject({ turns: STEPS + 1, cuts: 1, summaries: way.extra });
  expect(totals?.hitRatio).toBeGreaterThan(0.85);
}

describe.each(AGENTS)('forty steps of %s through a conversation, with one cut', (_name, run) => {
  for (const isStream of [false, true])
    test.each(WAYS)(`${isStream ? 'streamed' : 'whole'}, by $name`, async (way) => {
      const watched = watchAgent(servers, STEPS, SUMMARY, way.options);
      const { fetch } = watched;
      const { drawerWords } = way;
      const url = servers.emulatorUrl;
      expect(await run({ url, fetch, model: MODEL, steps: STEPS, drawerWords, isStream })).toBe(DONE);
      checkRun(watched, way, isStream);
    });
});
