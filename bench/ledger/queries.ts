/** How long every question of the admin API takes over many records, in time and in CPU of the thread that reads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openLedgerFile, type OpenLedger } from '../../src/ledger/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import { fillLedger } from './inserts.ts';
import { FIRST_MS } from './records.ts';
import { print, quantile, threadCpuMs } from './statistics.ts';

const DAY_MS = 86_400_000;
const DAYS = 30;
const ROUNDS = 100;
const LIMIT_MS = 250;

const random = seededRandom(3);
const someMs = (): number => FIRST_MS + Math.floor(random() * DAYS * DAY_MS);
const scope = (): string => `scope_${Math.floor(random() * 20)}_0123456789ab`;
const tag = (): string => `team-${Math.floor(random() * 12)}`;
const model = 'claude-sonnet-5-5';
const span = (): { fromMs: number; toMs: number } => {
  const [a, b] = [someMs(), someMs()];
  return { fromMs: Math.min(a, b), toMs: Math.max(a, b) };
};

type Question = (ledger: OpenLedger) => unknown;

/** Ids somewhere in the ledger, to page from. */
const someIds: string[] = [];
const someId = (): string => someIds[Math.floor(random() * someIds.length)] ?? '';

const QUESTIONS: Readonly<Record<string, Question>> = {
  'summary of all': (ledger) => ledger.summary(),
  'summary of a span': (ledger) => ledger.summary(span()),
  'summary of a scope, a span': (ledger) => ledger.summary({ scope: scope(), ...span() }),
  'summary of a model, a span': (ledger) => ledger.summary({ model, ...span() }),
  'summary of a tag, a span': (ledger) => ledger.summary({ tag: tag(), ...span() }),
  'summary of tag, scope, model, a span': (ledger) =>
    ledger.summary({ tag: tag(), scope: scope(), model, ...span() }),
  'timeline of all by hours': (ledger) => ledger.timeline({}, 3_600_000),
  'timeline of all by days': (ledger) => ledger.timeline({}, DAY_MS),
  'timeline of a day by 5 minutes': (ledger) => {
    const fromMs = someMs();
    return ledger.timeline({ fromMs, toMs: fromMs + DAY_MS }, 300_000);
  },
  'timeline of tag and scope by hours': (ledger) =>
    ledger.timeline({ tag: tag(), scope: scope() }, 3_600_000),
  'the last 100 records': (ledger) => ledger.list(100),
  '100 records before one': (ledger) => ledger.list(100, someId()),
  'the last 1,000 records': (ledger) => ledger.list(1_000),
  '100 of a tag and a scope, before one': (ledger) =>
    ledger.list(100, someId(), { tag: tag(), scope: scope() }),
  '1,000 of tag, scope, model and reason': (ledger) =>
    ledger.list(1_000, undefined, { tag: tag(), scope: scope(), model, reason: 'expired' }),
  '100 that cost as much as few do': (ledger) =>
    ledger.list(100, undefined, { minCostPicoUsd: 26_000_000_000n }),
  '100 that cost more than any': (ledger) =>
    ledger.list(100, undefined, { minCostPicoUsd: 1_000_000_000_000n }),
  '5 that lost most to a reason': (ledger) =>
    ledger.list(5, undefined, { reason: 'expired', isDearestFirst: true }),
  '5 that lost most to the first reason': (ledger) =>
    ledger.list(5, undefined, { reason: 'never_written', isDearestFirst: true }),
  '5 that lost most, of a model and a span': (ledger) =>
    ledger.list(5, undefined, { model, reason: 'never_written', isDearestFirst: true, ...span() }),
  '5 that lost most, of tag and scope': (ledger) =>
    ledger.list(5, undefined, { tag: tag(), scope: scope(), reason: 'expired', isDearestFirst: true }),
  'one by its id': (ledger) => ledger.list(1, undefined, { id: someId() }),
  'how soon entries are read again': (ledger) => ledger.reuse(),
  'how soon, of tag and scope': (ledger) => ledger.reuse({ tag: tag(), scope: scope() }),
};

async function collectIds(ledger: OpenLedger): Promise<void> {
  let count = 0;
  for await (const { id } of ledger.export({ fromMs: FIRST_MS + 15 * DAY_MS })) {
    if (count % 100 === 0) someIds.push(id);
    count += 1;
    if (count > 20_000) return;
  }
}

/** @returns whether every question keeps the limit. */
export async function measureQueries(count: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
  try {
    const { perCpuSecond } = fillLedger(folder, count, DAYS * DAY_MS);
    print(`queries: ${count} records of ${DAYS} days, stored at ${Math.round(perCpuSecond)} a second of CPU`);
    const ledger = await openLedgerFile(folder);
    await collectIds(ledger);
    let isFine = true;
    for (const [name, ask] of Object.entries(QUESTIONS)) {
      const wallMs: number[] = [];
      const cpuMs: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const [cpuBegan, began] = [threadCpuMs(), performance.now()];
        await ask(ledger);
        cpuMs.push(threadCpuMs() - cpuBegan);
        wallMs.push(performance.now() - began);
      }
      const show = (values: readonly number[]): string =>
        `p50 ${quantile(values, 0.5).toFixed(1)}, p99 ${quantile(values, 0.99).toFixed(1)} ms`;
      print(`  ${name.padEnd(38)} ${show(wallMs)}; CPU ${show(cpuMs)}`);
      isFine &&= quantile(cpuMs, 0.99) <= LIMIT_MS;
    }
    await ledger.close();
    return isFine;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
