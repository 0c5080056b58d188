/**
 * How soon each screen of the dashboard is there over many records, and what viewers cost a gateway that is busy.
 *
 *     node bench/dashboard/run.ts [--check] [screens|viewers]
 *
 * `CACHEWRIGHT_RECORDS` is the number of records, by default a million; needs Chromium and what `npm run build` makes.
 * With `--check` the exit code is 1 where a limit is missed: a second for a screen, 2 % more CPU for a request with viewers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { fillLedger } from '../ledger/inserts.ts';
import { print } from '../ledger/statistics.ts';
import { startBenchGateway, stopProcesses } from './processes.ts';
import { measureScreens } from './screens.ts';
import { measureViewers } from './viewers.ts';

const RECORDS = Number(process.env['CACHEWRIGHT_RECORDS'] ?? 1_000_000);
const DAYS = 30;

const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const isWanted = (part: string): boolean => wanted.length === 0 || wanted.includes(part);

const folder = mkdtempSync(join(tmpdir(), 'cachewright-bench-'));
const executablePath = '/usr/bin/chromium';
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args });
try {
  fillLedger(folder, RECORDS, DAYS * 86_400_000);
  const gateway = await startBenchGateway(folder);
  print(`dashboard: ${RECORDS} records of ${DAYS} days, all of them shown`);
  let isFine = true;
  if (isWanted('screens')) isFine = await measureScreens(browser, gateway);
  if (isWanted('viewers')) isFine = (await measureViewers(browser, gateway)) && isFine;
  if (!isFine && process.argv.includes('--check')) process.exitCode = 1;
} finally {
  await browser.close();
  await stopProcesses();
  rmSync(folder, { recursive: true, force: true });
}
