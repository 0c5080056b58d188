import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  alikeRecord,
  BUCKET_MS,
  createMemoryLedger,
  nothingKnown,
  openPostgresLedger,
  openSqliteLedger,
  type Ledger,
  type ListFilter,
  type MissReason,
  type RequestRecord,
} from '../../src/ledger/index.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { costOf, ownCostOf, recordOf } from '../support/record.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const START_MS = Date.UTC(2026, 10, 1);
const folder = mkdtempSync(join(tmpdir(), 'cachewright-list-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SCOPES = ['s', 't'];
const MODELS = ['m', 'n'];
const TAGS = ['a', 'b'];
const REASONS: readonly MissReason[] = ['expired', 'in_flight'];
/** Times at and about the edges of buckets, and many at one time. */
const time = fc.oneof(
  fc.integer({ min: 0, max: 400 * BUCKET_MS }),
  fc.constantFrom(0, 1, BUCKET_MS - 1, BUCKET_MS, 2 * BUCKET_MS - 500),
);
const cost = fc.oneof(fc.nat(5).map(BigInt), fc.bigInt(0n, 3n * 10n ** 12n));

const record = fc.record({
  offsetMs: time,
  scope: fc.constantFrom(...SCOPES),
  model: fc.constantFrom(...MODELS),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS)),
  cost: fc.option(cost, { nil: null }),
  reasons: fc.array(fc.tuple(fc.constantFrom(...REASONS), cost), { maxLength: 2 }),
});
/** Times from each hit to the next, ms. */
const steps: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.array(fc.nat(400), { minLength: 1, maxLength: 30 }),
  fc.array(fc.integer({ min: 500, max: 900 }), { minLength: 40, maxLength: 50 }),
  fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 10, maxLength: 40 }),
);
const hits = fc.record({
  offsetMs: time,
  scope: fc.constantFrom(...SCOPES),
  model: fc.constantFrom(...MODELS),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS)),
  steps,
});
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const at = time.map((offsetMs) => START_MS + offsetMs);
const filter: fc.Arbitrary<ListFilter> = fc.record({
  fromMs: optional(at),
  toMs: optional(at),
  scope: optional(fc.constantFrom(...SCOPES, 'nobody')),
  model: optional(fc.constantFrom(...MODELS)),
  tag: optional(fc.constantFrom(...TAGS)),
  reason: optional(fc.constantFrom(...REASONS, 'no reason')),
  minCostPicoUsd: optional(cost),
  id: fc.option(
    fc.nat(20).map((number) => `r${number}`),
    { nil: undefined, freq: 20 },
  ),
  isDearestFirst: optional(fc.boolean()),
});

const history = fc.tuple(
  // More than are looked up in one go, too.
  fc.oneof(fc.array(record, { maxLength: 60 }), fc.array(record, { minLength: 120, maxLength: 130 })),
  fc.array(hits, { maxLength: 4 }),
  fc.array(fc.tuple(filter, fc.integer({ min: 1, max: 40 })), { minLength: 4, maxLength: 8 }),
);
type Value<Kind> = Kind extends fc.Arbitrary<infer Inner> ? Inner : never;

function addHits(
  ledger: Ledger,
  { offsetMs, steps, scope, model, tags }: Value<typeof hits>,
): readonly RequestRecord[] {
  const responses = {
    outcome: 'hit',
    detail: 'memory',
    ageMs: null,
    savedPicoUsd: null,
    savedMs: null,
  } as const;
  const common = recordOf({ cost: costOf(0n), responses, scope, model, tags });
  const alike = ledger.alike?.(common);
  let atMs = START_MS + offsetMs;
  return steps.flatMap((step, index) => {
    atMs += step;
    const facts = { ageMs: index, savedPicoUsd: null, savedMs: null };
    const id = alike ? alike.begin(atMs) : `${offsetMs}-${scope}-${model}-${tags.join('')}-${index}`;
    if (alike) alike.end(1, facts);
    else ledger.add(alikeRecord(common, id, atMs, 1, facts));
    return [alikeRecord(common, id, atMs, 1, facts)];
  });
}

/** Fills a ledger, and says with what. */
function fill(ledger: Ledger, [records, runs]: Value<typeof history>): readonly RequestRecord[] {
  const all = records.map(({ offsetMs, reasons, cost: picoUsd, ...more }, index) =>
    recordOf({
      id: `r${index}`,
      atMs: START_MS + offsetMs,
      ...more,
      cost: picoUsd === null ? null : costOf(picoUsd),
      misses: reasons.map(([reason, costPicoUsd]) => ({
        reason,
        tokens: 1,
        costPicoUsd,
        evidence: nothingKnown,
      })),
    }),
  );
  for (const each of all) ledger.add(each);
  ledger.addOwn(ownCostOf({ atMs: START_MS, scope: 's', model: 'm', costPicoUsd: 10n ** 12n }));
  return [...all, ...runs.flatMap((run) => addHits(ledger, run))];
}

const isWithin = ({ atMs }: RequestRecord, fromMs = -Infinity, toMs = Infinity): boolean =>
  atMs >= fromMs && atMs < toMs;

function isLeft(
  each: RequestRecord,
  { fromMs, toMs, scope, model, tag, reason, minCostPicoUsd, id = each.id }: ListFilter,
): boolean {
  return (
    each.id === id &&
    isWithin(each, fromMs, toMs) &&
    each.scope === (scope ?? each.scope) &&
    each.model === (model ?? each.model) &&
    (tag === undefined || each.tags.includes(tag)) &&
    (reason === undefined || each.misses.some((miss) => miss.reason === reason)) &&
    (each.cost?.totalPicoUsd ?? 0n) >= (minCostPicoUsd ?? 0n)
  );
}

type Key = readonly [lostPicoUsd: bigint, atMs: number];

/** What a list is sorted by. */
function keyOf({ atMs, misses }: RequestRecord, { reason, isDearestFirst }: ListFilter): Key {
  const lost = misses.filter((miss) => miss.reason === reason).map(({ costPicoUsd }) => costPicoUsd);
  return [isDearestFirst === true ? lost.reduce((sum, each) => sum + each, 0n) : 0n, atMs];
}

const descending = (a: Key, b: Key): number => (a[0] === b[0] ? b[1] - a[1] : a[0] > b[0] ? -1 : 1);

async function inPages(ledger: Ledger, asked: ListFilter, limit: number): Promise<readonly RequestRecord[]> {
  const pages: RequestRecord[] = [];
  for (;;) {
    const page = await ledger.list(limit, pages.at(-1)?.id, asked);
    pages.push(...page);
    if (page.length < limit) return pages;
  }
}

const sorted = (records: readonly RequestRecord[]): readonly string[] =>
  records.map(({ id }) => id).toSorted();

function describeLists(name: string, open: () => Promise<Ledger>): void {
  it(`${name}: lists what a filter leaves, newest or dearest first, in one go and in pages`, async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        const ledger = await open();
        try {
          const all = fill(ledger, given);
          await ledger.flush();
          for (const [asked, limit] of given[2]) {
            const listed = await ledger.list(1_000, undefined, asked);
            expect(sorted(listed)).toEqual(sorted(all.filter((each) => isLeft(each, asked))));
            if (Object.values(asked).every((value) => value === undefined)) continue;
            const keys = listed.map((each) => keyOf(each, asked));
            expect(keys).toEqual(keys.toSorted(descending));
            for (const { id } of listed.slice(0, 3)) {
              const alone = await ledger.list(limit, undefined, { ...asked, id });
              expect(alone).toEqual(listed.filter((each) => each.id === id));
              expect(await ledger.list(limit, id, { ...asked, id })).toEqual([]);
            }
            expect(await inPages(ledger, asked, limit)).toEqual(listed);
          }
        } finally {
          await ledger.close();
        }
      }),
      { numRuns: Math.ceil(12 * effort), examples: [[MANY]] },
    );
  }, 120_000);
}

/** More than is looked at in one go, of everything. */
const MANY: Value<typeof history> = [
  Array.from({ length: 150 }, (_, index) => ({
    offsetMs: 2 * index * BUCKET_MS,
    scope: 's',
    model: 'm',
    tags: ['a'],
    cost: 1n,
    reasons: [['expired', BigInt(index % 7)]],
  })),
  [
    { offsetMs: 0, scope: 's', model: 'm', tags: ['a'], steps: Array.from({ length: 60 }, () => 700) },
    { offsetMs: 0, scope: 't', model: 'm', tags: [], steps: Array.from({ length: 60 }, () => 700) },
    { offsetMs: 5, scope: 's', model: 'n', tags: ['a'], steps: Array.from({ length: 30 }, () => 0) },
  ],
  [
    [{ tag: 'a' }, 7],
    [{ scope: 's', minCostPicoUsd: 0n }, 100],
    [{ reason: 'expired' }, 149],
    [{ reason: 'expired', isDearestFirst: true }, 11],
    [{ reason: 'expired', isDearestFirst: true, minCostPicoUsd: 2n }, 11],
    [{ reason: 'expired', isDearestFirst: true, toMs: START_MS + 90 * BUCKET_MS }, 11],
    [{ reason: 'expired', isDearestFirst: true, model: 'm', toMs: START_MS + 90 * BUCKET_MS }, 11],
    [{ toMs: START_MS + 3 * BUCKET_MS }, 7],
    [{ model: 'n' }, 4],
    [{ minCostPicoUsd: 1n }, 40],
  ],
];

describe('GET /api/v1/requests with a filter', () => {
  let count = 0;
  describeLists('memory', async () => createMemoryLedger());
  describeLists('sqlite', () => openSqliteLedger(join(folder, String((count += 1)))));

  describe.runIf(hasPostgres)('with a server', () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server?.close());
    describeLists('postgres', async () => {
      const name = `list${(count += 1)}`;
      return openPostgresLedger(join(folder, name), { url: await server.database(name) });
    });
  });
});
