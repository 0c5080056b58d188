import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { JsonObject } from '../../core/index.ts';
import { RecordProblem } from './record-fields.ts';
import { TraceBuilder } from './trace-builder.ts';
import { pathOf, REQUEST_KINDS, STOP_KINDS, type Trace } from './trace.ts';
import { createWekaReader } from './weka.ts';

const runs = { numRuns: Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };

function traceFrom(sessions: readonly JsonObject[]): Trace {
  const builder = new TraceBuilder();
  const reader = createWekaReader(builder);
  for (const session of sessions) reader.read(session, 0);
  return builder.finish({ name: 'test', ...reader });
}

const sessionOf = (requests: readonly JsonObject[], facts: JsonObject = {}): JsonObject => ({
  block_size: 64,
  hash_id_scope: 'local',
  tool_tokens: 0,
  system_tokens: 0,
  requests,
  ...facts,
});

interface CompactRequest {
  readonly p: number;
  readonly h: readonly (readonly [first: number, length: number])[];
  readonly model: string;
}

/** The form's own definition: what was kept of the request before, then the runs. */
function unpack(requests: readonly CompactRequest[]): number[][] {
  let previous: number[] = [];
  return requests.map(({ p, h }) => {
    const ids = previous.slice(0, p);
    for (const [first, length] of h) for (let i = 0; i < length; i += 1) ids.push(first + i);
    previous = ids;
    return ids;
  });
}

/** Requests of which each keeps a part of the one before; ids are never used again for another prefix. */
const compactRequests = fc
  .array(
    fc.record({
      kept: fc.integer({ min: 0, max: 40 }),
      lengths: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 3 }),
      model: fc.constantFrom('a', 'a', 'a', 'b'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((drafts) => {
    let length = 0;
    let nextId = 1;
    return drafts.map(({ kept, lengths, model }): CompactRequest => {
      const p = Math.min(kept, length);
      const h = lengths.map((run) => {
        nextId += run + 3;
        return [nextId - run, run] as const;
      });
      length = p + lengths.reduce((sum, run) => sum + run, 0);
      return { p, h, model };
    });
  });

/** Every fourth id up to the last whole block: the names of a request's prefixes. */
const blockNames = (ids: readonly number[]): number[] => ids.filter((_id, index) => index % 4 === 3);

describe('the WEKA reader', () => {
  test('unpacks as the form defines it, and shares prefixes by session and model', () => {
    fc.assert(
      fc.property(compactRequests, (compact) => {
        const requests = compact.map(({ p, h, model }, t) => ({ t, p, h, model, in: 64_000 }));
        const trace = traceFrom([sessionOf(requests)]);
        const unpacked = unpack(compact);
        const nameOf = new Map<number, string>();
        for (const [row, ids] of unpacked.entries()) {
          const path = pathOf(trace.trie, trace.requests.prefixIds[row] ?? -1);
          const names = blockNames(ids).map((id) => `${compact[row]?.model}/${id}`);
          expect(path).toHaveLength(names.length);
          for (const [depth, prefixId] of path.entries()) {
            expect(nameOf.get(prefixId) ?? names[depth]).toBe(names[depth]);
            nameOf.set(prefixId, names[depth] ?? '');
          }
          expect(trace.requests.tailTokens[row]).toBe(64_000 - 256 * names.length);
        }
        expect(new Set(nameOf.values()).size).toBe(nameOf.size);
        expect(trace.trie.count).toBe(nameOf.size);
        const plain = requests.map(({ t, model }, row) => ({
          t,
          model,
          in: 64_000,
          hash_ids: unpacked[row],
        }));
        expect(traceFrom([sessionOf(plain)]).requests).toEqual(trace.requests);
      }),
      runs,
    );
  });

  test('puts sessions 7,200 s apart, and shares nothing between them', () => {
    const request = { t: 1.5, model: 'a', in: 300, p: 0, h: [[1, 4]] };
    const { requests } = traceFrom([sessionOf([request]), sessionOf([request])]);
    expect([...requests.startMs]).toEqual([1500, 7_201_500]);
    expect([...requests.prefixIds]).toEqual([0, 1]);
    expect([...requests.conversations]).toEqual([0, 1]);
    expect([...requests.applications]).toEqual([0, 1]);
    expect([...requests.tailTokens]).toEqual([44, 44]);
  });

  test('shares between sessions where ids are not local', () => {
    const session = sessionOf([{ t: 0, model: 'a', in: 300, p: 0, h: [[1, 4]] }], {
      hash_id_scope: 'global',
    });
    expect([...traceFrom([session, session]).requests.prefixIds]).toEqual([0, 0]);
  });

  test('ends tools and system at whole blocks', () => {
    const request = { t: 0, model: 'a', in: 1300, p: 0, h: [[1, 20]] };
    const layers = { tool_tokens: 300, system_tokens: 500 };
    const { requests } = traceFrom([sessionOf([request], layers)]);
    expect(requests).toMatchObject({ toolsEnds: Int32Array.of(0), systemEnds: Int32Array.of(2) });
    const short = traceFrom([sessionOf([{ ...request, in: 600, h: [[1, 8]] }], layers)]);
    expect(short.requests.systemEnds[0]).toBe(-1);
  });

  test('takes sub-agents for conversations of their own, with their own layers and time', () => {
    const request = (t: number): JsonObject => ({ t, model: 'a', in: 1100, p: 0, h: [[1, 16]] });
    const agent = {
      t: 10,
      type: 'subagent',
      tool_tokens: 300,
      system_tokens: 0,
      requests: [
        { ...request(2), h: [[100, 16]] },
        { ...request(3), p: 16, h: [] },
      ],
    };
    const session = sessionOf([request(0), agent, { ...request(20), p: 16, h: [] }], { system_tokens: 600 });
    const { requests } = traceFrom([session]);
    expect([...requests.startMs]).toEqual([0, 12_000, 13_000, 20_000]);
    expect([...requests.conversations]).toEqual([0, 1, 1, 0]);
    expect([...requests.applications]).toEqual([0, 0, 0, 0]);
    expect([...requests.prefixIds]).toEqual([3, 7, 7, 3]);
    expect([...requests.systemEnds]).toEqual([1, 4, 4, 1]);
  });

  test('tells time to first token, kind and end of each request', () => {
    const base = { model: 'a', in: 120_000, out: 7, p: 0, h: [] };
    const { requests } = traceFrom([
      sessionOf([
        { ...base, t: 0, ttft: 0.25, input_types: ['text'], stop: 'end_turn' },
        { ...base, t: 1, api_time: 2.5, input_types: ['text', 'tool_result'], stop: 'tool_use' },
        { ...base, t: 2, api_time: 9, stop: '' },
        { ...base, t: 3, in: 600 },
      ]),
    ]);
    expect([...requests.timeToFirstTokenMs]).toEqual([250, 2500, 3000, 1010]);
    expect([...requests.kinds].map((kind) => REQUEST_KINDS[kind])).toEqual(['user', 'tool', 'user', 'user']);
    expect([...requests.stops].map((stop) => STOP_KINDS[stop])).toEqual([
      'end_turn',
      'tool_use',
      'other',
      'other',
    ]);
    expect([...requests.outputTokens]).toEqual([7, 7, 7, 7]);
  });

  test.each([
    ['a kept part longer than the request before', { p: 5 }, "'p' is 5, and the request before has 0 ids"],
    ['a run that is none', { h: [[1]] }, "'h' holds [1], not [first id, length]"],
    ['a run that would fill the memory', { h: [[1, 1e12]] }, "'h' holds [1,1000000000000], not"],
    ['a missing member', { in: undefined }, "'in' is missing, not a whole number"],
    ['a time before the session', { t: -1 }, "'t' is -1, not a number of 0 or more"],
    ['more blocks than tokens', { h: [[1, 40]] }, '40 block ids are more than 640 tokens'],
    ['ids that are no numbers', { hash_ids: ['x'] }, `'hash_ids' holds "x", not a whole number`],
  ])('refuses %s', (_name, change, problem) => {
    const builder = new TraceBuilder();
    const good = { t: 0, model: 'a', in: 640, p: 0, h: [] };
    const read = (): void => createWekaReader(builder).read(sessionOf([{ ...good, ...change }]), 0);
    expect(read).toThrow(RecordProblem);
    expect(read).toThrow(problem);
    expect(builder.requestCount).toBe(0);
  });
});
