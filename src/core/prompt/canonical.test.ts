import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../json.ts';
import { canonicalJson, hasKeyOrder, KEY_ORDER, withMember, withoutMember } from './canonical.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** An object as a parser leaves it that saw the keys in this order. */
function inOrder(value: JsonObject, order: readonly string[]): JsonObject {
  return Object.defineProperty({ ...value }, KEY_ORDER, { value: order });
}

const parse = (text: string): JsonObject => JSON.parse(text) as JsonObject;

describe('canonicalJson', () => {
  it('keeps key order and drops white space, escapes and the spelling of numbers', () => {
    expect(canonicalJson(parse('{ "b": "\\u0041", "a": [1.0, 1e2, -0] }'), false)).toBe(
      '{"b":"A","a":[1,100,0]}',
    );
  });

  it('is null for what JSON has no word for', () => {
    expect(canonicalJson(undefined, false)).toBe('null');
    expect(canonicalJson(undefined, true)).toBe('null');
  });

  it('restores the order of the source where a parser left it, at any depth', () => {
    const inner = inOrder({ '1': 'a', '2': 'b' }, ['2', '1']);
    const body = inOrder({ x: [inner], '7': null }, ['x', '7']);
    expect(canonicalJson(body, true)).toBe('{"x":[{"2":"b","1":"a"}],"7":null}');
    expect(canonicalJson(body, false)).toBe('{"7":null,"x":[{"1":"a","2":"b"}]}');
  });

  it('writes any JSON value alike both ways where no order is left', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(value, true)).toBe(canonicalJson(value, false));
      }),
      { numRuns },
    );
  });

  it('tells any two different values apart', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const isEqual = canonicalJson(a, true) === canonicalJson(b, true);
        expect(isEqual).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns },
    );
  });
});

describe('hasKeyOrder', () => {
  it('sees the mark on the root only', () => {
    expect(hasKeyOrder(inOrder({}, []))).toBe(true);
    expect(hasKeyOrder({ inner: inOrder({}, []) })).toBe(false);
  });
});

describe('withoutMember', () => {
  it('drops one member and keeps the order of the others', () => {
    expect(JSON.stringify(withoutMember({ b: 1, a: 2, c: 3 }, 'a'))).toBe('{"b":1,"c":3}');
    expect(withoutMember({ a: 1 }, 'other')).toEqual({ a: 1 });
  });

  it('keeps the order of the source', () => {
    const value = inOrder({ '1': 'a', '2': 'b', cache_control: {} }, ['2', 'cache_control', '1']);
    expect(canonicalJson(withoutMember(value, 'cache_control'), true)).toBe('{"2":"b","1":"a"}');
  });

  it('keeps a member called __proto__ as the member it is', () => {
    const value = parse('{"__proto__":{"type":"text"},"cache_control":{},"a":1}');
    const bare = withoutMember(value, 'cache_control');
    expect(canonicalJson(bare, false)).toBe('{"__proto__":{"type":"text"},"a":1}');
    expect(bare['type']).toBeUndefined();
  });

  it('leaves the given object as it was', () => {
    const value = { a: 1, b: 2 };
    withoutMember(value, 'a');
    expect(value).toEqual({ a: 1, b: 2 });
  });
});

describe('withMember', () => {
  it('replaces one member in its place', () => {
    expect(JSON.stringify(withMember({ b: 1, a: 2, c: 3 }, 'a', []))).toBe('{"b":1,"a":[],"c":3}');
  });

  it('keeps the order of the source, and a member called __proto__', () => {
    const value = inOrder(parse('{"1":"a","2":"b","__proto__":3}'), ['2', '__proto__', '1']);
    expect(canonicalJson(withMember(value, '1', 'c'), true)).toBe('{"2":"b","__proto__":3,"1":"c"}');
  });
});
