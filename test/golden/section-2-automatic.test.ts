import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { readPrompt } from '../../src/core/prompt/index.ts';
import {
  assistant,
  counters,
  createService,
  marked,
  NEWER,
  text,
  thinking,
  tool,
  toolResult,
  user,
} from './helpers.ts';

const AUTOMATIC = { model: NEWER, cache_control: { type: 'ephemeral' } };
const AUTOMATIC_1H = { model: NEWER, cache_control: { type: 'ephemeral', ttl: '1h' } };
const EMPTY_TEXT = { type: 'text', text: '' };

/** Paths of the blocks that a body has breakpoints on. */
function places(body: JsonObject): readonly string[] {
  const { blocks, breakpoints, markerProblem } = readPrompt(body);
  expect(markerProblem).toBeNull();
  return breakpoints.map(({ blockIndex }) => blocks[blockIndex]?.path.join('.') ?? '');
}

describe('2.4 target', () => {
  it('2.4: the last block', () => {
    const body = { ...AUTOMATIC, system: [text(1)], messages: [user(text(1)), user(text(2), text(3))] };
    expect(places(body)).toEqual(['messages.1.content.1']);
    expect(readPrompt(body).breakpoints[0]).toEqual({ blockIndex: 3, ttl: '5m', origin: 'automatic' });
  });

  it('2.4: a string content too', () => {
    expect(places({ ...AUTOMATIC, messages: [{ role: 'user', content: 'a b c' }] })).toEqual([
      'messages.0.content',
    ]);
  });

  it('2.4: 1h is allowed', () => {
    expect(readPrompt({ ...AUTOMATIC_1H, messages: [user(text(1))] }).breakpoints[0]?.ttl).toBe('1h');
  });

  it.each([
    ['thinking', thinking(3)],
    ['redacted thinking', { type: 'redacted_thinking', data: 'x' }],
    ['an empty text', EMPTY_TEXT],
  ])('2.4: it walks back over %s', (_name, last) => {
    const body = { ...AUTOMATIC, messages: [user(text(1), text(2)), assistant(last, last)] };
    expect(places(body)).toEqual(['messages.0.content.1']);
  });

  it('2.4: it walks back over an empty string and a message without content', () => {
    const messages = [user(text(1)), { role: 'assistant', content: '' }, { role: 'user', content: [] }];
    expect(places({ ...AUTOMATIC, messages })).toEqual(['messages.0.content.0']);
  });

  it('1.5, 2.4: it walks back over a turn-scoped system message', () => {
    const scoped = { role: 'system', clear_at: 'next_user_message', content: [text(1)] };
    expect(places({ ...AUTOMATIC, messages: [user(text(1)), scoped] })).toEqual(['messages.0.content.0']);
  });

  it('2.4: from messages back to system, and from system back to tools', () => {
    const tools = [tool('t', 2), tool('u', 2)];
    const messages = [user(EMPTY_TEXT)];
    expect(places({ ...AUTOMATIC, tools, system: [text(1)], messages })).toEqual(['system.0']);
    expect(places({ ...AUTOMATIC, tools, system: 'be kind', messages })).toEqual(['system']);
    expect(places({ ...AUTOMATIC, tools, system: [EMPTY_TEXT], messages })).toEqual(['tools.1']);
  });

  it('1.5, 2.4: never a deferred tool', () => {
    const tools = [tool('t', 2), { ...tool('u', 2), defer_loading: true }];
    expect(places({ ...AUTOMATIC, tools, messages: [user(EMPTY_TEXT)] })).toEqual(['tools.0']);
  });

  it('2.4: without an eligible block caching is skipped, not refused', () => {
    const body = { ...AUTOMATIC, messages: [assistant(thinking(600))] };
    expect(places(body)).toEqual([]);
    expect(counters(createService().send(body, 0).outcome)).toEqual([0, 0, 0, 600]);
  });

  it('2.4: walking back writes up to the target only', () => {
    const body = { ...AUTOMATIC, messages: [user(text(600)), assistant(thinking(30))] };
    expect(counters(createService().send(body, 0).outcome)).toEqual([0, 0, 600, 30]);
  });
});

describe('2.4 together with explicit markers', () => {
  it('2.4: an equal marker on the target makes it a no-op', () => {
    for (const [body, ttl] of [
      [AUTOMATIC, undefined],
      [AUTOMATIC_1H, '1h'],
    ] as const) {
      const { breakpoints } = readPrompt({ ...body, messages: [user(marked(text(1), ttl))] });
      expect(breakpoints).toEqual([{ blockIndex: 0, ttl: ttl ?? '5m', origin: 'explicit' }]);
    }
  });

  it('2.4: an equal marker on the last block inside the target does so too', () => {
    const body = { ...AUTOMATIC, messages: [user(toolResult('1', [marked(text(1))]))] };
    expect(places(body)).toEqual(['messages.0.content.0']);
    const other = { ...AUTOMATIC_1H, messages: [user(toolResult('1', [marked(text(1))]))] };
    expect(readPrompt(other).markerProblem?.message).toContain('must have matching TTLs');
  });

  it('2.4: the mismatch is judged at the target, wherever it walked back to', () => {
    const body = { ...AUTOMATIC_1H, messages: [user(marked(text(1))), assistant(thinking(2))] };
    expect(readPrompt(body).markerProblem?.message).toContain('must have matching TTLs');
  });

  it('2.4: it goes with explicit markers of earlier blocks', () => {
    const service = createService();
    const body = (question: string): JsonObject => ({
      ...AUTOMATIC,
      system: [marked(text(600), '1h')],
      messages: [user(text(50, question))],
    });
    expect(counters(service.send(body('a'), 0).outcome)).toEqual([0, 600, 50, 0]);
    expect(counters(service.send(body('b'), 1).outcome)).toEqual([600, 0, 50, 0]);
    expect(counters(service.send(body('a'), 2).outcome)).toEqual([650, 0, 0, 0]);
  });
});

describe('2.4 same rules as any breakpoint', () => {
  it('2.4: a growing conversation', () => {
    const service = createService();
    const body = (length: number): JsonObject => ({
      ...AUTOMATIC,
      messages: Array.from({ length }, (_, index) => user(text(300, `m${index}-`))),
    });
    expect(counters(service.send(body(1), 0).outcome)).toEqual([0, 0, 0, 300]);
    expect(counters(service.send(body(2), 1).outcome)).toEqual([0, 0, 600, 0]);
    expect(counters(service.send(body(4), 2).outcome)).toEqual([600, 0, 600, 0]);
    expect(counters(service.send(body(24), 3).outcome)).toEqual([0, 0, 7200, 0]);
  });

  it('2.4: a last block unique to each request pays a write and never reads', () => {
    const service = createService();
    const body = (question: string): JsonObject => ({
      ...AUTOMATIC,
      system: [text(600)],
      messages: [user(text(10, question))],
    });
    for (const question of ['a', 'b', 'c']) {
      expect(counters(service.send(body(question), 0).outcome)).toEqual([0, 0, 610, 0]);
    }
  });

  it('2.4: a null top-level marker is none', () => {
    expect(places({ ...AUTOMATIC, cache_control: null, messages: [user(text(1))] })).toEqual([]);
  });
});

describe('2.5 turn-scoped system messages', () => {
  it('2.5: a turn-scoped system message leaves the prompt with the next user message', () => {
    const scoped = { role: 'system', clear_at: 'next_user_message', content: [text(20, 'now')] };
    const [first, second] = [user(marked(text(600))), user(marked(text(30, 'next')))];
    const service = createService();
    expect(counters(service.send({ model: NEWER, messages: [first, scoped] }, 0).outcome)).toEqual([
      0, 0, 600, 20,
    ]);
    const { outcome } = service.send({ model: NEWER, messages: [first, scoped, second] }, 1);
    expect(counters(outcome)).toEqual([600, 0, 30, 0]);
  });

  it('2.5: a user message of tool results clears it as well', () => {
    const scoped = { role: 'system', clear_at: 'next_user_message', content: 'only now' };
    const { blocks } = readPrompt({ model: NEWER, messages: [scoped, user(toolResult('1'))] });
    expect(blocks.map((block) => block.role)).toEqual(['user']);
  });

  it('2.5: a system message without clear_at stays, and so does every other message', () => {
    const messages = [
      { role: 'system', content: 'always' },
      { role: 'user', content: 'first', clear_at: 'next_user_message' },
      user(text(1)),
    ];
    const { blocks } = readPrompt({ model: NEWER, messages });
    expect(blocks.map((block) => block.role)).toEqual(['system', 'user', 'user']);
  });
});
