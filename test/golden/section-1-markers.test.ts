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
  toolUse,
  user,
} from './helpers.ts';

/** What the API would say of the body's markers; null where it accepts them. */
function refusal(body: JsonObject): string | null {
  return readPrompt({ model: NEWER, ...body }).markerProblem?.message ?? null;
}

const messages = (...content: readonly JsonObject[]): JsonObject => ({ messages: [user(...content)] });
const automatic = (ttl?: '5m' | '1h'): JsonObject => marked({}, ttl);
const EXTRA = 'Extra inputs are not permitted';
const AFTER_5M =
  "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.";

describe('1.5 what may not carry a marker', () => {
  it('1.5: thinking and redacted thinking', () => {
    const body = (block: JsonObject): JsonObject => ({ messages: [user(text(1)), assistant(marked(block))] });
    expect(refusal(body(thinking(3)))).toBe(`messages.1.content.0.thinking.cache_control: ${EXTRA}`);
    expect(refusal(body({ type: 'redacted_thinking', data: 'x' }))).toBe(
      `messages.1.content.0.redacted_thinking.cache_control: ${EXTRA}`,
    );
  });

  it('1.5: thinking is part of the prefix of a later block, and counted', () => {
    const body = { model: NEWER, messages: [user(text(500)), assistant(thinking(40), marked(text(10)))] };
    const { outcome } = createService().send(body, 0);
    expect(counters(outcome)).toEqual([0, 0, 550, 0]);
  });

  it('1.5: empty text blocks', () => {
    expect(refusal(messages(text(1), marked({ type: 'text', text: '' })))).toBe(
      'messages.0.content.1.text: cache_control cannot be set for empty text blocks',
    );
    expect(refusal(messages({ type: 'text', text: '' }))).toBeNull();
  });

  it('1.5: citations', () => {
    const cited = { ...text(2), citations: [{ type: 'char_location' }, marked({ type: 'char_location' })] };
    expect(refusal(messages(cited))).toBe(`messages.0.content.0.citations.1.cache_control: ${EXTRA}`);
    const document = { type: 'document', source: {}, citations: marked({ enabled: true }) };
    expect(refusal(messages(document))).toBe(`messages.0.content.0.citations.cache_control: ${EXTRA}`);
    const parent = { ...document, source: { type: 'content', content: [text(1)] } };
    expect(refusal(messages(parent))).toBe(`messages.0.content.0.citations.cache_control: ${EXTRA}`);
  });

  const insideResults: readonly (readonly [string, JsonObject, string])[] = [
    [
      'a web search result',
      { type: 'web_search_tool_result', tool_use_id: '1', content: [marked({ type: 'web_search_result' })] },
      'content.0',
    ],
    [
      'the result object of code execution',
      {
        type: 'code_execution_tool_result',
        tool_use_id: '1',
        content: marked({ type: 'code_execution_result' }),
      },
      'content',
    ],
    [
      'an output of code execution',
      {
        type: 'code_execution_tool_result',
        tool_use_id: '1',
        content: {
          type: 'code_execution_result',
          content: [marked({ type: 'code_execution_output', file_id: 'f' })],
        },
      },
      'content.content.0',
    ],
    [
      'a reference in a tool search result',
      {
        type: 'tool_search_tool_result',
        tool_use_id: '1',
        content: {
          type: 'tool_search_tool_search_result',
          tool_references: [marked({ type: 'tool_reference', tool_name: 't' })],
        },
      },
      'content.tool_references.0',
    ],
    [
      'a text of the document of a web fetch result',
      {
        type: 'web_fetch_tool_result',
        tool_use_id: '1',
        content: {
          type: 'web_fetch_result',
          content: { type: 'document', source: { type: 'content', content: [marked(text(1))] } },
        },
      },
      'content.content.source.content.0',
    ],
    [
      'a text of a search result',
      { type: 'search_result', source: 's', title: 't', content: [marked(text(1))] },
      'content.0',
    ],
  ];

  it.each(insideResults)('1.5: %s', (_name, block, place) => {
    expect(refusal(messages(block))).toBe(`messages.0.content.0.${place}.cache_control: ${EXTRA}`);
    expect(refusal(messages(marked(block)))).toContain(EXTRA);
  });

  it('1.5: a deferred tool', () => {
    expect(refusal({ tools: [marked({ ...tool('t', 3), defer_loading: true })] })).toContain('tools.0');
    expect(refusal({ tools: [marked({ ...tool('t', 3), defer_loading: false })] })).toBeNull();
  });

  it('1.5: a member inside the configs of a toolset; the toolset itself may', () => {
    const toolset = (config: JsonObject): JsonObject => ({
      type: 'computer_toolset_20260801',
      configs: { click: config },
    });
    expect(refusal({ tools: [toolset(marked({ enabled: true }))] })).toContain('tools.0.configs.click');
    expect(refusal({ tools: [marked(toolset({ enabled: true }))] })).toBeNull();
  });

  it('1.5: a turn-scoped system message, before and after it is cleared', () => {
    const scoped = (block: JsonObject): JsonObject => ({
      role: 'system',
      clear_at: 'next_user_message',
      content: [block],
    });
    const before = { messages: [user(text(1)), scoped(marked(text(1)))] };
    const after = { messages: [user(text(1)), scoped(marked(text(1))), user(text(1))] };
    expect(refusal(before)).toContain('messages.1.content.0');
    expect(refusal(after)).toContain('messages.1.content.0');
    expect(refusal({ messages: [user(marked(text(1))), scoped(text(1))] })).toBeNull();
    expect(refusal({ messages: [{ role: 'system', content: [marked(text(1))] }] })).toBeNull();
  });

  it('1.5: what only looks like a marker is data of the user', () => {
    const call = toolUse('1', { cache_control: { type: 'ephemeral', ttl: 'nonsense' } });
    const schema = { ...tool('t', 3), input_schema: { properties: { cache_control: { type: 'string' } } } };
    expect(refusal({ tools: [schema], messages: [assistant(call)] })).toBeNull();
  });
});

describe('1.5 markers inside tool results and documents', () => {
  const document = (...content: readonly JsonObject[]): JsonObject => ({
    type: 'document',
    source: { type: 'content', content },
  });

  it.each([
    ['a tool result', toolResult('1', [text(1), marked(text(1), '1h')])],
    ['a document', document(text(1), marked(text(1), '1h'))],
    ['a document inside a tool result', toolResult('1', [text(1), document(marked(text(1), '1h'))])],
  ])('1.5: on the last block of %s it moves to the parent', (_name, block) => {
    const { breakpoints, markerProblem } = readPrompt({ model: NEWER, ...messages(text(1), block) });
    expect(markerProblem).toBeNull();
    expect(breakpoints).toEqual([{ blockIndex: 1, ttl: '1h', origin: 'explicit' }]);
  });

  it.each([
    ['a tool result', toolResult('1', [marked(text(1)), text(1)]), 'messages.0.content.0.content.0'],
    ['a document', document(marked(text(1)), text(1)), 'messages.0.content.0.source.content.0'],
    [
      'a tool result, the last having one too',
      toolResult('1', [marked(text(1)), marked(text(1))]),
      'messages.0.content.0.content.0',
    ],
  ])('1.5: on another block of %s it is an error', (_name, block, place) => {
    expect(refusal(messages(block))).toContain(place);
  });

  it('1.5: an empty text inside may not carry one either', () => {
    expect(refusal(messages(toolResult('1', [marked({ type: 'text', text: '' })])))).toBe(
      'messages.0.content.0.content.0.text: cache_control cannot be set for empty text blocks',
    );
  });

  it('1.5: the parent and its last block count as one', () => {
    const both = (ttl?: '1h'): JsonObject => marked(toolResult('1', [marked(text(1), ttl)]), ttl);
    const { breakpoints } = readPrompt({ model: NEWER, ...messages(both(), both(), both(), both()) });
    expect(breakpoints).toHaveLength(4);
  });
});

describe('1.6 errors', () => {
  it('1.6: more than four markers', () => {
    const blocks = (count: number): JsonObject =>
      messages(...Array.from({ length: count }, () => marked(text(1))));
    expect(refusal(blocks(4))).toBeNull();
    expect(refusal(blocks(5))).toBe('A maximum of 4 blocks with cache_control may be provided. Found 5.');
    expect(refusal(blocks(7))).toBe('A maximum of 4 blocks with cache_control may be provided. Found 7.');
  });

  it('1.6: markers of all levels count', () => {
    const body = { tools: [marked(tool('t', 2))], system: [marked(text(1)), marked(text(1))] };
    expect(refusal({ ...body, ...messages(marked(text(1))) })).toBeNull();
    expect(refusal({ ...body, ...messages(marked(text(1)), marked(text(1))) })).toContain('Found 5.');
  });

  it('1.6: the automatic marker always counts, even on a block with an equal marker', () => {
    const four = [1, 2, 3, 4].map(() => marked(text(1)));
    expect(refusal({ ...automatic(), ...messages(...four) })).toContain('Found 5.');
    expect(refusal({ ...automatic(), ...messages(...four.slice(1)) })).toBeNull();
    expect(refusal({ ...automatic(), messages: [assistant(thinking(2))] })).toBeNull();
  });

  it.each([
    ['messages.0.content.1', messages(marked(text(1)), marked(text(1), '1h'))],
    ['system.0', { tools: [marked(tool('t', 2), '5m')], system: [marked(text(1), '1h')] }],
    ['tools.1', { tools: [marked(tool('t', 2)), marked(tool('u', 2), '1h')] }],
    [
      'messages.0.content.2',
      messages(marked(text(1), '1h'), marked(text(1)), marked(text(1), '1h'), marked(text(1), '1h')),
    ],
  ])('1.6, 4.6: 1h after 5m, first offender %s', (place, body) => {
    expect(refusal(body)).toBe(`${place}.cache_control.ttl: ${AFTER_5M}`);
  });

  it('1.6, 4.6: 5m after 1h is fine, whatever the order in the body', () => {
    const system = [marked(text(1), '1h')];
    expect(refusal({ ...messages(marked(text(1))), system, tools: [marked(tool('t', 2), '1h')] })).toBeNull();
  });

  it('1.6: an automatic 1h after a 5m', () => {
    expect(refusal({ ...automatic('1h'), ...messages(marked(text(1)), text(1)) })).toBe(
      `cache_control: ${AFTER_5M}`,
    );
    expect(refusal({ ...automatic('5m'), ...messages(marked(text(1), '1h'), text(1)) })).toBeNull();
  });

  it('1.6: automatic and explicit TTL differ on one block', () => {
    const body = { ...automatic('1h'), ...messages(marked(text(1), '5m')) };
    expect(refusal(body)).toBe(
      "Top-level cache_control has ttl='1h' but the target block already has cache_control with ttl='5m'. When both are specified on the same block, they must have matching TTLs.",
    );
    const swapped = { ...automatic(), ...messages(marked(text(1), '1h')) };
    expect(refusal(swapped)).toContain("Top-level cache_control has ttl='5m'");
  });

  it.each([
    ['messages.0.content.0.text.', messages({ ...text(1), cache_control: { type: 'ephemeral', ttl: '2h' } })],
    ['system.0.', { system: [{ ...text(1), cache_control: { type: 'ephemeral', ttl: '10m' } }] }],
    ['', { cache_control: { type: 'ephemeral', ttl: 300 }, ...messages(text(1)) }],
    ['tools.0.', { tools: [{ ...tool('t', 2), cache_control: { type: 'ephemeral', ttl: null } }] }],
  ])('1.6: bad TTL at %s', (place, body) => {
    expect(refusal(body)).toBe(`${place}cache_control.ephemeral.ttl: Input should be '5m' or '1h'`);
  });

  it.each([
    [{ type: 'persistent' }],
    [{}],
    [{ ttl: '5m' }],
    ['ephemeral'],
    [[]],
    [7],
    [true],
    [{ type: {} }],
  ])('1.4, 1.6: %j is no marker', (value) => {
    expect(refusal(messages({ ...text(1), cache_control: value }))).toContain('cache_control');
    expect(refusal({ cache_control: value })).toContain('cache_control');
  });

  it('1.6: too short a prefix is no error', () => {
    expect(refusal(messages(marked(text(1))))).toBeNull();
  });
});

describe('1.6 order of checks', () => {
  it('1.6: count comes before 1h after 5m', () => {
    const five = messages(...[1, 2, 3, 4].map(() => marked(text(1))), marked(text(1), '1h'));
    expect(refusal(five)).toContain('Found 5.');
  });

  it('1.6: 1h after 5m comes before a TTL mismatch', () => {
    const body = messages(marked(text(1)), marked(text(1), '1h'));
    expect(refusal({ ...automatic('5m'), ...body })).toBe(
      `messages.0.content.1.cache_control.ttl: ${AFTER_5M}`,
    );
  });

  it('1.6: a TTL mismatch comes before an automatic 1h after 5m', () => {
    const body = { ...automatic('1h'), ...messages(marked(text(1)), marked(text(1))) };
    expect(refusal(body)).toContain('must have matching TTLs');
  });

  it('1.6: a refused request caches nothing', () => {
    const prompt = readPrompt({ model: NEWER, ...messages(marked(text(1)), marked(text(1), '1h')) });
    expect(prompt.breakpoints).toEqual([]);
  });
});
