import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  alikeRecord,
  BUCKET_MS,
  createMemoryLedger,
  openLedgerFile,
  openSqliteLedger,
  type AlikeRecords,
  type HitFacts,
  type Ledger,
  type RecordFilter,
  type RequestRecord,
} from '../../src/ledger/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { SqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { collect } from '../support/ledger-contract.ts';
import { ManualTime } from '../support/manual-time.ts';
import { costOf, ownCostOf, recordOf } from '../support/record.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const START_MS = Date.UTC(2026, 10, 1);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-alike-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function hitOf(more: Partial<RequestRecord> = {}): RequestRecord {
  const responses = {
    outcome: 'hit',
    detail: 'memory',
    ageMs: null,
    savedPicoUsd: null,
    savedMs: null,
  } as const;
  return recordOf({ cost: costOf(0n), responses, ...more });
}

const NOTHING: HitFacts = { ageMs: null, savedPicoUsd: null, savedMs: null };

/** The memory ledger is told each of them; the other one what they have in common, and then the rest. */
class Both {
  readonly memory = createMemoryLedger(100_000);
  readonly ledger: Ledger;
  readonly #alike = new Map<RequestRecord, AlikeRecords>();

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  hit(common: RequestRecord, atMs: number, tookMs = 1, facts: HitFacts = NOTHING): string {
    const alike = this.#alike.get(common) ?? this.ledger.alike?.(common);
    if (!alike) throw new Error('it does not take them');
    this.#alike.set(common, alike);
    const id = alike.begin(atMs);
    alike.end(tookMs, facts);
    this.memory.add(alikeRecord(common, id, Math.floor(atMs), tookMs, facts));
    return id;
  }

  add(record: RequestRecord): void {
    for (const ledger of [this.memory, this.ledger]) ledger.add(record);
  }
}

async function expectSame({ ledger, memory }: Both, filter: RecordFilter): Promise<void> {
  expect(await ledger.summary(filter)).toEqual(memory.summary(filter));
  for (const bucketMs of [BUCKET_MS, 12 * BUCKET_MS])
    expect(await ledger.timeline(filter, bucketMs)).toEqual(await memory.timeline(filter, bucketMs));
  const ids = (records: readonly RequestRecord[]): readonly string[] =>
    records.map(({ id }) => id).toSorted();
  const [given, wanted] = [await collect(ledger.export(filter)), await collect(memory.export(filter))];
  expect(ids(given)).toEqual(ids(wanted));
  expect(given.map(({ atMs }) => atMs)).toEqual(wanted.map(({ atMs }) => atMs));
  const byId = new Map(wanted.map((record) => [record.id, record]));
  for (const record of given) expect(record).toEqual(byId.get(record.id));
}

const SCOPES = ['s', 'two'];
const MODELS = ['claude-opus-5-5', 'claude-haiku-5-5'];
const TAGS = [[], ['a'], ['a', 'b']];

const KINDS = SCOPES.flatMap((scope) =>
  MODELS.flatMap((model) => TAGS.map((tags) => hitOf({ scope, model, tags }))),
);

const orNull = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.option(value, { nil: null });

/** Times that often lie near each other, and at the edges of buckets. */
const step = fc.oneof(
  fc.constantFrom(0, 0, 0, 1, 999, 1_000, -1, -5_000, BUCKET_MS, 20 * BUCKET_MS),
  fc.integer({ min: 0, max: 400 }),
);

const told = fc.record({
  step,
  kind: fc.nat(KINDS.length - 1),
  isSingle: fc.constantFrom(false, false, false, true),
  isFlushed: fc.constantFrom(false, false, false, false, false, true),
  times: fc.constantFrom(1, 1, 1, 2, 40, 700),
  tookMs: fc.nat(20),
  facts: fc.record({
    ageMs: orNull(fc.nat(1e6)),
    savedPicoUsd: orNull(fc.oneof(fc.bigInt(0n, 10n ** 12n), fc.constant(2n ** 60n))),
    savedMs: orNull(fc.integer({ min: -50, max: 60_000 })),
  }),
});

const bound = fc.option(
  fc.oneof(fc.integer({ min: 0, max: BUCKET_MS }), fc.constantFrom(0, BUCKET_MS, 2 * BUCKET_MS)),
  {
    nil: undefined,
  },
);
const pick = (values: readonly string[]): fc.Arbitrary<string | undefined> =>
  fc.option(fc.constantFrom(...values, 'unknown'), { nil: undefined });
const filters = fc.array(
  fc.record({
    fromMs: bound.map((ms) => (ms === undefined ? ms : START_MS + ms)),
    toMs: bound.map((ms) => (ms === undefined ? ms : START_MS + ms)),
    scope: pick(SCOPES),
    model: pick(MODELS),
    tag: pick(['a', 'b']),
  }),
  { minLength: 3, maxLength: 5 },
);

describe('records of hits that are alike', () => {
  it(
    'are each there for whoever asks, in any order and with any filter, as if each had been added',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(told, { maxLength: 25 }),
          filters,
          fc.infiniteStream(fc.nat()),
          async (list, asked, nat) => {
            const place = mkdtempSync(join(folder, 'run-'));
            const both = new Both(await openSqliteLedger(place));
            let atMs = START_MS;
            for (const [
              index,
              { step: stepMs, kind, isSingle, isFlushed, times, tookMs, facts },
            ] of list.entries()) {
              atMs += stepMs;
              const common = KINDS[kind] ?? hitOf();
              if (isSingle) both.add(recordOf({ ...common, id: `single-${index}`, atMs, cost: costOf(3n) }));
              else
                for (let hit = 0; hit < times; hit += 1) both.hit(common, atMs + (hit >> 6), tookMs, facts);
              if (isFlushed) await both.ledger.flush();
            }
            for (const filter of [{}, ...asked]) await expectSame(both, filter);
            await expectListed(both, () => nat.next().value ?? 0);
            await both.ledger.close();
          },
        ),
        { numRuns: Math.ceil(15 * effort) },
      );
    },
    60_000 + 30_000 * effort,
  );

  /** All records, from the last to the first, in parts of any length. */
  async function expectListed({ ledger, memory }: Both, random: () => number): Promise<void> {
    const ids: string[] = [];
    for (;;) {
      const limit = 1 + (random() % 300);
      const part = await ledger.list(limit, ids.at(-1));
      ids.push(...part.map(({ id }) => id));
      if (part.length < limit) break;
    }
    const wanted = memory.list(100_000).map(({ id }) => id);
    expect(ids).toHaveLength(wanted.length);
    expect(new Set(ids)).toEqual(new Set(wanted));
    expect(await ledger.list(10, 'nobody')).toEqual([]);
    expect(await ledger.list(10, 'req_01aaaaaaaaaaaaaaaaaaaAA')).toEqual([]);
  }

  it('take one row of the file for as many as come at one time', async () => {
    const both = new Both(await openSqliteLedger(folder));
    const common = hitOf({ tags: ['a'] });
    const ids = Array.from({ length: 1_500 }, (_none, index) => both.hit(common, START_MS + (index >> 3)));
    expect(new Set(ids).size).toBe(1_500);
    expect(both.ledger.health().waiting).toBe(1_500);
    await expectSame(both, {});
    await both.ledger.close();
    const database = new DatabaseSync(join(folder, 'ledger.db'));
    expect(database.prepare('SELECT count(*) AS n FROM record').get()).toEqual({ n: 2 });
    expect(database.prepare('SELECT count(*) AS n FROM amount').get()).toEqual({ n: 0 });
    database.close();
    const reading = await openLedgerFile(folder);
    expect(await reading.summary({ tag: 'a' })).toMatchObject({ requests: 1_500 });
    expect((await reading.list(3)).map(({ id }) => id)).toEqual(ids.slice(-3).toReversed());
    expect((await reading.list(2, ids[700])).map(({ id }) => id)).toEqual([ids[699], ids[698]]);
    await reading.close();
  });

  it('that lie a second or the end of a bucket apart, or go back in time, are not in one row', async () => {
    const both = new Both(await openSqliteLedger(folder));
    const common = hitOf();
    const beginOf = (atMs: number): string => both.hit(common, atMs).slice(0, -2);
    const endMs = START_MS + BUCKET_MS;
    const begins = [START_MS + 5, START_MS + 1_004, START_MS + 1_005, START_MS + 1_004, endMs - 1, endMs].map(
      beginOf,
    );
    expect(begins[1]).toBe(begins[0]);
    expect(new Set(begins.slice(1)).size).toBe(5);
    for (const atMs of [START_MS, START_MS + 5, START_MS + 6, START_MS + 1_005, endMs, endMs + 1]) {
      await expectSame(both, { fromMs: atMs });
      await expectSame(both, { toMs: atMs });
    }
    await both.ledger.close();
  });

  it('are stored within a tenth of a second, and counted while they wait', async () => {
    const time = new ManualTime();
    const ledger = await SqliteLedger.open(
      { file: join(folder, 'ledger.db') },
      { clock: time, timers: time, random: seededRandom(1) },
    );
    const both = new Both(ledger);
    both.hit(hitOf(), time.nowMs());
    expect(ledger.health()).toMatchObject({ waiting: 1 });
    time.advance(100);
    await ledger.flush();
    expect(ledger.health()).toMatchObject({ waiting: 0, dropped: 0 });
    const reading = await openLedgerFile(folder);
    expect(await reading.summary()).toMatchObject({ requests: 1 });
    await reading.close();
    await ledger.close();
  });

  it('are taken only where sums count each as a hit and as nothing else', async () => {
    const ledger = await openSqliteLedger(folder);
    expect(ledger.alike?.(hitOf())).not.toBeNull();
    expect(ledger.alike?.(hitOf({ cost: costOf(1n) }))).toBeNull();
    expect(ledger.alike?.(hitOf({ cost: null }))).toBeNull();
    expect(ledger.alike?.(recordOf({ cost: costOf(0n) }))).toBeNull();
    await ledger.close();
  });

  it('that were not ended are no records', async () => {
    const ledger = await openSqliteLedger(folder);
    const alike = ledger.alike?.(hitOf());
    const id = alike?.begin(START_MS);
    expect(alike?.begin(START_MS)).toBe(id);
    alike?.end(1, NOTHING);
    expect(alike?.begin(START_MS)).not.toBe(id);
    expect((await ledger.list(9)).map((record) => record.id)).toEqual([id]);
    await ledger.close();
  });

  it('are removed with the others when their time has come', async () => {
    const ledger = await openSqliteLedger(folder);
    const both = new Both(ledger);
    for (let index = 0; index < 300; index += 1) both.hit(hitOf({ tags: ['a'] }), START_MS + index * 2_000);
    ledger.addOwn(ownCostOf({ atMs: START_MS }));
    await ledger.close();
    const time = new ManualTime();
    time.advance(START_MS + BUCKET_MS + 90 * 86_400_000 - time.nowMs());
    const later = await SqliteLedger.open(
      { file: join(folder, 'ledger.db'), sumDays: 400 },
      { clock: time, timers: time },
    );
    time.advance(30_000);
    const left = async (): Promise<number> => {
      time.advance(50);
      return (await collect(later.export())).length;
    };
    await expect.poll(left, { timeout: 20_000, interval: 1 }).toBe(150);
    expect(await later.summary()).toMatchObject({ requests: 300 });
    expect(await later.summary({ fromMs: START_MS + BUCKET_MS })).toMatchObject({ requests: 150 });
    await later.close();
  });

  it('are lost with the count where there is no room for them', async () => {
    const time = new ManualTime();
    const ledger = await SqliteLedger.open(
      { file: join(folder, 'ledger.db'), waitingMax: 100 },
      { clock: time, timers: time },
    );
    const alike = ledger.alike(hitOf());
    for (let index = 0; index < 1_024; index += 1) {
      alike?.begin(START_MS);
      alike?.end(1, NOTHING);
    }
    expect(ledger.health()).toMatchObject({ waiting: 0, dropped: 1_024 });
    await ledger.close();
  });
});
