import { describe, expect, test } from 'vitest';

import { NO_PREFIX, pathOf, REQUEST_KINDS, STOP_KINDS, type Trace } from '../trace/index.ts';
import { generateNamed, generateWorkload, isWorkloadName, WorkloadError, WORKLOADS } from './generate.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SMALL = { requests: 2000, prefixes: 100 };

const paramsOf = (name: string): Record<string, number> => (name === 'large' ? SMALL : {});

/** Tokens of each block of a request. */
function blockTokens({ trie, requests }: Trace, row: number): number[] {
  const path = pathOf(trie, requests.prefixIds[row] ?? NO_PREFIX);
  return path.map(
    (id) => (trie.cumulativeTokens[id] ?? 0) - (trie.cumulativeTokens[trie.parents[id] ?? -1] ?? 0),
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Within so many parts of a hundred. */
function expectNear(actual: number, expected: number, percent: number): void {
  expect(Math.abs(actual / expected - 1) * 100, `${actual} against ${expected}`).toBeLessThan(percent);
}

/** Rows of each conversation, in order of time. */
function rowsByConversation({ requests }: Trace): readonly number[][] {
  const rows = new Map<number, number[]>();
  for (const [row, conversation] of requests.conversations.entries()) {
    rows.set(conversation, [...(rows.get(conversation) ?? []), row]);
  }
  return [...rows.values()];
}

describe('every workload', () => {
  test.each([...WORKLOADS.keys()])('%s: the same seed gives the same trace, another one another', (name) => {
    const params = paramsOf(name);
    const trace = generateWorkload(name, params);
    expect(generateWorkload(name, params)).toEqual(trace);
    expect(generateWorkload(name, { ...params, seed: 99 }).requests.startMs).not.toEqual(
      trace.requests.startMs,
    );
    expect(trace).toMatchObject({ format: 'synthetic', hasLookbackLimit: true, models: [''] });
  });

  test.each([...WORKLOADS.keys()])('%s: ends of layers are on the path, times in order', (name) => {
    const { trie, requests } = generateWorkload(name, paramsOf(name));
    expect(requests.count).toBeGreaterThan(200);
    for (let row = 0; row < requests.count; row += 7) {
      const path = pathOf(trie, requests.prefixIds[row] ?? NO_PREFIX);
      for (const ends of [requests.toolsEnds, requests.systemEnds, requests.documentsEnds]) {
        expect([NO_PREFIX, ...path]).toContain(ends[row]);
      }
      expect(requests.systemEnds[row]).not.toBe(NO_PREFIX);
      expect(requests.startMs[row] ?? 0).toBeGreaterThanOrEqual(requests.startMs[row - 1] ?? 0);
      expect(requests.timeToFirstTokenMs[row]).toBeGreaterThan(600);
      expect(requests.timeToFirstTokenMs[row]).toBeLessThanOrEqual(20_000);
    }
  });
});

describe('single questions', () => {
  test('poisson-20: the rate, and gaps without memory', () => {
    const trace = generateWorkload('poisson-20');
    const { startMs, count } = trace.requests;
    expectNear(count, 20 * 200, 5);
    const gaps = [...startMs].slice(1).map((at, index) => at - (startMs[index] ?? 0));
    expectNear(gaps.filter((gap) => gap > HOUR_MS / 20).length / gaps.length, Math.exp(-1), 5);
    expect(blockTokens(trace, 0)).toEqual([10_000, 200]);
    expect(trace.trie.count).toBe(count + 1);
  });

  test('cadence-20min: a request every 20 minutes, at most a tenth of it off', () => {
    const { startMs, count } = generateWorkload('cadence-20min').requests;
    expect(count).toBe(600);
    for (const [index, at] of startMs.entries()) {
      expect(Math.abs(at - index * 1_200_000)).toBeLessThanOrEqual(60_000);
    }
  });

  test('zipf-tenants: traffic by rank', () => {
    const trace = generateWorkload('zipf-tenants');
    const { systemEnds, count } = trace.requests;
    expectNear(count, 600 * 12, 4);
    const counts = new Map<number, number>();
    for (const end of systemEnds) counts.set(end, (counts.get(end) ?? 0) + 1);
    const [first = 0, second = 0] = [...counts.values()].toSorted((a, b) => b - a);
    expectNear(first / second, 2 ** 1.1, 15);
    expect(blockTokens(trace, 0)).toEqual([3000, 6000, 300]);
    expect(new Set(trace.requests.toolsEnds)).toEqual(new Set([0]));
  });

  test('office-bursts: tenants, days and office hours', () => {
    const { requests } = generateWorkload('office-bursts');
    // 12 tenants, 10 days, 3.5 bursts of 6.5 requests.
    expectNear(requests.count, 12 * 10 * 3.5 * 6.5, 10);
    expect(new Set(requests.applications).size).toBe(12);
    for (const at of requests.startMs) {
      const hour = (at % DAY_MS) / HOUR_MS;
      expect(hour >= 9 && hour < 17.5).toBe(true);
    }
  });

  test('fan-out: twelve siblings at once', () => {
    const { startMs, count } = generateWorkload('fan-out').requests;
    expect(count % 12).toBe(0);
    expectNear(count / 12, 4 * 24, 25);
    const gaps = [...startMs].slice(1).map((at, index) => at - (startMs[index] ?? 0));
    expect(gaps.filter((gap) => Math.abs(gap - 50) < 0.01).length).toBeGreaterThanOrEqual((count / 12) * 10);
  });
});

describe('conversations', () => {
  test('chats: turns, thinking time and growth', () => {
    const trace = generateWorkload('chats', { hours: 240 });
    const { startMs, timeToFirstTokenMs, outputTokens } = trace.requests;
    const chats = rowsByConversation(trace);
    expectNear(chats.length, 20 * 240, 4);
    expectNear(mean(chats.map((rows) => rows.length)), 8, 4);
    const thinking = chats.flatMap((rows) =>
      rows.slice(1).map((row, index) => {
        const before = rows[index] ?? 0;
        const answerMs = (timeToFirstTokenMs[before] ?? 0) + ((outputTokens[before] ?? 0) / 60) * 1000;
        return (startMs[row] ?? 0) - (startMs[before] ?? 0) - answerMs;
      }),
    );
    expectNear(thinking.toSorted((a, b) => a - b)[Math.floor(thinking.length / 2)] ?? 0, 90_000, 4);
    const longest = chats.toSorted((a, b) => b.length - a.length)[0] ?? [];
    const path = pathOf(trace.trie, trace.requests.prefixIds[longest.at(-1) ?? 0] ?? NO_PREFIX);
    for (const row of longest) expect(path).toContain(trace.requests.prefixIds[row]);
    expect(path).toHaveLength(2 * longest.length);
  });

  test('agents: turns, tool results, people in between, steps beyond a lookback', () => {
    const trace = generateWorkload('agents', { hours: 120 });
    const { requests, trie } = trace;
    const runs = rowsByConversation(trace);
    expectNear(mean(runs.map((rows) => rows.length)), 40, 4);
    const firsts = new Set(runs.map((rows) => rows[0]));
    const later = [...requests.kinds].filter((_kind, row) => !firsts.has(row));
    const userTurns = later.filter((kind) => REQUEST_KINDS[kind] === 'user').length;
    expectNear(userTurns / later.length, 0.04, 12);
    expect(runs.every((rows) => STOP_KINDS[requests.stops[rows.at(-1) ?? 0] ?? 0] === 'end_turn')).toBe(true);
    const steps = runs.flatMap((rows) =>
      rows.slice(1).map((row, index) => {
        const before = requests.prefixIds[rows[index] ?? 0] ?? NO_PREFIX;
        return (trie.depths[requests.prefixIds[row] ?? 0] ?? 0) - (trie.depths[before] ?? 0);
      }),
    );
    expectNear(steps.filter((step) => step >= 22).length / steps.length, 0.05, 12);
    expect(Math.max(...steps)).toBeLessThanOrEqual(30);
  });

  test('rag: three documents before the question, a fifth of the questions followed up', () => {
    const trace = generateWorkload('rag');
    const { requests, trie } = trace;
    const sessions = rowsByConversation(trace);
    expectNear(sessions.length, 300 * 12, 5);
    expectNear(sessions.filter((rows) => rows.length > 1).length / sessions.length, 0.2, 10);
    expect(Math.max(...sessions.map((rows) => rows.length))).toBeLessThanOrEqual(4);
    for (const end of requests.documentsEnds) expect(trie.depths[end]).toBe(3);
    // Documents come with the most popular first, so combinations share their beginnings.
    expect(new Set(requests.documentsEnds).size).toBeLessThan(sessions.length);
  });
});

describe('large', () => {
  test('has as many requests and prefixes as asked, in order, over its hours', () => {
    const { requests, trie } = generateWorkload('large', { requests: 50_000, prefixes: 1000, hours: 2 });
    expect([requests.count, trie.count]).toEqual([50_000, 1000]);
    expectNear(requests.startMs.at(-1) ?? 0, 2 * HOUR_MS, 2);
    // Levels of 4, 16, 64, 256 and the rest.
    expect(Math.max(...trie.depths)).toBe(4);
    expect(trie.parents.filter((parent) => parent === NO_PREFIX)).toHaveLength(4);
    const seen = new Set(requests.prefixIds);
    expect(seen.size).toBeGreaterThan(990);
  });
});

describe('names', () => {
  test('carry parameters', () => {
    const trace = generateNamed('synthetic:poisson-6?seed=9&hours=10');
    expect(trace.name).toBe('synthetic:poisson-6?seed=9&hours=10');
    expect(trace.requests).toEqual(generateWorkload('poisson-6', { seed: 9, hours: 10 }).requests);
    expect(isWorkloadName('synthetic:poisson-6')).toBe(true);
    expect(isWorkloadName('poisson.jsonl')).toBe(false);
    expect(generateNamed('synthetic:poisson-6').name).toBe('synthetic:poisson-6');
  });

  test.each([
    ['synthetic:poison-6', "no workload is named 'poison-6'; there are poisson-1, "],
    ['synthetic:chats?speed=3', "chats has no parameter 'speed'; it has seed, rate, "],
    ['synthetic:chats?rate=fast', "'rate' of chats cannot be NaN"],
    ['synthetic:chats?rate=', "'rate' of chats cannot be NaN"],
    ['synthetic:chats?hours=0', "'hours' of chats cannot be 0"],
    ['synthetic:large?requests=2.5', "'requests' of large cannot be 2.5"],
    ['synthetic:large?requests=1e12', "'requests' of large cannot be 1000000000000"],
    ['synthetic:rag?retrieved=500', "'retrieved' of rag cannot be above 'documents'"],
  ])('refuses %s', (name, problem) => {
    expect(() => generateNamed(name)).toThrow(WorkloadError);
    expect(() => generateNamed(name)).toThrow(problem);
  });
});
