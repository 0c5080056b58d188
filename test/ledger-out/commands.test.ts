import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runCli, startCli, type CliResult, type RunningCli } from '../cli/run-cli.ts';
import { getJson, sendJson } from '../support/http-client.ts';
import { longRequest } from '../support/messages.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-export-'));
const dataDir = join(folder, 'data');
const REQUESTS = 4;

let server: RunningCli;
let summary: { costPicoUsd: string; readTokens: number; requests: number; savedUsd: { noCaching: number } };

/** What was asked is in the ledger within a second; nobody says when. */
async function summaryOf(running: RunningCli, requests: number): Promise<typeof summary> {
  for (;;) {
    const { value } = await getJson(running.urls['admin'] ?? '', '/api/v1/summary');
    if (value.requests === requests) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function startAndAsk(args: readonly string[], tags: readonly string[]): Promise<RunningCli> {
  const running = await startCli(
    ['serve', '--upstream', 'emulator', '--port', '0', '--admin-port', '0', '--log-level', 'error', ...args],
    ['gateway', 'admin'],
  );
  for (const tag of tags) {
    await sendJson(running.urls['gateway'] ?? '', longRequest({ model: 'claude-opus-5-5' }), {
      headers: ['x-api-key', 'k', 'x-cachewright-tags', tag],
    });
  }
  return running;
}

beforeAll(async () => {
  server = await startAndAsk(['--data-dir', dataDir], ['a', 'a', 'b', '=1+1']);
  summary = await summaryOf(server, REQUESTS);
});
afterAll(async () => {
  await server.stop('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: readonly string[]): Promise<CliResult> => runCli([...args, '--data-dir', dataDir]);

/** A sentence and nothing else, and what the process ended with. */
function expectSentence({ code, stdout, stderr }: CliResult, wanted: number, sentence: RegExp): void {
  expect([code, stdout]).toEqual([wanted, '']);
  expect(stderr.split('\n')[0]).toMatch(sentence);
}

describe('export, while the gateway runs', () => {
  it('writes CSV that adds up', async () => {
    const { code, stdout } = await run('export', '--csv');
    const rows: readonly Record<string, string>[] = parse(stdout, { columns: true });
    expect([code, rows.length]).toEqual([0, REQUESTS]);
    const cost = rows.reduce((sum, row) => sum + BigInt((row['cost_usd'] ?? '').replace('.', '')), 0n);
    expect(cost.toString()).toBe(summary.costPicoUsd);
    expect(rows.map(({ tags }) => tags)).toEqual(['a', 'a', 'b', "'=1+1"]);
  });

  it('writes JSONL in which audit finds the same dollars', async () => {
    const file = join(folder, 'records.jsonl');
    expect(await run('export', '--jsonl', '--out', file)).toMatchObject({ code: 0, stdout: '' });
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const { requests } = (await getJson(server.urls['admin'] ?? '', '/api/v1/requests')).value;
    expect(lines.map((line) => JSON.parse(line))).toEqual(requests.toReversed());
    const { stdout } = await runCli(['audit', file, '--json']);
    const audit = JSON.parse(stdout);
    expect([audit.calls, audit.paid.picoUsd]).toEqual([REQUESTS, summary.costPicoUsd]);
    expect(audit.hitRatio.byTokens.numerator).toBe(summary.readTokens);
  });

  it('can be narrowed', async () => {
    const tagged = await run('export', '--csv', '--tag', 'b');
    expect(tagged.stdout.trim().split('\r\n')).toHaveLength(2);
    const later = await run('export', '--csv', '--from', '2099-01-01');
    expect(later.stdout.trim().split('\r\n')).toHaveLength(1);
    const other = await run('export', '--jsonl', '--model', 'claude-haiku-5-5');
    expect(other).toMatchObject({ code: 0, stdout: '' });
  });

  it('leaves a file alone that cannot be replaced as a whole', async () => {
    expectSentence(
      await run('export', '--csv', '--out', join(folder, 'nowhere', 'a.csv')),
      1,
      /^cachewright: .*a\.csv cannot be written \(ENOENT\)$/,
    );
    writeFileSync(join(folder, 'kept.csv'), 'old');
    await run('export', '--csv', '--out', join(folder, 'kept.csv'));
    expect(readFileSync(join(folder, 'kept.csv'), 'utf8')).toMatch(/^id,kind,at,/);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it.each([
    [[], 'say which form is wanted'],
    [['--csv', '--jsonl'], 'say which form is wanted'],
  ])('wants to know the form: %j', async (flags, sentence) => {
    expectSentence(await run('export', ...flags), 2, new RegExp(sentence));
  });
});

describe('report, while the gateway runs', () => {
  it('is what the admin API says', async () => {
    const { code, stdout } = await run('report', '--json');
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report.total).toMatchObject({ requests: REQUESTS, cost: { picoUsd: summary.costPicoUsd } });
    expect(report.total.saved.noCaching.usd).toBeCloseTo(summary.savedUsd.noCaching, 12);
    expect(report.total.hitRatio.numerator).toBe(summary.readTokens);
    expect(report.groups).toMatchObject([{ name: 'claude-opus-5-5', requests: REQUESTS }]);
    expect(report.details).toMatchObject({ records: REQUESTS, unreported: 0, ownRequests: 0 });
  });

  it.each(['tag', 'scope', 'day', 'model'])('by %s adds up to the whole', async (by) => {
    const { stdout } = await run('report', '--json', '--by', by);
    const { groups, total } = JSON.parse(stdout);
    const sum = groups.reduce(
      (all: bigint, group: { cost: { picoUsd: string } }) => all + BigInt(group.cost.picoUsd),
      0n,
    );
    expect(sum.toString()).toBe(total.cost.picoUsd);
  });

  it('says for people what was paid first, and shares with what they are made of', async () => {
    const { stdout } = await run('report');
    expect(stdout).toMatch(/^Money\n {2}Billed +\$0\.\d+ {2}4 requests\n/);
    expect(stdout).toMatch(/Read from the cache .* % \([\d,]+ of [\d,]+\) of all input/);
    expect(stdout).toMatch(/never_written +│ +\$/);
  });

  it('shows a loss in red, and hides nothing', async () => {
    const args = ['report', '--tag', 'nobody-else', '--data-dir', join(folder, 'loss')];
    const loss = await startAndAsk(['--data-dir', join(folder, 'loss')], ['nobody-else']);
    await summaryOf(loss, 1);
    const { stdout } = await runCli(args, { env: { FORCE_COLOR: '1', NO_COLOR: '' } });
    await loss.stop('SIGTERM');
    const visible = stdout.replaceAll('\u001B', '^');
    expect(visible).toMatch(/no caching at all \(billed\) *\^\[31m *-\$0\.\d+\^\[39m/);
  });

  it('says what is wrong with what it is asked', async () => {
    expectSentence(await run('report', '--by', 'colour'), 2, /argument 'colour' is invalid/);
    expectSentence(await run('report', '--from', 'yesterday'), 2, /a time is written as a day/);
    expectSentence(
      await runCli(['report', '--data-dir', join(folder, 'missing')]),
      1,
      /^cachewright: there is no ledger at .*missing/,
    );
  });
});

describe.skipIf(!hasPostgres)('from Postgres', () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.close());

  it('the same commands read what gateways keep there', async () => {
    const url = await postgres.database('exported');
    const running = await startAndAsk(['--data-dir', join(folder, 'pg'), '--postgres', url], ['a', 'b']);
    const { costPicoUsd } = await summaryOf(running, 2);
    const { stdout } = await runCli(['report', '--json', '--postgres', url]);
    const csv = await runCli(['export', '--csv', '--postgres', url]);
    await running.stop('SIGTERM');
    expect(JSON.parse(stdout).total.cost.picoUsd).toBe(costPicoUsd);
    expect(csv.stdout.trim().split('\r\n')).toHaveLength(3);
  });

  it('a server that is away is one sentence without the password', async () => {
    const url = 'postgres://user:hunter2@127.0.0.1:9/none';
    const result = await runCli(['report', '--postgres', url]);
    expectSentence(result, 1, /^cachewright: .*127\.0\.0\.1/);
    expect(result.stderr).not.toContain('hunter2');
  });
});
