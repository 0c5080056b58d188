import { describe, expect, it } from 'vitest';

import { alerts, integrity, type Alert } from '../../src/ledger/index.ts';
import { HOUR_MS, recordsOf, START_MS, type Incident, type Traffic } from './weeks.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const QUIET_WEEKS = Math.ceil(5 * effort);
const MINUTE_MS = 60_000;
/** Wednesday of the second week, 10:00. */
const INCIDENT_MS = START_MS + (9 * 24 + 10) * HOUR_MS;

/** All alerts of two weeks of traffic; the first minute of every hour nobody asks, so time is told as well. */
function watch(traffic: Traffic, weeks: number): readonly Alert[] {
  const told: Alert[] = [];
  const watching = alerts({ onAlert: (alert) => told.push(alert) });
  const judge = integrity();
  for (const record of recordsOf(traffic, weeks)) watching.observe(record, judge.check(record));
  return told;
}

const incidentOf = (more: Omit<Incident, 'startMs' | 'endMs'>): Incident => ({
  startMs: INCIDENT_MS,
  endMs: INCIDENT_MS + 6 * HOUR_MS,
  ...more,
});

describe('quiet weeks', () => {
  // Each with other traffic: from a few conversations an hour to hundreds.
  const seeds = Array.from({ length: QUIET_WEEKS }, (_, index) => 4_000 + index);
  it(`tell nothing, ${QUIET_WEEKS} times`, { timeout: 30_000 + QUIET_WEEKS * 10_000 }, () => {
    const loud = seeds.flatMap((seed) => {
      const perHour = [4, 12, 40, 120][seed % 4] ?? 40;
      return watch({ seed, scope: 'team', perHour }, 1).map(({ sentence }) => ({ seed, perHour, sentence }));
    });
    expect(loud).toEqual([]);
  });
});

describe('an incident is told within its time, and its end', () => {
  it.each([
    // Three windows of a quarter of an hour, and what is left of the one that was open.
    ['hit-ratio-drop', 46, incidentOf({ churns: true })],
    ['error-rate', 46, incidentOf({ errorShare: 0.3 })],
    ['integrity', 46, incidentOf({ evictedShare: 0.25 })],
    // Windows of fifty requests, which take longer to fill than a quarter of an hour.
    ['cost-per-request-rise', 90, incidentOf({ churns: true })],
    ['cost-per-request-rise', 90, incidentOf({ outputTimes: 6 })],
  ])('%s in %i minutes', { timeout: 60_000 + effort * 15_000 }, (rule, minutes, incident) => {
    for (let seed = 1; seed <= Math.ceil(effort); seed += 1) {
      const told = watch({ seed, scope: 'team', perHour: 60, incident }, 2).filter(
        (alert) => alert.rule === rule,
      );
      const [fired, recovered] = told;
      expect({ seed, states: told.map(({ state }) => state) }).toEqual({
        seed,
        states: ['firing', 'recovered'],
      });
      const afterMs = (fired?.atMs ?? Infinity) - incident.startMs;
      const endMs = (recovered?.atMs ?? Infinity) - incident.endMs;
      expect(afterMs).toBeGreaterThan(0);
      expect(afterMs).toBeLessThanOrEqual(minutes * MINUTE_MS);
      expect(endMs).toBeLessThanOrEqual(minutes * MINUTE_MS);
    }
  });
});
