import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readUsageForm, type UsageFormCall } from '../logs/index.ts';
import { FidelityMeter } from './meter.ts';
import { Predictor } from './predictor.ts';
import { defaultFidelityParameters } from './parameters.ts';

interface Sketch {
  readonly s?: string;
  readonly a?: string | null;
  readonly i?: number;
  readonly prev?: number | null;
  readonly at: number;
  readonly read: number;
  readonly write: number;
  readonly ttl?: '5m' | '1h';
  /** Of `write`, for 1h below the rest for 5m. */
  readonly write1h?: number;
  readonly model?: string;
  readonly output?: number;
  readonly inp?: readonly (readonly [string, number])[];
  readonly out?: readonly (readonly [string, number])[];
  readonly flags?: readonly string[];
}

/** A call as a line of a usage-form file would give it, answered a second after it was sent. */
function call(sketch: Sketch): UsageFormCall {
  const { at, read, write, ttl = '5m', i = 0, s = 's1', output = 1 } = sketch;
  const write1h = sketch.write1h ?? (ttl === '1h' ? write : 0);
  const line = readUsageForm({
    s,
    a: sketch.a ?? null,
    u: 'u1',
    d: 'd1',
    i,
    prev: sketch.prev === undefined ? (i === 0 ? null : i - 1) : sketch.prev,
    t_req: at,
    t_first: at + 1,
    t_last: at + 2,
    model: sketch.model ?? 'claude-opus-4-6',
    cc: '2.1.37',
    usage: {
      input: 3,
      read,
      write,
      write5m: write - write1h,
      write1h,
      output,
    },
    stop: null,
    inp: sketch.inp ?? [['tool_result', 50]],
    out: sketch.out ?? [['tool_use', 40]],
    flags: sketch.flags ?? [],
  });
  if (!line) throw new Error('the sketch is no usage-form line');
  return line;
}

/** What is predicted of each call from those before it. */
function predictions(calls: readonly UsageFormCall[]): readonly number[] {
  const predictor = new Predictor(defaultFidelityParameters);
  return calls.map((each) => {
    const { readTokens } = predictor.predict(each);
    predictor.observe(each);
    return readTokens;
  });
}

describe('Predictor', () => {
  it('follows a conversation by what it read and wrote', () => {
    const calls = [
      call({ at: 0, read: 0, write: 20_000 }),
      call({ i: 1, at: 10, read: 20_000, write: 500 }),
      call({ i: 2, at: 20, read: 20_500, write: 70 }),
    ];
    expect(predictions(calls)).toEqual([0, 20_000, 20_500]);
  });

  it.each([
    ['5m', 315, 20_000],
    ['5m', 317, 0],
    ['1h', 3_600, 20_000],
    ['1h', 3_652, 0],
  ] as const)('lets a %s entry live with slack: after %i s %i', (ttl, at, expected) => {
    const calls = [
      call({ at: 0, read: 0, write: 20_000, ttl }),
      call({ i: 1, at, read: 0, write: 20_100, ttl }),
    ];
    expect(predictions(calls)[1]).toBe(expected);
  });

  it('lets the 1h part of a call outlive the 5m part on top of it', () => {
    const calls = [
      call({ at: 0, read: 0, write: 20_000, write1h: 15_000 }),
      call({ i: 1, at: 100, read: 20_000, write: 100 }),
      call({ i: 2, at: 600, read: 15_000, write: 5_200 }),
    ];
    expect(predictions(calls)).toEqual([0, 20_000, 15_000]);
  });

  it('expects of a compacted conversation the part that it shares, once seen', () => {
    const compacted = { at: 20, read: 9_000, write: 3_000, flags: ['compact_boundary'] };
    const calls = [
      call({ at: 0, read: 0, write: 20_000 }),
      call({ i: 1, prev: null, ...compacted }),
      call({ i: 2, at: 30, read: 12_000, write: 100 }),
      call({ i: 3, prev: null, ...compacted, at: 40 }),
    ];
    expect(predictions(calls)).toEqual([0, 0, 12_000, 9_000]);
  });

  it('shares what first calls read between sessions while it lives, and not between kinds of agent', () => {
    const start = { read: 9_000, write: 3_000 };
    const calls = [
      call({ s: 's1', at: 0, ...start }),
      call({ s: 's2', at: 100, ...start }),
      call({ s: 's2', a: 'a1', at: 101, read: 0, write: 5_000 }),
      call({ s: 's3', at: 390, ...start }),
      call({ s: 's4', at: 2_000, read: 0, write: 12_000 }),
    ];
    expect(predictions(calls)).toEqual([0, 9_000, 0, 9_000, 0]);
  });

  it('keeps a conversation per model when it changes back and forth', () => {
    const calls = [
      call({ at: 0, read: 0, write: 20_000 }),
      call({ i: 1, at: 10, read: 0, write: 21_000, model: 'claude-haiku-4-5' }),
      call({ i: 2, at: 20, read: 20_000, write: 900 }),
      call({ i: 3, at: 30, read: 21_000, write: 900, model: 'claude-haiku-4-5' }),
    ];
    expect(predictions(calls)).toEqual([0, 0, 20_000, 21_000]);
  });

  it('learns that answers are cached in the background where their size is recorded', () => {
    const ask = { inp: [['text', 60]] as const, out: [['text', 400]] as const };
    const calls = [
      call({ at: 0, read: 0, write: 20_000, ...ask, output: 100 }),
      call({ i: 1, at: 60, read: 20_098, write: 40, ...ask, output: 120 }),
      call({ i: 2, at: 120, read: 20_256, write: 40, ...ask, output: 110 }),
    ];
    expect(predictions(calls)).toEqual([0, 20_000, 20_256]);
  });

  it('learns that an addition of one shape loses the history', () => {
    const command = {
      inp: [
        ['text', 245],
        ['text', 128],
      ] as const,
      read: 0,
    };
    const calls = [0, 1, 2, 3].flatMap((n) => [
      call({ i: 2 * n, prev: n === 0 ? null : 2 * n - 1, at: 20 * n, write: 9_000 + n, ...command }),
      call({ i: 2 * n + 1, at: 20 * n + 10, read: 9_000 + n, write: 100 }),
    ]);
    expect(predictions(calls).filter((_, index) => index % 2 === 0)).toEqual([0, 9_100, 0, 0]);
  });

  it('never looks at the usage of the call that it predicts', () => {
    const sketch = fc.record({
      read: fc.nat(50_000),
      write: fc.nat(9_000),
      wait: fc.nat(400),
      ttl: fc.constantFrom('5m' as const, '1h' as const),
      flags: fc.constantFrom([], ['compact_boundary'], ['lost_parent']),
    });
    const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
    fc.assert(
      fc.property(fc.array(sketch, { minLength: 1, maxLength: 12 }), fc.nat(90_000), (sketches, other) => {
        let at = 0;
        const calls = sketches.map(({ wait, ...each }, i) => call({ ...each, i, at: (at += wait) }));
        const last = calls.at(-1);
        if (!last) return;
        const changed = { ...last, usage: { ...last.usage, readTokens: other, write5mTokens: other } };
        expect(predictions([...calls.slice(0, -1), changed]).at(-1)).toBe(predictions(calls).at(-1));
      }),
      { numRuns: Math.ceil(40 * effort) },
    );
  });
});

describe('FidelityMeter', () => {
  it('scores both predictors on the same calls and names the misses', () => {
    const meter = new FidelityMeter();
    const calls = [
      call({ at: 0, read: 0, write: 20_000 }),
      call({ i: 1, at: 10, read: 20_000, write: 500 }),
      call({ i: 2, at: 20, read: 0, write: 21_000 }),
      call({ i: 3, at: 900, read: 21_000, write: 10 }),
      call({ s: 's2', at: 1_000, read: 9_000, write: 10 }),
    ];
    for (const each of calls) meter.add(each);
    const { model, baseline, misses, halves, reliability } = meter.result();
    expect(model).toEqual({
      calls: 5,
      exact: 0.4,
      within1pct: 0.4,
      predictedReadTokens: 40_500,
      actualReadTokens: 50_000,
      absErrorShare: (20_500 + 21_000 + 9_000) / 50_000,
    });
    expect(baseline.exact).toBe(0.4);
    expect(misses).toEqual([
      { kind: 'read-after-life', calls: 1, absErrorTokens: 21_000 },
      { kind: 'lost-inside-ttl', calls: 1, absErrorTokens: 20_500 },
      { kind: 'start-not-seen-before', calls: 1, absErrorTokens: 9_000 },
    ]);
    expect(halves[0].model.calls + halves[1].model.calls).toBe(5);
    expect(reliability).toMatchObject([
      { ttl: '5m', fromS: 0, toS: 60, calls: 2, observed: 0.5 },
      { ttl: '5m', fromS: 360, toS: null, calls: 1, observed: 1 },
    ]);
  });

  it('says nothing of no calls', () => {
    expect(new FidelityMeter().result().model).toMatchObject({ calls: 0, exact: 0, absErrorShare: 0 });
  });
});
