import { existsSync } from 'node:fs';

import AxeBuilder from '@axe-core/playwright';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';

import { renderAuditHtml } from '../../src/audit/html.ts';
import { renderReplayHtml } from '../../src/replay/report.ts';
import { makeAuditReport } from './audit-report.ts';
import { makeReplayData } from './replay-data.ts';

const CHROMIUM = '/usr/bin/chromium';
const IS_INSTALLED = existsSync(CHROMIUM);
const HOSTILE_NAME = `${'very-long-trace-name-without-a-space'.repeat(6)}<b>&"'</b>`;

const VIEWS = [
  [1280, 'light'],
  [1280, 'dark'],
  [390, 'light'],
  [390, 'dark'],
] as const;

let browser: Browser | undefined;
let pages: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  if (!IS_INSTALLED) return;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  pages = {
    replay: await renderReplayHtml(makeReplayData('agents.jsonl.gz'), '0.0.0'),
    'replay of a hostile name': await renderReplayHtml(makeReplayData(HOSTILE_NAME), '0.0.0'),
    audit: await renderAuditHtml(makeAuditReport(), '0.0.0'),
  };
});
afterAll(() => browser?.close());

interface OpenPage {
  readonly page: Page;
  /** All that the console said, errors of the page, and requests. */
  readonly noise: readonly string[];
}

async function openPage(name: string, view: (typeof VIEWS)[number], hasScripts = true): Promise<OpenPage> {
  if (!browser) throw new Error('Chromium was not started');
  const [width, colorScheme] = view;
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme,
    javaScriptEnabled: hasScripts,
  });
  const page = await context.newPage();
  const noise: string[] = [];
  page.on('console', (message) => noise.push(message.text()));
  page.on('pageerror', (error) => noise.push(error.message));
  page.on('request', (request) => noise.push(request.url()));
  await page.setContent(pages[name] ?? '', { waitUntil: 'load' });
  return { page, noise };
}

function skipWithoutChromium(context: TestContext): void {
  if (!IS_INSTALLED) context.skip(`needs Chromium at ${CHROMIUM}: apt-get install chromium`);
}

describe.each(['replay', 'replay of a hostile name', 'audit'])('the page of %s', (name) => {
  test.for(VIEWS)('is quiet, fits and is accessible at %i px, %s', async (view, context) => {
    skipWithoutChromium(context);
    const { page, noise } = await openPage(name, view);
    try {
      await page.locator('summary').evaluateAll((all) => all.forEach((one) => one.click()));
      const isTooWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
      expect(isTooWide).toBe(false);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
      expect(noise).toEqual([]);
    } finally {
      await page.context().close();
    }
  });
});

describe('a chart on a page', () => {
  test.for(VIEWS)('has the drawing for %i px in colours for %s', async (view, context) => {
    skipWithoutChromium(context);
    const [width, scheme] = view;
    const { page } = await openPage('replay', view, false);
    try {
      const svg = page.locator(`#cost-by-policy-${width > 640 ? 'wide' : 'narrow'}-title`).locator('..');
      const other = page.locator(`#cost-by-policy-${width > 640 ? 'narrow' : 'wide'}-title`).locator('..');
      expect(await svg.isVisible()).toBe(true);
      expect(await other.isVisible()).toBe(false);
      // Drawn at its own size or larger, so its letters are at least as large as they were made.
      const box = await svg.boundingBox();
      expect(box?.width).toBeGreaterThanOrEqual(width > 640 ? 960 : 350);
      const shot = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      const ground = await page.evaluate('getComputedStyle(document.querySelector("svg > rect")).fill');
      expect(ground).toBe(shot);
      expect(shot).toBe(scheme === 'dark' ? 'rgb(20, 24, 29)' : 'rgb(255, 255, 255)');
    } finally {
      await page.context().close();
    }
  });

  test('is on paper in light colours with its numbers open', async (context) => {
    skipWithoutChromium(context);
    const { page } = await openPage('replay', [1280, 'dark']);
    try {
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      await page.setViewportSize({ width: 718, height: 1000 });
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await page.locator('details table').first().isVisible()).toBe(true);
      const fill = await page.evaluate('getComputedStyle(document.querySelector("svg > rect")).fill');
      expect(fill).toBe('rgb(255, 255, 255)');
    } finally {
      await page.context().close();
    }
  });
});
