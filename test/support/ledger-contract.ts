import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  BUCKET_MS,
  createMemoryLedger,
  nothingKnown,
  type Ledger,
  type Miss,
  type MissReason,
  type OwnCost,
  type RecordFilter,
  type RequestRecord,
} from '../../src/ledger/index.ts';
import { costOf, ownCostOf, recordOf, usageOf } from './record.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 10, 1);

/** Everything that an iterable gives. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const REASONS: readonly MissReason[] = ['expired', 'tools_changed', 'in_flight'];
const SCOPES = ['s', 'scope two', "it's; --"];
const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'ünïcode "model"'];
const TAGS = ['a', 'b', 'with, comma', "'"];

const pico = fc.oneof(
  fc.bigInt(-1_000_000_000_000n, 1_000_000_000_000n),
  fc.bigInt(-(10n ** 20n), 10n ** 20n),
);
const count = fc.nat(1_000_000);

/** Times since a last use, which often lie at the edges of bins. */
const age = fc.option(
  fc.oneof(fc.nat(2 * DAY_MS), fc.constantFrom(0, 299_999, 300_000, HOUR_MS - 1, HOUR_MS, DAY_MS)),
  { nil: null },
);

const miss: fc.Arbitrary<Miss> = fc.record({
  reason: fc.constantFrom(...REASONS),
  tokens: count,
  costPicoUsd: pico,
  evidence: age.map((ageMs) => ({ ...nothingKnown, path: 'messages.1', byteRange: [3, 7], ageMs })),
});

const prediction = fc
  .tuple(age, fc.constantFrom('5m', '1h', null))
  .map(([readAgeMs, readTtl]): RequestRecord['prediction'] => ({
    readTokens: 0,
    write5mTokens: 0,
    write1hTokens: 0,
    uncachedTokens: 0,
    estimatedTokens: 0,
    readLeftMs: null,
    readAgeMs,
    readTtl,
  }));

const usage = fc
  .record({
    uncachedTokens: count,
    readTokens: count,
    write5mTokens: count,
    write1hTokens: count,
    outputTokens: count,
  })
  .map(usageOf);

/** Times that often lie at the edges of buckets. */
const time = fc.oneof(
  fc.integer({ min: 0, max: 3 * DAY_MS }),
  fc.constantFrom(0, 1, BUCKET_MS - 1, BUCKET_MS, HOUR_MS, DAY_MS - 1, DAY_MS, DAY_MS + 1, 2 * DAY_MS),
);

const orNull = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.option(value, { nil: null });

const savings = fc.record({ noCachingPicoUsd: pico, clientPicoUsd: pico, automaticPicoUsd: pico });

const gate = fc.constantFrom('begun', 'failed', 'left', null).map((end): RequestRecord['gate'] => ({
  role: 'follower',
  end,
  waitedMs: 5,
  followers: 0,
  savedTokens: 0,
  savedPicoUsd: 0n,
}));

const diagnostics = fc.boolean().map((isDisputed): RequestRecord['diagnostics'] => ({
  reason: 'tools_changed',
  missedTokens: null,
  isPending: false,
  isDisputed,
}));

const responses = fc
  .constantFrom('hit', 'collapsed', 'stored', 'miss', 'bypass')
  .map((outcome): RequestRecord['responses'] => ({
    outcome,
    detail: null,
    ageMs: null,
    savedPicoUsd: null,
    savedMs: null,
  }));

const record: fc.Arbitrary<Partial<RequestRecord>> = fc.record({
  gate: orNull(gate),
  diagnostics: orNull(diagnostics),
  responses: orNull(responses),
  atMs: time.map((offsetMs) => START_MS + offsetMs),
  scope: fc.constantFrom(...SCOPES),
  model: fc.constantFrom(...MODELS),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 }),
  usage: orNull(usage),
  prediction: orNull(prediction),
  cost: orNull(pico.map(costOf)),
  savings: orNull(savings),
  misses: fc.array(miss, { maxLength: 3 }),
  firstByteMs: orNull(fc.double({ min: 0, max: 1e5, noNaN: true })),
});

const ownCost: fc.Arbitrary<Partial<OwnCost>> = fc.record({
  atMs: time.map((offsetMs) => START_MS + offsetMs),
  scope: fc.constantFrom(...SCOPES),
  model: fc.constantFrom(...MODELS),
  costPicoUsd: pico,
});

const optional = <Value>(values: readonly Value[]): fc.Arbitrary<Value | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 1 });

const filter: fc.Arbitrary<RecordFilter> = fc.record({
  fromMs: fc.option(
    time.map((offsetMs) => START_MS + offsetMs),
    { nil: undefined },
  ),
  toMs: fc.option(
    time.map((offsetMs) => START_MS + offsetMs),
    { nil: undefined },
  ),
  scope: optional([...SCOPES, 'nobody']),
  model: optional([...MODELS, 'no model']),
  tag: optional([...TAGS, 'no tag']),
});

/** A ledger that holds nothing, and what ends it. */
export interface OpenedLedger {
  readonly ledger: Ledger;
  readonly dispose: () => Promise<void>;
}

async function withLedger(
  open: () => Promise<OpenedLedger>,
  run: (ledger: Ledger) => Promise<void>,
): Promise<void> {
  const { ledger, dispose } = await open();
  try {
    await run(ledger);
  } finally {
    await dispose();
  }
}

const idsOf = (items: readonly { readonly id: string }[]): readonly string[] => items.map(({ id }) => id);

function describeRecords(open: () => Promise<OpenedLedger>): void {
  it('gives every member of a record back', async () => {
    const kept = recordOf({
      id: 'req_"quoted"\n',
      atMs: START_MS + 17,
      tags: ['x', 'y'],
      usage: {
        ...usageOf({ uncachedTokens: 1, readTokens: 2, write5mTokens: 3, write1hTokens: 4, outputTokens: 5 }),
        iterations: [],
      },
      cost: costOf(-3n),
      savings: { noCachingPicoUsd: 10n ** 22n, clientPicoUsd: 0n, automaticPicoUsd: -1n },
      misses: [{ reason: 'expired', tokens: 3, costPicoUsd: 9n, evidence: { ...nothingKnown, ageMs: 1.5 } }],
      responses: { outcome: 'hit', detail: null, ageMs: 3, savedPicoUsd: 4n, savedMs: -0.25 },
      error: 'a lone \ud800 surrogate and a NUL \0',
    });
    await withLedger(open, async (ledger) => {
      ledger.add(kept);
      await ledger.flush();
      expect(await ledger.list(5)).toEqual([kept]);
      expect(await collect(ledger.export())).toEqual([kept]);
    });
  });

  it('lists the last stored first, and goes on before a record although others have come', async () => {
    await withLedger(open, async (ledger) => {
      for (let index = 0; index < 350; index += 1)
        ledger.add(recordOf({ id: `r${index}`, atMs: 350 - index }));
      ledger.addOwn(ownCostOf({ id: 'ping' }));
      await ledger.flush();
      expect(idsOf(await ledger.list(2))).toEqual(['r349', 'r348']);
      ledger.add(recordOf({ id: 'late' }));
      await ledger.flush();
      expect(idsOf(await ledger.list(2, 'r348'))).toEqual(['r347', 'r346']);
      expect(idsOf(await ledger.list(300, 'r320'))).toHaveLength(300);
      expect(await ledger.list(2, 'r0')).toEqual([]);
      expect(await ledger.list(2, 'nobody')).toEqual([]);
    });
  });

  it('stores a record once, however often it is added', async () => {
    await withLedger(open, async (ledger) => {
      const twice = recordOf({ id: 'same', cost: costOf(5n), tags: ['t'] });
      ledger.add(twice);
      ledger.add(twice);
      await ledger.flush();
      ledger.add(twice);
      for (const id of ['ping', 'ping', 'same']) ledger.addOwn(ownCostOf({ id, costPicoUsd: 10n ** 12n }));
      await ledger.flush();
      expect(await ledger.summary()).toMatchObject({ requests: 1, costPicoUsd: '5', ownCostUsd: 2 });
      expect(await ledger.summary({ tag: 't' })).toMatchObject({ requests: 1, costPicoUsd: '5' });
      expect(await ledger.list(10)).toHaveLength(1);
    });
  });

  it('exports more records than fit into one page, in the order of time', async () => {
    await withLedger(open, async (ledger) => {
      const times = Array.from({ length: 700 }, (_, index) => (index * 37) % 100);
      times.forEach((atMs, index) => ledger.add(recordOf({ id: `r${index}`, atMs })));
      await ledger.flush();
      const exported = await collect(ledger.export());
      expect(exported.map(({ atMs }) => atMs)).toEqual(times.toSorted((a, b) => a - b));
      expect(new Set(idsOf(exported)).size).toBe(700);
    });
  });

  it('adds money of one batch to that of another to the pico-dollar', async () => {
    await withLedger(open, async (ledger) => {
      const amounts = [999_999_999_999n, 999_999_999_999n, -1n, 3n * 10n ** 18n + 7n, -(10n ** 20n) - 1n];
      for (const [index, amount] of amounts.entries()) {
        const missed = { reason: 'expired' as const, tokens: 1, costPicoUsd: amount, evidence: nothingKnown };
        ledger.add(recordOf({ id: `r${index}`, cost: costOf(amount), misses: [missed, missed] }));
        ledger.addOwn(ownCostOf({ id: `o${index}`, costPicoUsd: amount }));
        await ledger.flush();
      }
      const sum = amounts.reduce((total, amount) => total + amount, 0n);
      expect((await ledger.summary()).costPicoUsd).toBe(sum.toString());
      for (const bucketMs of [BUCKET_MS, HOUR_MS, DAY_MS]) {
        const misses = [{ reason: 'expired', requests: 5, tokens: 10, costPicoUsd: 2n * sum }];
        expect(await ledger.timeline({}, bucketMs)).toMatchObject([
          { atMs: 0, requests: 5, costPicoUsd: sum, ownCostPicoUsd: sum, misses },
        ]);
      }
    });
  });

  it('is empty at first, and refuses buckets of no length', async () => {
    await withLedger(open, async (ledger) => {
      expect(await ledger.summary()).toEqual(createMemoryLedger().summary());
      expect(await ledger.timeline({}, BUCKET_MS)).toEqual([]);
      expect(await ledger.list(10)).toEqual([]);
      await expect(ledger.timeline({}, 1000)).rejects.toThrow(RangeError);
      await expect(ledger.timeline({}, 0)).rejects.toThrow(RangeError);
      expect(ledger.health()).toEqual({ waiting: 0, dropped: 0, problem: null });
    });
  });
}

const DOLLAR = 10n ** 12n;

/** A request that wanted prefixes again: what it read after a time, and what had expired for how many cents. */
function wanted(
  read: readonly [ageMs: number, ttl: '5m' | '1h'] | null,
  expired: readonly [ageMs: number, cents: bigint] | null,
): Partial<RequestRecord> {
  const tokens = { uncachedTokens: 1, readTokens: read ? 9 : 0, write5mTokens: 0, write1hTokens: 0 };
  const ages = { readAgeMs: read?.[0] ?? null, readTtl: read?.[1] ?? null };
  const other = { reason: 'tools_changed' as const, tokens: 1, costPicoUsd: DOLLAR, evidence: nothingKnown };
  const late = expired && {
    reason: 'expired' as const,
    tokens: 5,
    costPicoUsd: (expired[1] * DOLLAR) / 100n,
    evidence: { ...nothingKnown, ageMs: expired[0] },
  };
  return {
    usage: usageOf({ ...tokens, outputTokens: 0 }),
    prediction: { ...tokens, estimatedTokens: 10, readLeftMs: null, ...ages },
    misses: late ? [other, late] : [other],
  };
}

function describeReuse(open: () => Promise<OpenedLedger>): void {
  it('adds up how long after their last use prefixes were wanted again', async () => {
    const records: readonly Partial<RequestRecord>[] = [
      { ...wanted([20_000, '5m'], null), scope: 's', model: 'm1', tags: ['a'], atMs: START_MS },
      { ...wanted(null, [400_000, 70n]), scope: 's', model: 'm1', tags: ['a', 'b'], atMs: START_MS + 1 },
      { ...wanted(null, [400_000, 60n]), scope: 't', model: 'm1', tags: ['b'], atMs: START_MS + 1 },
      { ...wanted(null, [400_000, 60n]), scope: 's', model: 'm1', tags: [], atMs: START_MS + 2 },
      { ...wanted([1_200_000, '1h'], [9_000_000, 5n]), scope: 't', model: 'm2', atMs: START_MS + DAY_MS },
    ];
    const seconds = { fromMs: 10_000, read5m: 1, read1h: 0, expired: 0, expiredCostPicoUsd: 0n };
    const late = (count: number, cents: bigint) => ({
      fromMs: 300_000,
      read5m: 0,
      read1h: 0,
      expired: count,
      expiredCostPicoUsd: (cents * DOLLAR) / 100n,
    });
    const half = { fromMs: 600_000, read5m: 0, read1h: 1, expired: 0, expiredCostPicoUsd: 0n };
    const hours = { ...late(1, 5n), fromMs: 7_200_000 };
    const questions: readonly (readonly [RecordFilter, readonly unknown[]])[] = [
      [{}, [seconds, late(3, 190n), half, hours]],
      [{ model: 'm1' }, [seconds, late(3, 190n)]],
      [{ scope: 's' }, [seconds, late(2, 130n)]],
      [{ tag: 'b' }, [late(2, 130n)]],
      [{ tag: 'b', scope: 't' }, [late(1, 60n)]],
      [{ tag: 'b', model: 'm2' }, []],
      [{ fromMs: START_MS + 1 }, [late(3, 190n), half, hours]],
      [{ toMs: START_MS + DAY_MS }, [seconds, late(3, 190n)]],
      [{ scope: 'nobody' }, []],
    ];
    await withLedger(open, async (ledger) => {
      for (const [index, more] of records.entries()) {
        ledger.add(recordOf({ id: `r${index}`, ...more }));
        // What is added up meets what was stored before, and another of the same batch.
        if (index === 1) await ledger.flush();
      }
      ledger.addOwn(ownCostOf({ atMs: START_MS, costPicoUsd: DOLLAR }));
      await ledger.flush();
      for (const [asked, expected] of questions) {
        const { bins, unknown } = await ledger.reuse(asked);
        const found = bins.filter(({ read5m, read1h, expired }) => read5m + read1h + expired > 0);
        expect(found, JSON.stringify(asked)).toMatchObject(expected);
        expect(unknown).toBe(0);
      }
    });
  });
}

/** What every ledger must do; it answers as the one in memory does. */
export function describeLedgerContract(name: string, open: () => Promise<OpenedLedger>): void {
  describe(`${name}: the contract of ledgers`, () => {
    describeRecords(open);
    describeReuse(open);

    it('answers any question as the ledger in memory does', async () => {
      const history = fc.tuple(
        fc.array(record, { maxLength: 60 }),
        fc.array(ownCost, { maxLength: 5 }),
        fc.array(fc.tuple(filter, fc.constantFrom(BUCKET_MS, 2 * BUCKET_MS, HOUR_MS, DAY_MS, 7 * DAY_MS)), {
          minLength: 3,
          maxLength: 8,
        }),
      );
      await fc.assert(
        fc.asyncProperty(history, async ([records, own, questions]) => {
          await withLedger(open, async (ledger) => {
            const memory = createMemoryLedger();
            for (const kept of [memory, ledger]) {
              for (const [index, more] of records.entries()) {
                kept.add(recordOf({ id: `r${index}`, ...more }));
                // What is added up meets what was stored before.
                if (index % 15 === 14) await kept.flush();
              }
              own.forEach((more, index) => kept.addOwn(ownCostOf({ id: `o${index}`, ...more })));
            }
            await ledger.flush();
            for (const [asked, bucketMs] of questions) {
              expect(await ledger.summary(asked)).toEqual(memory.summary(asked));
              expect(await ledger.timeline(asked, bucketMs)).toEqual(await memory.timeline(asked, bucketMs));
              expect(await ledger.reuse(asked)).toEqual(memory.reuse(asked));
              expect(await collect(ledger.export(asked))).toEqual(await collect(memory.export(asked)));
              expect(await collect(ledger.exportOwn(asked))).toEqual(await collect(memory.exportOwn(asked)));
            }
            expect(await ledger.list(1_000)).toEqual(memory.list(1_000));
          });
        }),
        { numRuns: Math.ceil(8 * effort) },
      );
    });
  });
}
