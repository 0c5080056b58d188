import { describe, expect, it } from 'vitest';
import { totalInputTokens, noTokens } from '../../src/core/bill/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import {
  assistant,
  countWords,
  createService,
  LAST_TURN_ONLY,
  marked,
  NEWER,
  text,
  thinking,
  tool,
  turns,
  user,
} from './helpers.ts';

/** The whole prompt of every body here, counted by hand. */
const BODIES: readonly (readonly [string, JsonObject, number])[] = [
  ['no messages at all', { model: NEWER }, 0],
  ['empty lists', { model: NEWER, tools: [], system: [], messages: [] }, 0],
  ['strings', { model: NEWER, system: 'be kind', messages: [{ role: 'user', content: 'one two three' }] }, 5],
  ['too short to cache', turns(3, [1, 3]), 300],
  ['cached to the end', turns(9, [3, 9]), 900],
  ['cached to the middle', turns(20, [7, 12]), 2000],
  [
    'all levels and a rest',
    {
      model: NEWER,
      tools: [marked(tool('t', 700), '1h')],
      system: [text(50), marked(text(60), '1h')],
      messages: [user(marked(text(70)), text(80))],
    },
    960,
  ],
  [
    'a deferred tool does not count',
    {
      model: NEWER,
      tools: [tool('t', 600), { ...tool('d', 600), defer_loading: true }],
      messages: [user(marked(text(5)))],
    },
    605,
  ],
  [
    'stripped thinking does not count',
    {
      model: LAST_TURN_ONLY,
      messages: [user(text(2000)), assistant(thinking(40), text(6)), user(marked(text(7)))],
    },
    2013,
  ],
];

describe('5.1 identity', () => {
  it.each(BODIES)('5.1: total = read + 1h writes + 5m writes + uncached: %s', (_name, body, total) => {
    const service = createService();
    for (const atMs of [0, 1, 400_000]) {
      const { outcome } = service.send(body, atMs);
      expect(outcome.totalTokens).toBe(total);
      expect(totalInputTokens({ ...noTokens, ...outcome })).toBe(total);
    }
  });

  it('5.1: uncached is only what follows the last effective breakpoint', () => {
    const service = createService();
    const body = turns(20, [7, 12]);
    expect(service.send(body, 0).outcome.uncachedTokens).toBe(800);
    expect(service.send(body, 1).outcome.uncachedTokens).toBe(800);
    expect(createService().send(turns(20, [3]), 0).outcome.uncachedTokens).toBe(2000);
  });

  it('5.6: the whole prompt has one size, whatever the cache holds and wherever the markers are', () => {
    const service = createService();
    service.send(turns(12, [12]), 0);
    for (const markers of [[], [4], [12], [1, 2, 3, 12]]) {
      expect(service.send(turns(12, markers), 1).outcome.totalTokens).toBe(1200);
    }
  });

  it('5.7: the growth of a conversation is written in the size that was added', () => {
    const service = createService();
    const [first, second] = [user(marked(text(900))), user(marked(text(4, 'q')))];
    service.send({ model: NEWER, messages: [first] }, 0);
    const { outcome } = service.send(
      { model: NEWER, messages: [first, assistant(text(22, 'a')), second] },
      1,
    );
    expect(outcome).toMatchObject({ readTokens: 900, write5mTokens: 26, uncachedTokens: 0 });
  });

  it('counts words as the emulator does: strings at any depth, four members left out', () => {
    expect(
      countWords({ type: 'text', text: ' a  b\nc ', id: 'x', cache_control: { type: 'ephemeral' } }),
    ).toBe(3);
    expect(
      countWords({ name: 'n', input_schema: { properties: { a: { type: 't', description: 'd e' } } } }),
    ).toBe(3);
  });
});
