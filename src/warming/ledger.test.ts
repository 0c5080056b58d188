import { describe, expect, it } from 'vitest';

import { noTokens } from '../core/index.ts';
import { createWarmLedger, type WarmRecord } from './ledger.ts';

const record: WarmRecord = {
  purpose: 'pre-warm',
  prefixId: 'a',
  model: 'claude-sonnet-5-5',
  atMs: 0,
  status: 200,
  tokens: { ...noTokens, write5mTokens: 700 },
  costPicoUsd: 7n,
  isBilled: true,
};

describe('createWarmLedger', () => {
  it('sums exactly, by purpose and in all, and keeps what is uncertain apart', () => {
    const ledger = createWarmLedger();
    ledger.add(record);
    ledger.add({ ...record, costPicoUsd: 10n ** 20n, isBilled: false, status: null, tokens: noTokens });
    ledger.add({ ...record, purpose: 'keep-alive', costPicoUsd: 1n });
    expect(ledger.totals('pre-warm')).toEqual({
      requests: 2,
      tokens: { ...noTokens, write5mTokens: 700 },
      billedPicoUsd: 7n,
      uncertainPicoUsd: 10n ** 20n,
    });
    expect(ledger.totals()).toMatchObject({ requests: 3, billedPicoUsd: 8n });
  });

  it('keeps the newest records, and the sums of all', () => {
    const ledger = createWarmLedger(3);
    for (let atMs = 0; atMs < 20; atMs += 1) ledger.add({ ...record, atMs });
    expect(ledger.list(2).map(({ atMs }) => atMs)).toEqual([19, 18]);
    expect(ledger.list(100)).toHaveLength(3);
    expect(ledger.list(0)).toEqual([]);
    expect(ledger.totals().requests).toBe(20);
  });
});
