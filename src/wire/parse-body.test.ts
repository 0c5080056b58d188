import { describe, expect, it } from 'vitest';
import { KEY_ORDER } from '../core/prompt/canonical.ts';
import { parseBody } from './parse-body.ts';

const parseText = (text: string): ReturnType<typeof parseBody> => parseBody(Buffer.from(text));

function parseValue(text: string): Record<string, unknown> {
  const parsed = parseText(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

const orderOf = (value: unknown): readonly string[] | undefined =>
  (value as { [KEY_ORDER]?: readonly string[] })[KEY_ORDER];
const member = (value: unknown, key: string): unknown => (value as Record<string, unknown>)[key];

describe('parseBody', () => {
  it('parses an ordinary body without notes', () => {
    const value = parseValue('{"model":"claude-opus-5-5","messages":[]}');
    expect(value).toEqual({ model: 'claude-opus-5-5', messages: [] });
    expect(orderOf(value)).toBeUndefined();
  });

  it('notes the source order of integer-like keys, on the object and on the root', () => {
    const value = parseValue('{"metadata":{"b":0,"2":{"x":1},"1":-0}}');
    const { metadata } = value;
    expect(orderOf(metadata)).toEqual(['b', '2', '1']);
    expect(orderOf(member(metadata, '2'))).toBeUndefined();
    expect(orderOf(value)).toEqual(['metadata']);
    expect(JSON.stringify(value)).toBe('{"metadata":{"1":0,"2":{"x":1},"b":0}}');
  });

  it('notes nothing where integer-like keys are already in JavaScript order', () => {
    const value = parseValue('{"a":{"1":0,"2":0,"b":0}}');
    expect([orderOf(value), orderOf(value['a'])]).toEqual([undefined, undefined]);
  });

  it('gives a repeated key the first place and the last value', () => {
    const value = parseValue('{"x":0,"2":"old","1":0,"2" :{"b":1,"7":1},"__proto__":{"9":1}}');
    expect(orderOf(value)).toEqual(['x', '2', '1', '__proto__']);
    expect(orderOf(value['2'])).toEqual(['b', '7']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
  });

  it('reads keys with escapes even after a key that makes JSON.parse misread them', () => {
    JSON.parse('{"poisoned":[],"\\\\":0}');
    expect(Object.keys(parseValue('{"poisoned":1,"\\n":2}'))).toEqual(['poisoned', '\n']);
    expect(Object.keys(parseValue('{"poisoned":1,"\\\\":2}'))).toEqual(['poisoned', '\\']);
  });

  it('replaces bad UTF-8 instead of failing', () => {
    const parsed = parseBody(Buffer.from('{"system":"a\xffb"}', 'latin1'));
    expect(parsed).toEqual({ ok: true, value: { system: 'a\ufffdb' } });
  });

  it.each([
    ['\ufeff{}', 'byte order mark', 0],
    ['', 'unexpected end', 0],
    ['{"a":1', 'unexpected end', 6],
    ['{"a":1,}', 'expected a member name', 7],
    ['{"a" 1}', 'expected ":"', 5],
    ['{"a":01}', 'expected "," or "}"', 6],
    ['{"a":-}', 'bad number', 6],
    ['{"a":tru}', 'expected a value', 5],
    ['{"a":"\\x"}', 'bad escape in a string', 7],
    ['{"a":"\\u00g0"}', 'bad escape in a string', 10],
    ['{"a":"\n"}', 'control character in a string', 6],
    ['{"a":"b', 'unterminated string', 7],
    ['{"a":[1 2]}', 'expected "," or "]"', 8],
    ['{} {}', 'bytes after the end of the root', 3],
  ])('refuses %j and says where', (text, reason, offset) => {
    expect(parseText(text)).toEqual({ ok: false, reason, offset });
  });

  it.each(['[]', '"text"', '7', 'null'])('refuses the root %s', (text) => {
    expect(parseText(text)).toEqual({ ok: false, reason: 'the root is not an object' });
  });
});
