import { describe, expect, it } from 'vitest';

import { alerts, integrity, type Alert } from '../../src/ledger/index.ts';
import { dayOf, hourOf, isWorkday, recordsOfPrograms, type Program } from './shapes.ts';
import { HOUR_MS, START_MS } from './weeks.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const MINUTE_MS = 60_000;
const [MODEL, DEARER] = ['claude-sonnet-5-5', 'claude-opus-5-5'] as const;
const always = (perHour: number) => (): number => perHour;
const inOffice =
  (perHour: number) =>
  (atMs: number): number =>
    isWorkday(atMs) && hourOf(atMs) >= 8 && hourOf(atMs) < 18 ? perHour : 0;

/** All alerts of some days; time is told every five minutes, also while nobody asks. */
function watch(programs: readonly Program[], seed: number, days: number): readonly Alert[] {
  const told: Alert[] = [];
  const watching = alerts({ onAlert: (alert) => told.push(alert) });
  const judge = integrity();
  let toldMs = START_MS;
  for (const record of recordsOfPrograms(programs, seed, days)) {
    for (; toldMs < record.atMs; toldMs += 5 * MINUTE_MS) watching.tick(toldMs);
    watching.observe(record, judge.check(record));
  }
  return told;
}

/** Share of the traffic that has moved from one model to the other, over four days of the second week. */
const moved = (atMs: number): number => Math.min(1, Math.max(0, (dayOf(atMs) - 6) / 4));

const QUIET: Readonly<Record<string, readonly Program[]>> = {
  'people who come at weekends only': [{ model: MODEL, perHour: (atMs) => (isWorkday(atMs) ? 0 : 40) }],
  'an office that is empty by night': [{ model: MODEL, perHour: inOffice(60) }],
  'a prompt that grows by a seventh a day': [
    { model: MODEL, perHour: always(20), systemTokens: (atMs) => 6_000 * 1.15 ** dayOf(atMs) },
  ],
  'traffic that grows by two fifths a day': [{ model: MODEL, perHour: (atMs) => 2 * 1.4 ** dayOf(atMs) }],
  'a model that replaces another by and by': [
    { model: MODEL, perHour: (atMs) => 40 * (1 - moved(atMs)) },
    { model: DEARER, perHour: (atMs) => 40 * moved(atMs) },
  ],
  'a model that replaces another at once': [
    { model: MODEL, perHour: (atMs) => (dayOf(atMs) < 9 ? 40 : 0) },
    { model: DEARER, perHour: (atMs) => (dayOf(atMs) < 9 ? 0 : 40) },
  ],
  'a system prompt that every working day changes': [
    { model: MODEL, perHour: inOffice(60), version: (atMs) => 2 * dayOf(atMs) + (hourOf(atMs) < 15 ? 0 : 1) },
  ],
  'a system prompt that changes three times a day': [
    { model: MODEL, perHour: always(12), version: (atMs) => Math.floor((atMs - START_MS) / (8 * HOUR_MS)) },
  ],
  'five requests an hour': [{ model: MODEL, perHour: always(1), turns: 5 }],
  'five requests an hour that have nothing to do with each other': [
    { model: MODEL, perHour: always(5), turns: 1 },
  ],
  'four bursts a day': [
    { model: MODEL, perHour: (atMs) => (hourOf(atMs) % 6 === 0 ? 120 : 0), burst: 60, turns: 2 },
  ],
  'chats and bursts of a batch beside them': [
    { model: MODEL, perHour: always(20) },
    { model: MODEL, tag: 'batch', perHour: always(10), burst: 40, turns: 1 },
  ],
};

describe('fourteen quiet days', () => {
  it.each(Object.keys(QUIET))('of %s tell nothing', { timeout: 30_000 + effort * 15_000 }, (shape) => {
    for (let seed = 1; seed <= Math.ceil(effort / 2); seed += 1) {
      const sentences = watch(QUIET[shape] ?? [], seed, 14).map(({ sentence }) => sentence);
      expect({ seed, sentences }).toEqual({ seed, sentences: [] });
    }
  });
});

describe('a job of every night beside chats', () => {
  it('is told on two nights, and is usual from then on', { timeout: 60_000 }, () => {
    const job: Program = {
      model: MODEL,
      perHour: (atMs) => (hourOf(atMs) === 2 ? 300 : 0),
      turns: 1,
      systemTokens: always(20_000),
      churns: () => true,
    };
    const chats: Program = { model: MODEL, perHour: always(40) };
    const told = watch([chats, job], 1, 14).filter(({ state }) => state === 'firing');
    const nights = new Set(told.map(({ atMs }) => dayOf(atMs)));
    expect(nights.size).toBeGreaterThan(0);
    // The first hours of all teach what is usual.
    expect(Math.max(...nights)).toBeLessThanOrEqual(2);
    const broken: Program = { ...chats, churns: (atMs) => isOn(atMs) };
    const rules = watch([broken, job], 1, 11)
      .filter(({ atMs }) => atMs >= INCIDENT_MS)
      .map(({ rule, state }) => `${rule} ${state}`);
    expect(rules).toContain('hit-ratio-drop firing');
  });
});

/** Wednesday of the second week, 10:00, for five hours. */
const INCIDENT_MS = START_MS + (9 * 24 + 10) * HOUR_MS;
const isOn = (atMs: number): boolean => atMs >= INCIDENT_MS && atMs < INCIDENT_MS + 5 * HOUR_MS;

const BAD: readonly (readonly [
  rule: string,
  minutes: number,
  shape: string,
  programs: readonly Program[],
])[] = [
  ['hit-ratio-drop', 46, 'an office', [{ model: MODEL, perHour: inOffice(60), churns: isOn }]],
  [
    'hit-ratio-drop',
    46,
    'daily deploys',
    [{ model: MODEL, perHour: inOffice(60), version: dayOf, churns: isOn }],
  ],
  [
    'hit-ratio-drop',
    46,
    'one program of two, on models of their own',
    [
      { model: MODEL, perHour: always(60), churns: isOn },
      { model: DEARER, perHour: always(60) },
    ],
  ],
  [
    'hit-ratio-drop',
    46,
    'one scope of two, on the same model',
    [
      { model: MODEL, scope: 'one', perHour: always(60), churns: isOn },
      { model: MODEL, scope: 'other', perHour: always(120) },
    ],
  ],
  [
    'cost-per-request-rise',
    90,
    'a prompt that grows all the time',
    [
      {
        model: MODEL,
        perHour: always(60),
        systemTokens: (atMs) => 6_000 * 1.1 ** dayOf(atMs),
        outputTimes: (atMs) => (isOn(atMs) ? 8 : 1),
      },
    ],
  ],
  [
    'error-rate',
    46,
    'bursts',
    [{ model: MODEL, perHour: always(90), burst: 15, errorShare: (atMs) => (isOn(atMs) ? 0.4 : 0.003) }],
  ],
];

describe('an incident', () => {
  it.each(BAD)(
    '%s within %i minutes in %s',
    { timeout: 60_000 + effort * 15_000 },
    (rule, minutes, _shape, programs) => {
      for (let seed = 1; seed <= Math.ceil(effort / 2); seed += 1) {
        const told = watch(programs, seed, 11).filter((alert) => alert.rule === rule);
        expect({ seed, states: told.map(({ state }) => state) }).toEqual({
          seed,
          states: ['firing', 'recovered'],
        });
        const afterMs = (told[0]?.atMs ?? Infinity) - INCIDENT_MS;
        expect(afterMs).toBeGreaterThan(0);
        expect(afterMs).toBeLessThanOrEqual(minutes * MINUTE_MS);
      }
    },
  );
});
