import { expect, vi } from 'vitest';

import {
  billTokens,
  resolveModel,
  standardPricing,
  type PicoUsd,
  type TokenCounts,
} from '../../src/core/index.ts';
import type { Ledger, RequestRecord } from '../../src/ledger/index.ts';
import { readUsage } from '../../src/wire/index.ts';

/** The counters of a usage that a client has kept, in the API's names. */
export function countersOf(usage: unknown): TokenCounts {
  const read = readUsage(usage);
  if (!read) throw new TypeError(`no usage: ${JSON.stringify(usage)}`);
  return read;
}

/** What the input of several answers cost at today's prices, in pico-dollars. */
export function inputBill(model: string, usages: readonly TokenCounts[]): PicoUsd {
  const { facts } = resolveModel(model);
  const pricing = standardPricing(Date.now());
  const bills = usages.map((usage) => billTokens(facts, { ...usage, outputTokens: 0 }, pricing));
  return bills.reduce((sum, { totalPicoUsd }) => sum + totalPicoUsd, 0n);
}

/** The same, as a gateway's ledger has it. */
export function recordedInputBill(records: readonly RequestRecord[]): PicoUsd {
  return records.reduce((sum, { cost }) => sum + (cost ? cost.totalPicoUsd - cost.outputPicoUsd : 0n), 0n);
}

/** The records with a tag, as soon as there are so many. */
export function recordsTagged(ledger: Ledger, tag: string, count: number): Promise<readonly RequestRecord[]> {
  return vi.waitFor(async () => {
    const records = (await ledger.list(1_000)).filter(({ tags }) => tags.includes(tag));
    expect(records).toHaveLength(count);
    return records;
  });
}

/** What share of one bill another is. */
export function shareOf(bill: PicoUsd, of: PicoUsd): number {
  return Number(bill) / Number(of);
}
