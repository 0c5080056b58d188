import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  createMemoryLedger,
  exportRows,
  formatExactUsd,
  type ExportFormat,
  type OwnCost,
  type RequestRecord,
} from '../../src/ledger/index.ts';
import { costOf, ownCostOf, recordOf, usageOf } from '../support/record.ts';
import { RandomRecords } from './random-records.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
/** 100,000 at an effort of 20. */
const USAGES = Math.round(5_000 * effort);

/** The columns as they were published: what reads these files by place must go on to find them there. */
const HEADER =
  'id,kind,at,at_ms,scope,tags,path,model,mode,status,message_id,stop_reason,service_tier,speed,inference_geo,' +
  'uncached_tokens,read_tokens,write_5m_tokens,write_1h_tokens,output_tokens,web_search_requests,' +
  'web_fetch_requests,code_execution_requests,iterations,cost_usd,cost_uncached_usd,cost_read_usd,' +
  'cost_write_5m_usd,cost_write_1h_usd,cost_output_usd,cost_server_tools_usd,saved_no_caching_usd,' +
  'saved_client_usd,saved_automatic_usd,predicted_uncached_tokens,predicted_read_tokens,' +
  'predicted_write_5m_tokens,predicted_write_1h_tokens,miss_reasons,missed_tokens,missed_usd,breakpoints_added,' +
  'is_plan_applied,response_outcome,response_detail,response_age_ms,response_saved_usd,response_saved_ms,' +
  'gate_role,gate_end,gate_waited_ms,gate_followers,gate_saved_usd,skip_reason,is_resent,is_partial,error,' +
  'first_byte_ms,total_ms,estimated_tokens,diagnostics_reason,is_diagnostics_disputed,response_model';

async function* iterate<Thing>(things: readonly Thing[]): AsyncGenerator<Thing> {
  yield* things;
}

async function exportText(
  format: ExportFormat,
  requests: readonly RequestRecord[],
  own: readonly OwnCost[] = [],
): Promise<string> {
  let text = '';
  for await (const chunk of exportRows(format, { requests: iterate(requests), own: iterate(own) }))
    text += chunk;
  return text;
}

type Row = Readonly<Record<string, string>>;

/** Read by a package that knows nothing of us. */
function readCsv(text: string): readonly Row[] {
  return parse(text, { columns: true, record_delimiter: '\r\n' });
}

/** Exact: decimal text to whole pico-dollars. */
function toPico(text: string | undefined): bigint {
  const [, sign = '', whole = '', rest = ''] = /^(-?)(\d+)\.(\d{12})$/.exec(text ?? '') ?? [];
  if (rest === '') throw new Error(`${text} is no number with twelve decimals`);
  return BigInt(`${sign}${whole}${rest}`);
}

/** Guarding undone, as the documentation tells readers to. */
const unguard = (text: string | undefined): string => (text ?? '').replace(/^'/, '');

describe('formatExactUsd', () => {
  it.each([
    [0n, '0.000000000000'],
    [1n, '0.000000000001'],
    [-1n, '-0.000000000001'],
    [1_000_000_000_000n, '1.000000000000'],
    [-20_668_000_000n, '-0.020668000000'],
    [10n ** 30n + 1n, '1000000000000000000.000000000001'],
  ])('%s is %s', (pico, text) => expect(formatExactUsd(pico)).toBe(text));

  it('loses nothing at any size', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 40n), 10n ** 40n), (pico) => {
        expect(toPico(formatExactUsd(pico))).toBe(pico);
      }),
      { numRuns: Math.round(200 * effort) },
    );
  });
});

describe('CSV', () => {
  it('has the published columns in the published order, later ones after them', async () => {
    const [first] = (await exportText('csv', [])).split('\r\n');
    expect(first).toMatch(new RegExp(`^${HEADER}(,|$)`));
  });

  it(`adds up to the ledger's pico-dollars, over ${USAGES} usages of all models, days and modifiers`, async () => {
    const random = new RandomRecords(20_261_123);
    const ledger = createMemoryLedger(USAGES * 2);
    for (let count = 0; count < USAGES; count += 1) {
      ledger.add(random.request());
      if (count % 10 === 0) ledger.addOwn(random.own());
    }
    const rows: Row[] = [];
    let text = '';
    for await (const chunk of exportRows('csv', { requests: ledger.export(), own: ledger.exportOwn() }))
      text += chunk;
    rows.push(...readCsv(text));
    const summary = ledger.summary();
    const sum = (kind: string, column: string): bigint =>
      rows
        .filter((row) => row['kind'] === kind && row[column] !== '')
        .reduce((total, row) => total + toPico(row[column]), 0n);
    expect(rows.filter(({ kind }) => kind === 'request')).toHaveLength(USAGES);
    expect(sum('request', 'cost_usd')).toBe(random.sums.picoUsd);
    expect(sum('request', 'cost_usd').toString()).toBe(summary.costPicoUsd);
    expect(sum('request', 'saved_no_caching_usd')).toBe(random.sums.noCachingPicoUsd);
    expect(sum('keep-alive', 'cost_usd')).toBe(random.sums.ownPicoUsd);
    const parts = ['uncached', 'read', 'write_5m', 'write_1h', 'output', 'server_tools'];
    const partSum = parts.reduce((total, part) => total + sum('request', `cost_${part}_usd`), 0n);
    expect(partSum).toBe(random.sums.picoUsd);
    const tokens = rows.reduce((total, row) => total + Number(row['read_tokens']), 0);
    expect(tokens).toBe(random.sums.readTokens);
    expect(rows.filter((row) => row['cost_usd'] === '')).toHaveLength(random.sums.unreported);
    const times = rows.map((row) => Number(row['at_ms']));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('tells what is not known from 0, and losses by a plain negative number', async () => {
    const unknown = recordOf({ id: 'req_unknown' });
    const loss = recordOf({
      id: 'req_loss',
      usage: usageOf({
        uncachedTokens: 0,
        readTokens: 0,
        write5mTokens: 9,
        write1hTokens: 0,
        outputTokens: 0,
      }),
      cost: costOf(0n),
      savings: { noCachingPicoUsd: -8_995_000_000n, clientPicoUsd: 0n, automaticPicoUsd: 1n },
    });
    const [first, second] = readCsv(await exportText('csv', [unknown, loss]));
    expect(first).toMatchObject({
      cost_usd: '',
      read_tokens: '',
      saved_client_usd: '',
      missed_usd: '0.000000000000',
    });
    expect(second).toMatchObject({
      cost_usd: '0.000000000000',
      read_tokens: '0',
      saved_no_caching_usd: '-0.008995000000',
      saved_automatic_usd: '0.000000000001',
    });
  });

  it('holds nothing that a spreadsheet computes, and gives every text back', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc
        .tuple(
          fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', "'", '"', ','),
          fc.string({ maxLength: 8 }),
        )
        .map(([first, rest]) => first + rest),
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (model, error) => {
        const text = await exportText(
          'csv',
          [recordOf({ model, error, tags: [error] })],
          [ownCostOf({ model })],
        );
        const [request, own] = readCsv(text);
        expect(unguard(request?.['model'])).toBe(model);
        expect(unguard(request?.['error'])).toBe(error);
        expect(unguard(request?.['tags'])).toBe(error);
        expect(unguard(own?.['model'])).toBe(model);
        for (const cell of [request?.['model'], request?.['error'], own?.['model']])
          expect(cell).not.toMatch(/^[=+\-@\t\r\n]/);
      }),
      { numRuns: Math.round(100 * effort) },
    );
  });

  it('reads no more than it has been asked to write', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<RequestRecord> {
      for (;;) {
        read += 1;
        yield recordOf({ id: `req_${read}`, atMs: read });
      }
    }
    const rows = exportRows('csv', { requests: endless(), own: iterate([]) });
    await rows.next();
    expect(read).toBeLessThan(2_000);
    const before = read;
    await rows.next();
    expect(read).toBeLessThan(before * 3);
    await rows.return(undefined);
  });

  it('ends what it reads from when nobody reads it any longer', async () => {
    const ended: string[] = [];
    async function* until<Thing>(name: string, thing: Thing): AsyncGenerator<Thing> {
      try {
        for (;;) yield thing;
      } finally {
        ended.push(name);
      }
    }
    const rows = exportRows('csv', {
      requests: until('requests', recordOf()),
      own: until('own', ownCostOf()),
    });
    await rows.next();
    await rows.return(undefined);
    expect(ended.toSorted()).toEqual(['own', 'requests']);
  });
});

describe('JSONL', () => {
  it('has a line for every request, money as decimal strings', async () => {
    const records = [recordOf({ id: 'req_a', cost: costOf(12n) }), recordOf({ id: 'req_b', error: 'a\nb' })];
    const lines = (await exportText('jsonl', records, [ownCostOf()])).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { id: 'req_a', cost: { totalPicoUsd: '12' }, costUsd: 1.2e-11 },
      { id: 'req_b', cost: null, costUsd: null, error: 'a\nb' },
    ]);
  });
});
