import { describe, expect, it } from 'vitest';

import { showReport } from '../../src/cli/commands/report-screen.ts';
import { toUsd } from '../../src/core/index.ts';
import {
  buildReport,
  createMemoryLedger,
  REPORT_SPLITS,
  type LedgerReport,
  type MemoryLedger,
} from '../../src/ledger/index.ts';
import { costOf, ownCostOf, recordOf, usageOf } from '../support/record.ts';
import { RandomRecords } from './random-records.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const DAY_MS = 86_400_000;

function randomLedger(): { readonly ledger: MemoryLedger; readonly random: RandomRecords } {
  const random = new RandomRecords(31);
  const ledger = createMemoryLedger(100_000);
  for (let count = 0; count < 300 * effort; count += 1) {
    ledger.add(random.request());
    if (count % 7 === 0) ledger.addOwn(random.own());
  }
  return { ledger, random };
}

const tokens = { uncachedTokens: 0, readTokens: 30, write5mTokens: 60, write1hTokens: 10, outputTokens: 5 };

function totals(
  groups: LedgerReport['groups'],
  pick: (group: LedgerReport['groups'][number]) => string,
): bigint {
  return groups.reduce((sum, group) => sum + BigInt(pick(group)), 0n);
}

describe('buildReport', () => {
  it.each(REPORT_SPLITS)('by %s tells the sums of the ledger, exactly', async (by) => {
    const { ledger, random } = randomLedger();
    const { sums } = random;
    const report = await buildReport(ledger, {}, by);
    const { total, details, groups } = report;
    expect(total.cost.picoUsd).toBe(sums.picoUsd.toString());
    expect(total.ownCost.picoUsd).toBe(sums.ownPicoUsd.toString());
    expect(total.saved.noCaching.picoUsd).toBe(sums.noCachingPicoUsd.toString());
    expect(total.netSaved.noCaching.picoUsd).toBe((sums.noCachingPicoUsd - sums.ownPicoUsd).toString());
    expect(total.hitRatio).toEqual({
      numerator: sums.readTokens,
      denominator: sums.inputTokens,
      ratio: sums.readTokens / sums.inputTokens,
    });
    expect(details).toMatchObject({ records: total.requests, unreported: sums.unreported });
    expect(totals(groups, ({ cost }) => cost.picoUsd)).toBe(sums.picoUsd);
    expect(totals(groups, ({ ownCost }) => ownCost.picoUsd)).toBe(sums.ownPicoUsd);
    expect(totals(groups, ({ saved }) => saved.client.picoUsd).toString()).toBe(total.saved.client.picoUsd);
    const missed = report.misses.map(({ reason, requests }) => ({ reason, requests }));
    const known = ledger.summary().misses.map(({ reason, requests }) => ({ reason, requests }));
    expect(missed.toSorted((a, b) => (a.reason < b.reason ? -1 : 1))).toEqual(
      known.toSorted((a, b) => (a.reason < b.reason ? -1 : 1)),
    );
  });

  it('orders groups by what they cost, and days by time', async () => {
    const ledger = createMemoryLedger();
    for (const [id, atMs, pico] of [
      ['a', 5 * DAY_MS, 1n],
      ['b', DAY_MS, 9n],
      ['c', 3 * DAY_MS, 4n],
    ] as const)
      ledger.add(recordOf({ id, atMs, scope: id, usage: usageOf(tokens), cost: costOf(pico) }));
    const names = async (by: 'scope' | 'day'): Promise<readonly string[]> =>
      (await buildReport(ledger, {}, by)).groups.map(({ name }) => name);
    expect(await names('scope')).toEqual(['b', 'c', 'a']);
    expect(await names('day')).toEqual(['1970-01-02', '1970-01-04', '1970-01-06']);
  });

  it('counts a request under each of its tags, and one without under none', async () => {
    const ledger = createMemoryLedger();
    ledger.add(recordOf({ id: 'a', tags: ['x', 'y'], cost: costOf(2n) }));
    ledger.add(recordOf({ id: 'b', tags: ['x'], cost: costOf(3n) }));
    ledger.add(recordOf({ id: 'c', cost: costOf(4n) }));
    const { groups } = await buildReport(ledger, {}, 'tag');
    expect(groups.map(({ name, requests, cost }) => [name, requests, cost.picoUsd])).toEqual([
      ['x', 2, '5'],
      ['(none)', 1, '4'],
      ['y', 1, '2'],
    ]);
  });

  it('adds up names beyond so many as others', async () => {
    const ledger = createMemoryLedger(20_000);
    for (let count = 0; count < 10_050; count += 1)
      ledger.add(recordOf({ id: `r${count}`, scope: `s${count}`, cost: costOf(1n) }));
    const { groups } = await buildReport(ledger, {}, 'scope');
    expect(groups).toHaveLength(10_001);
    expect(groups[0]).toMatchObject({ name: '(others)', requests: 50 });
  });

  it('is narrowed by a filter', async () => {
    const { ledger } = randomLedger();
    const { total } = await buildReport(ledger, { model: 'claude-haiku-5-5' }, 'day');
    const summary = ledger.summary({ model: 'claude-haiku-5-5' });
    expect([total.requests, total.cost.picoUsd]).toEqual([summary.requests, summary.costPicoUsd]);
  });

  it('of an empty ledger has no ratio and nothing in it', async () => {
    const report = await buildReport(createMemoryLedger(), {}, 'model');
    expect(report).toMatchObject({
      total: { requests: 0, hitRatio: { numerator: 0, denominator: 0, ratio: null } },
      misses: [],
      groups: [],
    });
    expect(showReport(report)).toContain('n/a (0 of 0) of all input');
  });
});

describe('the report for people', () => {
  async function show(...parts: readonly (Parameters<typeof recordOf>[0] | 'own')[]): Promise<string> {
    const ledger = createMemoryLedger();
    for (const [index, part] of parts.entries()) {
      if (part === 'own') ledger.addOwn(ownCostOf({ id: `p${index}`, costPicoUsd: 3n * 10n ** 12n }));
      else ledger.add(recordOf({ id: `r${index}`, ...part }));
    }
    return showReport(await buildReport(ledger, {}, 'model'));
  }

  const usd = 10n ** 12n;
  const paid = {
    usage: usageOf(tokens),
    cost: costOf(2n * usd),
    savings: { noCachingPicoUsd: usd, clientPicoUsd: -usd, automaticPicoUsd: 0n },
  };

  it('tells what is not known from nothing', async () => {
    expect(await show(paid, {})).toMatch(
      /Billed +\$2\.00 {2}2 requests; 1 of 2 records reported no usage: not known, and not 0/,
    );
    const kept = { outcome: 'hit', detail: 'memory', ageMs: 1, savedPicoUsd: 1n, savedMs: 1 } as const;
    expect(await show(paid, { responses: kept, cost: costOf(0n) })).toMatch(
      /Billed +\$2\.00 {2}2 requests\n/,
    );
  });

  it('shows losses, and what is left of a saving after own costs', async () => {
    const text = await show(paid, 'own');
    expect(text).toMatch(/Spent by the gateway itself +\$3\.00 {2}1 request: pings, warming/);
    expect(text).toMatch(/no caching at all \(billed\) +\$1\.00 {2}-\$2\.00 after what was spent on it/);
    expect(text).toMatch(/client's own markers \(model\) +-\$1\.00 {2}-\$4\.00 after/);
  });

  it('has numerator and denominator beside a share', async () => {
    expect(await show(paid)).toMatch(/Read from the cache +30 {2}30\.0 % \(30 of 100\) of all input/);
  });

  it('lets no name steer the terminal', async () => {
    const text = await show({ ...paid, model: `evil\u001B[2J${'x'.repeat(200)}` });
    expect(text).toContain('evil?[2Jxxx');
    expect(text).not.toContain('\u001B[2J');
    expect(text).not.toContain('x'.repeat(41));
  });

  it('says how much of what was billed the misses are', async () => {
    const evidence = {
      detail: null,
      level: null,
      path: null,
      byteRange: null,
      previousId: null,
      ageMs: null,
      minimumTokens: null,
    };
    const miss = { reason: 'expired', tokens: 60, costPicoUsd: usd / 2n, evidence } as const;
    const text = await show({ ...paid, misses: [miss] });
    expect(text).toMatch(/cost beyond reading │ of \$2\.00 billed/);
    expect(text).toMatch(/expired +│ +\$0\.50 │ +25\.0 % │ +60 │ +1/);
    expect(toUsd(usd)).toBe(1);
  });
});
