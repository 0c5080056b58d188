import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/core/catalogue/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { readPrompt } from '../../src/core/prompt/index.ts';
import {
  assistant,
  counters,
  createService,
  LAST_TURN_ONLY,
  marked,
  NEWER,
  text,
  thinking,
  toolResult,
  toolUse,
  user,
} from './helpers.ts';

const ENABLED = { thinking: { type: 'enabled', budget_tokens: 2000 } };
const DISABLED = { thinking: { type: 'disabled' } };

const KEEP_ALL = [
  'claude-opus-4-5',
  'claude-opus-4-6',
  'claude-opus-4-7',
  'claude-opus-4-8',
  'claude-opus-5',
  'claude-opus-5-5',
  'claude-sonnet-4-6',
  'claude-sonnet-5',
  'claude-sonnet-5-5',
  'claude-fable-5',
  'claude-fable-5-1',
  'claude-fable-5-2',
  'claude-mythos-preview',
  'claude-mythos-5',
  'claude-mythos-5-1',
  'claude-mythos-5-2',
  'claude-haiku-5-5',
];
const LAST_TURN = [
  'claude-opus-4-1',
  'claude-opus-4',
  'claude-sonnet-4-5',
  'claude-sonnet-4',
  'claude-haiku-4-5',
  'claude-haiku-3-5',
];

/** Types of the blocks that are rendered of a conversation. */
function rendered(body: JsonObject): string {
  return readPrompt(body)
    .blocks.map((block) => block.type)
    .join(' ');
}

/** One finished turn with thinking and a tool loop, then what follows. */
const conversation = (model: string, ...next: readonly JsonObject[]): JsonObject => ({
  model,
  ...ENABLED,
  messages: [
    user(text(3)),
    assistant(thinking(4), toolUse('1')),
    user(toolResult('1')),
    assistant({ type: 'redacted_thinking', data: 'opaque' }, text(2)),
    ...next,
  ],
});

const ALL = 'text thinking tool_use tool_result redacted_thinking text';
const STRIPPED = 'text tool_use tool_result text';

describe('7.2 which models keep old thinking', () => {
  it.each(KEEP_ALL)('7.2: %s keeps all', (model) => {
    expect(rendered(conversation(model, user(text(1))))).toBe(`${ALL} text`);
  });

  it.each(LAST_TURN)('7.2: %s keeps the last turn only', (model) => {
    expect(rendered(conversation(model, user(text(1))))).toBe(`${STRIPPED} text`);
  });

  it('7.2: the two lists are all models', () => {
    expect([...KEEP_ALL, ...LAST_TURN].toSorted()).toEqual(MODELS.map((facts) => facts.id).toSorted());
  });

  it('7.2: tool results alone strip nothing', () => {
    const loop = conversation(LAST_TURN_ONLY, assistant(toolUse('2')), user(toolResult('2')));
    expect(rendered(loop)).toBe(`${ALL} tool_use tool_result`);
  });

  it('7.2: tool results with a text do', () => {
    const loop = conversation(LAST_TURN_ONLY, assistant(toolUse('2')), user(toolResult('2'), text(1)));
    expect(rendered(loop)).toBe(`${STRIPPED} tool_use tool_result text`);
  });

  it('7.2: so does a string, and the thinking after it stays', () => {
    const next = [
      { role: 'user', content: 'go on' },
      assistant(thinking(2), toolUse('2')),
      user(toolResult('2')),
    ];
    expect(rendered(conversation(LAST_TURN_ONLY, ...next))).toBe(
      `${STRIPPED} text thinking tool_use tool_result`,
    );
  });

  it('7.2: a system message begins no turn', () => {
    expect(rendered(conversation(LAST_TURN_ONLY, { role: 'system', content: 'hurry' }))).toBe(`${ALL} text`);
  });
});

describe('7.1, 7.2 thinking in the cache', () => {
  const loop = (...next: readonly JsonObject[]): readonly JsonObject[] => [
    user(marked(text(2000))),
    assistant(thinking(100), marked(toolUse('1'))),
    ...next,
  ];
  const results = user(marked(toolResult('1')));

  it('7.1: during a tool loop prior thinking is read and counted', () => {
    const service = createService();
    const body = { model: LAST_TURN_ONLY, ...ENABLED };
    expect(counters(service.send({ ...body, messages: loop() }, 0).outcome)).toEqual([0, 0, 2101, 0]);
    const { outcome } = service.send({ ...body, messages: loop(results) }, 1);
    expect(counters(outcome)).toEqual([2101, 0, 1, 0]);
  });

  it('7.2: a new turn loses every message after the first stripped block', () => {
    const service = createService();
    const body = { model: LAST_TURN_ONLY, ...ENABLED };
    service.send({ ...body, messages: loop(results) }, 0);
    const { outcome } = service.send({ ...body, messages: loop(results, user(text(10, 'next'))) }, 1);
    expect(counters(outcome)).toEqual([2000, 0, 2, 10]);
  });

  it('7.2: on keep-all models it reads on', () => {
    const service = createService();
    const body = { model: NEWER, ...ENABLED };
    service.send({ ...body, messages: loop(results) }, 0);
    const { outcome } = service.send({ ...body, messages: loop(results, user(text(10, 'next'))) }, 1);
    expect(counters(outcome)).toEqual([2102, 0, 0, 10]);
  });
});

describe('7.3 thinking disabled mid-turn', () => {
  it.each([NEWER, LAST_TURN_ONLY])('7.3: %s strips the thinking of the current tool turn', (model) => {
    const body = {
      ...conversation(model, user(text(1)), assistant(thinking(3), toolUse('2')), user(toolResult('2'))),
      ...DISABLED,
    };
    const history = model === NEWER ? ALL : STRIPPED;
    expect(rendered(body)).toBe(`${history} text tool_use tool_result`);
  });

  it('7.3: and only of that request', () => {
    const body = {
      model: NEWER,
      messages: [user(text(1)), assistant(thinking(3), toolUse('1')), user(toolResult('1'))],
    };
    expect(rendered({ ...body, ...DISABLED })).toBe('text tool_use tool_result');
    expect(rendered({ ...body, ...ENABLED })).toBe('text thinking tool_use tool_result');
    expect(rendered(body)).toBe('text thinking tool_use tool_result');
  });
});

describe('7.4, 7.5 model-bound blocks and per-message effort', () => {
  it('7.4: the families whose thinking is bound to model and account', () => {
    expect(
      MODELS.filter((facts) => facts.thinking.isBound)
        .map((facts) => facts.id)
        .toSorted(),
    ).toEqual([
      'claude-fable-5-1',
      'claude-fable-5-2',
      'claude-haiku-5-5',
      'claude-mythos-5-1',
      'claude-mythos-5-2',
      'claude-opus-5-5',
      'claude-sonnet-5-5',
    ]);
  });

  it('7.5: effort on a system message keeps the cache, top-level effort does not', () => {
    const service = createService();
    const first = user(marked(text(600)));
    const effort = { role: 'system', content: 'quickly', output_config: { effort: 'low' } };
    service.send({ model: NEWER, messages: [first] }, 0);
    const appended = { model: NEWER, messages: [first, effort, user(text(5, 'next'))] };
    expect(service.fork().send(appended, 1).outcome.readTokens).toBe(600);
    const topLevel = { model: NEWER, output_config: { effort: 'low' }, messages: [first] };
    expect(service.fork().send(topLevel, 1).outcome.readTokens).toBe(0);
  });

  it('7.5: effort on a message is part of the prefix from there', () => {
    const service = createService();
    const body = (effort: string): JsonObject => ({
      model: NEWER,
      messages: [user(text(600)), { role: 'system', content: [marked(text(5))], output_config: { effort } }],
    });
    service.send(body('low'), 0);
    expect(service.fork().send(body('low'), 1).outcome.readTokens).toBe(605);
    expect(service.fork().send(body('high'), 1).outcome.readTokens).toBe(0);
  });
});

describe('7.6 clear_thinking', () => {
  const edits = (type: string, keep: unknown): JsonObject => ({
    context_management: { edits: [{ type: 'compact_20260112' }, { type, keep }] },
  });

  it('7.6: keep "all" forces keep-all', () => {
    const body = {
      ...conversation(LAST_TURN_ONLY, user(text(1))),
      ...edits('clear_thinking_20251015', 'all'),
    };
    expect(rendered(body)).toBe(`${ALL} text`);
  });

  it.each([
    ['clear_thinking_20251015', { type: 'thinking_turns', value: 2 }],
    ['clear_thinking_20251015', undefined],
    ['clear_tool_uses_20250919', 'all'],
  ])('7.6: otherwise as the model does: %s keeping %j', (type, keep) => {
    const next = user(text(1));
    expect(rendered({ ...conversation(LAST_TURN_ONLY, next), ...edits(type, keep) })).toBe(
      `${STRIPPED} text`,
    );
    expect(rendered({ ...conversation(NEWER, next), ...edits(type, keep) })).toBe(`${ALL} text`);
  });

  it('6, 7: which models render their configuration ahead', () => {
    const newer = MODELS.filter((facts) => !facts.rendersConfigAhead).map((facts) => facts.id);
    expect(newer.toSorted()).toEqual([
      'claude-fable-5',
      'claude-fable-5-1',
      'claude-fable-5-2',
      'claude-haiku-5-5',
      'claude-mythos-5',
      'claude-mythos-5-1',
      'claude-mythos-5-2',
      'claude-opus-5',
      'claude-opus-5-5',
      'claude-sonnet-5',
      'claude-sonnet-5-5',
    ]);
  });
});
