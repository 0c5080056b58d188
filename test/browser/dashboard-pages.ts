import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import AxeBuilder from '@axe-core/playwright';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { TestContext } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';

/** A width in px and a colour scheme. */
export type View = readonly [width: number, scheme: 'light' | 'dark'];

/** A page of the dashboard, and what must not happen on it. */
export interface OpenPage {
  readonly page: Page;
  /** What the console said, errors of the page, and requests to anything but the listener. */
  readonly noise: readonly string[];
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Waits until the screen is drawn, and nothing that it asked for is still under way. */
  settle(): Promise<void>;
}

/** Whether there is a browser to look with. */
export const hasChromium: boolean = existsSync(CHROMIUM);

/** Skips a test where there is none. */
export function needChromium(context: TestContext): void {
  if (!hasChromium) context.skip(`needs Chromium at ${CHROMIUM}: apt-get install chromium`);
}

/** Builds the pages, unless they are of today. */
export function buildPages(): void {
  const script = fileURLToPath(new URL('../../scripts/build-dashboard.mjs', import.meta.url));
  execFileSync(process.execPath, [script]);
}

/** Starts a browser that is closed with `close`. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

const TWO_FRAMES = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))';

function watchCalls(page: Page): () => Promise<void> {
  let underWay = 0;
  page.on('request', () => (underWay += 1));
  page.on('requestfinished', () => (underWay -= 1));
  page.on('requestfailed', () => (underWay -= 1));
  return async () => {
    await page.locator('main :is(.panel, .empty)').first().waitFor();
    // An answer may lead to another call, which is made by the time that it is drawn.
    do await page.evaluate(TWO_FRAMES);
    while (underWay > 0);
    await page.evaluate(TWO_FRAMES);
  };
}

/** Opens a tab of its own; nothing is loaded yet. */
export async function openTab(
  browser: Browser,
  origin: string,
  view: View = [1280, 'light'],
): Promise<OpenPage> {
  const [width, colorScheme] = view;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  const noise: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => noise.push(message.text()));
  page.on('pageerror', (error) => noise.push(error.message));
  page.on('request', (request) => {
    const url = new URL(request.url());
    asked.push(`${url.pathname}${url.search}`);
    if (url.origin !== origin) noise.push(request.url());
  });
  return { page, noise, asked, settle: watchCalls(page) };
}

/** What axe finds: rules and the elements that break them. */
export async function findBarriers(page: Page): Promise<readonly unknown[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}
