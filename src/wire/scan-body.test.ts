import { describe, expect, it } from 'vitest';
import { hasMarker, type BlockSite } from './scan-block.ts';
import { scanBody, type BodyMap } from './scan-body.ts';

function scan(text: string): BodyMap {
  const map = scanBody(Buffer.from(text));
  if (!map.ok) throw new Error(map.reason);
  return map;
}

/** Each site as its path, and the text of its span. */
const show = (text: string): string[] =>
  scan(text).sites.map(
    ({ path, form, span }) => `${path.join('.')} ${form} ${text.slice(span.start, span.end)}`,
  );

const siteOf = (blockText: string): BlockSite => scan(`{"system":[${blockText}]}`).sites[0]!;

describe('scanBody', () => {
  it('lists blocks in prompt order, whatever the order of the members', () => {
    const text =
      '{"messages":[{"content":"hi"},{"content":[{"a":1},{}]}],"system":"s","tools":[{"name":"t"}]}';
    expect(show(text)).toEqual([
      'tools.0 object {"name":"t"}',
      'system string "s"',
      'messages.0.content string "hi"',
      'messages.1.content.0 object {"a":1}',
      'messages.1.content.1 object {}',
    ]);
  });

  it('takes the last of repeated keys, also where it is spelled with escapes', () => {
    expect(
      show('{"system":"old","messages":[{"content":"x","content":[{}]}],"\\u0073ystem":["y",{}]}'),
    ).toEqual(['system.1 object {}', 'messages.0.content.0 object {}']);
    expect(show('{"messages":[{"content":"x"}],"messages":5}')).toEqual([]);
  });

  it('finds a marker with its value and what to cut', () => {
    const text = '{"type":"text" , "cache_control": {"type":"ephemeral"} }';
    const [marker, ...others] = siteOf(text).markers;
    const at = (span: { start: number; end: number }): string => text.slice(span.start - 11, span.end - 11);
    expect(others).toEqual([]);
    expect(at(marker!.span)).toBe('"cache_control": {"type":"ephemeral"}');
    expect(at(marker!.valueSpan)).toBe('{"type":"ephemeral"}');
    expect(at(marker!.removal)).toBe(', "cache_control": {"type":"ephemeral"}');
  });

  it('counts a null marker as none, and the last of several as the one that counts', () => {
    const nulled = siteOf('{"cache_control":{},"cache_control":null}');
    expect([nulled.markers.length, nulled.hasNullMarker, hasMarker(nulled)]).toEqual([2, true, false]);
    expect(hasMarker(siteOf('{"cache_control":null,"cache_control":{}}'))).toBe(true);
    expect(hasMarker(siteOf('{}'))).toBe(false);
  });

  it('keeps markers of inner blocks apart from the block’s own', () => {
    const inner = '{"type":"text","cache_control":{}}';
    for (const text of [
      `{"content":[${inner},"x",{}]}`,
      `{"source":{"type":"content","content":[${inner}]}}`,
    ]) {
      const site = siteOf(text);
      expect([site.markers.length, site.nestedMarkers.length]).toEqual([0, 1]);
    }
    // Data is not searched: a tool's input may hold whatever it likes.
    expect(siteOf(`{"type":"tool_use","input":${inner}}`).nestedMarkers).toEqual([]);
  });

  it('finds the marker of automatic caching', () => {
    expect(scan('{"cache_control":{}}').topLevelMarker?.span).toEqual({ start: 1, end: 19 });
    expect(scan('{"metadata":{"cache_control":{}}}').topLevelMarker).toBeNull();
    expect(scan('{"cache_control":{},"cache_control":null}').topLevelMarker?.isNull).toBe(true);
  });

  it('reads a view into a larger buffer by its own offsets', () => {
    const whole = Buffer.from('xx{"\\u0073ystem":"s"}yy');
    const map = scanBody(new Uint8Array(whole.buffer, whole.byteOffset + 2, whole.length - 4));
    expect(map).toMatchObject({ ok: true, root: { start: 0, end: 19 } });
    expect(map.ok && map.sites.length).toBe(1);
  });

  it('names reason and offset of a failure', () => {
    expect(scanBody(Buffer.from('[]'))).toEqual({
      ok: false,
      reason: 'the root is not an object',
      offset: 0,
    });
    expect(scanBody(Buffer.from(' {"system":}'))).toEqual({
      ok: false,
      reason: 'expected a value',
      offset: 11,
    });
    expect(scanBody(new Uint8Array())).toEqual({ ok: false, reason: 'unexpected end', offset: 0 });
  });
});
