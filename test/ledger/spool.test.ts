import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';

import { Spool } from '../../src/ledger/postgres/spool.ts';
import { SpoolingSink } from '../../src/ledger/postgres/spooling-sink.ts';
import { toRow, type LedgerRow } from '../../src/ledger/rows.ts';
import { ManualTime } from '../support/manual-time.ts';
import { recordOf } from '../support/record.ts';

const numRuns = Math.ceil(10 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const folder = mkdtempSync(join(tmpdir(), 'cachewright-spool-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const newFile = (): string => join(folder, `${(count += 1)}.jsonl`);

const rowsOf = (from: number, to: number, size = 10): readonly LedgerRow[] =>
  Array.from({ length: to - from }, (_, index) =>
    toRow(recordOf({ id: `r${from + index}`, error: 'x'.repeat(size), tags: ['t'] })),
  );

describe('a spool', () => {
  it('gives rows back as they were, a part at a time, and is empty then', async () => {
    const file = newFile();
    const spool = await Spool.open(file, 50_000_000);
    const rows = rowsOf(0, 60, 100_000);
    expect(await spool.append(rows)).toBe(0);
    const back: LedgerRow[] = [];
    let parts = 0;
    for (; spool.waiting > 0; parts += 1) {
      const part = await spool.next();
      back.push(...part.rows);
      await spool.advance(part);
    }
    expect(back).toEqual(rows);
    expect(parts).toBeGreaterThan(1);
    expect(statSync(file).size).toBe(0);
    await spool.append(rowsOf(60, 61));
    expect((await spool.next()).rows).toHaveLength(1);
    await spool.close();
  });

  it('takes a row that is larger than what is read in one go', async () => {
    const spool = await Spool.open(newFile(), 50_000_000);
    const rows = rowsOf(0, 2, 5_000_000);
    await spool.append(rows);
    for (const row of rows) {
      const part = await spool.next();
      expect(part.rows).toEqual([row]);
      await spool.advance(part);
    }
    expect(spool.waiting).toBe(0);
    await spool.close();
  });

  it('loses nothing but a line that was cut off, wherever the process was killed', async () => {
    const text = rowsOf(0, 20)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join('');
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: text.length }), async (cut) => {
        const file = newFile();
        writeFileSync(file, text.slice(0, cut));
        const spool = await Spool.open(file, 1_000_000);
        await spool.append(rowsOf(20, 22));
        const { rows } = await spool.next();
        // A line of which only the end is missing is whole.
        const whole = text.slice(0, cut + 1).split('\n').length - 1;
        expect(rows.map(({ id }) => id)).toEqual(
          [...rowsOf(0, whole), ...rowsOf(20, 22)].map(({ id }) => id),
        );
        await spool.close();
      }),
      { numRuns },
    );
  });
});

describe('a sink with a spool', () => {
  it('stores every row at least once, whenever the server fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), async (failures) => {
        const stored = new Set<string>();
        const pending = [...failures];
        const time = new ManualTime();
        const file = newFile();
        const sink = new SpoolingSink({
          spool: await Spool.open(file, 1_000_000),
          timers: time,
          tell: () => undefined,
          store: async (rows) => {
            if (pending.shift()) throw new Error('away');
            for (const { id } of rows) stored.add(id);
            return 0;
          },
        });
        for (let round = 0; round < 15; round += 1) {
          expect(await sink.store(rowsOf(round * 3, round * 3 + 3))).toBe(0);
          if (round % 4 === 3) await sink.drain();
        }
        while (sink.waiting > 0 || sink.problem !== null) await sink.drain();
        expect(stored.size).toBe(45);
        expect(sink.dropped).toBe(0);
        await sink.close();
        expect(readFileSync(file, 'utf8')).toBe('');
      }),
      { numRuns },
    );
  });
});
