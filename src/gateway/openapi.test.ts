import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { getJson, send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageJson } from '../../test/support/messages.ts';
import { ownCostOf } from '../../test/support/record.ts';
import { startRecordingUpstream } from '../../test/support/upstream.ts';
import { createResponseTier } from '../engine/index.ts';
import { alerts, openBodies, type Bodies } from '../ledger/index.ts';
import { secretBytes } from '../runtime/index.ts';
import { createAdmin } from './admin.ts';
import { openApiDocument, type Operation } from './openapi.ts';
import { openApiSchemas } from './openapi-schemas.ts';

const cleanUp = new CleanUp();
const folder = mkdtempSync(join(tmpdir(), 'cachewright-openapi-'));
let gateway: TestGateway;
let adminUrl: string;
let bodies: Bodies;

beforeAll(async () => {
  bodies = cleanUp.add(await openBodies(folder));
  let answers = 0;
  const upstream = cleanUp.add(
    await startRecordingUpstream((response) => {
      answers += 1;
      const usage = { input: 12, read: answers > 1 ? 4_000 : 0, write5m: 40, write1h: 3, output: 31 };
      if (answers === 3)
        return response
          .writeHead(529, { 'content-type': 'application/json' })
          .end('{"type":"error","error":{"type":"overloaded_error","message":"later"}}');
      return response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson(usage));
    }),
  );
  gateway = cleanUp.add(
    await startTestGateway(upstream.url, {
      engine: { bodies },
      responses: createResponseTier({ isOn: false, secret: secretBytes(32) }),
    }),
  );
  adminUrl = gateway.admin.url;
  for (let count = 0; count < 3; count += 1) {
    await sendJson(gateway.url, longRequest({ model: 'claude-opus-5-5' }), {
      headers: ['x-api-key', 'k', 'x-cachewright-tags', 'a'],
    });
    await gateway.ledger.next();
  }
  gateway.engine.options.ledger.addOwn(ownCostOf({ atMs: Date.now(), costPicoUsd: 7n }));
});
afterAll(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

/** What the listener routes: method and path of everything that is no middleware. */
function routes(): readonly string[] {
  const { engine } = gateway;
  const keeper = engine.keepAlive.attach({
    send: () => Promise.reject(new Error('nothing is sent')),
  } as never);
  const app = createAdmin({
    engine,
    keeper,
    upstreamUrl: 'http://upstream',
    allowedHosts: [],
    token: null,
    responses: createResponseTier({ isOn: true, secret: secretBytes(32) }),
    alerts: alerts(),
    renderMetrics: () => Promise.resolve(''),
  });
  const own = app.routes.filter(({ method }) => method !== 'ALL');
  return [...new Set(own.map(({ method, path }) => `${method.toLowerCase()} ${path}`))].toSorted();
}

interface Described {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const described: readonly Described[] = Object.entries(openApiDocument.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);

/** As the server's routes write it. */
const routeOf = (path: string): string => path.replace('{id}', ':id');

/** Every name that is referred to. */
function referencesIn(value: unknown): readonly string[] {
  return [...JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
}

/** A schema that judges: references resolved, and members that it does not name refused. */
function judgeOf(name: string): z.ZodType {
  const text = JSON.stringify({ $defs: openApiSchemas, $ref: `#/$defs/${name}` });
  const strict = text.replaceAll('#/components/schemas/', '#/$defs/');
  const closed: unknown = JSON.parse(strict, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'properties' in value
      ? { ...value, additionalProperties: false }
      : value,
  );
  return z.fromJSONSchema(closed as Parameters<typeof z.fromJSONSchema>[0]);
}

function jsonSchemaName({ responses }: Operation): string | null {
  return referencesIn(responses['200'])[0] ?? null;
}

describe('the description of the admin listener', () => {
  it('names every route that there is, and none that there is not', () => {
    expect(described.map(({ method, path }) => `${method} ${routeOf(path)}`).toSorted()).toEqual(routes());
  });

  it('is served, and names nothing that it does not define', async () => {
    const { status, value } = await getJson(adminUrl, '/api/v1/openapi.json');
    expect(status).toBe(200);
    expect(value).toEqual(JSON.parse(JSON.stringify(openApiDocument)));
    for (const name of referencesIn(value)) expect(Object.keys(openApiSchemas)).toContain(name);
    const ids = described.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is what / lists', async () => {
    const { value } = await getJson(adminUrl, '/');
    const read = described.filter(({ method, path }) => method === 'get' && path !== '/');
    expect(value.endpoints.toSorted()).toEqual(read.map(({ path }) => routeOf(path)).toSorted());
  });
});

describe('answers are as described', () => {
  const reading = described.filter(({ method, operation }) => method === 'get' && jsonSchemaName(operation));

  it.each(reading.map(({ path, operation }) => [path, operation] as const))('%s', async (path, operation) => {
    const [record] = gateway.ledger.list(1);
    const { status, value } = await getJson(adminUrl, path.replace('{id}', record?.id ?? ''));
    expect(status).toBe(200);
    const result = judgeOf(jsonSchemaName(operation) ?? '').safeParse(value);
    expect(result.error?.issues ?? []).toEqual([]);
  });

  it('with records of every kind in them', async () => {
    const { requests } = (await getJson(adminUrl, '/api/v1/requests')).value;
    expect(requests).toHaveLength(3);
    const { rows } = (await getJson(adminUrl, '/api/v1/timeline')).value;
    expect(rows).not.toHaveLength(0);
  });

  it('a refusal is one sentence', async () => {
    const { status, value } = await getJson(adminUrl, '/api/v1/timeline?bucketMs=5');
    expect(status).toBe(400);
    expect(judgeOf('Error').safeParse(value).success).toBe(true);
  });

  it('a schema that lacks a member, or has another type, is noticed', () => {
    const judge = judgeOf('Health');
    expect(judge.safeParse({ ok: true }).success).toBe(true);
    for (const value of [{}, { ok: 'yes' }, { ok: true, more: 1 }])
      expect(judge.safeParse(value).success).toBe(false);
  });

  it.each(described.filter(({ method }) => method === 'post').map(({ path }) => path))(
    'POST %s is refused without our header',
    async (path) => {
      const { status, body } = await send(adminUrl, { method: 'POST', path, headers: [], body: '{}' });
      expect(status).toBe(403);
      expect(judgeOf('Error').safeParse(JSON.parse(body.toString())).success).toBe(true);
    },
  );
});

describe('GET /api/v1/export', () => {
  it('is a file in the form that is asked for, oldest first', async () => {
    const csv = await send(adminUrl, { method: 'GET', path: '/api/v1/export?format=csv' });
    expect(csv.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="cachewright.csv"',
      'cache-control': 'no-store',
    });
    expect(csv.body.toString().split('\r\n')).toHaveLength(1 + 3 + 1 + 1);
    const jsonl = await send(adminUrl, { method: 'GET', path: '/api/v1/export?format=jsonl' });
    expect(jsonl.headers['content-type']).toBe('application/x-ndjson');
    const lines = jsonl.body.toString().trim().split('\n');
    const { requests } = (await getJson(adminUrl, '/api/v1/requests')).value;
    expect(lines.map((line) => JSON.parse(line))).toEqual(requests.toReversed());
  });

  it('can be narrowed, and says what it does not understand', async () => {
    const none = await send(adminUrl, { method: 'GET', path: '/api/v1/export?tag=nobody' });
    expect(none.body.toString().split('\r\n')).toHaveLength(2);
    const { status, value } = await getJson(adminUrl, '/api/v1/export?format=xml');
    expect([status, value.error]).toEqual([400, 'format must be one of csv, jsonl, got "xml"']);
  });
});
