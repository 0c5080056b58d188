import type { Browser } from 'playwright-core';

import { print, quantile } from '../ledger/statistics.ts';
import type { BenchGateway } from './processes.ts';

/** Every screen by its name in the URL. */
export const SCREENS = [
  'saving',
  'misses',
  'plan',
  'keep-alive',
  'ttls',
  'answers',
  'watch',
  'requests',
] as const;

const ROUNDS = 5;
const LIMIT_MS = 1_000;
/** Screens with a chart, which is there last. */
const CHARTS: readonly string[] = ['saving', 'misses'];

/** Where a screen shows all that is kept. */
export function urlOf({ adminUrl }: BenchGateway, screen: string): string {
  return `${adminUrl}/#/${screen}?range=all`;
}

/** Time from asking for a screen in a new tab until its numbers stand there. */
async function measureScreen(browser: Browser, gateway: BenchGateway, screen: string): Promise<number> {
  const page = await browser.newPage();
  const began = performance.now();
  await page.goto(urlOf(gateway, screen));
  await page.locator('main :is(.panel, .empty)').first().waitFor();
  if (CHARTS.includes(screen)) await page.locator('.plot canvas').first().waitFor();
  const tookMs = performance.now() - began;
  await page.close();
  return tookMs;
}

/** Measures how soon each screen is there. @returns whether all are within the limit */
export async function measureScreens(browser: Browser, gateway: BenchGateway): Promise<boolean> {
  let isFine = true;
  for (const screen of SCREENS) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) times.push(await measureScreen(browser, gateway, screen));
    print(
      `  ${screen.padEnd(12)} p50 ${quantile(times, 0.5).toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms`,
    );
    isFine &&= quantile(times, 0.5) <= LIMIT_MS;
  }
  return isFine;
}
