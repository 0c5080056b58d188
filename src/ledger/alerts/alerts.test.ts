import { describe, expect, it } from 'vitest';

import { costOf, recordOf, usageOf } from '../../../test/support/record.ts';
import type { RequestRecord } from '../record.ts';
import { alerts, type Alert, type AlertOptions } from './alerts.ts';
import { Eligibility } from './eligibility.ts';
import { defaultRules, type AlertRule } from './rule.ts';
import { Series } from './series.ts';

const MINUTE_MS = 60_000;
const USD = 1_000_000_000_000n;

const rule: AlertRule = {
  name: 'drop',
  signal: 'hit_ratio',
  by: 'all',
  direction: 'fall',
  limit: null,
  change: 0.3,
  deviations: 4,
  windowMs: 10,
  samplesMin: 2,
  windowsPending: 2,
  coolDownMs: 100,
};

/** Feeds windows of two requests each that show these values; gives the turns with the index of their window. */
function windows(series: Series, values: readonly number[], startMs = 0): string[] {
  return values.flatMap((value, index) => {
    const atMs = startMs + index * 10;
    const turns = [series.add(atMs, value, 1), series.add(atMs + 5, value, 1)];
    return turns.flatMap((turn) => (turn ? [`${index - 1} ${turn.state}`] : []));
  });
}

const steady = (count: number, value = 0.8): number[] => Array.from({ length: count }, () => value);

describe('a series', () => {
  it('tells the second bad window in a row, and the second good one after it', () => {
    const values = [...steady(8), 0.1, 0.1, 0.1, 0.8, 0.8, 0.8];
    expect(windows(new Series(rule), values)).toEqual(['9 firing', '12 recovered']);
  });

  it('says nothing of one bad window, or of what is not far enough', () => {
    expect(windows(new Series(rule), [...steady(8), 0.1, 0.8, 0.1, 0.8])).toEqual([]);
    expect(windows(new Series(rule), [...steady(8), ...steady(9, 0.57)])).toEqual([]);
  });

  it('says nothing before it knows what is usual', () => {
    expect(windows(new Series(rule), [...steady(7), ...steady(5, 0.1)])).toEqual([]);
  });

  it('says nothing of what has always been as wild as that', () => {
    const wild = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 0.9 : 0.3));
    expect(windows(new Series(rule), [...wild, 0.3, 0.3, 0.3, 0.3])).toEqual([]);
  });

  it('past its limit is bad at once, and whatever is usual', () => {
    const limited: AlertRule = { ...rule, signal: 'error_rate', direction: 'rise', change: null, limit: 0.1 };
    expect(windows(new Series(limited), [0.05, 0.11, 0.12, 0.05, 0.05, 0.05])).toEqual([
      '2 firing',
      '4 recovered',
    ]);
  });

  it('of costs shows what is typical: one that is large among small ones does not make it', () => {
    const costs: AlertRule = { ...rule, signal: 'cost_per_request', direction: 'rise', windowsPending: 1 };
    const values = (signal: AlertRule['signal']): readonly (number | undefined)[] => {
      const series = new Series({ ...costs, signal, change: null, limit: 0.5 });
      return [0.01, 100, 0.01].map((usd, index) => series.add(index * 5, usd, 1)?.value);
    };
    expect(values('cost_per_request').at(-1)).toBeCloseTo(1);
    expect(values('error_rate').at(-1)).toBeCloseTo(50.005);
  });

  it('does not tell the same again while it cools down, nor its end', () => {
    const twice = [...steady(8), 0.1, 0.1, 0.8, 0.8, 0.1, 0.1, 0.8, 0.8, 0.8];
    expect(windows(new Series(rule), twice)).toEqual(['9 firing', '11 recovered']);
    expect(windows(new Series({ ...rule, coolDownMs: 0 }), twice)).toHaveLength(4);
  });

  it('is told late what goes on when it has cooled down, and is known to be bad until then', () => {
    const series = new Series(rule);
    const twice = [...steady(8), 0.1, 0.1, 0.8, 0.8, 0.1, 0.1, 0.1];
    expect(windows(series, twice)).toEqual(['9 firing', '11 recovered']);
    expect(series.firing).toMatchObject({ state: 'firing', value: 0.1 });
    expect(windows(series, steady(9, 0.1), 150)).toEqual(['4 firing']);
    // It was told, so its end is as well.
    expect(windows(series, steady(4), 240)).toEqual(['1 recovered']);
  });

  it('is let go when nobody could judge it for a day', () => {
    const series = new Series(rule);
    windows(series, [...steady(8), 0.1, 0.1, 0.1]);
    const dayMs = 24 * 60 * MINUTE_MS;
    expect(series.tick(dayMs)).toBeNull();
    expect(series.firing).not.toBeNull();
    expect(series.tick(dayMs + 1_000)).toMatchObject({ state: 'recovered', samples: 0 });
    expect(series.firing).toBeNull();
    expect(series.tick(2 * dayMs)).toBeNull();
  });

  it('takes for usual what has lasted three days', () => {
    const series = new Series({ ...rule, windowMs: MINUTE_MS });
    const told: unknown[] = [];
    const feed = (value: number, minutes: readonly number[]): void => {
      for (const minute of minutes)
        for (const offset of [0, 1]) {
          const turn = series.add(minute * MINUTE_MS + offset, value, 1);
          if (turn) told.push([turn.state, turn.isNewNormal]);
        }
    };
    feed(0.8, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    feed(
      0.2,
      Array.from({ length: 4 * 1_440 }, (_, index) => 10 + index),
    );
    expect(told).toEqual([
      ['firing', false],
      ['recovered', true],
    ]);
  });

  it('drops a window that does not fill, or that lies in the future', () => {
    const series = new Series(rule);
    series.add(0, 0, 1);
    expect(series.tick(6 * 3_600_000)).toBeNull();
    expect(windows(series, [...steady(8), 0.1, 0.1, 0.1], 1e9)).toEqual(['9 firing']);
    series.add(1e12, 0.8, 1);
    expect(windows(series, [0.8, 0.8, 0.8], 1.01e9)).toEqual(['1 recovered']);
  });

  it('is closed by time as well', () => {
    const series = new Series({ ...rule, limit: 0.5, windowsPending: 1 });
    series.add(0, 0, 1);
    series.add(1, 0, 1);
    expect(series.tick(9)).toBeNull();
    expect(series.tick(10)).toMatchObject({ state: 'firing', value: 0, samples: 2, usual: null });
    expect(series.firing).toMatchObject({ state: 'firing' });
  });
});

describe('requests that could have read', () => {
  const tokens = { uncachedTokens: 9, readTokens: 0, write5mTokens: 0, write1hTokens: 0, outputTokens: 1 };
  const wrote5m = { usage: usageOf({ ...tokens, write5mTokens: 5_000 }) };
  const wrote1h = { usage: usageOf({ ...tokens, write1hTokens: 5_000 }) };
  const read = { usage: usageOf({ ...tokens, readTokens: 5_000 }) };

  function eligibleOf(records: readonly [minute: number, more: Partial<RequestRecord>][]): boolean[] {
    const eligibility = new Eligibility();
    return records.map(([minute, more]) =>
      eligibility.observe(recordOf({ atMs: minute * MINUTE_MS, ...more })),
    );
  }

  it.each([
    [
      'after one of five minutes',
      [
        [0, wrote5m],
        [5, read],
        [10, read],
        [15.1, read],
      ],
      [false, true, true, false],
    ],
    [
      'after one of an hour',
      [
        [0, wrote1h],
        [59, read],
        [118, read],
        [179, read],
      ],
      [false, true, true, false],
    ],
    [
      'too short',
      [
        [0, wrote5m],
        [1, { usage: usageOf({ ...tokens, uncachedTokens: 511 }) }],
      ],
      [false, false],
    ],
    [
      'after one that did not use the cache',
      [
        [0, { usage: usageOf({ ...tokens, uncachedTokens: 5_000 }) }],
        [1, wrote5m],
      ],
      [false, false],
    ],
    [
      'of another scope',
      [
        [0, wrote5m],
        [1, { ...read, scope: 'other' }],
      ],
      [false, false],
    ],
    [
      'of another model',
      [
        [0, wrote5m],
        [1, { ...read, model: 'claude-sonnet-5-5' }],
      ],
      [false, false],
    ],
    [
      'on another path',
      [
        [0, wrote5m],
        [1, { ...read, path: '/v1/other' }],
      ],
      [false, false],
    ],
    [
      'with other tags',
      [
        [0, wrote5m],
        [1, { ...read, tags: ['x'] }],
      ],
      [false, false],
    ],
    [
      'without a bill',
      [
        [0, wrote5m],
        [1, { usage: null }],
      ],
      [false, false],
    ],
  ] as [string, [number, Partial<RequestRecord>][], boolean[]][])('%s', (_name, records, expected) => {
    expect(eligibleOf(records)).toEqual(expected);
  });
});

function watch(more: Partial<AlertOptions> = {}) {
  const told: Alert[] = [];
  const watching = alerts({ onAlert: (alert) => void told.push(alert), ...more });
  return { watching, told };
}

describe('spending', () => {
  it('past a limit is told once in each period', () => {
    const { watching, told } = watch({ budget: { hourUsd: 2, dayUsd: 3, monthUsd: null } });
    const spend = (time: string, usd: number): void =>
      watching.spend(Date.parse(`2026-11-${time}:00Z`), (BigInt(usd * 100) * USD) / 100n);
    spend('23T10:00', 2);
    spend('23T10:30', 0.5);
    spend('23T10:59', 0.25);
    spend('23T11:00', 0.5);
    spend('24T00:00', 2.5);
    spend('23T23:59', 9);
    expect(
      told.map(({ rule: name, atMs, sentence }) => [
        name,
        new Date(atMs).toISOString().slice(8, 16),
        sentence,
      ]),
    ).toEqual([
      ['spend-hour', '23T10:30', 'the spending of this hour is $2.50, past its limit of $2.00.'],
      ['spend-day', '23T11:00', 'the spending of this day is $3.25, past its limit of $3.00.'],
      ['spend-hour', '24T00:00', 'the spending of this hour is $2.50, past its limit of $2.00.'],
    ]);
  });

  it('counts requests and what is spent beside them', () => {
    const { watching, told } = watch({ budget: { hourUsd: null, dayUsd: null, monthUsd: 1 } });
    watching.observe(recordOf({ cost: costOf(USD / 2n) }));
    watching.spend(0, USD / 2n);
    expect(told).toEqual([]);
    watching.spend(0, 1n);
    expect(told).toMatchObject([{ rule: 'spend-month', value: 1.000000000001 }]);
  });
});

describe('keep-alive', () => {
  it('that loses a dollar in a day is told, and that it has stopped', () => {
    const { watching, told } = watch();
    const hours = [0, -0.4, -0.9, -1.2, -1.3, -0.6, -0.3];
    for (const [hour, usd] of hours.entries())
      watching.keepAlive(hour * 3_600_000, (BigInt(Math.round(usd * 10)) * USD) / 10n);
    expect(told.map(({ sentence }) => sentence)).toEqual([
      'what keep-alive saved in the last day, less what it cost, is -$1.20.',
      'what keep-alive saved in the last day, less what it cost, is -$0.300: it is good again.',
    ]);
  });

  it('is forgiven what it lost longer than a day ago', () => {
    const { watching, told } = watch();
    for (let hour = 0; hour < 100; hour += 1)
      watching.keepAlive(hour * 3_600_000, (BigInt(-hour) * USD) / 50n);
    expect(told).toEqual([]);
  });
});

describe('settings', () => {
  const [first] = defaultRules;
  const withRule = (more: object): Partial<AlertOptions> => ({
    rules: [{ ...(first ?? rule), ...more }],
  });

  it.each<readonly [settings: Partial<AlertOptions>, words: string]>([
    [withRule({ windowMs: 0 }), 'rule "hit-ratio-drop": windowMs must be a number of ms above 0, got 0'],
    [withRule({ samplesMin: 1.5 }), 'samplesMin must be a whole number from 1 on, got 1.5'],
    [withRule({ windowsPending: 0 }), 'windowsPending must be a whole number from 1 on, got 0'],
    [withRule({ change: -0.3 }), 'change must be a number above 0 such as 0.3, or null, got -0.3'],
    [withRule({ change: '30 %' }), 'change must be a number above 0 such as 0.3, or null, got "30 %"'],
    [withRule({ limit: Number.NaN }), 'limit must be a number from 0 on, or null, got NaN'],
    [withRule({ change: null }), 'it can never be bad: it needs a limit or a change'],
    [
      withRule({ signal: 'hits' }),
      'signal must be one of hit_ratio, cost_per_request, error_rate, integrity',
    ],
    [withRule({ by: undefined }), 'by must be one of all, model, scope-and-model, got undefined'],
    [withRule({ direction: 'down' }), 'direction must be one of fall, rise, got "down"'],
    [withRule({ deviations: -1 }), 'deviations must be a number from 0 on, got -1'],
    [withRule({ coolDownMs: Infinity }), 'coolDownMs must be a number of ms from 0 on, got Infinity'],
    [withRule({ name: '' }), 'every rule of alerts needs a name'],
    [{ rules: [...defaultRules, ...defaultRules] }, 'rule "hit-ratio-drop": there is another of this name'],
    [
      { budget: { hourUsd: null, dayUsd: 0, monthUsd: null } },
      'budget.dayUsd must be a number of dollars above 0, or null, got 0',
    ],
    [{ keepAliveLossUsd: -1 }, 'keepAliveLossUsd must be a number of dollars above 0, got -1'],
    [{ seriesMax: 0 }, 'seriesMax must be a whole number from 1 on, got 0'],
    [{ alertsMax: 0.5 }, 'alertsMax must be a whole number from 1 on, got 0.5'],
  ])('that cannot be are refused in a sentence: %j', (settings, words) => {
    expect(() => alerts(settings)).toThrow(RangeError);
    expect(() => alerts(settings)).toThrow(words);
  });
});

describe('alerts', () => {
  const failing = (index: number, more: Partial<RequestRecord> = {}): RequestRecord =>
    recordOf({ atMs: index * MINUTE_MS, status: 529, ...more });

  it('of failed requests say of which model, and what is bad now', () => {
    const { watching, told } = watch();
    for (let index = 0; index < 60; index += 1) watching.observe(failing(index));
    expect(told).toMatchObject([
      {
        rule: 'error-rate',
        model: 'claude-opus-5-5',
        scope: null,
        value: 1,
        sentence: 'the share of failed requests of claude-opus-5-5 is 100.0 %.',
      },
    ]);
    expect(watching.firing()).toEqual(told);
    expect(watching.list(5)).toEqual(told);
    for (let index = 60; index < 160; index += 1) watching.observe(failing(index, { status: 200 }));
    expect(watching.firing()).toEqual([]);
    expect(watching.list(1)).toMatchObject([{ state: 'recovered' }]);
  });

  it('that come back before they have cooled down are not told, and are bad all the same', () => {
    const told: Alert[] = [];
    const rules = defaultRules.map((each) => ({ ...each, coolDownMs: 100 * MINUTE_MS }));
    const watch = alerts({ rules, onAlert: (alert) => told.push(alert) });
    const pass = (fromMinute: number, toMinute: number): void => {
      for (let minute = fromMinute; minute < toMinute; minute += 1) {
        const status = minute < 30 || minute > 64 ? 529 : 200;
        for (let each = 0; each < 2; each += 1) watch.observe(recordOf({ atMs: minute * MINUTE_MS, status }));
      }
    };
    pass(0, 100);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'recovered']);
    expect(watch.firing()).toMatchObject([{ rule: 'error-rate', state: 'firing' }]);
    expect(watch.firing()[0]?.sentence).not.toMatch(/good again/);
    pass(100, 180);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'recovered', 'firing']);
    watch.tick(4 * 24 * 60 * MINUTE_MS);
    watch.tick(4 * 24 * 60 * MINUTE_MS);
    expect(told.at(-1)?.sentence).toMatch(/nobody asked for a day, and it is let go/);
    expect(watch.firing()).toEqual([]);
  });

  it('come without another request, when time is told', () => {
    const { watching, told } = watch();
    for (let index = 0; index < 40; index += 1) watching.observe(failing(index));
    expect(told).toHaveLength(0);
    watching.tick(40 * MINUTE_MS);
    expect(told).toHaveLength(1);
  });

  it('do not count clients that leave', () => {
    const { watching, told } = watch();
    for (let index = 0; index < 100; index += 1)
      watching.observe(failing(index, { status: 0, error: 'client_left' }));
    expect(told).toEqual([]);
  });

  it('are kept up to a bound, and so are the groups that they watch', () => {
    const { watching, told } = watch({ alertsMax: 10, seriesMax: 50 });
    for (let model = 0; model < 100; model += 1)
      for (let index = 0; index < 60; index += 1) watching.observe(failing(index, { model: `m${model}` }));
    expect(told).toHaveLength(100);
    expect(watching.list(1_000).length).toBeLessThanOrEqual(11);
    expect(watching.firing()).toHaveLength(50);
  });

  it('bear a hook that throws', () => {
    const { watching } = watch({
      onAlert: () => {
        throw new Error('no');
      },
    });
    for (let index = 0; index < 60; index += 1) watching.observe(failing(index));
    expect(watching.failedHooks).toBe(1);
    expect(watching.list(1)).toHaveLength(1);
  });
});
