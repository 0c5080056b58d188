import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../json.ts';
import { innerBlocks, pathText, readRawBlocks } from './raw-blocks.ts';

const read = (body: JsonObject): readonly string[] =>
  [...readRawBlocks(body)].map((block) => `${pathText(block.path)} ${block.type}`);

describe('readRawBlocks', () => {
  it('gives tools, system and messages with their places and types', () => {
    expect(
      read({
        messages: [
          { role: 'user', content: 'hello' },
          { role: 'assistant', content: [{ type: 'text', text: 'a' }, { type: 'tool_use' }] },
        ],
        tools: [{ name: 'own' }, { type: 'bash_20250124' }],
        system: [{ type: 'text', text: 's' }],
      }),
    ).toEqual([
      'tools.0 custom',
      'tools.1 bash_20250124',
      'system.0 text',
      'messages.0.content text',
      'messages.1.content.0 text',
      'messages.1.content.1 tool_use',
    ]);
  });

  it('reads a string as the text block that it stands for', () => {
    const [system, message] = readRawBlocks({ system: 's', messages: [{ role: 'user', content: '' }] });
    expect(system).toMatchObject({
      path: ['system'],
      isString: true,
      value: { type: 'text', text: 's' },
      role: null,
    });
    expect(message).toMatchObject({
      path: ['messages', 0, 'content'],
      isString: true,
      value: { type: 'text', text: '' },
      role: 'user',
      messageIndex: 0,
    });
  });

  it.each<[string, JsonObject]>([
    ['an empty body', {}],
    ['nulls', { tools: null, system: null, messages: null }],
    ['wrong types', { tools: 'x', system: 7, messages: { role: 'user', content: 'x' } }],
    ['messages that are none', { messages: [null, 7, 'text', [], { content: null }, { role: 'user' }] }],
    ['blocks that are none', { tools: [null, 'x'], system: [[], 1], messages: [{ content: [null, true] }] }],
  ])('passes over %s', (_name, body) => expect(read(body)).toEqual([]));

  it('keeps the places of what stands beside it', () => {
    expect(read({ tools: [null, { name: 't' }], messages: [7, { content: ['x', { type: 5 }] }] })).toEqual([
      'tools.1 custom',
      'messages.1.content.1 ',
    ]);
  });
});

describe('innerBlocks', () => {
  it('knows tool results and documents', () => {
    expect(innerBlocks({ type: 'tool_result', content: [1] }, ['p'])).toEqual({
      items: [1],
      path: ['p', 'content'],
    });
    expect(innerBlocks({ type: 'document', source: { content: [2] } }, ['p'])).toEqual({
      items: [2],
      path: ['p', 'source', 'content'],
    });
  });

  it.each<JsonObject>([
    { type: 'tool_result', content: 'text' },
    { type: 'tool_result' },
    { type: 'document', source: { content: 'text' } },
    { type: 'document', source: null },
    { type: 'search_result', content: [1] },
    { content: [1] },
  ])('finds none in %j', (value) => expect(innerBlocks(value, [])).toBeNull());
});
