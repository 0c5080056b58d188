import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { everythingIn } from '../ledger-bodies/seen.ts';
import { CleanUp } from '../support/gateway.ts';
import { runCli, startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cachewright-serve-bodies-'));
});
afterEach(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

const PLACES = ['--upstream', 'emulator', '--port', '0', '--admin-port', '0'];
const file = (): string => join(folder, 'bodies.db');

async function serve(more: readonly string[] = [], env: Record<string, string> = {}): Promise<RunningCli> {
  const args = ['serve', ...PLACES, '--data-dir', folder, ...more];
  const running = await startCli(args, ['gateway', 'admin'], env);
  cleanUp.add({
    close: async () => {
      running.signal('SIGKILL');
      await running.ended;
    },
  });
  return running;
}

/** @returns the id of the record. */
async function ask(running: RunningCli, question: string): Promise<string> {
  const response = await fetch(`${running.urls['gateway']}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'sk-ant-in-the-header' },
    body: JSON.stringify({
      model: 'claude-sonnet-5-5',
      max_tokens: 20,
      messages: [{ role: 'user', content: question }],
    }),
  });
  await response.text();
  return response.headers.get('x-cachewright-id') ?? '';
}

interface Shown {
  readonly error?: string;
  readonly atMs: number;
  readonly expiresMs: number;
  readonly request: { readonly text: string; readonly isCut: boolean };
}

async function bodyOf(running: RunningCli, id: string): Promise<Shown> {
  const response = await fetch(`${running.urls['admin']}/api/v1/requests/${id}/body`);
  return (await response.json()) as Shown;
}

const DAY_MS = 86_400_000;

describe('serve --keep-bodies', () => {
  it('is off unless it is asked for', async () => {
    const running = await serve();
    const id = await ask(running, 'hello');
    expect(await bodyOf(running, id)).toEqual({
      error: 'bodies of requests are not kept: start serve with --keep-bodies',
    });
    expect(existsSync(file())).toBe(false);
  });

  it('keeps bodies for three days, over a restart, until they are purged', async () => {
    const first = await serve(['--keep-bodies']);
    const id = await ask(first, 'my key is sk-ant-api03-TopSecret');
    const shown = await bodyOf(first, id);
    expect(shown.request.text).toContain('"my key is [redacted anthropic-key]"');
    expect(shown.expiresMs - shown.atMs).toBe(3 * DAY_MS);
    expect(await first.stop('SIGTERM')).toBe(0);
    expect(everythingIn(folder)).not.toMatch(/TopSecret|in-the-header/);
    // Without the option nothing is added, and what is there is looked after.
    const second = await serve();
    expect(await bodyOf(second, id)).toEqual(shown);
    const other = await ask(second, 'hello');
    expect(await bodyOf(second, other)).toHaveProperty('error');
    const admin = ['--admin', second.urls['admin'] ?? ''];
    const purged = await runCli(['purge', '--bodies', '--id', id, ...admin]);
    expect(purged).toMatchObject({ code: 0, stdout: 'removed the bodies of 1 request\n' });
    expect(await bodyOf(second, id)).toHaveProperty('error');
    const all = await runCli(['purge', '--bodies', '--all', '--json', ...admin]);
    expect(JSON.parse(all.stdout)).toEqual({ purged: { all: true }, requests: 0 });
    for (const wrong of [['--model', 'm'], ['--id', 'a', '--all'], []])
      expect((await runCli(['purge', '--bodies', ...wrong, ...admin])).code).toBe(2);
    expect((await runCli(['purge', '--id', id, ...admin])).code).toBe(2);
  });

  it('takes days, limits and patterns, from flags, the environment and a file; never longer than records', async () => {
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ keepBodiesRedact: ['ACME-\\d+'], keepBodiesKib: 1 }));
    const more = ['--config', config, '--ledger-days', '2'];
    const running = await serve(more, { CACHEWRIGHT_KEEP_BODIES: '9' });
    const shown = await bodyOf(running, await ask(running, `ACME-12 ${'word '.repeat(1_000)}`));
    expect(shown.request).toMatchObject({
      isCut: true,
      text: expect.stringContaining('[redacted pattern-1] word'),
    });
    expect(shown.request.text).toHaveLength(1_024);
    expect(shown.expiresMs - shown.atMs).toBe(2 * DAY_MS);
  });

  it.each([
    ['--keep-bodies', '0'],
    ['--keep-bodies-kib', '9000'],
    ['--keep-bodies-redact', 'a*'],
  ])('refuses %s %s', async (...args) => {
    const { code, stderr } = await runCli(['serve', ...PLACES, '--data-dir', folder, '--check', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(args[0]);
  });
});
