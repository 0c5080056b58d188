/**
 * How soon each screen of the dashboard is there over many records, and what a viewer costs the gateway.
 *
 *     node bench/dashboard/run.ts [--check]
 *
 * `CACHEWRIGHT_RECORDS` is the number of records, by default a million; needs Chromium and what `npm run build` makes. The
 * cost is CPU of the gateway with all its threads while a tab polls, less what it uses with none: a share of one core is a
 * share of the throughput, which ends where that core is full. With `--check` the exit code is 1 where a limit is missed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

import { chromium, type Browser, type Page } from 'playwright-core';

import { fillLedger } from '../ledger/inserts.ts';
import { print, quantile } from '../ledger/statistics.ts';

const RECORDS = Number(process.env['CACHEWRIGHT_RECORDS'] ?? 1_000_000);
const DAY_MS = 86_400_000;
const DAYS = 30;
const ROUNDS = 5;
const LIMIT_MS = 1_000;
const WATCHED_MS = 30_000;
const LIMIT_SHARE = 0.02;
const SCREENS = ['saving', 'misses', 'plan', 'keep-alive', 'answers', 'watch', 'requests'];
const root = `${import.meta.dirname}/../..`;

interface Gateway {
  readonly adminUrl: string;
  readonly child: ChildProcess;
}

async function startGateway(folder: string): Promise<Gateway> {
  const places = [
    '--port',
    '0',
    '--admin-port',
    '0',
    '--data-dir',
    folder,
    '--upstream',
    'http://127.0.0.1:9',
  ];
  const args = [`${root}/src/cli/main.ts`, 'serve', ...places, '--json', '--log-level', 'silent'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const adminUrl = /"name":"admin","url":"([^"]+)"/.exec(line)?.[1];
    if (adminUrl !== undefined) return { adminUrl, child };
  }
  throw new Error('the gateway ended before it listened');
}

/** CPU that a process with all its threads has used so far, in ms; a clock tick is 10 ms on every Linux that Node runs on. */
function cpuMs({ child }: Gateway): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const urlOf = ({ adminUrl }: Gateway, screen: string): string => `${adminUrl}/#/${screen}?range=all`;

/** Time from asking for a screen in a new tab until its numbers stand there. */
async function measureScreen(browser: Browser, gateway: Gateway, screen: string): Promise<number> {
  const page = await browser.newPage();
  const began = performance.now();
  await page.goto(urlOf(gateway, screen));
  await page.locator('main :is(.panel, .empty)').first().waitFor();
  if (screen === 'saving' || screen === 'misses') await page.locator('.plot canvas').waitFor();
  const tookMs = performance.now() - began;
  await page.close();
  return tookMs;
}

async function cpuShare(gateway: Gateway): Promise<number> {
  const before = cpuMs(gateway);
  await wait(WATCHED_MS);
  return (cpuMs(gateway) - before) / WATCHED_MS;
}

async function measureViewer(page: Page, gateway: Gateway, screen: string): Promise<number> {
  await page.goto('about:blank');
  const alone = await cpuShare(gateway);
  await page.goto(urlOf(gateway, screen));
  await page.locator('main :is(.panel, .empty)').first().waitFor();
  return (await cpuShare(gateway)) - alone;
}

async function measure(browser: Browser, gateway: Gateway): Promise<boolean> {
  let isFine = true;
  for (const screen of SCREENS) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) times.push(await measureScreen(browser, gateway, screen));
    print(
      `  ${screen.padEnd(12)} p50 ${quantile(times, 0.5).toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms`,
    );
    isFine &&= quantile(times, 0.5) <= LIMIT_MS;
  }
  const page = await browser.newPage();
  for (const screen of ['saving', 'misses', 'requests']) {
    const share = await measureViewer(page, gateway, screen);
    print(`  ${screen.padEnd(12)} a viewer takes ${(share * 100).toFixed(2)} % of a core`);
    isFine &&= share <= LIMIT_SHARE;
  }
  return isFine;
}

const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
fillLedger(folder, RECORDS, DAYS * DAY_MS);
const gateway = await startGateway(folder);
const executablePath = '/usr/bin/chromium';
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args });
try {
  print(`dashboard: ${RECORDS} records of ${DAYS} days, each screen in a new tab, ${ROUNDS} times`);
  const isFine = await measure(browser, gateway);
  if (!isFine && process.argv.includes('--check')) process.exitCode = 1;
} finally {
  await browser.close();
  gateway.child.kill();
  rmSync(folder, { recursive: true, force: true });
}
