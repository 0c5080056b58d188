import { describe, expect, expectTypeOf, test } from 'vitest';

import type { TrafficFinding } from '../../src/engine/index.ts';
import {
  MISS_REASONS,
  type Alert,
  type BodiesHealth,
  type IntegrityFinding,
  type IntegrityTotals,
  type KeptBodies,
  type LedgerHealth,
  type RequestRecord,
  type ShownReuse,
  type ShownTimelineRow,
  type Summary,
} from '../../src/ledger/index.ts';
import { newestByProgram } from '../../web/src/data/applications.ts';
import { findDifference } from '../../web/src/data/first-difference.ts';
import { adviceFor } from '../../web/src/data/miss-reasons.ts';
import { factsOf } from '../../web/src/data/record-facts.ts';
import type * as Web from '../../web/src/data/types.ts';
import {
  formatAxisUsd,
  formatDuration,
  formatRange,
  formatShare,
  formatUsd,
  NOT_KNOWN,
} from '../../web/src/format.ts';
import { recordOf } from '../support/record.ts';

/** A value after `JSON.stringify` and `JSON.parse`, as records are shown. */
type Json<Value> = Value extends bigint
  ? string
  : Value extends object
    ? { [Name in keyof Value]: Json<Value[Name]> }
    : Value;
type WithUsd<Value> = Json<Value> & { readonly costUsd: number };

test('what the pages read is what the listener sends', () => {
  expectTypeOf<Summary>().toExtend<Web.Summary>();
  expectTypeOf<ShownTimelineRow>().toExtend<Web.TimelineRow>();
  expectTypeOf<WithUsd<RequestRecord>>().toExtend<Web.RequestRecord>();
  expectTypeOf<WithUsd<TrafficFinding>>().toExtend<Web.Finding>();
  expectTypeOf<Alert>().toExtend<Web.Alert>();
  expectTypeOf<IntegrityTotals & { findings: WithUsd<IntegrityFinding>[] }>().toExtend<Web.IntegrityReport>();
  expectTypeOf<LedgerHealth>().toExtend<Web.Ready['ledger']>();
  expectTypeOf<ShownReuse>().toExtend<Web.Reuse>();
  expectTypeOf<BodiesHealth>().toExtend<NonNullable<Web.Ready['bodies']>>();
  expectTypeOf<KeptBodies>().toExtend<Web.KeptBodies>();
});

const shown = (more: Partial<RequestRecord>): Web.RequestRecord =>
  JSON.parse(
    JSON.stringify({ ...recordOf(more), costUsd: null }, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    ),
  );

describe('money for reading', () => {
  test.each([
    [null, NOT_KNOWN],
    [0, '$0'],
    [1_234.5, '$1,234.50'],
    [-3.1, '−$3.10'],
    [0.079_900_8, '$0.0799'],
    [-0.000_593_2, '−$0.000593'],
    [0.000_001, '<$0.00001'],
    [0.999_6, '$1.00'],
  ])('%s is %s', (usd, text) => {
    expect(formatUsd(usd)).toBe(text);
  });

  test('at an axis tells small numbers apart', () => {
    const marks = [0, 0.000_002, 0.000_012, 0.015, 0.02, -0.5, 1_500];
    const texts = ['$0', '$0.000002', '$0.000012', '$0.015', '$0.02', '−$0.50', '$1,500.00'];
    expect(marks.map(formatAxisUsd)).toEqual(texts);
  });
});

describe('shares', () => {
  test.each([
    [0, 0, 'n/a'],
    [0, 7, '0 %'],
    [7, 7, '100 %'],
    [1, 3, '33.3 %'],
    [9_999_999, 10_000_000, '> 99.9 %'],
    [1, 10_000_000, '< 0.1 %'],
    [-1, 4, '−25.0 %'],
  ])('%s of %s is %s', (numerator, denominator, text) => {
    expect(formatShare(numerator, denominator).replaceAll('\u00A0', ' ')).toBe(text);
  });
});

test.each([
  [null, 'n/a'],
  [0, '0 ms'],
  [1_200, '1.2 s'],
  [59_999, '59 s'],
  [252_000, '4 min 12 s'],
  [7_500_000, '2 h 5 min'],
  [300_000_000, '3 d'],
  [-1_200, '−1.2 s'],
])('%s ms is %s', (durationMs, text) => {
  expect(formatDuration(durationMs)).toBe(text);
});

test.each([
  [0, 10_000, 'under 10 s'],
  [10_000, 30_000, '10–30 s'],
  [30_000, 60_000, '30 s–1 min'],
  [1_800_000, 3_600_000, '30 min–1 h'],
  [86_400_000, null, 'over 24 h'],
])('from %s ms to %s is %s', (fromMs, toMs, text) => {
  expect(formatRange(fromMs, toMs)).toBe(text);
});

describe('a record in words', () => {
  test('has the same facts in the same order, whatever it holds', () => {
    const names = (record: Web.RequestRecord): readonly string[] => factsOf(record).map(({ name }) => name);
    const bare = shown({ usage: null, cost: null, savings: null, shape: null, plan: null, prediction: null });
    expect(names(bare)).toEqual(names(shown({})));
    expect(factsOf(bare).find(({ name }) => name === 'Billed')?.text).toBe('n/a');
    for (const { text } of factsOf(bare)) expect(text).not.toMatch(/undefined|NaN|null/);
  });

  test('knows every reason of a miss', () => {
    const unknown = adviceFor('no such reason');
    for (const reason of MISS_REASONS) expect(adviceFor(reason)).not.toEqual(unknown);
  });
});

describe('the first difference of two bodies', () => {
  const body = {
    messages: [{ role: 'user', content: 'Hé, who?' }],
    system: 's',
    tools: [{ name: 'a' }, { name: 'b' }],
  };
  const at = (more: object): unknown =>
    findDifference(JSON.stringify(body), JSON.stringify({ ...body, ...more }));

  test.each<readonly [more: object, path: string, sameBytes: number | null]>([
    [{ tools: body.tools.toReversed(), system: 't' }, 'tools.0.name', 0],
    [{ tools: [...body.tools, { name: 'c' }] }, 'tools.2', null],
    [{ tools: [] }, 'tools.0', null],
    [{ system: 'so' }, 'system', 1],
    [{ system: [{ type: 'text', text: 's' }] }, 'system', null],
    [{ messages: [{ role: 'user', content: 'Hé, how?' }] }, 'messages.0.content', 5],
    [{ tool_choice: { type: 'any' } }, 'tool_choice', null],
    [{ stream: true, messages: [] }, 'messages.0', null],
  ])('with %j is at %s', (more, path, sameBytes) => {
    expect(at(more)).toMatchObject({ path, sameBytes });
  });

  test('does not part a character', () => {
    const say = (text: string): string => JSON.stringify({ system: `a${text}` });
    expect(findDifference(say('\u{1F600}'), say('\u{1F601}'))).toMatchObject({
      path: 'system',
      sameBytes: 1,
    });
  });

  test('is none where they are the same, and shows little of what is long', () => {
    expect(at({})).toBeNull();
    const long = (text: string): string =>
      JSON.stringify({ system: `${'x'.repeat(5_000)}${text}${'y'.repeat(5_000)}` });
    const found = findDifference(long('older'), long('newer'));
    expect(found).toMatchObject({ path: 'system', sameBytes: 5_000 });
    expect(found?.newer).toMatch(/^…x{30}newery+…$/);
    expect(found?.newer?.length).toBeLessThan(100);
  });
});

describe('the parts of a prompt', () => {
  const of = (atMs: number, toolsHash: string, tags: readonly string[] = ['a']): Web.RequestRecord =>
    shown({
      id: `req_${atMs}`,
      atMs,
      tags,
      plan: { added: [], declined: [], isApplied: true },
      shape: {
        blocks: { tools: 2, system: 1, messages: 1 },
        bytes: { tools: 100, system: 900, messages: 10 },
        toolsHash,
        systemHash: 'same',
        settingsHash: 's',
        lastHashes: [],
      },
    });

  test('are counted as changed between requests of one program', () => {
    const records = [of(5, 'y'), of(4, 'z', ['b']), of(3, 'x'), of(2, 'x'), of(1, 'w')];
    const [first, second] = newestByProgram(records);
    expect(first?.record.id).toBe('req_5');
    expect(first?.parts.map(({ level, changes, compared }) => [level, changes, compared])).toEqual([
      ['tools', 2, 3],
      ['system', 0, 3],
      ['messages', 0, 3],
    ]);
    expect(second?.parts[0]).toMatchObject({ changes: 0, compared: 0 });
  });

  test('leave out what a prompt does not have, and requests that were not read', () => {
    expect(newestByProgram([shown({ shape: null })])).toEqual([]);
  });
});
