import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, it } from 'vitest';

import { conversation, conversationFetch, type CutReport } from '../../src/conversation/index.ts';
import { startServers } from '../clients/servers.ts';
import { Emulated, words } from './emulated.ts';
import { illegalities } from './legal.ts';

const HIGH = 6_000;

/** An answer for which the service has searched: the prompt is read once more each time, and the usage is the sum. */
function searched(turn: number, times: number): object {
  const found = { type: 'web_search_result', url: 'https://a.test', title: 'A', encrypted_content: 'x' };
  const searches = Array.from({ length: times }, (_, index) => `srvtoolu_${turn}_${index}`).flatMap((id) => [
    { type: 'server_tool_use', id, name: 'web_search', input: { query: 'parcels' } },
    { type: 'web_search_tool_result', tool_use_id: id, content: [{ ...found, page_age: null }] },
  ]);
  return { content: [...searches, { type: 'text', text: words(60, turn) }] };
}

it.each([1, 2])(
  'a prompt that the service reads again, for %i tools of its own, counts once',
  async (times) => {
    const emulated = new Emulated();
    const cuts: CutReport[] = [];
    const chat = conversation({
      model: 'claude-sonnet-5-5',
      maxTokens: 500,
      system: words(900),
      highTokens: HIGH,
      clock: emulated.clock,
      onCut: (report) => cuts.push(report),
      send: (body) => emulated.send(body),
    });
    const sizes: number[] = [];
    for (let turn = 0; cuts.length === 0; turn += 1) {
      emulated.script(searched(turn, times));
      await chat.say(`${turn}: ${words(100, turn)}`);
      sizes.push(emulated.count(emulated.exchanges.at(-1)?.body ?? {}));
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(HIGH);
    expect(sizes.at(-2)).toBeGreaterThan(0.8 * HIGH);
    const { readTokens } = chat.totals.tokens;
    expect(readTokens).toBeGreaterThan(sizes.slice(1).reduce((sum, size) => sum + size, 0));
    await chat.say('And now?');
    const { tokens, expectedReadTokens = 0 } = chat.turns.at(-1) ?? {};
    // The service has put a breakpoint of its own on what it found.
    expect(tokens?.readTokens).toBeGreaterThanOrEqual(expectedReadTokens);
    expect(tokens?.readTokens).toBeLessThan(1.1 * expectedReadTokens);
  },
);

describe('a turn that the service has paused', () => {
  const call = { type: 'server_tool_use', id: 'srvtoolu_p', name: 'web_search', input: { query: 'parcels' } };
  const result = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_p', content: [] };
  const paused = { content: [{ type: 'text', text: 'I look.' }, call, result], stop_reason: 'pause_turn' };

  it('goes on with nothing said, in the same message; instructions wait', async () => {
    const emulated = new Emulated();
    const chat = conversation({
      model: 'claude-sonnet-5-5',
      maxTokens: 500,
      system: words(900),
      clock: emulated.clock,
      send: (body) => emulated.send(body),
    });
    emulated.script(paused, { text: 'Found.' });
    await chat.say('Where is it?');
    chat.instruct('Be short.');
    await chat.say([]);
    expect(emulated.exchanges.at(-1)?.body.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    await chat.warm();
    expect(emulated.exchanges.at(-1)?.body.messages).toMatchObject([{ role: 'user' }]);
    expect(chat.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ text: 'I look.' }, call, result, { text: 'Found.' }] },
    ]);
    await expect(chat.say([])).rejects.toMatchObject({ code: 'BAD_CONTENT' });
    await chat.say('Thanks.');
    expect(emulated.exchanges.at(-1)?.body.messages.at(-1)).toMatchObject({
      role: 'system',
      content: [{ text: 'Be short.' }],
    });
    expect(emulated.exchanges.flatMap(illegalities)).toHaveLength(1);
    expect((await chat.warm()).tokens?.uncachedTokens).toBe(0);
  });

  it('is gone on with by the tool runner of the official SDK through a fetch', async () => {
    const servers = await startServers({ binding: 'strict' });
    const agent = conversationFetch();
    const client = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent, maxRetries: 0 });
    await servers.script(paused, { text: 'Found.' });
    const last = await client.beta.messages
      .toolRunner({
        model: 'claude-opus-5-5',
        max_tokens: 500,
        tools: [{ type: 'web_search_20250305', name: 'web_search' }],
        messages: [{ role: 'user', content: 'Where is it?' }],
      })
      .runUntilDone();
    expect(last.content).toMatchObject([{ text: 'Found.' }]);
    expect(agent.conversation()?.messages).toHaveLength(2);
    expect(agent.conversation()?.totals.turns).toBe(2);
    await servers.close();
  });
});
