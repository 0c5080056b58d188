import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { CleanUp, type TestGateway } from '../support/gateway.ts';
import { changedYesterday, startDay } from './dashboard-day.ts';
import { buildPages, hasChromium, needChromium, openTab, startBrowser } from './dashboard-pages.ts';

const cleanUp = new CleanUp();
let browser: Browser;
let gateway: TestGateway;

beforeAll(async () => {
  if (!hasChromium) return;
  buildPages();
  browser = cleanUp.add(await startBrowser());
  gateway = await startDay(cleanUp, Date.now(), changedYesterday);
});
afterAll(() => cleanUp.run());

test('three clicks from the first screen say why yesterday cost more: the tools came in another order', async (context) => {
  needChromium(context);
  const { page, noise } = await openTab(browser, gateway.admin.url);
  let clicks = 0;
  const click = async (what: Locator): Promise<void> => {
    await what.click();
    clicks += 1;
  };
  await page.goto(gateway.admin.url);
  await page.getByRole('heading', { name: 'Am I saving?' }).waitFor();

  await click(page.getByRole('link', { name: 'Misses' }));
  await page.getByRole('heading', { name: 'Misses: tools changed' }).waitFor();
  const dearest = await page.locator('.pareto button').first().innerText();
  expect(dearest).toMatch(/^Tools changed\s+\$[\d.]+/);
  const advice = page.getByText('Send the same tools in the same order every time');
  expect(await advice.isVisible()).toBe(true);
  // It is over, and the newest requests tell nothing of it any more.
  await page.getByText('None of the newest 200 requests missed for this reason.').waitFor();

  await click(page.getByRole('button', { name: 'when it cost most' }));
  const examples = page.getByRole('table', { name: 'when tools changed cost most' });
  await examples.waitFor();
  expect(await examples.innerText()).toContain('reordered');

  await click(page.getByRole('link', { name: 'Compare' }).first());
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The tools differ.').waitFor();
  expect(await dialog.innerText()).toMatch(/first at tools\.0 .*reordered/);

  expect(clicks).toBe(3);
  expect(noise).toEqual([]);
  await page.context().close();
});
