import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../json.ts';
import { readMarkers, type BodyMarkers } from './markers.ts';
import { pathText } from './raw-blocks.ts';

const MARKER = { type: 'ephemeral' };

function accepted(body: JsonObject): BodyMarkers {
  const markers = readMarkers(body);
  if ('problem' in markers) throw new Error(markers.problem.message);
  return markers;
}

function refused(body: JsonObject): string {
  const markers = readMarkers(body);
  return 'problem' in markers ? markers.problem.message : 'accepted';
}

const user = (...content: readonly JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });

describe('readMarkers', () => {
  it('lists markers in rendering order, each with its block', () => {
    const { explicit, automatic, automaticTarget } = accepted({
      ...user({ type: 'text', text: 'q', cache_control: MARKER }),
      system: [{ type: 'text', text: 's', cache_control: { ...MARKER, ttl: '1h' } }],
      tools: [{ name: 't', cache_control: { ...MARKER, ttl: '1h' } }],
    });
    expect(explicit.map(({ block, ttl }) => [pathText(block.path), ttl])).toEqual([
      ['tools.0', '1h'],
      ['system.0', '1h'],
      ['messages.0.content.0', '5m'],
    ]);
    expect([automatic, automaticTarget]).toEqual([null, null]);
  });

  it('finds a target for the top-level marker only where there is one', () => {
    const { automatic, automaticTarget } = accepted({ cache_control: MARKER, ...user({ type: 'image' }) });
    expect([automatic, automaticTarget?.type]).toEqual(['5m', 'image']);
    expect(accepted({ cache_control: MARKER }).automaticTarget).toBeNull();
    expect(accepted({ cache_control: null, ...user({ type: 'image' }) }).automatic).toBeNull();
  });

  it('does not take a marker on a string or a message for one', () => {
    const messages = [{ role: 'user', content: 'text', cache_control: MARKER }];
    expect(accepted({ messages }).explicit).toEqual([]);
  });

  it('judges malformed markers before it counts', () => {
    const good = { type: 'text', text: 'x', cache_control: MARKER };
    const bad = { type: 'text', text: 'x', cache_control: { ...MARKER, ttl: '1d' } };
    expect(refused(user(good, good, good, good, good, bad))).toContain('messages.0.content.5');
  });

  it('shows the tag that it does not know, cut to a sentence', () => {
    expect(refused({ cache_control: { type: 'x'.repeat(500) } })).toHaveLength(
      "cache_control: Input tag '' does not match the expected tag 'ephemeral'".length + 40,
    );
    const odd = JSON.parse('{"cache_control":{"type":{"toString":1,"valueOf":1}}}') as JsonObject;
    expect(refused(odd)).toBe(
      `cache_control: Input tag '{"toString":1,"valueOf":1}' does not match the expected tag 'ephemeral'`,
    );
    expect(refused({ cache_control: {} })).toContain("'undefined'");
  });

  it('reads a marker that stands deeper than anything nests as no marker', () => {
    let block: JsonObject = { type: 'text', text: 'x', cache_control: MARKER };
    for (let level = 0; level < 10; level += 1) block = { type: 'tool_result', content: [block] };
    expect(accepted(user(block)).explicit).toEqual([]);
  });

  it('prefers the marker of the parent to that of its last block', () => {
    const inner = { type: 'text', text: 'x', cache_control: MARKER };
    const parent = { type: 'tool_result', content: [inner], cache_control: { ...MARKER, ttl: '1h' } };
    expect(accepted(user(parent)).explicit.map(({ ttl }) => ttl)).toEqual(['1h']);
  });

  it('reads no marker on an inner thinking block', () => {
    const inner = { type: 'thinking', thinking: 'x', cache_control: MARKER };
    expect(refused(user({ type: 'tool_result', content: [inner] }))).toContain(
      'messages.0.content.0.content.0.thinking.cache_control',
    );
  });
});
