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
  tool,
  toolResult,
  toolUse,
  user,
} from './helpers.ts';

/** Does the second request read what the first one wrote? */
function reads(first: JsonObject, second: JsonObject): boolean {
  const service = createService();
  service.send(first, 0);
  return service.send(second, 1).outcome.readTokens > 0;
}

const message = (content: unknown): JsonObject => ({
  model: NEWER,
  cache_control: { type: 'ephemeral' },
  messages: [{ role: 'user', content }],
});

describe('1.1 order', () => {
  it('1.1: renders tools, then system, then messages, wherever they stand in the body', () => {
    const { prompt } = createService().send(
      { messages: [user(text(3))], system: [text(2)], tools: [tool('t', 4)], model: NEWER },
      0,
    );
    expect(prompt.blocks.map((block) => block.level)).toEqual(['tools', 'system', 'messages']);
  });

  it('1.1: a breakpoint covers everything from the first tool to the marked block', () => {
    const { outcome } = createService().send(
      {
        model: NEWER,
        tools: [tool('t', 300)],
        system: [text(200)],
        messages: [user(marked(text(100)), text(50))],
      },
      0,
    );
    expect(counters(outcome)).toEqual([0, 0, 600, 50]);
  });
});

describe('1.2 what is hashed', () => {
  const base = message([text(600, 'a'), text(10, 'b')]);

  it('1.2: a change at or before the block gives another key', () => {
    expect(reads(base, message([text(600, 'A'), text(10, 'b')]))).toBe(false);
  });

  it('1.2: a change after it does not matter', () => {
    const marks = (last: string): JsonObject => ({
      model: NEWER,
      messages: [user(marked(text(600, 'a')), text(10, last))],
    });
    expect(reads(marks('b'), marks('c'))).toBe(true);
  });

  it('1.2: markers are not hashed, be they moved, dropped, null or of another TTL', () => {
    const body = (first: JsonObject): JsonObject => ({
      model: NEWER,
      messages: [user(first), user(marked(text(10)))],
    });
    const plain = text(600);
    for (const before of [plain, marked(plain), marked(plain, '1h'), { ...plain, cache_control: null }]) {
      expect(reads(body(before), body(plain))).toBe(true);
    }
  });

  it('1.2: nor are markers that stand on the last block inside a tool result', () => {
    const body = (inner: JsonObject): JsonObject => ({
      model: NEWER,
      messages: [user(text(600)), assistant(toolUse('1')), user(toolResult('1', [inner]), marked(text(5)))],
    });
    expect(reads(body(marked(text(20))), body(text(20)))).toBe(true);
  });

  it.each([
    ['max_tokens', 0],
    ['stop_sequences', ['stop']],
    ['temperature', 0.5],
    ['top_p', 0.9],
    ['top_k', 10],
    ['stream', true],
    ['metadata', { user_id: 'someone' }],
    ['service_tier', 'standard_only'],
  ])('1.2: %s is not in the key', (name, value) => {
    expect(reads(base, { ...base, [name]: value })).toBe(true);
  });

  it('1.2: the key is partitioned by model', () => {
    expect(reads(base, { ...base, model: 'claude-opus-5' })).toBe(false);
  });
});

describe('1.3 blocks', () => {
  it('1.3: a string content is one text block', () => {
    const long = text(600)['text'];
    expect(reads(message(long), message([{ type: 'text', text: long }]))).toBe(true);
    expect(reads(message([{ type: 'text', text: long }]), message(long))).toBe(true);
  });

  it('1.3: a string system is one text block', () => {
    const body = (system: unknown): JsonObject => ({ ...message([text(10)]), system });
    const long = text(600)['text'];
    expect(reads(body(long), body([{ type: 'text', text: long }]))).toBe(true);
  });

  it('1.3: positions count across sections: five system blocks and a user block are six', () => {
    const { chain } = createService().send(
      {
        model: NEWER,
        system: Array.from({ length: 5 }, (_, i) => text(9, `s${i}`)),
        messages: [user(text(9))],
      },
      0,
    );
    expect(chain.positions).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('1.3: neighbouring messages of one role are one turn', () => {
    const [first, second] = [text(600, 'a'), text(20, 'b')];
    const body = (messages: readonly JsonObject[]): JsonObject => ({ ...message([]), messages });
    expect(reads(body([user(first), user(second)]), body([user(first, second)]))).toBe(true);
    expect(reads(body([user(first), user(second)]), body([user(first), assistant(second)]))).toBe(false);
    const { outcome } = createService().send(body([user(first), assistant(second)]), 0);
    expect(outcome.write5mTokens).toBe(620);
  });

  it('1.3: a role is part of the prefix', () => {
    const body = (role: string): JsonObject => ({
      ...message([]),
      messages: [{ role, content: [text(600)] }],
    });
    expect(reads(body('user'), body('assistant'))).toBe(false);
  });

  it('1.3: white space and escapes of the JSON do not matter', () => {
    const long = text(600)['text'];
    const spelled = JSON.parse(`{ "type" :\t"te\\u0078t", "text": ${JSON.stringify(long)} }`) as JsonObject;
    expect(reads(message([{ type: 'text', text: long }]), message([spelled]))).toBe(true);
  });

  it('1.3: key order does matter in the input of a tool call', () => {
    const body = (input: JsonObject): JsonObject => ({
      ...message([]),
      messages: [user(text(600)), assistant(toolUse('1', input)), user(toolResult('1'))],
    });
    const service = createService();
    const first = service.send(body({ path: 'a', line: 1 }), 0);
    expect(first.outcome.write5mTokens).toBeGreaterThan(600);
    expect(service.send(body({ line: 1, path: 'a' }), 1).outcome.readTokens).toBe(0);
    expect(service.send(body({ path: 'a', line: 1 }), 2).outcome.readTokens).toBeGreaterThan(600);
  });

  it('1.3: key order does matter in a tool schema', () => {
    const body = (properties: JsonObject): JsonObject => ({
      ...message([text(600)]),
      tools: [{ name: 't', input_schema: { type: 'object', properties } }],
    });
    expect(reads(body({ a: {}, b: {} }), body({ b: {}, a: {} }))).toBe(false);
  });

  it('1.2, 1.3: and in any block, a plain text among them', () => {
    const { text: long } = text(600);
    expect(reads(message([{ type: 'text', text: long }]), message([{ text: long, type: 'text' }]))).toBe(
      false,
    );
  });
});

describe('1.4 what may carry a marker', () => {
  const carriers: readonly JsonObject[] = [
    text(1),
    { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } },
    { type: 'search_result', source: 's', title: 't', content: [text(1)] },
    toolUse('1'),
    toolResult('1'),
    { type: 'server_tool_use', id: '1', name: 'web_search', input: {} },
    { type: 'web_search_tool_result', tool_use_id: '1', content: [] },
    { type: 'web_fetch_tool_result', tool_use_id: '1', content: {} },
    { type: 'code_execution_tool_result', tool_use_id: '1', content: {} },
    { type: 'bash_code_execution_tool_result', tool_use_id: '1', content: {} },
    { type: 'text_editor_code_execution_tool_result', tool_use_id: '1', content: {} },
    { type: 'tool_search_tool_result', tool_use_id: '1', content: {} },
    { type: 'tool_reference', tool_name: 't' },
    { type: 'container_upload', file_id: 'f' },
    { type: 'browser_state' },
    { type: 'compaction', content: 'summary' },
    { type: 'mcp_tool_use', id: '1', name: 't', server_name: 's', input: {} },
    { type: 'mcp_tool_result', tool_use_id: '1', content: [] },
    { type: 'advisor_tool_result', tool_use_id: '1', content: {} },
    { type: 'tool_addition', tool: { type: 'tool_reference', name: 't' } },
    { type: 'tool_removal', tool: { type: 'tool_reference', name: 't' } },
  ];

  it.each(carriers.map((block) => [String(block['type']), block] as const))('1.4: %s', (_type, block) => {
    const prompt = readPrompt({ model: NEWER, messages: [user(marked(block))] });
    expect(prompt.markerProblem).toBeNull();
    expect(prompt.breakpoints).toEqual([{ blockIndex: 0, ttl: '5m', origin: 'explicit' }]);
    expect(prompt.blocks[0]).toMatchObject({ canCarryMarker: true, isDocumentedCarrier: true });
  });

  const tools: readonly JsonObject[] = [
    { name: 'own', input_schema: {} },
    { type: 'custom', name: 'own', input_schema: {} },
    ...[
      'bash_20250124',
      'text_editor_20250728',
      'memory_20250818',
      'web_search_20250305',
      'web_fetch_20250910',
      'code_execution_20250825',
      'tool_search_tool_regex_20251119',
      'computer_toolset_20260801',
      'browser_toolset_20260801',
      'mcp_toolset',
    ].map((type) => ({ type, name: 'x' })),
  ];

  it.each(tools.map((entry) => [JSON.stringify(entry['type'] ?? 'none'), entry] as const))(
    '1.4: tool %s',
    (_type, entry) => {
      const prompt = readPrompt({ model: NEWER, tools: [marked(entry, '1h')] });
      expect(prompt.breakpoints).toEqual([{ blockIndex: 0, ttl: '1h', origin: 'explicit' }]);
    },
  );

  it('1.4: the TTL is 5m unless given, and a null marker is none', () => {
    const { breakpoints } = readPrompt({
      model: NEWER,
      messages: [user(marked(text(1)), { ...text(1), cache_control: null }, marked(text(1), '5m'))],
    });
    expect(breakpoints.map(({ blockIndex, ttl }) => [blockIndex, ttl])).toEqual([
      [0, '5m'],
      [2, '5m'],
    ]);
  });
});
