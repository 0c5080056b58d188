import { describe, expect, it } from 'vitest';
import { scanBody, type BodyMap } from './scan-body.ts';
import { removeMarkers, spliceMarkers, type Placement } from './splice.ts';

function scan(text: string): BodyMap {
  const map = scanBody(Buffer.from(text));
  if (!map.ok) throw new Error(map.reason);
  return map;
}

const splice = (text: string, ...placements: Placement[]): string =>
  spliceMarkers(Buffer.from(text), scan(text), placements).bytes.toString();
const remove = (text: string): string => removeMarkers(Buffer.from(text), scan(text)).toString();

describe('spliceMarkers', () => {
  it('writes a 5m marker without and a 1h marker with its TTL, after the last member', () => {
    const text = '{"tools":[{"name":"a" }],"system":[{"type":"text","text":"s"}]}';
    expect(splice(text, { path: ['system', 0], ttl: '5m' }, { path: ['tools', 0], ttl: '1h' })).toBe(
      '{"tools":[{"name":"a","cache_control":{"type":"ephemeral","ttl":"1h"} }],' +
        '"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}',
    );
  });

  it('needs no comma in an empty object', () => {
    expect(splice('{"tools":[{ }]}', { path: ['tools', 0], ttl: '5m' })).toBe(
      '{"tools":[{"cache_control":{"type":"ephemeral"} }]}',
    );
    expect(splice('{}', { path: [], ttl: '5m' })).toBe('{"cache_control":{"type":"ephemeral"}}');
  });

  it('turns plain text into one text block, and closes it before a marker of the root', () => {
    expect(splice('{"system":"\\u0041"}', { path: [], ttl: '5m' }, { path: ['system'], ttl: '5m' })).toBe(
      '{"system":[{"type":"text","text":"\\u0041","cache_control":{"type":"ephemeral"}}],' +
        '"cache_control":{"type":"ephemeral"}}',
    );
  });

  it('tells where it inserted, in the new bytes', () => {
    const body = Buffer.from('{"system":"a","messages":[{"content":"b"}]}');
    const map = scan(body.toString());
    const paths = map.sites.map(({ path }) => path);
    const { bytes, inserted } = spliceMarkers(
      body,
      map,
      paths.map((path) => ({ path, ttl: '5m' as const })),
    );
    expect(inserted.map(({ start, end }) => bytes.subarray(start, end).toString())).toEqual([
      '[{"type":"text","text":',
      ',"cache_control":{"type":"ephemeral"}}]',
      '[{"type":"text","text":',
      ',"cache_control":{"type":"ephemeral"}}]',
    ]);
  });

  it.each([
    ['a path that is not there', '{"system":[{}]}', ['system', 1], 'system.1'],
    ['a plain text by an array path', '{"system":"s"}', ['system', 0], 'system.0'],
    ['a block with a marker', '{"system":[{"cache_control":{}}]}', ['system', 0], 'system.0'],
    ['a block with a null marker', '{"system":[{"cache_control":null}]}', ['system', 0], 'system.0'],
    ['a top level with a marker', '{"cache_control":null}', [], 'the top level'],
  ])('throws a RangeError for %s', (_what, text, path, named) => {
    expect(() => splice(text, { path, ttl: '5m' })).toThrow(RangeError);
    expect(() => splice(text, { path, ttl: '5m' })).toThrow(named);
  });

  it('throws a RangeError for two markers in one place', () => {
    for (const path of [['system'], []]) {
      expect(() => splice('{"system":"s"}', { path, ttl: '5m' }, { path, ttl: '5m' })).toThrow(RangeError);
    }
  });
});

describe('removeMarkers', () => {
  it.each([
    ['only member', '{"tools":[{ "cache_control":{} }]}', '{"tools":[{  }]}'],
    ['first', '{"tools":[{"cache_control":{} , "a":1}]}', '{"tools":[{"a":1}]}'],
    ['last', '{"tools":[{"a":1 , "cache_control":{}\n}]}', '{"tools":[{"a":1 \n}]}'],
    ['middle', '{"tools":[{"a":1, "cache_control":{}, "b":2}]}', '{"tools":[{"a":1, "b":2}]}'],
    ['repeated', '{"tools":[{"cache_control":1,"cache_control":2,"a":3}]}', '{"tools":[{"a":3}]}'],
    ['repeated alone', '{"tools":[{"cache_control":1,"cache_control":2}]}', '{"tools":[{}]}'],
    ['top level', '{"a":1,"cache_control":{}}', '{"a":1}'],
    [
      'inner block',
      '{"messages":[{"content":[{"content":[{"cache_control":{}}]}]}]}',
      '{"messages":[{"content":[{"content":[{}]}]}]}',
    ],
    ['none', '{"a":{"cache_control":{}}}', '{"a":{"cache_control":{}}}'],
  ])('cuts the marker out: %s', (_where, text, expected) => {
    expect(remove(text)).toBe(expected);
  });

  it('undoes a splice, taking only the chosen markers', () => {
    const text = '{"tools":[{"a":1,"cache_control":{}},{"b":2}],"messages":[]}';
    const spliced = splice(text, { path: ['tools', 1], ttl: '1h' });
    const undone = removeMarkers(Buffer.from(spliced), scan(spliced), (_marker, site) => site?.path[1] === 1);
    expect(undone.toString()).toBe(text);
  });
});
