import { afterEach, describe, expect, it } from 'vitest';

import { seededRandom } from '../../src/runtime/index.ts';
import { conversation, priceOf, Scene, tool, type Body } from './scene.ts';

let scene: Scene | null = null;
afterEach(() => scene?.close());

const random = seededRandom(5);
const DENSE = '0123456789{}[]:;,';
const SPARSE = 'abcdefghijklmnopqrstuvwxyz    ';
/** Text with many tokens for its length, or few. */
const text = (length: number, letters = SPARSE): string =>
  Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');

// So long that the gateway sizes most blocks by a sample, which is as far off as it can be: every seventh tool is dense.
const tools = Array.from({ length: 20 }, (_, at) =>
  tool(`tool_${at}`, text(3_000, at % 7 === 0 ? DENSE : SPARSE)),
);
const turns = Array.from({ length: 61 }, () => text(2_000));
const system = [text(12_000)];
const base = { tools, system, turns };

const CHANGES: readonly (readonly [string, string, Body])[] = [
  ['a tool', 'tools_changed', conversation({ ...base, tools: tools.with(9, tool('tool_9', text(3_000))) })],
  ['the system prompt', 'system_changed', conversation({ ...base, system: [`${system[0]} More.`] })],
  [
    'a message',
    'messages_changed',
    conversation({ ...base, turns: turns.with(30, `${turns[30]} And more.`) }),
  ],
  ['a setting', 'parameters_changed', conversation({ ...base, more: { output_config: { effort: 'low' } } })],
];

describe('what a change of a long prompt costs', () => {
  it.each(CHANGES)(
    'is what the emulator bills more, to the pico-dollar: %s',
    async (_what, reason, changed) => {
      scene = await Scene.open();
      await scene.ask(conversation(base));
      const { billed, record } = await scene.ask(changed);
      expect(record.misses.map((miss) => miss.reason)).toEqual([reason]);
      const alone = await scene.billAlone([changed, changed]);
      expect(record.misses[0]?.costPicoUsd).toBe(priceOf(billed) - alone);
    },
  );
});
