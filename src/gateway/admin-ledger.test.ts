import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { CleanUp, startTestGateway } from '../../test/support/gateway.ts';
import { answerTo, bodyOf, getJson, open } from '../../test/support/http-client.ts';
import { watchLedger } from '../../test/support/ledger.ts';
import { costOf, recordOf, usageOf } from '../../test/support/record.ts';
import {
  LedgerError,
  nothingKnown,
  type Miss,
  type MissReason,
  type RequestRecord,
} from '../ledger/index.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

type Export = () => AsyncGenerator<RequestRecord>;

/** The admin listener of a gateway whose ledger is exported like this. */
async function startWith(exported: Export): Promise<string> {
  const ledger = { ...watchLedger(), export: exported };
  const gateway = cleanUp.add(await startTestGateway('http://127.0.0.1:9', { engine: { ledger } }));
  return gateway.admin.url;
}

function ask(url: string, path: string): ReturnType<typeof answerTo> {
  const outgoing = open(url, { method: 'GET', path });
  outgoing.end();
  return answerTo(outgoing);
}

describe('GET /api/v1/export', () => {
  it('reads no further than its client, and ends reading when that leaves', async () => {
    let read = 0;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const url = await startWith(async function* () {
      try {
        for (;;) {
          read += 1;
          yield recordOf({ id: `req_${read}`, error: 'x'.repeat(1_000) });
        }
      } finally {
        end();
      }
    });
    const answer = await ask(url, '/api/v1/export?format=jsonl');
    await once(answer, 'readable');
    answer.destroy();
    await ended;
    // Some megabytes lie between the two, in the buffers of both sockets.
    expect(read).toBeLessThan(100_000);
  });

  it('breaks off where the ledger does: half of it must not pass for all', async () => {
    const said = vi.spyOn(console, 'error');
    const url = await startWith(async function* () {
      for (let count = 0; count < 500; count += 1) yield recordOf({ id: `req_${count}` });
      throw new Error('the disk is gone');
    });
    const answer = await ask(url, '/api/v1/export?format=csv');
    expect(answer.statusCode).toBe(200);
    await expect(bodyOf(answer)).rejects.toThrow('aborted');
    // Nothing of it is printed: no stack, and no second answer.
    expect(said).not.toHaveBeenCalled();
    said.mockRestore();
  });
});

describe('GET /api/v1/requests', () => {
  const miss = (reason: MissReason): Miss => ({
    reason,
    tokens: 1,
    costPicoUsd: 1n,
    evidence: nothingKnown,
  });
  const records = [
    recordOf({ id: 'a', atMs: 1_000, scope: 's', model: 'm', tags: ['x'], cost: costOf(5_000_000_000n) }),
    recordOf({ id: 'b', atMs: 2_000, scope: 's', misses: [miss('expired')], cost: costOf(20_000_000_000n) }),
    recordOf({ id: 'c', atMs: 3_000, scope: 't', misses: [miss('in_flight'), miss('expired')] }),
    recordOf({ id: 'd', atMs: 4_000, tags: ['x', 'y'], cost: costOf(30_000_000_000n) }),
  ];

  it.each([
    ['', 'dcba'],
    ['?scope=s', 'ba'],
    ['?model=m', 'a'],
    ['?tag=x', 'da'],
    ['?reason=expired', 'cb'],
    ['?minCostUsd=0.02', 'db'],
    ['?minCostUsd=2e-2&reason=expired', 'b'],
    ['?from=2000&to=1970-01-01T00:00:04Z', 'cb'],
    ['?tag=x&before=d', 'a'],
    ['?tag=x&limit=1', 'd'],
    ['?id=b', 'b'],
    ['?id=b&reason=in_flight', ''],
  ])('%s', async (query, ids) => {
    const ledger = watchLedger();
    for (const record of records) ledger.add(record);
    const gateway = cleanUp.add(await startTestGateway('http://127.0.0.1:9', { engine: { ledger } }));
    const { status, value } = await getJson(gateway.admin.url, `/api/v1/requests${query}`);
    expect(status).toBe(200);
    expect(value.requests.map(({ id }: { id: string }) => id).join('')).toBe(ids);
  });

  it.each([
    'minCostUsd=',
    'minCostUsd=-1',
    'minCostUsd=much',
    'from=yesterday',
    'order=oldest',
    'order=dearest',
    'reason=nonsense',
    'id=b&before=a',
    'id=b&reason=expired&order=dearest',
  ])('refuses %s in a sentence', async (query) => {
    const gateway = cleanUp.add(await startTestGateway('http://127.0.0.1:9'));
    const { status, value } = await getJson(gateway.admin.url, `/api/v1/requests?${query}`);
    expect([status, value.error]).toEqual([400, expect.stringContaining(query.split('=')[0] ?? '')]);
  });
});

describe('a ledger that cannot be read', () => {
  const sentence = 'there is no ledger at /var/lib/ledger.db';
  const fail = (): never => {
    throw new LedgerError('LEDGER_MISSING', sentence);
  };

  it.each(['summary', 'timeline', 'requests', 'export?format=csv', 'export?format=jsonl'])(
    'says so: %s',
    async (path) => {
      const ledger = {
        ...watchLedger(),
        summary: fail,
        list: fail,
        timeline: async () => fail(),
        async *export() {
          yield fail();
        },
      };
      const gateway = cleanUp.add(await startTestGateway('http://127.0.0.1:9', { engine: { ledger } }));
      const { status, value } = await getJson(gateway.admin.url, `/api/v1/${path}`);
      expect([status, value]).toEqual([503, { error: sentence }]);
    },
  );
});

describe('GET /api/v1/timeline', () => {
  const HOUR_MS = 3_600_000;
  const tokens = { uncachedTokens: 1, readTokens: 2, write5mTokens: 3, write1hTokens: 4, outputTokens: 5 };

  it('has rows by bucket and model, money in both forms', async () => {
    const ledger = watchLedger();
    const gateway = cleanUp.add(await startTestGateway('http://127.0.0.1:9', { engine: { ledger } }));
    for (const [id, atMs] of [
      ['a', 10],
      ['b', HOUR_MS - 1],
      ['c', HOUR_MS],
    ] as const)
      ledger.add(recordOf({ id, atMs, usage: usageOf(tokens), cost: costOf(5n * 10n ** 11n) }));
    const at = async (query: string): Promise<{ bucketMs: number; rows: readonly object[] }> =>
      (await getJson(gateway.admin.url, `/api/v1/timeline${query}`)).value;
    expect(await at('')).toMatchObject({
      bucketMs: HOUR_MS,
      rows: [
        {
          atMs: 0,
          model: 'claude-opus-5-5',
          requests: 2,
          costPicoUsd: '1000000000000',
          costUsd: 1,
          readTokens: 4,
        },
        { atMs: HOUR_MS, requests: 1, costUsd: 0.5 },
      ],
    });
    expect((await at('?bucketMs=300000')).rows).toHaveLength(3);
    expect((await at(`?from=${HOUR_MS}`)).rows).toHaveLength(1);
    expect((await at('?tag=nobody')).rows).toEqual([]);
  });

  it.each(['5', '450000', '', 'day', '31536000001'])('refuses buckets of %j', async (bucketMs) => {
    const url = await startWith(async function* () {});
    const { status, value } = await getJson(url, `/api/v1/timeline?bucketMs=${bucketMs}`);
    expect(status).toBe(400);
    expect(value.error).toMatch(/^bucketMs must be a whole /);
  });
});
