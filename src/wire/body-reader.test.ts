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
    bytes[bytes.indexOf('~')] = 0x0a;
    expect(reader.read(bytes).ok).toBe(false);
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
});
