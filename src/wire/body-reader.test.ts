import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { makeBody } from '../../test/fidelity/hostile-bodies.ts';
import { KEY_ORDER } from '../core/index.ts';
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

function expectSame(reader: ReturnType<typeof createBodyReader>, bytes: Buffer): void {
  const read = reader.read(bytes);
  const parsed = parseBody(bytes);
  expect(read.ok).toBe(parsed.ok);
  if (!read.ok || !parsed.ok) return;
  expect(read.value).toEqual(parsed.value);
  expect(Object.keys(read.value)).toEqual(Object.keys(parsed.value));
  expect(keyOrders(read.value)).toEqual(keyOrders(parsed.value));
  expect(read.map).toEqual(scanBody(bytes));
}

describe('createBodyReader', () => {
  it('gives what parseBody gives, for hostile bodies, the first time and again', () => {
    const reader = createBodyReader({ blockBytesMax: 100_000 });
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

  it('gives the same objects for blocks that it has seen', () => {
    const reader = createBodyReader();
    const [first, second] = [reader.read(conversation(4)), reader.read(conversation(6))];
    if (!first.ok || !second.ok) throw new Error('unreadable');
    const block = (value: unknown): unknown =>
      (value as { messages: { content: unknown[] }[] }).messages[1]?.content[0];
    expect(block(second.value)).toBe(block(first.value));
    expect(second.value['messages']).not.toBe(first.value['messages']);
  });

  it('is not misled by blocks that look alike where it looks first', () => {
    const reader = createBodyReader();
    const body = (letter: string): Buffer =>
      Buffer.from(
        JSON.stringify({ system: [{ type: 'text', text: `${'a'.repeat(333)}${letter}${'a'.repeat(333)}` }] }),
      );
    for (const letter of ['b', 'c', 'b', 'd']) expectSame(reader, body(letter));
  });

  it('keeps no reference to the bytes that it was given', () => {
    const reader = createBodyReader();
    const bytes = conversation(4);
    reader.read(bytes);
    const copy = Buffer.from(bytes);
    bytes.fill(0x20);
    expectSame(reader, copy);
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
      fc.property(fc.nat(12), fc.array(edit, { maxLength: 3 }), (turns, edits) => {
        let text = conversation(turns).toString();
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
    ['a key that JavaScript moves', '{"messages":[M,M],"1":2}'],
    ['a message that is a number', '{"messages":[M,12,M]}'],
    ['a longer number in its place', '{"messages":[M,123,M]}'],
    ['white space', ' { "messages" : [ M , M ] } '],
  ])('reads what follows known messages as a whole: %s', (_name, shape) => {
    const message = JSON.stringify({ role: 'user', content: 'word '.repeat(200) });
    const fill = (text: string): Buffer => Buffer.from(text.replaceAll('M', message));
    for (const first of [
      shape,
      '{"messages":[M,M]}',
      '{"messages":[M,12]}',
      '{"system":"a","messages":[M]}',
    ]) {
      const reader = createBodyReader();
      for (const text of [first, shape, first, shape]) expectSame(reader, fill(text));
    }
  });

  it('reads a conversation from where it went on', () => {
    const reader = createBodyReader();
    const [first, second] = [reader.read(conversation(40)), reader.read(conversation(41))];
    if (!first.ok || !second.ok) throw new Error('unreadable');
    const messages = (value: unknown): unknown[] => (value as { messages: unknown[] }).messages;
    expect(messages(second.value)[39]).toBe(messages(first.value)[39]);
    expect(messages(second.value)).toHaveLength(41);
  });
});
