import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { getJson, send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageJson, type TestUsage } from '../../test/support/messages.ts';
import { startRecordingUpstream } from '../../test/support/upstream.ts';

const cleanUp = new CleanUp();
const START_MS = 1_795_000_000_000;

/** Pico-dollars per token: uncached, read, 5m, 1h, output (spec 9, prices of November 2026). */
const PRICES = {
  'claude-opus-5-5': [4_000_000n, 200_000n, 5_000_000n, 8_000_000n, 20_000_000n],
  'claude-haiku-5-5': [100_000n, 10_000n, 125_000n, 200_000n, 500_000n],
} as const;

interface Traffic {
  readonly model: keyof typeof PRICES;
  readonly usage: Required<Omit<TestUsage, 'more'>>;
  readonly tags: string;
  readonly key: string;
}

const TRAFFIC: readonly Traffic[] = [
  {
    model: 'claude-opus-5-5',
    usage: { input: 12, read: 0, write5m: 4_000, write1h: 0, output: 31 },
    tags: 'a',
    key: 'k1',
  },
  {
    model: 'claude-opus-5-5',
    usage: { input: 9, read: 4_000, write5m: 200, write1h: 0, output: 17 },
    tags: 'a, b',
    key: 'k1',
  },
  {
    model: 'claude-haiku-5-5',
    usage: { input: 70, read: 0, write5m: 0, write1h: 3_333, output: 5 },
    tags: 'b',
    key: 'k1',
  },
  {
    model: 'claude-haiku-5-5',
    usage: { input: 1, read: 3_333, write5m: 7, write1h: 11, output: 999 },
    tags: '',
    key: 'k2',
  },
  {
    model: 'claude-opus-5-5',
    usage: { input: 5_000, read: 0, write5m: 0, write1h: 0, output: 1 },
    tags: 'c',
    key: 'k2',
  },
];

let gateway: TestGateway;
let adminUrl: string;
let nowMs = START_MS;

beforeAll(async () => {
  const upstream = cleanUp.add(
    await startRecordingUpstream((response, seen) => {
      const number = Number(seen.headers['x-number']);
      const usage = TRAFFIC[number]?.usage;
      if (!usage)
        return response
          .writeHead(529, { 'content-type': 'application/json' })
          .end('{"type":"error","error":{"type":"overloaded_error","message":"later"}}');
      return response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson(usage));
    }),
  );
  gateway = cleanUp.add(await startTestGateway(upstream.url, { engine: { clock: { nowMs: () => nowMs } } }));
  adminUrl = gateway.admin.url;
  for (const [number, { model, tags, key }] of [
    ...TRAFFIC,
    { model: 'claude-opus-5-5', tags: 'a', key: 'k1' },
  ].entries()) {
    nowMs = START_MS + number * 1_000;
    await sendJson(gateway.url, longRequest({ model }), {
      headers: ['x-number', String(number), 'x-cachewright-tags', tags, 'x-api-key', key],
    });
    await gateway.ledger.next();
  }
});
afterAll(() => cleanUp.run());

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

function billed({ model, usage }: Traffic): bigint {
  const [uncached, read, write5m, write1h, output] = PRICES[model];
  return sum([
    BigInt(usage.input) * uncached,
    BigInt(usage.read) * read,
    BigInt(usage.write5m) * write5m,
    BigInt(usage.write1h) * write1h,
    BigInt(usage.output) * output,
  ]);
}

function uncachedCost({ model, usage }: Traffic): bigint {
  const [uncached, , , , output] = PRICES[model];
  return (
    BigInt(usage.input + usage.read + usage.write5m + usage.write1h) * uncached +
    BigInt(usage.output) * output
  );
}

/** A record as the admin listener shows it: money as decimal strings. */
interface ShownRecord {
  readonly cost: Readonly<Record<string, string>> | null;
  readonly savings: Readonly<Record<string, string>> | null;
}

const usd = (pico: bigint): number => Number(pico) / 1e12;

describe('GET /api/v1/summary', () => {
  it('has every member, and sums that an independent computation agrees with', async () => {
    const { status, value } = await getJson(adminUrl, '/api/v1/summary');
    expect(status).toBe(200);
    expect(Object.keys(value)).toEqual([
      'requests',
      'costPicoUsd',
      'costUsd',
      'uncachedTokens',
      'readTokens',
      'write5mTokens',
      'write1hTokens',
      'outputTokens',
      'hitRatio',
      'ownCostUsd',
      'savedUsd',
      'netSavedUsd',
      'unreported',
      'disputed',
      'misses',
    ]);
    const total = (pick: (usage: Traffic['usage']) => number): number =>
      TRAFFIC.reduce((all, { usage }) => all + pick(usage), 0);
    const cost = sum(TRAFFIC.map(billed));
    expect(value).toMatchObject({
      requests: TRAFFIC.length + 1,
      costPicoUsd: cost.toString(),
      uncachedTokens: total((usage) => usage.input),
      readTokens: total((usage) => usage.read),
      write5mTokens: total((usage) => usage.write5m),
      write1hTokens: total((usage) => usage.write1h),
      outputTokens: total((usage) => usage.output),
      ownCostUsd: 0,
    });
    expect(value.costUsd).toBeCloseTo(usd(cost), 12);
    const input = total((usage) => usage.input + usage.read + usage.write5m + usage.write1h);
    expect(value.hitRatio).toBeCloseTo(total((usage) => usage.read) / input, 12);
    expect(Object.keys(value.savedUsd)).toEqual(['noCaching', 'client', 'automatic']);
    expect(value.savedUsd.noCaching).toBeCloseTo(usd(sum(TRAFFIC.map(uncachedCost)) - cost), 12);
    // One for each answer that read nothing; the failed request has no bill and so misses nothing.
    expect(value.misses.reduce((all: number, miss: { requests: number }) => all + miss.requests, 0)).toBe(3);
    for (const miss of value.misses) expect(Object.keys(miss)).toEqual(['reason', 'requests', 'costUsd']);
  });

  it('agrees with the records one by one', async () => {
    const { value } = await getJson(adminUrl, '/api/v1/requests');
    const summary = (await getJson(adminUrl, '/api/v1/summary')).value;
    const records: readonly ShownRecord[] = value.requests;
    const of = (pick: (record: ShownRecord) => string | undefined): bigint =>
      sum(records.map((record) => BigInt(pick(record) ?? 0)));
    expect(of((record) => record.cost?.['totalPicoUsd']).toString()).toBe(summary.costPicoUsd);
    expect(summary.savedUsd.client).toBeCloseTo(usd(of((record) => record.savings?.['clientPicoUsd'])), 12);
    expect(summary.savedUsd.automatic).toBeCloseTo(
      usd(of((record) => record.savings?.['automaticPicoUsd'])),
      12,
    );
    const parts = ['uncached', 'read', 'write5m', 'write1h', 'output', 'serverTools'];
    const costs = records.map(({ cost }) => cost).filter((cost) => cost !== null);
    expect(costs).toHaveLength(TRAFFIC.length);
    for (const cost of costs) {
      const total = sum(parts.map((part) => BigInt(cost[`${part}PicoUsd`] ?? 'missing')));
      expect(total.toString()).toBe(cost['totalPicoUsd']);
    }
  });

  const at = (number: number): number => START_MS + number * 1_000;
  it.each([
    [`from=${at(2)}`, [2, 3, 4], true],
    [`to=${at(2)}`, [0, 1], false],
    [`from=${at(1)}&to=${at(4)}`, [1, 2, 3], false],
    [`from=${encodeURIComponent(new Date(at(2)).toISOString())}`, [2, 3, 4], true],
    [`from=${encodeURIComponent(new Date(at(2)).toISOString().replace('Z', '+00:00'))}`, [2, 3, 4], true],
    ['model=claude-haiku-5-5', [2, 3], false],
    ['tag=a', [0, 1], true],
    ['tag=b', [1, 2], false],
    ['tag=b&model=claude-haiku-5-5', [2], false],
    ['tag=nobody', [], false],
    ['', [0, 1, 2, 3, 4], true],
  ])('narrowed by %s', async (query, numbers, hasFailed) => {
    const { value } = await getJson(adminUrl, `/api/v1/summary?${query}`);
    const wanted = numbers.flatMap((number) => TRAFFIC[number] ?? []);
    expect(value.requests).toBe(wanted.length + (hasFailed ? 1 : 0));
    expect(value.costPicoUsd).toBe(sum(wanted.map(billed)).toString());
  });

  it('narrowed by scope, whose name is no credential', async () => {
    const { value } = await getJson(adminUrl, '/api/v1/requests');
    const scopes = new Map<string, number>();
    for (const { scope } of value.requests) scopes.set(scope, (scopes.get(scope) ?? 0) + 1);
    expect(new Set(scopes.values())).toEqual(new Set([2, 4]));
    for (const [scope, requests] of scopes) {
      expect((await getJson(adminUrl, `/api/v1/summary?scope=${scope}`)).value.requests).toBe(requests);
    }
    expect((await getJson(adminUrl, '/api/v1/summary?scope=k1')).value.requests).toBe(0);
  });

  it('without traffic has no hit ratio', async () => {
    const { value } = await getJson(adminUrl, '/api/v1/summary?tag=nobody');
    expect(value).toMatchObject({
      hitRatio: null,
      costUsd: 0,
      misses: [],
      savedUsd: { noCaching: 0, client: 0, automatic: 0 },
    });
  });
});

describe('GET /api/v1/requests', () => {
  it('gives the records, newest first, money as decimal strings', async () => {
    const { value } = await getJson(adminUrl, '/api/v1/requests');
    const times = value.requests.map((record: { atMs: number }) => record.atMs);
    expect(times).toEqual([5, 4, 3, 2, 1, 0].map((number) => START_MS + number * 1_000));
    expect(value.requests[0]).toMatchObject({
      status: 529,
      error: 'overloaded_error',
      usage: null,
      cost: null,
      costUsd: null,
    });
    expect(value.requests[5]).toMatchObject({
      status: 200,
      model: 'claude-opus-5-5',
      tags: ['a'],
      path: '/v1/messages',
      mode: 'optimize',
      usage: { uncachedTokens: 12, write5mTokens: 4_000, outputTokens: 31 },
      cost: { totalPicoUsd: '20668000000' },
      costUsd: 0.020668,
      plan: { isApplied: true },
      skipReason: null,
    });
  });

  it('in pages gives every record once', async () => {
    const all = (await getJson(adminUrl, '/api/v1/requests')).value.requests.map(
      (record: { id: string }) => record.id,
    );
    const paged: string[] = [];
    for (let query = '?limit=2'; paged.length <= all.length; query = `?limit=2&before=${paged.at(-1)}`) {
      const { requests } = (await getJson(adminUrl, `/api/v1/requests${query}`)).value;
      if (requests.length === 0) break;
      paged.push(...requests.map((record: { id: string }) => record.id));
    }
    expect(paged).toEqual(all);
  });

  it('before a record that is not there is empty', async () => {
    expect((await getJson(adminUrl, '/api/v1/requests?before=req_01nobody')).value).toEqual({ requests: [] });
  });
});

describe('a query that cannot be understood', () => {
  it.each([
    '/api/v1/summary?from=yesterday',
    '/api/v1/summary?from=-5',
    '/api/v1/summary?to=2026-13-01',
    '/api/v1/summary?to=2026-11-05T10:00:00',
    '/api/v1/summary?from=',
    `/api/v1/summary?from=${'9'.repeat(400)}`,
    '/api/v1/requests?limit=0',
    '/api/v1/requests?limit=-1',
    '/api/v1/requests?limit=1.5',
    '/api/v1/requests?limit=1001',
    '/api/v1/requests?limit=many',
    '/api/v1/requests?limit=',
  ])('%s is answered 400 and one sentence', async (path) => {
    const { status, value } = await getJson(adminUrl, path);
    expect(status).toBe(400);
    expect(Object.keys(value)).toEqual(['error']);
    expect(value.error).toMatch(/^(from|to|limit) must be [^\n]{10,200}$/);
  });
});

describe('who may ask', () => {
  const port = (): string => new URL(adminUrl).port;

  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1:99', '127.8.9.1', '[::1]:8789'])(
    'Host %s may',
    async (host) => {
      expect((await getJson(adminUrl, '/api/v1/summary', ['Host', host])).status).toBe(200);
    },
  );

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:80',
    'cachewright',
    '10.0.0.1',
    '[::2]',
  ])('Host %s may not', async (host) => {
    for (const path of ['/', '/healthz', '/api/v1/summary', '/api/v1/requests', '/nothing']) {
      const { status, value } = await getJson(adminUrl, path, ['Host', host]);
      expect([status, typeof value.error]).toEqual([403, 'string']);
    }
  });

  it('its own origin may, others may not', async () => {
    const ask = async (origin: string): Promise<number> =>
      (await getJson(adminUrl, '/api/v1/summary', ['Origin', origin])).status;
    expect(await ask(adminUrl)).toBe(200);
    for (const origin of [
      'null',
      'https://evil.example',
      `http://127.0.0.1`,
      `http://localhost:${port()}`,
      '',
    ]) {
      expect([origin, await ask(origin)]).toEqual([origin, 403]);
    }
  });

  it.each(['', 'Host: \r\n', 'Host: a b\r\n', 'Host: 127.0.0.1/evil\r\n'])(
    'a request whose Host is %j gets no data',
    async (line) => {
      const socket = connect(Number(port()), '127.0.0.1');
      socket.write(`GET /api/v1/summary HTTP/1.1\r\n${line}Connection: close\r\n\r\n`);
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      expect(text).toMatch(/^HTTP\/1\.1 4\d\d/);
      expect(text).not.toContain('costPicoUsd');
    },
  );
});

describe('what would change something', () => {
  const own = ['x-cachewright-admin', '1', 'content-type', 'application/json'];
  const ask = async (headers: readonly string[], method = 'POST'): Promise<number> =>
    (await send(adminUrl, { method, path: '/api/v1/summary', headers, body: '{}' })).status;

  it('needs our header and JSON, whatever the path', async () => {
    expect(await ask(own)).toBe(404);
    expect(await ask(own, 'DELETE')).toBe(404);
    expect(await ask([...own.slice(0, 2), 'Content-Type', 'Application/JSON; charset=utf-8'])).toBe(404);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']) {
      expect([method, await ask(own.slice(2), method)]).toEqual([method, 403]);
      expect([method, await ask(own.slice(0, 2), method)]).toEqual([method, 415]);
    }
    expect(await ask(['x-cachewright-admin', 'true', ...own.slice(2)])).toBe(403);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'text/plain; application/json',
    'application/jsonp',
  ])('as a form of another page could send it, %s, is refused', async (type) => {
    expect(await ask([...own.slice(0, 2), 'content-type', type])).toBe(415);
  });

  it('is refused for another host or origin first', async () => {
    expect(await ask([...own, 'Host', 'evil.example'])).toBe(403);
    expect(await ask([...own, 'Origin', 'http://evil.example'])).toBe(403);
  });
});

describe('the rest', () => {
  it('is healthy and ready, and says what went wrong with our own part', async () => {
    expect(await getJson(adminUrl, '/healthz')).toEqual({ status: 200, value: { ok: true } });
    expect(await getJson(adminUrl, '/readyz')).toEqual({
      status: 200,
      value: {
        ok: true,
        ledger: { waiting: 0, dropped: 0, problem: null },
        bodies: null,
        counters: { failedAnalyses: 0, failedAccounts: 0, refusedPlans: 0 },
      },
    });
  });

  it('is never cached nor guessed at by a browser', async () => {
    const { headers } = await send(adminUrl, { method: 'GET', path: '/api/v1/summary' });
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each([
    ['GET', '/api/v1/nothing'],
    ['OPTIONS', '/api/v1/summary'],
    ['GET', '/../../etc/passwd'],
  ])('%s %s is a sentence and 404', async (method, path) => {
    const { status, body } = await send(adminUrl, { method, path });
    expect(status).toBe(404);
    expect(JSON.parse(body.toString('utf8')).error).toMatch(/does not exist/);
  });
});

describe('GET /api/v1/findings', () => {
  it('tells culprits with their cost as text and number, selected by scope, model and code', async () => {
    const system = (minute: number): string =>
      `It is 10:${minute}.\n${'Be brief and kind to whoever asks. '.repeat(300)}`;
    for (let minute = 10; minute < 16; minute += 1) {
      await sendJson(gateway.url, longRequest({ system: system(minute) }), {
        headers: ['x-api-key', 'k9', 'x-number', '0'],
      });
      await gateway.ledger.next();
    }
    const { status, value } = await getJson(adminUrl, '/api/v1/findings?code=volatile-text');
    expect(status).toBe(200);
    expect(value.findings).toHaveLength(1);
    const [finding] = value.findings;
    expect(finding).toMatchObject({
      code: 'volatile-text',
      model: 'claude-opus-5-5',
      path: 'system',
      seen: 5,
      requests: 6,
    });
    expect(finding.ranges).toEqual([{ kind: 'date', startByte: 6, endByte: 11 }]);
    expect(finding.costUsd).toBeCloseTo(Number(finding.costPicoUsd) / 1e12, 12);
    const count = async (query: string): Promise<number> =>
      (await getJson(adminUrl, `/api/v1/findings?${query}`)).value.findings.length;
    expect(await count(`scope=${finding.scope}`)).toBeGreaterThanOrEqual(1);
    expect(await count('scope=other')).toBe(0);
    expect(await count('code=volatile-text&model=claude-haiku-5-5')).toBe(0);
    expect(JSON.stringify(value)).not.toContain('10:1');
  });
});
