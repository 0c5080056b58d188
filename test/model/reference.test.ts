import { describe, expect, test } from 'vitest';
import { assistant, bill, MARK, MARK_1H, text, user } from './reference-bodies.ts';
import type { JsonObject } from './reference-json.ts';
import { ReferenceServer } from './reference.ts';

describe('positions', () => {
  /** The first block makes the prefix large enough, the marker is on the last. */
  function blocks(count: number): JsonObject {
    return {
      messages: [
        user(
          text(600),
          ...Array.from({ length: count - 1 }, (_, index) => text(1, index === count - 2 ? MARK : undefined)),
        ),
      ],
    };
  }

  test('15 -> 34 hits and 15 -> 35 misses (spec 2.2)', () => {
    const server = new ReferenceServer();
    expect(bill(server, blocks(15))).toEqual([0, 0, 614, 0]);
    expect(bill(server, blocks(34))).toEqual([614, 0, 19, 0]);
    const other = new ReferenceServer();
    bill(other, blocks(15));
    expect(bill(other, blocks(35))).toEqual([0, 0, 634, 0]);
  });

  test('an earlier marker gives a fresh window (spec 2.2)', () => {
    const server = new ReferenceServer();
    bill(server, blocks(15));
    const content = [
      text(600),
      ...Array.from({ length: 33 }, (_, index) => text(1, index === 20 ? MARK : undefined)),
      text(1, MARK),
    ];
    expect(bill(server, { messages: [user(...content)] })).toEqual([614, 0, 20, 0]);
  });

  test('a run of 40 calls and a run of 40 results are two positions, text between calls breaks the run (spec 2.2)', () => {
    const calls = Array.from({ length: 40 }, (_, index) => ({
      type: 'tool_use',
      id: `t${index}`,
      name: 'look',
      input: {},
    }));
    const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' }));
    const server = new ReferenceServer();
    bill(server, { messages: [user(text(600, MARK))] });
    expect(
      bill(server, { messages: [user(text(600)), assistant(...calls), user(...results, text(1, MARK))] }),
    ).toEqual([600, 0, 81, 0]);
    const apart = calls.flatMap((call) => [call, text(1)]);
    expect(bill(server, { messages: [user(text(600)), assistant(...apart), user(text(1, MARK))] })).toEqual([
      0, 0, 681, 0,
    ]);
  });

  test('any end inside a run matches, the latest first (spec 15)', () => {
    const results = Array.from({ length: 10 }, (_, index) => ({
      type: 'tool_result',
      tool_use_id: `t${index}`,
      content: 'ok',
    }));
    const marked = (at: number): JsonObject[] =>
      results.map((result, index) => (index === at ? { ...result, cache_control: MARK } : result));
    const server = new ReferenceServer();
    bill(server, { messages: [user(text(600), ...marked(3).slice(0, 4))] });
    bill(server, { messages: [user(text(600), ...marked(6).slice(0, 7))] });
    expect(bill(server, { messages: [user(text(600), ...marked(9))] })).toEqual([607, 0, 3, 0]);
  });
});

describe('billing', () => {
  test('mixed TTLs: A, B and C (spec 4.5)', () => {
    const server = new ReferenceServer();
    const body = { system: [text(600, MARK_1H)], messages: [user(text(100, MARK), text(50))] };
    expect(bill(server, body)).toEqual([0, 600, 100, 50]);
    expect(bill(server, body)).toEqual([700, 0, 0, 50]);
    server.advance(300_000);
    expect(bill(server, body)).toEqual([600, 0, 100, 50]);
  });

  test('a breakpoint under the minimum is covered by a later one (spec 3)', () => {
    const server = new ReferenceServer();
    expect(bill(server, { system: [text(511, MARK)], messages: [user(text(10))] })).toEqual([0, 0, 0, 521]);
    expect(bill(server, { system: [text(511, MARK)], messages: [user(text(1, MARK), text(2))] })).toEqual([
      0, 0, 512, 2,
    ]);
    expect(server.entries().map(({ tokens }) => tokens)).toEqual([512]);
  });

  test('without a marker nothing is read or written (spec 2.3)', () => {
    const server = new ReferenceServer();
    bill(server, { messages: [user(text(600, MARK))] });
    expect(bill(server, { messages: [user(text(600))] })).toEqual([0, 0, 0, 600]);
  });

  test('a pre-warm writes when cold and reads when warm; the placeholder stays input (spec 10.2)', () => {
    const server = new ReferenceServer();
    const warm = { max_tokens: 0, system: [text(600, MARK)], messages: [user(text(1))] };
    expect(bill(server, warm)).toEqual([0, 0, 600, 1]);
    expect(bill(server, warm)).toEqual([600, 0, 0, 1]);
    expect(bill(server, { ...warm, max_tokens: 99, messages: [user(text(7))] })).toEqual([600, 0, 0, 7]);
    expect(bill(server, { ...warm, stream: true })).toBe('refused');
  });

  test('automatic caching walks back over what cannot carry a marker (spec 2.4)', () => {
    const server = new ReferenceServer();
    const body = {
      cache_control: MARK,
      messages: [
        user(text(600), text(0)),
        assistant({ type: 'thinking', thinking: 'so it is', signature: 's' }),
      ],
    };
    expect(bill(server, body)).toEqual([0, 0, 600, 4]);
    expect(bill(server, { cache_control: MARK, messages: [user(text(0))] })).toEqual([0, 0, 0, 0]);
  });
});

describe('time', () => {
  const body = { messages: [user(text(600, MARK))] };

  test('alive is ready <= now < expiry, from the request start; a read refreshes (spec 4.2, 4.3)', () => {
    const server = new ReferenceServer();
    bill(server, body);
    server.advance(299_999);
    expect(bill(server, body)).toEqual([600, 0, 0, 0]);
    server.advance(300_000);
    expect(bill(server, body)).toEqual([0, 0, 600, 0]);
  });

  test('readable when the response begins; parallel writers each write (spec 4.4)', () => {
    const server = new ReferenceServer();
    bill(server, body, 1_000);
    expect(bill(server, body, 2_000)).toEqual([0, 0, 600, 0]);
    expect(server.inFlight()).toBe(2);
    server.advance(999);
    expect(bill(server, { messages: [user(text(600, MARK))] }, 400_000)).toEqual([0, 0, 600, 0]);
    server.advance(1);
    expect(bill(server, body)).toEqual([600, 0, 0, 0]);
    expect(server.entries().map(({ readyMs, expiresMs }) => [readyMs, expiresMs])).toEqual([
      [1_000, 301_000],
      [2_000, 300_000],
      [400_999, 300_999],
    ]);
  });

  test('a longer hit keeps the shorter entries warm, each by its own TTL (spec 4.3)', () => {
    const server = new ReferenceServer();
    const long = { system: [text(600, MARK_1H)], messages: [user(text(10, MARK), text(10, MARK))] };
    bill(server, long);
    server.advance(200_000);
    bill(server, { system: [text(600)], messages: [user(text(10), text(10, MARK))] });
    expect(server.entries().map(({ tokens, expiresMs }) => [tokens, expiresMs])).toEqual([
      [600, 3_800_000],
      [610, 500_000],
      [620, 500_000],
    ]);
  });
});
