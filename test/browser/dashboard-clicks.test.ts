import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { CleanUp, type TestGateway } from '../support/gateway.ts';
import { changedYesterday, startDay, startManyPrograms } from './dashboard-day.ts';
import {
  buildPages,
  hasChromium,
  needChromium,
  openTab,
  startBrowser,
  type OpenPage,
} from './dashboard-pages.ts';

const cleanUp = new CleanUp();
let browser: Browser;
let gateway: TestGateway;
let busy: TestGateway;

beforeAll(async () => {
  if (!hasChromium) return;
  buildPages();
  browser = cleanUp.add(await startBrowser());
  gateway = await startDay(cleanUp, Date.now(), changedYesterday);
  busy = await startManyPrograms(cleanUp, Date.now(), 77);
}, 120_000);
afterAll(() => cleanUp.run());

interface Visit extends OpenPage {
  readonly clicks: () => number;
  readonly click: (what: Locator) => Promise<void>;
}

async function visit({ admin }: TestGateway): Promise<Visit> {
  const tab = await openTab(browser, admin.url);
  let clicks = 0;
  await tab.page.goto(admin.url);
  await tab.page.getByRole('heading', { name: 'Am I saving?' }).waitFor();
  return {
    ...tab,
    clicks: () => clicks,
    async click(what) {
      await what.click();
      clicks += 1;
    },
  };
}

/** A tile of the first screen, in words. */
function tile({ page }: Visit, name: string): Promise<string> {
  return page.locator('.tile', { hasText: name }).filter({ hasText: 'in the 24 hours before' }).innerText();
}

test('two clicks from the first screen say why yesterday cost more: the tools came in another order', async (context) => {
  needChromium(context);
  const visitor = await visit(gateway);
  const { page, noise, click } = visitor;
  // It is plain at once that the bill rose, and to what.
  expect(await tile(visitor, 'Billed')).toMatch(/\$[\d.]+ more than the \$[\d.]+ in the 24 hours before/);
  expect(await tile(visitor, 'Lost to misses')).toMatch(
    /\$[\d.]+ more than the \$[\d.]+ in the 24 hours before/,
  );

  await click(page.getByRole('link', { name: 'mostly tools changed' }));
  await page.getByRole('heading', { name: 'Misses: tools changed' }).waitFor();
  const dearest = await page.locator('.pareto button').first().innerText();
  expect(dearest).toMatch(/^Tools changed\s+\$[\d.]+/);
  expect(dearest).toMatch(/\$[\d.]+ more than the \$[\d.]+ in the 24 hours before/);
  const advice = page.getByText('Send the same tools in the same order every time');
  expect(await advice.isVisible()).toBe(true);
  // It is long over: more requests came since than would be looked through for examples.
  const examples = page.getByRole('table', { name: 'The dearest of them' });
  await examples.waitFor();
  expect(await examples.innerText()).toContain('reordered');

  await click(page.getByRole('link', { name: 'Compare' }).first());
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The tools differ.').waitFor();
  expect(await dialog.innerText()).toMatch(/first at tools\.0 .*reordered/);

  expect(visitor.clicks()).toBe(2);
  expect(noise).toEqual([]);
  await page.context().close();
});

test('what rose is told from what always costs most', async (context) => {
  needChromium(context);
  const visitor = await visit(busy);
  const { page, noise, click } = visitor;
  const lost = await tile(visitor, 'Lost to misses');
  // All of them pause for most of every hour, yesterday as ever.
  expect(lost).toContain('mostly expired');
  expect(lost).toContain('tools changed rose most');

  await click(page.getByRole('link', { name: 'tools changed rose most' }));
  await page.getByRole('heading', { name: 'Misses: tools changed' }).waitFor();
  expect(await page.locator('.pareto button[aria-pressed=true]').innerText()).toMatch(
    /more than the \$[\d.]+ in/,
  );
  await click(page.getByRole('link', { name: 'Compare' }).first());
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The tools differ.').waitFor();
  expect(await dialog.innerText()).toMatch(/tools changed, first at tools\.\d .*reordered/);

  expect(visitor.clicks()).toBe(2);
  expect(noise).toEqual([]);
  await page.context().close();
});
