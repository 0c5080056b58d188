import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { CleanUp, startTestGateway } from '../../test/support/gateway.ts';
import { send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageJson } from '../../test/support/messages.ts';
import { startRecordingUpstream, startUpstream } from '../../test/support/upstream.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

/** Every place in which a client may send something secret; all of them hold the word. */
const SECRET = 'hunter2';
const HEADERS = [
  'x-api-key',
  `sk-ant-${SECRET}`,
  'Authorization',
  `Bearer ${SECRET}`,
  'Proxy-Authorization',
  `Basic ${SECRET}`,
  'Cookie',
  `session=${SECRET}`,
];
const PATH = `/v1/messages?api_key=${SECRET}`;
const body = longRequest({
  system: `The password is ${SECRET}. ${String(longRequest()['system'])}`,
  metadata: { user_id: SECRET },
});

function show(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'bigint' ? member.toString() : member,
  );
}

it('records, admin answers and answers to the client hold no credential and no text of the prompt', async () => {
  const upstream = cleanUp.add(
    await startRecordingUpstream((response, seen) => {
      const isFirst = upstream.seen.length === 1;
      const isMarked = seen.body.includes('cache_control');
      const refusal = JSON.stringify({
        type: 'error',
        error: { type: 'invalid_request_error', message: `cache_control, ${SECRET}` },
      });
      response.writeHead(isFirst && isMarked ? 400 : 200, {
        'content-type': 'application/json',
        'set-cookie': `a=${SECRET}`,
      });
      response.end(isFirst && isMarked ? refusal : messageJson());
    }),
  );
  const withUser = upstream.url.replace('http://', `http://user:${SECRET}@`);
  const gateway = cleanUp.add(await startTestGateway(`${withUser}/base?key=${SECRET}`));
  for (const more of [[], ['x-cachewright-mode', 'observe'], ['x-cachewright-mode', 'off']]) {
    await sendJson(gateway.url, body, {
      path: PATH,
      headers: [...HEADERS, 'x-cachewright-tags', 'team-a', ...more],
    });
  }
  await send(gateway.url, { path: PATH, body: `{"broken": "${SECRET}`, headers: HEADERS });
  expect(upstream.seen[0]?.headers['x-api-key']).toContain(SECRET);
  expect(upstream.seen[0]?.path).toBe(`/base${PATH}`);

  const records = gateway.ledger.list(100);
  expect(records).toHaveLength(4);
  expect(show(records)).not.toContain(SECRET);
  for (const path of ['/', '/healthz', '/readyz', '/api/v1/summary', '/api/v1/requests', '/nothing']) {
    const answer = await send(gateway.admin.url, { method: 'GET', path });
    expect([
      path,
      answer.body.toString('utf8').includes(SECRET),
      JSON.stringify(answer.rawHeaders).includes(SECRET),
    ]).toEqual([path, false, false]);
  }
});

it('an error of ours holds no credential', async () => {
  const gone = await startUpstream(() => undefined);
  await gone.close();
  const gateway = cleanUp.add(await startTestGateway(gone.url.replace('http://', `http://user:${SECRET}@`)));
  for (const path of [PATH, `/v1/files?key=${SECRET}`]) {
    const answer = await sendJson(gateway.url, body, { path, headers: HEADERS });
    expect(answer.status).toBe(502);
    expect(answer.body.toString('utf8')).toContain(gone.url);
    expect(answer.body.toString('utf8')).not.toContain(SECRET);
  }
  expect(show(gateway.ledger.list(10))).not.toContain(SECRET);
});

/** The two listeners' URLs, as `serve --json` prints them. */
async function listeners(child: ChildProcess): Promise<Map<string, string>> {
  const urls = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    const { event, name, url } = JSON.parse(line);
    if (event === 'listening') urls.set(name, url);
    if (urls.size === 2) break;
  }
  return urls;
}

it.each(['info', 'debug'])('the log at level %s holds no credential', async (level) => {
  const upstream = cleanUp.add(await startRecordingUpstream());
  const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
  const flags = [
    main,
    'serve',
    '--port',
    '0',
    '--admin-port',
    '0',
    '--upstream',
    upstream.url,
    '--json',
    '--log-level',
    level,
    '--data-dir',
    mkdtempSync(join(tmpdir(), 'cachewright-')),
  ];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanUp.add({ close: () => child.kill('SIGKILL') });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += String(chunk)));
  const exited = once(child, 'close');
  const url = (await listeners(child)).get('gateway') ?? '';
  await sendJson(url, body, { path: PATH, headers: HEADERS });
  await send(url, { method: 'GET', path: `/v1/models?key=${SECRET}`, headers: HEADERS });
  child.stdout.resume();
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ msg, method, path, status }) => [msg, method, path, status])).toEqual([
    ['request', 'POST', '/v1/messages', 200],
    ['request', 'GET', '/v1/models', 200],
  ]);
  expect(log).not.toContain(SECRET);
  expect('headers' in lines[0]).toBe(level === 'debug');
});
