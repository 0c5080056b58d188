import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { billTokens, resolveModel, standardPricing, type TokenCounts } from '../core/index.ts';
import type { LoggedCall } from '../logs/index.ts';
import { readUsage, type BilledUsage } from '../wire/index.ts';
import { Audit } from './audit.ts';
import { buildReport } from './build-report.ts';
import type { AuditReport, PartName } from './report-data.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const NOON_MS = Date.UTC(2026, 4, 1, 12);
const MODEL = 'claude-opus-4-5';

interface Given extends Partial<Omit<LoggedCall, 'usage'>> {
  readonly second: number;
  readonly read?: number;
  readonly write5m?: number;
  readonly write1h?: number;
  readonly uncached?: number;
  readonly output?: number;
}

function usageOf({ read = 0, write5m = 0, write1h = 0, uncached = 0, output = 0 }: Given): BilledUsage {
  const empty = readUsage({});
  if (!empty) throw new Error('no usage');
  return {
    ...empty,
    readTokens: read,
    write5mTokens: write5m,
    write1hTokens: write1h,
    uncachedTokens: uncached,
    outputTokens: output,
  };
}

let made = 0;

function callOf(given: Given): LoggedCall {
  made += 1;
  const { second, read: _r, write5m: _w, write1h: _h, uncached: _u, output: _o, ...more } = given;
  const atMs = NOON_MS + second * 1000;
  return {
    format: 'transcript',
    key: `call ${made}`,
    conversation: 'one',
    atMs,
    readyMs: atMs + 2000,
    isDated: true,
    model: MODEL,
    usage: usageOf(given),
    history: 'extends',
    extendsKey: null,
    clientVersion: null,
    evidence: null,
    prompt: null,
    recorded: null,
    ...more,
  };
}

function auditOf(...given: readonly Given[]): AuditReport {
  const audit = new Audit();
  for (const one of given) audit.add(callOf(one));
  audit.end();
  return buildReport(audit.totals, { files: 1, notes: [], moreNotes: 0 });
}

/** Tokens by part, without those of parts that every log has. */
function tokensOf(report: AuditReport): Partial<Record<PartName, number>> {
  const parts = report.parts.filter(({ name }) => name !== 'read' && name !== 'output');
  return Object.fromEntries(parts.map(({ name, tokens }) => [name, tokens]));
}

const sumOf = (report: AuditReport): bigint =>
  report.parts.reduce((sum, part) => sum + BigInt(part.cost.picoUsd), 0n);

const opening: Given = { second: 0, history: 'start', write5m: 20_000, uncached: 5 };

describe('each reason', () => {
  test.each<[string, readonly Given[], Partial<Record<PartName, number>>]>([
    ['start', [opening], { start: 20_005 }],
    [
      'new content',
      [opening, { second: 60, read: 20_000, write5m: 900, uncached: 3 }],
      { start: 20_005, new_content: 903 },
    ],
    [
      'expired',
      [opening, { second: 400, write5m: 20_900 }],
      { start: 20_005, expired: 20_000, new_content: 900 },
    ],
    [
      'a shared start is read again after the conversation expired',
      [opening, { second: 400, read: 15_000, write5m: 5900 }],
      { start: 20_005, expired: 5000, new_content: 900 },
    ],
    [
      'a 1h entry is alive, and is lost',
      [
        { ...opening, write5m: 0, write1h: 20_000 },
        { second: 400, write1h: 20_900 },
      ],
      { start: 20_005, unknown: 20_000, new_content: 900 },
    ],
    [
      'a 1h entry has expired',
      [
        { ...opening, write5m: 0, write1h: 20_000 },
        { second: 3700, write1h: 20_900 },
      ],
      { start: 20_005, expired: 20_000, new_content: 900 },
    ],
    [
      'only what lies behind the 1h entry has expired',
      [
        { ...opening, write5m: 5000, write1h: 15_000 },
        { second: 400, read: 15_000, write5m: 5900 },
      ],
      { start: 20_005, expired: 5000, new_content: 900 },
    ],
    [
      'tools, as the service says',
      [opening, { second: 60, write5m: 20_900, evidence: 'changed_tools' }],
      { start: 20_005, changed_tools: 20_000, new_content: 900 },
    ],
    [
      'system, as the service says',
      [opening, { second: 60, write5m: 20_900, evidence: 'changed_system' }],
      { start: 20_005, changed_system: 20_000, new_content: 900 },
    ],
    [
      'messages, as cleared results show',
      [opening, { second: 60, read: 15_000, write5m: 2000, history: 'edited' }],
      { start: 20_005, changed_messages: 2000 },
    ],
    [
      'a new client',
      [
        { ...opening, clientVersion: '1' },
        { second: 60, write5m: 20_900, clientVersion: '2' },
      ],
      { start: 20_005, changed_somewhere: 20_000, new_content: 900 },
    ],
    [
      'compaction',
      [opening, { second: 60, read: 15_000, write5m: 2500, uncached: 3, history: 'compacted' }],
      { start: 20_005, compaction: 2503 },
    ],
    [
      'a model switch',
      [opening, { second: 60, model: 'claude-sonnet-4-5', write5m: 20_900 }],
      { start: 20_005, model_switch: 20_000, new_content: 900 },
    ],
    [
      'in flight',
      [opening, { second: 1, write5m: 20_900 }],
      { start: 20_005, in_flight: 20_000, new_content: 900 },
    ],
    ['below the minimum', [{ second: 0, history: 'start', uncached: 900 }], { below_minimum: 900 }],
    [
      'no breakpoint',
      [
        { second: 0, history: 'start', uncached: 9000 },
        { second: 60, uncached: 9500 },
      ],
      { start: 9000, unmarked: 9000, new_content: 500 },
    ],
    [
      'nothing known stays unknown',
      [{ second: 0, history: 'unknown', write5m: 20_000 }],
      { unknown: 20_000 },
    ],
    [
      'nothing seen to have changed stays unknown',
      [opening, { second: 60, write5m: 20_900 }],
      { start: 20_005, unknown: 20_000, new_content: 900 },
    ],
  ])('%s', (_name, given, expected) => {
    const report = auditOf(...given);
    expect(tokensOf(report)).toEqual(expected);
    expect(sumOf(report)).toBe(BigInt(report.paid.picoUsd));
  });

  test('misses are priced in full, and beyond reading apart', () => {
    const report = auditOf(opening, { second: 400, write5m: 20_000 });
    const expired = report.parts.find((part) => part.name === 'expired');
    // Opus 4.5: 5m writes cost 6.25 and reads 0.50 dollars per MTok.
    expect(expired?.cost).toEqual({ picoUsd: '125000000000', usd: 0.125 });
    expect(expired?.beyondReading.picoUsd).toBe('115000000000');
  });

  test('a conversation that went back is held against the call that it extends', () => {
    const [first, second, third] = [
      callOf(opening),
      callOf({ second: 60, read: 20_000, write5m: 8000 }),
      callOf({ second: 120, read: 20_000, write5m: 300 }),
    ];
    const audit = new Audit();
    for (const call of [first, second, { ...third, extendsKey: first.key }]) audit.add(call);
    const report = buildReport(audit.totals, { files: 1, notes: [], moreNotes: 0 });
    expect(tokensOf(report)).toEqual({ start: 20_005, new_content: 8300 });
  });
});

describe('calls logged again', () => {
  test('are billed once, and carry the history of a resumed conversation', () => {
    const [first, second] = [callOf(opening), callOf({ second: 60, read: 20_000, write5m: 900 })];
    const audit = new Audit();
    for (const call of [first, second]) audit.add(call);
    for (const call of [first, second]) audit.add({ ...call, conversation: 'resumed' });
    audit.add(callOf({ second: 4000, write5m: 21_000, conversation: 'resumed' }));
    const report = buildReport(audit.totals, { files: 2, notes: [], moreNotes: 0 });
    expect(report).toMatchObject({ calls: 3, repeatedCalls: 2 });
    expect(tokensOf(report)).toEqual({ start: 20_005, expired: 20_900, new_content: 1000 });
  });
});

describe('1h writes', () => {
  const hourly: Given = { second: 0, history: 'start', write1h: 10_000 };
  const tokens = ({ hourWrites: { paid, notNeeded, neverRead } }: AuditReport): readonly number[] => [
    paid.tokens,
    notNeeded.tokens,
    neverRead.tokens,
  ];

  test('pay when they are read after a long pause', () => {
    expect(tokens(auditOf(hourly, { second: 900, read: 10_000, write1h: 500 }))).toEqual([10_000, 0, 500]);
  });

  test('were not needed when every pause was short', () => {
    const report = auditOf(hourly, { second: 60, read: 10_000 }, { second: 120, read: 10_000 });
    expect(tokens(report)).toEqual([0, 10_000, 0]);
    // 10,000 tokens at 10 in place of 6.25 dollars per MTok.
    expect(report.hourWrites.notNeeded.premium.usd).toBe(0.0375);
  });

  test('pay for the part that is read, and no more', () => {
    expect(tokens(auditOf(hourly, { second: 900, read: 4000, write1h: 6000 }))).toEqual([4000, 0, 12_000]);
  });
});

describe('what other policies would have cost', () => {
  const costOf = (report: AuditReport, name: string): bigint =>
    BigInt(report.policies.find((policy) => policy.name === name)?.cost.picoUsd ?? -1n);
  const bill = (tokens: Partial<TokenCounts>): bigint =>
    billTokens(
      resolveModel(MODEL).facts,
      { uncachedTokens: 0, readTokens: 0, write5mTokens: 0, write1hTokens: 0, outputTokens: 0, ...tokens },
      standardPricing(NOON_MS),
    ).totalPicoUsd;

  test('a pause of ten minutes is lost at 5m and bridged at 1h', () => {
    const report = auditOf({ ...opening, uncached: 0 }, { second: 600, write5m: 20_500 });
    const short = bill({ write5mTokens: 40_500 });
    expect(costOf(report, 'automatic-5m')).toBe(short);
    expect(costOf(report, 'cachewright')).toBe(short);
    expect(costOf(report, 'always-1h')).toBe(bill({ write1hTokens: 20_500, readTokens: 20_000 }));
    expect(costOf(report, 'no-caching')).toBe(bill({ uncachedTokens: 40_500 }));
    expect(BigInt(report.paid.picoUsd)).toBe(short);
  });

  test('a log without breakpoints shows what they would have saved', () => {
    const report = auditOf(
      { second: 0, history: 'start', uncached: 9000 },
      { second: 60, uncached: 9500 },
      { second: 120, uncached: 9700 },
    );
    expect(costOf(report, 'automatic-5m')).toBe(bill({ write5mTokens: 9700, readTokens: 18_500 }));
    expect(report.changes[0]?.saved.usd).toBeGreaterThan(0);
  });

  test('what conversations share is marked by the rules that mark it', () => {
    const report = auditOf(
      { ...opening, uncached: 0 },
      { second: 60, conversation: 'two', history: 'start', read: 15_000, write5m: 3000 },
    );
    expect(costOf(report, 'automatic-5m')).toBe(bill({ write5mTokens: 38_000 }));
    expect(costOf(report, 'cachewright')).toBe(bill({ write5mTokens: 23_000, readTokens: 15_000 }));
  });

  test('what a 1h entry kept alive is not credited to a 5m rule', () => {
    const report = auditOf({
      second: 60,
      history: 'start',
      read: 15_000,
      write1h: 3000,
    });
    expect(costOf(report, 'cachewright')).toBe(bill({ write5mTokens: 18_000 }));
    expect(costOf(report, 'always-1h')).toBe(bill({ write1hTokens: 3000, readTokens: 15_000 }));
  });
});

test('steps of one call are billed one by one, compaction as compaction', () => {
  const call = callOf({ second: 0, history: 'start' });
  const counters = {
    input_tokens: 10,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 5000,
    output_tokens: 20,
  };
  const usage = readUsage({
    ...counters,
    iterations: [
      { type: 'compaction', ...counters, output_tokens: 900 },
      { type: 'message', ...counters },
      { type: 'message', ...counters, cache_read_input_tokens: 5000, cache_creation_input_tokens: 40 },
      { type: 'advisor_message', model: 'claude-haiku-4-5', ...counters },
    ],
    server_tool_use: { web_search_requests: 2 },
  });
  const audit = new Audit();
  audit.add({ ...call, usage });
  const report = buildReport(audit.totals, { files: 1, notes: [], moreNotes: 0 });
  expect(tokensOf(report)).toEqual({
    compaction: 5010,
    start: 5010,
    new_content: 50,
    side_steps: 5010,
    server_tools: 0,
  });
  expect(sumOf(report)).toBe(BigInt(report.paid.picoUsd));
});

describe('any log', () => {
  const count = fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.nat({ max: 60_000 }));
  const given: fc.Arbitrary<Given> = fc.record({
    second: fc.nat({ max: 9000 }),
    conversation: fc.constantFrom('one', 'two'),
    model: fc.constantFrom(MODEL, 'claude-haiku-5-5', 'somebody-else', 'claude-sonnet-5-5'),
    history: fc.constantFrom('start', 'extends', 'compacted', 'edited', 'unknown'),
    evidence: fc.constantFrom(null, 'changed_tools', 'changed_model', 'in_flight'),
    read: count,
    write5m: count,
    write1h: count,
    uncached: count,
    output: count,
  });
  const log = fc.array(given, { maxLength: 25 });
  const numRuns = Math.ceil(100 * effort);

  test('every dollar is in one part: the parts add up to the bill, and the tokens to the tokens', () => {
    fc.assert(
      fc.property(log, (list) => {
        const report = auditOf(...list);
        const bills = list.map(
          (one) =>
            billTokens(
              resolveModel(one.model ?? '').facts,
              usageOf(one),
              standardPricing(NOON_MS + one.second * 1000),
            ).totalPicoUsd,
        );
        const bill = bills.reduce((sum, own) => sum + own, 0n);
        expect(BigInt(report.paid.picoUsd)).toBe(bill);
        expect(sumOf(report)).toBe(bill);
        const models = report.models.reduce((sum, model) => sum + BigInt(model.cost.picoUsd), 0n);
        expect(models).toBe(bill);
        const tokens = report.parts.reduce((sum, part) => sum + part.tokens, 0);
        expect(tokens).toBe(report.tokens.total + report.tokens.output);
      }),
      { numRuns },
    );
  });

  test('1h writes are told apart without losing one, and every policy has all tokens', () => {
    fc.assert(
      fc.property(log, (list) => {
        const report = auditOf(...list);
        const { paid, notNeeded, neverRead, tokens } = report.hourWrites;
        expect(tokens).toBe(report.tokens.write1h);
        expect(paid.tokens + notNeeded.tokens + neverRead.tokens).toBe(tokens);
        for (const sum of [paid, notNeeded, neverRead])
          expect(BigInt(sum.premium.picoUsd)).toBeGreaterThanOrEqual(0n);
        expect(report.policies).toHaveLength(4);
      }),
      { numRuns },
    );
  });
});
