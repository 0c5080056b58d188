import { expect, test } from 'vitest';

import { makeAuditReport } from '../../test/browser/audit-report.ts';
import { renderAuditHtml } from './html.ts';
import type { AuditReport } from './report-data.ts';

function textOf(html: string): string {
  return html
    .replace(/<(?:style|svg)[\s\S]*?<\/(?:style|svg)>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

test('the page tells what was paid, saved and lost, with what each share is a share of', async () => {
  const text = textOf(await renderAuditHtml(makeAuditReport(), '1.2.3'));
  for (const part of [
    'Paid $3,139.97',
    'Saved by caching $9,271.23 against $12,411.20 without it',
    'Misses, beyond what reading costs $860.61 27.4 % of what was paid',
    '94.8 % 18,774 of 19,805 requests',
    'from 2026-09-01 to 2026-11-20',
    'no caching $12,411.20 −$9,271.23',
    'everything at 1h $3,211.40 −$71.43',
    'Met again, in resumed or forked sessions, and counted once: 311 calls.',
    'Made by cachewright 1.2.3',
  ])
    expect(text).toContain(part);
});

test('one of a thing is told as one', async () => {
  const text = textOf(
    await renderAuditHtml({ ...makeAuditReport(), calls: 1, conversations: 1, files: 1 }, '1'),
  );
  expect(text).toContain('1 call in 1 conversation, 1 file, from');
});

test('a part that cost nothing is left out', async () => {
  expect(await renderAuditHtml(makeAuditReport(), '1.2.3')).not.toContain('sent before it was readable');
});

test('caching that cost more than it brought is a loss', async () => {
  const report = makeAuditReport();
  const policies = report.policies.map((policy) =>
    policy.name === 'no-caching' ? { ...policy, saved: { picoUsd: '5000000000000', usd: 5 } } : policy,
  );
  const html = await renderAuditHtml({ ...report, policies }, '1.2.3');
  expect(html).toContain('<p class="label">Lost by caching</p><p class="value loss">$5.00</p>');
});

test('a log with nothing in it says so, and invents no zero per cent', async () => {
  const nothing = { numerator: 0, denominator: 0, ratio: null };
  const report: AuditReport = {
    ...makeAuditReport(),
    calls: 0,
    fromMs: null,
    toMs: null,
    paid: { picoUsd: '0', usd: 0 },
    hitRatio: { byTokens: nothing, byRequests: nothing },
    parts: [],
    policies: [],
    changes: [],
    models: [],
    notes: [],
    moreNotes: 0,
  };
  const text = textOf(await renderAuditHtml(report, '1.2.3'));
  expect(text).toContain('Nothing was paid in these files.');
  expect(text).toContain('Hit ratio by tokens n/a 0 of 0 input tokens');
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
});
