import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { validateBody, type Endpoint } from './validate.ts';

const runs = { numRuns: Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };
const hello = { model: 'claude-opus-5-5', max_tokens: 8, messages: [{ role: 'user', content: 'hello' }] };

function asks(...content: unknown[]): object {
  return { ...hello, messages: [{ role: 'user', content }] };
}

function messageOf(body: unknown, endpoint: Endpoint = 'messages'): string | null {
  return validateBody(body, endpoint)?.message ?? null;
}

describe('accepts', () => {
  test.each([
    ['a plain request', hello],
    ['members that it does not know', { ...hello, novelty: { a: 1 } }],
    ['block types that it does not know', asks({ type: 'hologram', beams: 7 })],
    [
      'block types that name members of every object',
      asks({ type: 'constructor' }, { type: '__proto__' }, { type: 'toString' }),
    ],
    [
      'absent members as null',
      { ...hello, system: null, tools: null, tool_choice: null, thinking: null, stream: null, thread: null },
    ],
    [
      'system messages, first ones too',
      { ...hello, messages: [{ role: 'system', content: 'be kind' }, ...hello.messages] },
    ],
    [
      'turns in any order',
      {
        ...hello,
        messages: [
          { role: 'assistant', content: 'hi' },
          { role: 'assistant', content: 'hi' },
        ],
      },
    ],
    [
      'built-in tools',
      {
        ...hello,
        tools: [
          { type: 'bash_20250124', name: 'bash' },
          { type: 'mcp_toolset', mcp_server_name: 'm' },
        ],
      },
    ],
    ['a result without content', asks({ type: 'tool_result', tool_use_id: 't' })],
    ['thinking without a signature', asks({ type: 'thinking', thinking: 'hm' })],
    ['a pre-warm', { ...hello, max_tokens: 0 }],
  ])('%s', (_what, body) => {
    expect(validateBody(body, 'messages')).toBeNull();
  });

  test('a count without max_tokens, with whatever would not go with 0', () => {
    const { max_tokens: _, ...counted } = hello;
    expect(validateBody(counted, 'count_tokens')).toBeNull();
    expect(validateBody({ ...hello, max_tokens: 0, stream: true }, 'count_tokens')).toBeNull();
    expect(messageOf(counted)).toMatch(/^max_tokens: /);
  });
});

describe('refuses', () => {
  test.each([
    ['no object', [hello], /JSON object/],
    ['no model', { ...hello, model: undefined }, /^model: /],
    ['an empty model', { ...hello, model: '' }, /^model: /],
    ['no messages', { ...hello, messages: [] }, /^messages: /],
    ['a message that is none', { ...hello, messages: ['hello'] }, /^messages\.0: /],
    [
      'a role that does not exist',
      { ...hello, messages: [{ role: 'tool', content: '' }] },
      /^messages\.0\.role: /,
    ],
    [
      'content of another type',
      { ...hello, messages: [{ role: 'user', content: null }] },
      /^messages\.0\.content: /,
    ],
    ['a block without type', asks({ text: 'hello' }), /^messages\.0\.content\.0\.type: /],
    ['a text that is none', asks({ type: 'text', text: 7 }), /^messages\.0\.content\.0\.text\.text: /],
    [
      'a second block that is wrong',
      asks({ type: 'text', text: 'a' }, { type: 'image' }),
      /^messages\.0\.content\.1\.image\.source: /,
    ],
    [
      'a tool call without name',
      asks({ type: 'tool_use', input: {} }),
      /^messages\.0\.content\.0\.tool_use\.name: /,
    ],
    [
      'a tool call whose input is a text',
      asks({ type: 'tool_use', name: 'a', input: '{}' }),
      /tool_use\.input: /,
    ],
    ['a system of another type', { ...hello, system: 7 }, /^system: /],
    ['tools that are no list', { ...hello, tools: {} }, /^tools: /],
    ['a fraction of a token', { ...hello, max_tokens: 1.5 }, /^max_tokens: /],
    ['fewer than no tokens', { ...hello, max_tokens: -1 }, /^max_tokens: /],
    ['a stream that is no boolean', { ...hello, stream: 'yes' }, /^stream: /],
  ])('%s', (_what, body, message) => {
    expect(validateBody(body, 'messages')).toMatchObject({ status: 400, type: 'invalid_request_error' });
    expect(messageOf(body)).toMatch(message);
  });

  test.each([
    ['a stream', { stream: true }, 'stream: true'],
    ['a thinking budget', { thinking: { type: 'enabled', budget_tokens: 1024 } }, 'thinking.type "enabled"'],
    ['an output format', { output_config: { format: { type: 'json_schema' } } }, 'output_config.format'],
    ['any tool', { tool_choice: { type: 'any' } }, 'tool_choice "any"'],
    ['one tool', { tool_choice: { type: 'tool', name: 'a' } }, 'tool_choice "tool"'],
    ['compaction', { compaction: {} }, 'compaction'],
  ])('max_tokens 0 with %s', (_what, body, reason) => {
    expect(messageOf({ ...hello, ...body, max_tokens: 0 })).toBe(
      `max_tokens: 0 cannot be used with ${reason}`,
    );
    expect(messageOf({ ...hello, ...body })).toBeNull();
  });

  test('max_tokens 0 in a batch', () => {
    expect(messageOf({ ...hello, max_tokens: 0 }, 'batch')).toBe('max_tokens: 0 cannot be used in a batch');
    expect(messageOf(hello, 'batch')).toBeNull();
  });

  test('threads first of all, as the SDK expects', () => {
    const refusal = validateBody({ thread: { type: 'create' } }, 'messages');
    expect(refusal).toMatchObject({
      status: 400,
      details: { error_code: 'thread_unsupported_request', unsupported: ['cache_control'] },
    });
    expect(validateBody({ ...hello, thread: { type: 'continue' } }, 'count_tokens')?.details).toBeDefined();
  });

  test('markers where they may not be, on every endpoint', () => {
    const body = asks({ type: 'text', text: '', cache_control: { type: 'ephemeral' } });
    const message = 'messages.0.content.0.text: cache_control cannot be set for empty text blocks';
    for (const endpoint of ['messages', 'count_tokens', 'batch'] as const)
      expect(messageOf(body, endpoint)).toBe(message);
  });
});

test('gives a verdict on any JSON', () => {
  const anything = fc.jsonValue();
  const body = fc.record(
    { messages: anything, system: anything, tools: anything, cache_control: anything },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(anything, body), (value) => {
      const refusal = validateBody(
        typeof value === 'object' && value !== null ? { ...hello, ...value } : value,
        'messages',
      );
      expect(refusal === null || (refusal.status === 400 && refusal.message !== '')).toBe(true);
    }),
    runs,
  );
});
