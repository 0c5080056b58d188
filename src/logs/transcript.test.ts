import { describe, expect, test } from 'vitest';

import type { LoggedCall } from './logged-call.ts';
import { TranscriptReader } from './transcript.ts';

type Line = Record<string, unknown>;

const usage = (input: number, write: number, read: number, output: number): Line => ({
  input_tokens: input,
  cache_creation_input_tokens: write,
  cache_read_input_tokens: read,
  cache_creation: { ephemeral_5m_input_tokens: write, ephemeral_1h_input_tokens: 0 },
  output_tokens: output,
});

const timeAt = (second: number): string => new Date(Date.UTC(2026, 4, 1, 9, 0, second)).toISOString();

const user = (uuid: string, parentUuid: string | null, second: number, more: Line = {}): Line => ({
  type: 'user',
  uuid,
  parentUuid,
  sessionId: 's1',
  timestamp: timeAt(second),
  message: { role: 'user', content: 'a "usage" of words' },
  ...more,
});

const assistant = (
  uuid: string,
  parentUuid: string,
  id: string,
  second: number,
  counters: Line,
  more: Line = {},
): Line => ({
  type: 'assistant',
  uuid,
  parentUuid,
  sessionId: 's1',
  version: '2.1.0',
  requestId: `req_${id}`,
  timestamp: timeAt(second),
  message: { id, role: 'assistant', model: 'claude-opus-4-5', content: [], usage: counters },
  ...more,
});

function readAll(lines: readonly Line[]): readonly LoggedCall[] {
  const reader = new TranscriptReader('t.jsonl');
  return [...lines.flatMap((line) => reader.push(line)), ...reader.end()];
}

describe('TranscriptReader', () => {
  test('several lines of one message are one call, with the output of the last', () => {
    const calls = readAll([
      user('u1', null, 0),
      assistant('a1', 'u1', 'm1', 3, usage(4, 100, 0, 1)),
      assistant('a2', 'a1', 'm1', 4, usage(4, 100, 0, 1)),
      assistant('a3', 'a2', 'm1', 5, usage(4, 100, 0, 77)),
      user('u2', 'a3', 6),
      assistant('a4', 'u2', 'm2', 8, usage(4, 10, 100, 5)),
    ]);
    expect(calls).toHaveLength(2);
    expect(calls[0]).toMatchObject({ history: 'start', extendsKey: null, clientVersion: '2.1.0' });
    expect(calls[0]?.usage).toMatchObject({ write5mTokens: 100, uncachedTokens: 4, outputTokens: 77 });
    expect(calls[0]?.atMs).toBe(Date.parse(timeAt(0)));
    expect(calls[1]).toMatchObject({ history: 'extends', extendsKey: calls[0]?.key });
    expect((calls[1]?.readyMs ?? 0) - (calls[1]?.atMs ?? 0)).toBe(2000);
  });

  test('lines of one message may stand around the results of its tools', () => {
    const calls = readAll([
      user('u1', null, 0),
      assistant('a1', 'u1', 'm1', 3, usage(4, 100, 0, 1)),
      user('r1', 'a1', 4),
      assistant('a2', 'a1', 'm1', 4, usage(4, 100, 0, 9)),
      user('r2', 'a2', 5),
      assistant('a3', 'r2', 'm2', 8, usage(4, 10, 100, 5)),
    ]);
    expect(calls.map((call) => call.usage?.outputTokens)).toEqual([9, 5]);
  });

  test('a rewound conversation extends the call that it went back to', () => {
    const calls = readAll([
      user('u1', null, 0),
      assistant('a1', 'u1', 'm1', 1, usage(4, 100, 0, 1)),
      user('u2', 'a1', 2),
      assistant('a2', 'u2', 'm2', 3, usage(4, 50, 100, 1)),
      user('u3', 'a1', 4),
      assistant('a3', 'u3', 'm3', 5, usage(4, 20, 100, 1)),
    ]);
    expect(calls[2]).toMatchObject({ history: 'extends', extendsKey: calls[0]?.key });
  });

  test('a summary, a cleared result and a lost parent are told', () => {
    const calls = readAll([
      user('u1', null, 0),
      assistant('a1', 'u1', 'm1', 1, usage(4, 100, 0, 1)),
      { type: 'system', subtype: 'microcompact_boundary', uuid: 'b0', parentUuid: 'a1', sessionId: 's1' },
      user('u2', 'b0', 2),
      assistant('a2', 'u2', 'm2', 3, usage(4, 100, 0, 1)),
      {
        type: 'system',
        subtype: 'compact_boundary',
        uuid: 'b1',
        parentUuid: null,
        logicalParentUuid: 'a2',
        sessionId: 's1',
      },
      user('u3', 'b1', 4, { isCompactSummary: true }),
      assistant('a3', 'u3', 'm3', 5, usage(4, 20, 0, 1)),
      user('u4', 'nobody', 6),
      assistant('a4', 'u4', 'm4', 7, usage(4, 20, 0, 1)),
    ]);
    expect(calls.map((call) => call.history)).toEqual(['start', 'edited', 'compacted', 'unknown']);
  });

  test('sub-agents are conversations of their own, with and without an id', () => {
    const side = { isSidechain: true };
    const calls = readAll([
      user('u1', null, 0),
      assistant('a1', 'u1', 'm1', 1, usage(4, 100, 0, 1)),
      user('x1', null, 2, side),
      user('y1', null, 2, side),
      assistant('x2', 'x1', 'm2', 3, usage(4, 60, 0, 1), side),
      assistant('y2', 'y1', 'm3', 3, usage(4, 70, 0, 1), side),
      user('x3', 'x2', 4, side),
      assistant('x4', 'x3', 'm4', 5, usage(4, 6, 60, 1), side),
      user('z1', null, 6, { ...side, agentId: 'z' }),
      assistant('z2', 'z1', 'm5', 7, usage(4, 6, 0, 1), { ...side, agentId: 'z' }),
    ]);
    const byMessage = new Map(calls.map((call) => [call.key.split('\n')[0], call]));
    const conversations = ['m1', 'm2', 'm3', 'm4', 'm5'].map((id) => byMessage.get(id)?.conversation);
    expect(conversations[1]).toBe(conversations[3]);
    expect(new Set(conversations).size).toBe(4);
    expect(byMessage.get('m4')).toMatchObject({ history: 'extends' });
    expect(byMessage.get('m3')).toMatchObject({ history: 'start' });
  });

  test("the client's own messages and lines without usage are no calls", () => {
    const own = assistant('a1', 'u1', 'm1', 1, usage(0, 0, 0, 0));
    (own['message'] as Line)['model'] = '<synthetic>';
    const bare = assistant('a2', 'u1', 'm2', 1, {});
    (bare['message'] as Line)['usage'] = null;
    expect(readAll([user('u1', null, 0), own, bare])).toEqual([]);
  });

  test('the word of the service on a miss is kept', () => {
    const line = assistant('a1', 'u1', 'm1', 1, usage(4, 100, 0, 1));
    (line['message'] as Line)['diagnostics'] = { cache_miss_reason: { type: 'tools_changed' } };
    expect(readAll([user('u1', null, 0), line])[0]?.evidence).toBe('changed_tools');
  });
});
