import { once } from 'node:events';
import { readdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';

import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CleanUp } from '../support/gateway.ts';
import { words } from '../support/messages.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { createPrivateCa, hasOpenssl } from './private-ca.ts';
import { runCli, startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-serve-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

const SECRET = 'ab'.repeat(32);
const STATE_FILE = 'learned-state.bin';
const stateFile = (): string => join(folder, STATE_FILE);

async function serve(upstream: string, more: readonly string[] = [], dataDir = folder): Promise<RunningCli> {
  const args = ['serve', '--upstream', upstream, '--port', '0', '--admin-port', '0', '--data-dir', dataDir];
  // The newest record is asked for: those of an earlier run would be in the way.
  const running = await startCli([...args, '--ledger', 'memory', ...more], ['gateway', 'admin']);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running;
}

async function emulate(): Promise<string> {
  const running = await startCli(['emulate', '--port', '0'], ['emulator']);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running.urls['emulator'] ?? '';
}

const HANDBOOK = words(4_000);

interface Usage {
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
}

/** One request with a system prompt that all share and a question of its own, which is long enough to be written. */
async function ask(running: RunningCli, question: string): Promise<Usage> {
  const response = await fetch(`${running.urls['gateway']}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'sk-ant-secret' },
    body: JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 20,
      system: HANDBOOK,
      messages: [{ role: 'user', content: `${question} ${words(3_000)}` }],
    }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { readonly usage: Usage }).usage;
}

interface Planned {
  readonly places: readonly string[];
  readonly readTokens: number;
}

/** What was planned for the newest request, and what it was expected to read. */
async function newestPlan(running: RunningCli): Promise<Planned> {
  for (;;) {
    const response = await fetch(`${running.urls['admin']}/api/v1/requests?limit=1`);
    const [record] = ((await response.json()) as { requests: readonly RecordedRequest[] }).requests;
    if (record)
      return {
        places: record.plan?.added.map(({ path, ttl, place }) => `${place} ${path} ${ttl}`) ?? [],
        readTokens: record.usage?.readTokens ?? 0,
      };
  }
}

interface RecordedRequest {
  readonly plan: { readonly added: readonly { path: string; ttl: string; place: string }[] } | null;
  readonly usage: { readonly readTokens: number } | null;
}

/** Waits until the file was saved after a time. */
async function untilSaved(file: string, sinceMs: number): Promise<void> {
  for (const untilMs = performance.now() + 15_000; ;) {
    if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > sinceMs) return;
    if (performance.now() > untilMs) throw new Error('nothing was saved');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function firstPlanOf(running: RunningCli, question: string): Promise<Planned> {
  await ask(running, question);
  return newestPlan(running);
}

describe('serve, killed and started again', () => {
  it('plans the first request from what was learned', async () => {
    const upstream = await emulate();
    const first = await serve(upstream, ['--state-every', '0.05']);
    for (let count = 0; count < 11; count += 1) await ask(first, `question ${count}`);
    const beforeLastMs = Date.now();
    await ask(first, 'the last question');
    await untilSaved(stateFile(), beforeLastMs);
    first.signal('SIGKILL');
    await first.ended;
    const again = await serve(upstream);
    const learned = await firstPlanOf(again, 'the first after the restart');
    const fresh = await firstPlanOf(await serve(upstream, [], join(folder, 'other')), 'the first of all');
    // Questions that are asked once are not written any more; who knows nothing writes them.
    expect(fresh.places).toContain('tail messages.0.content 5m');
    expect(learned.places).not.toEqual(fresh.places);
    expect(learned.places.some((place) => place.startsWith('tail'))).toBe(false);
    // The handbook is known to be there: it is read, not written again.
    expect(learned.readTokens).toBeGreaterThan(3_000);
  });

  it('saves at the end what was not saved before', async () => {
    const upstream = await emulate();
    const running = await serve(upstream);
    await ask(running, 'only one');
    expect(await running.stop('SIGTERM')).toBe(0);
    expect(statSync(stateFile()).mode & 0o777).toBe(0o600);
    const text = readFileSync(stateFile()).toString('latin1');
    expect(text).not.toContain('sk-ant-secret');
    expect(readdirSync(folder).toSorted()).toEqual([STATE_FILE, 'secret']);
  });
});

describe('state that cannot be used', () => {
  const damages: readonly (readonly [string, (whole: Buffer) => Buffer])[] = [
    ['cut off', (whole) => whole.subarray(0, whole.length / 2)],
    ['damaged', (whole) => Buffer.from(whole.map((byte, at) => (at === 200 ? byte ^ 1 : byte)))],
    ['foreign', () => Buffer.from('SQLite format 3\0')],
    ['of a newer version', (whole) => Buffer.from(whole.map((byte, at) => (at === 8 ? 2 : byte)))],
    ['empty', () => Buffer.alloc(0)],
  ];

  it('is told in one sentence and moved aside, and requests go on', async () => {
    const upstream = await emulate();
    const first = await serve(upstream);
    await ask(first, 'only one');
    await first.stop('SIGTERM');
    const whole = readFileSync(stateFile());
    for (const [what, damage] of damages) {
      writeFileSync(stateFile(), damage(whole));
      const running = await serve(upstream, ['--log-level', 'silent']);
      await ask(running, `after ${what}`);
      expect(await running.stop('SIGTERM')).toBe(0);
      const { stderr } = await running.ended;
      expect(stderr).toMatch(
        /^cachewright: the learned state in .*learned-state\.bin (is|has) .*: it was moved to .*learned-state\.bin\.corrupt-.*, and learning begins anew\n$/,
      );
    }
    const aside = readdirSync(folder).filter((name) => name.includes('.corrupt-'));
    expect(aside).toHaveLength(2);
    const last = await serve(upstream, ['--log-level', 'silent']);
    await last.stop('SIGTERM');
    expect((await last.ended).stderr).toBe('');
  });

  it('a place that cannot be written to is told once, and requests go on', async () => {
    writeFileSync(join(folder, 'file'), 'in the way');
    const running = await serve(
      await emulate(),
      ['--state-every', '0.01', '--log-level', 'silent'],
      join(folder, 'file', 'below'),
    );
    for (let count = 0; count < 5; count += 1) await ask(running, `question ${count}`);
    expect(await running.stop('SIGTERM')).toBe(0);
    const lines = (await running.ended).stderr.trim().split('\n');
    expect(lines.filter((line) => line.includes('cannot be saved'))).toHaveLength(1);
  });
});

describe('--redis', () => {
  const check = ['serve', '--upstream', 'emulator', '--check'];

  it.each(['not-a-url', 'http://u:hidden@h', 'redis://:hidden@h/x'])(
    'refuses %s as usage and does not show it',
    async (url) => {
      for (const args of [
        [...check, '--redis', url],
        ['serve', '--upstream', 'emulator', '--redis', url],
      ]) {
        const { code, stderr, stdout } = await runCli([...args, '--data-dir', folder]);
        expect(code).toBe(2);
        expect(stderr).toBe('cachewright: --redis: it must be redis://host:port or rediss://host:port\n');
        expect(`${stdout}${stderr}`).not.toContain('hidden');
      }
    },
  );

  it('with --check says whether the server answers', async () => {
    const env = { CACHEWRIGHT_REDIS: 'redis://someone:hidden@127.0.0.1:1' };
    const refused = await runCli([...check, '--data-dir', folder], { env });
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'cachewright: redis://127.0.0.1:1/0 cannot be reached\n',
    });
  });

  it.runIf(hasRedis && hasOpenssl())(
    'with rediss:// asks through TLS, and trusts only who is trusted',
    async () => {
      const { caFile, key, cert } = createPrivateCa();
      const redis = cleanUp.add(await startRedis({ password: 'hidden' }));
      const tls = createServer({ key, cert }, (socket) => {
        const plain = connect(redis.port, '127.0.0.1').on('error', () => socket.destroy());
        socket
          .on('error', () => plain.destroy())
          .pipe(plain)
          .pipe(socket);
      }).listen(0, '127.0.0.1');
      tls.on('tlsClientError', () => undefined);
      await once(tls, 'listening');
      cleanUp.add({ close: async () => void tls.close() });
      const { port } = tls.address() as AddressInfo;
      const args = [...check, '--data-dir', folder, '--redis', `rediss://:hidden@localhost:${port}`];
      const trusted = await runCli(args, { env: { NODE_EXTRA_CA_CERTS: caFile } });
      expect(trusted).toMatchObject({ code: 0, stderr: '' });
      const stranger = await runCli(args);
      expect(stranger).toMatchObject({
        code: 1,
        stderr: `cachewright: rediss://localhost:${port}/0 cannot be reached\n`,
      });
    },
  );

  it('a secret file that cannot be used ends it: a gateway must not be alone and not say so', async () => {
    const file = join(folder, 'fleet');
    writeFileSync(file, 'abc');
    const run = await runCli([
      'serve',
      '--upstream',
      'emulator',
      '--secret-file',
      file,
      '--data-dir',
      folder,
    ]);
    expect([run.code, run.stderr]).toEqual([
      2,
      `cachewright: --secret-file ${file} must hold 32 bytes in hexadecimal\n`,
    ]);
  });
});

describe.runIf(hasRedis)('two gateways with one redis-server', () => {
  const PASSWORD = 'hidden-password';

  async function startFleet(redisUrl: string): Promise<readonly [RunningCli, RunningCli]> {
    const upstream = await emulate();
    const file = join(folder, 'fleet-secret');
    writeFileSync(file, `${SECRET}\n`);
    const more = ['--redis', redisUrl, '--secret-file', file, '--state-every', '0.05'];
    return [await serve(upstream, more, join(folder, 'a')), await serve(upstream, more, join(folder, 'b'))];
  }

  it('one plans its first request from what the other has learned, and knows what it wrote', async () => {
    const redis = cleanUp.add(await startRedis({ password: PASSWORD }));
    const [a, b] = await startFleet(redis.url);
    for (let count = 0; count < 12; count += 1) await ask(a, `question ${count}`);
    const afterLastMs = Date.now();
    // b was asked nothing: what it saves is what it was told.
    await untilSaved(join(folder, 'b', STATE_FILE), afterLastMs);
    const told = await firstPlanOf(b, 'the first that b is asked');
    const alone = await serve(await emulate(), [], join(folder, 'alone'));
    const fresh = await firstPlanOf(alone, 'the first of all');
    expect(fresh.places).toEqual(['system-end system 5m', 'tail messages.0.content 5m']);
    // It knows that a wrote the handbook, so that it need not: the question's own breakpoint finds it.
    expect(told.places).toEqual(['tail messages.0.content 5m']);
    expect(told.readTokens).toBeGreaterThan(3_000);
    const server = new Redis(redis.url);
    const names = await server.keys('*');
    const stream = names.find((name) => name.endsWith(':changes')) ?? '';
    const batches = await server.xrangeBuffer(stream, '-', '+');
    expect(batches.length).toBeGreaterThan(0);
    const dumps = await Promise.all(
      names.map(async (name) => (await server.dumpBuffer(name)) ?? Buffer.of()),
    );
    const kept = [a, b].map((_running, at) => readFileSync(join(folder, 'ab'.charAt(at), STATE_FILE)));
    const inBatches = batches.flatMap(([, fields]) => fields);
    const all = Buffer.concat([...inBatches, ...kept, ...dumps, Buffer.from(names.join(' '))]);
    const secrets = ['sk-ant-secret', 'lorem', 'question', PASSWORD, SECRET];
    expect(secrets.filter((text) => all.includes(text))).toEqual([]);
    // Names of classes are in the file, as they hold nothing of a prompt; Redis has only sealed batches.
    expect(Buffer.concat([...inBatches, ...dumps]).includes('tail plain')).toBe(false);
    server.disconnect();
    for (const running of [a, b]) {
      expect(await running.stop('SIGTERM')).toBe(0);
      expect((await running.ended).stderr).not.toContain(PASSWORD);
    }
  });

  it('frozen, killed or with the wrong password, requests go on', async () => {
    const redis = cleanUp.add(await startRedis({ password: PASSWORD }));
    const [a] = await startFleet(redis.url);
    const wrong = await serve(
      await emulate(),
      ['--redis', redis.url.replace(PASSWORD, 'wrong-password'), '--log-level', 'silent'],
      join(folder, 'c'),
    );
    await ask(wrong, 'with the wrong password');
    redis.freeze();
    await ask(a, 'while frozen');
    redis.thaw();
    await redis.kill();
    await ask(a, 'while dead');
    expect([await a.stop('SIGTERM'), await wrong.stop('SIGTERM')]).toEqual([0, 0]);
    const { stderr } = await wrong.ended;
    expect(stderr).toMatch(/^cachewright: what is learned is not shared for now \(redis:.*does not accept/);
    expect(stderr.match(/not shared/g)).toHaveLength(1);
    expect(stderr).not.toContain('wrong-password');
  });
});
