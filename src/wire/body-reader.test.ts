import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { makeBody } from '../../test/fidelity/hostile-bodies.ts';
import { KEY_ORDER, readPrompt, type Block, type JsonObject } from '../core/index.ts';
import { createBodyReader } from './body-reader.ts';
import { parseBody } from './parse-body.ts';
import { scanBody } from './scan-body.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? '1');

/** Every `KEY_ORDER` note inside a value, by place: `toEqual` does not look at symbols that are not enumerable. */
function keyOrders(value: unknown, place = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = Object.getOwnPropertyDescriptor(value, KEY_ORDER)?.value as string[] | undefined;
  const inside = Object.entries(value).flatMap(([key, member]) => keyOrders(member, `${place}.${key}`));
  return own ? [`${place}: ${own.join(',')}`, ...inside] : inside;
}

function conversation(turns: number): Buffer {
  const messages = Array.from({ length: turns }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content:
      index % 3 === 0 ? `text ${index} `.repeat(20) : [{ type: 'text', text: `block ${index} `.repeat(20) }],
  }));
  return Buffer.from(
    JSON.stringify({
      model: 'm',
      system: 'be brief '.repeat(30),
      messages,
      tools: [{ name: 'find', input_schema: {} }],
    }),
  );
}

/** The same, what stands around its messages behind them. */
function messagesFirst(turns: number): Buffer {
  const { messages, ...rest } = JSON.parse(conversation(turns).toString()) as JsonObject;
  return Buffer.from(JSON.stringify({ messages, ...rest }));
}

/** All that is known of blocks, worked out. */
function show(blocks: readonly Block[]): unknown {
  return blocks.map(({ level, path, type, role, value, isString, canCarryMarker, label, content }) => [
    [level, path, type, role, isString, canCarryMarker, label, content],
    JSON.stringify(value),
  ]);
}

/** A prompt with its blocks worked out. */
function promptOf(body: JsonObject, read: Parameters<typeof readPrompt>[1] = {}): unknown {
  const { blocks, ...rest } = readPrompt(body, read);
  return { ...rest, blocks: show(blocks) };
}

function expectSame(reader: ReturnType<typeof createBodyReader>, bytes: Buffer): void {
  const read = reader.read(bytes);
  const parsed = parseBody(bytes);
  expect(read.ok).toBe(parsed.ok);
  if (!read.ok || !parsed.ok) return;
  expect(read.value).toEqual(parsed.value);
  expect(Object.keys(read.value)).toEqual(Object.keys(parsed.value));
  expect(keyOrders(read.value)).toEqual(keyOrders(parsed.value));
  expect(read.map).toEqual(scanBody(bytes));
  expect(promptOf(read.value, { blocks: read.blocks })).toEqual(promptOf(parsed.value));
}

describe('createBodyReader', () => {
  it('gives what parseBody gives, for hostile bodies, the first time and again', () => {
    const reader = createBodyReader({ bodyBytesMax: 100_000 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
        const bytes = makeBody(seed);
        expectSame(reader, bytes);
        expectSame(reader, bytes);
      }),
      { numRuns: 100 * effort },
    );
  });

  it('refuses what JSON.parse refuses, byte for byte, however long it has known the blocks', () => {
    const reader = createBodyReader();
    const whole = conversation(8);
    reader.read(whole);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        expectSame(reader, damaged);
      }),
      { numRuns: 400 * effort },
    );
  });

  it('refuses a control character far inside a string, known or not', () => {
    const reader = createBodyReader();
    const bytes = Buffer.from(JSON.stringify({ system: `${'x'.repeat(200)}~${'y'.repeat(200)}` }));
    expect(reader.read(bytes).ok).toBe(true);
    const broken = Buffer.from(bytes);
    broken[broken.indexOf('~')] = 0x0a;
    expect(reader.read(broken).ok).toBe(false);
  });

  it('is not misled by blocks that look alike where it looks first', () => {
    const reader = createBodyReader();
    const body = (letter: string): Buffer =>
      Buffer.from(
        JSON.stringify({ system: [{ type: 'text', text: `${'a'.repeat(333)}${letter}${'a'.repeat(333)}` }] }),
      );
    for (const letter of ['b', 'c', 'b', 'd']) expectSame(reader, body(letter));
  });

  it('reads on from a body that it knows, whatever was changed, cut out or put in', () => {
    const pieces = [
      '',
      ',',
      ']',
      '}',
      '},{',
      '"messages":[],',
      ',"system":"other"',
      ',"__proto__":{"a":1}',
      '{"role":"user","content":"more"}',
      ',{"role":"user","content":[{"type":"text","text":"more","cache_control":{"type":"ephemeral"}}]}',
      ' \n',
      '1',
      '"7":1,',
    ];
    const edit = fc.record({
      at: fc.nat(20_000),
      cut: fc.oneof(fc.constant(0), fc.nat(40), fc.nat(20_000)),
      piece: fc.constantFrom(...pieces),
    });
    const reader = createBodyReader({ bodyBytesMax: 200_000 });
    fc.assert(
      fc.property(fc.nat(12), fc.boolean(), fc.array(edit, { maxLength: 3 }), (turns, isFirst, edits) => {
        let text = (isFirst ? messagesFirst(turns) : conversation(turns)).toString();
        for (const { at, cut, piece } of edits) {
          const from = at % (text.length + 1);
          text = text.slice(0, from) + piece + text.slice(from + cut);
        }
        expectSame(reader, Buffer.from(text));
      }),
      { numRuns: 500 * effort },
    );
  });

  it.each([
    ['a comma before the end of the list', '{"messages":[M,]}'],
    ['no comma between messages', '{"messages":[M M]}'],
    ['a second list of messages', '{"messages":[M,M],"messages":[M]}'],
    ['a second list that is none', '{"messages":[M,M],"messages":1}'],
    ['a system prompt on both sides', '{"system":"a","messages":[M,M],"system":"b"}'],
    ['a system prompt after', '{"messages":[M,M],"system":"b"}'],
    ['tools after', '{"messages":[M,M],"tools":[{"name":"t"}],"cache_control":{"type":"ephemeral"}}'],
    ['a long end', '{"messages":[M,M],"system":"LONG","tools":[{"name":"t"}]}'],
    ['another long end', '{"messages":[M,M],"system":"LONG","tools":[{"name":"u"}]}'],
    ['more before a long end', '{"messages":[M],"max_tokens":1,"system":"LONG","tools":[{"name":"t"}]}'],
    ['a number before a long end', '{"messages":[M,M,1],"system":"LONG","tools":[{"name":"t"}]}'],
    ['a long end with a marker', '{"messages":[M],"system":"LONG","cache_control":{"type":"ephemeral"}}'],
    ['a long end that the start has too', '{"system":"LONG","messages":[M],"system":"LONG"}'],
    ['a key that JavaScript moves', '{"messages":[M,M],"1":2}'],
    ['a message that is a number', '{"messages":[M,12,M]}'],
    ['a longer number in its place', '{"messages":[M,123,M]}'],
    ['white space', ' { "messages" : [ M , M ] } '],
  ])('reads what follows known messages as a whole: %s', (_name, shape) => {
    const message = JSON.stringify({ role: 'user', content: 'word '.repeat(200) });
    const fill = (text: string): Buffer =>
      Buffer.from(text.replaceAll('M', message).replaceAll('LONG', 'end '.repeat(100)));
    for (const first of [
      shape,
      '{"messages":[M,M]}',
      '{"messages":[M,12]}',
      '{"system":"a","messages":[M]}',
      '{"messages":[M],"system":"LONG","tools":[{"name":"t"}]}',
      '{"messages":[M,M,M],"system":"LONG","cache_control":{"type":"ephemeral"}}',
    ]) {
      const reader = createBodyReader();
      for (const text of [first, shape, first, shape]) expectSame(reader, fill(text));
    }
  });

  it('reads what stands behind the messages once', () => {
    const reader = createBodyReader();
    const [first, second] = [reader.read(messagesFirst(6)), reader.read(messagesFirst(8))];
    if (!first.ok || !second.ok) throw new Error('unreadable');
    const at = (read: typeof first, path: string): unknown =>
      read.blocks?.find((block) => block.path.join('.') === path);
    for (const path of ['tools.0', 'system', 'messages.5.content.0'])
      expect(at(second, path) ?? path).toBe(at(first, path));
    expect(second.map).toEqual(scanBody(messagesFirst(8)));
  });

  it('reads a conversation from where it went on', () => {
    const reader = createBodyReader();
    const [first, second] = [reader.read(conversation(40)), reader.read(conversation(41))];
    if (!first.ok || !second.ok) throw new Error('unreadable');
    expect(second.blocks?.slice(1, 41)).toEqual(first.blocks?.slice(1, 41));
    for (let index = 1; index <= 40; index += 1) expect(second.blocks?.[index]).toBe(first.blocks?.[index]);
    expect(second.blocks).toHaveLength(43);
  });
});
