import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { nothingKnown, type RequestRecord } from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { costOf, ownCostOf, recordOf, usageOf } from '../support/record.ts';
import { startDay } from './dashboard-day.ts';
import { alertsOfABadDay, keepAliveOfADay } from './dashboard-fixtures.ts';
import {
  buildPages,
  findBarriers,
  hasChromium,
  needChromium,
  openTab,
  startBrowser,
  type OpenPage,
  type View,
} from './dashboard-pages.ts';

const cleanUp = new CleanUp();
let browser: Browser;
let day: TestGateway;
let empty: TestGateway;

beforeAll(async () => {
  if (!hasChromium) return;
  buildPages();
  browser = cleanUp.add(await startBrowser());
  day = await startDay(cleanUp, Date.now());
  empty = cleanUp.add(await startTestGateway('http://127.0.0.1:9'));
});
afterAll(() => cleanUp.run());

const SCREENS = [
  ['saving', 'Am I saving?'],
  ['misses', 'Why do misses happen?'],
  ['plan', 'What is my plan?'],
  ['keep-alive', 'Does keep-alive pay?'],
  ['ttls', 'Do TTLs fit?'],
  ['answers', 'What do exact answers save?'],
  ['watch', 'Is anything wrong?'],
  ['requests', 'What was asked?'],
] as const;

const VIEWS: readonly View[] = [
  [1280, 'light'],
  [1280, 'dark'],
  [390, 'light'],
  [390, 'dark'],
];

/** Opens a screen of a gateway and waits until all that it asks for is there. */
async function show(gateway: TestGateway, hash: string, view?: View): Promise<OpenPage> {
  const tab = await openTab(browser, gateway.admin.url, view);
  await tab.page.goto(`${gateway.admin.url}/#/${hash}`);
  await tab.settle();
  return tab;
}

async function expectGood({ page, noise }: OpenPage): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await findBarriers(page)).toEqual([]);
  expect(noise).toEqual([]);
}

/** Numbers of all charts, as a visitor opens them. */
function openTables(page: Page): Promise<void> {
  return page.locator('summary').evaluateAll((all) => all.forEach((one) => one.click()));
}

const usdOf = (text: string | null): number => Number(/\$([\d.,]+)/.exec(text ?? '')?.[1]?.replace(',', ''));

describe.each(SCREENS)('the screen %s', (name, question) => {
  test.for(VIEWS)('of a day of traffic fits, is quiet and accessible at %i px, %s', async (view, context) => {
    needChromium(context);
    const tab = await show(day, name, view);
    expect(await tab.page.getByRole('heading', { level: 1 }).textContent()).toBe(question);
    await openTables(tab.page);
    await expectGood(tab);
    await tab.page.context().close();
  });

  test.for([VIEWS[0], VIEWS[3]] as const)(
    'without traffic says what to do at %i px, %s',
    async (view, context) => {
      needChromium(context);
      const tab = await show(empty, name, view);
      const said = await tab.page.locator('.empty').innerText();
      expect(said.length).toBeGreaterThan(80);
      expect(said).not.toMatch(/NaN|undefined|null/);
      await expectGood(tab);
      await tab.page.context().close();
    },
  );
});

describe('with numbers that a day does not bring', () => {
  test.for([VIEWS[0], VIEWS[3]] as const)(
    'keep-alive and alerts are shown at %i px, %s',
    async (view, context) => {
      needChromium(context);
      const tab = await openTab(browser, day.admin.url, view);
      await tab.page.route('**/api/v1/keep-alive', (route) => route.fulfill({ json: keepAliveOfADay }));
      await tab.page.route('**/api/v1/alerts?*', (route) => route.fulfill({ json: alertsOfABadDay.alerts }));
      await tab.page.route('**/api/v1/integrity?*', (route) =>
        route.fulfill({ json: alertsOfABadDay.integrity }),
      );
      await tab.page.goto(`${day.admin.url}/#/keep-alive`);
      await tab.page.getByText('net, since the gateway was started').waitFor();
      expect(await tab.page.locator('.headline-number').first().innerText()).toMatch(/−\$1\.30/);
      expect(await tab.page.getByText('12 of 31 pings').isVisible()).toBe(true);
      await expectGood(tab);
      await tab.page.getByRole('link', { name: /^Alerts\s+1/ }).click();
      await tab.page.getByText('1 thing is bad now').waitFor();
      await expectGood(tab);
      await tab.page.context().close();
    },
  );
});

test('what the page is made of is kept by browsers for ever, and the page itself is not', async (context) => {
  needChromium(context);
  const { url } = day.admin;
  const page = await fetch(url, { headers: { accept: 'text/html' } });
  expect(page.headers.get('cache-control')).toBe('no-store');
  const assets = [...(await page.text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  expect(assets).toHaveLength(3);
  for (const path of assets) {
    const { headers } = await fetch(`${url}${path}`);
    expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
  }
});

describe('am I saving', () => {
  test('says what the summary says, against what is chosen, and keeps the choice in the URL', async (context) => {
    needChromium(context);
    const { page } = await show(day, 'saving?range=all');
    const summary = await day.engine.options.ledger.summary();
    const shown = async (): Promise<number> =>
      usdOf(await page.locator('.headline-number strong').textContent());
    expect(await shown()).toBeCloseTo(summary.savedUsd.noCaching, 2);
    await page.getByRole('radio', { name: 'Automatic' }).check();
    await page.getByText('automatic caching in place of all markers').waitFor();
    expect(page.url()).toContain('against=automatic');
    expect(await shown()).toBeCloseTo(summary.savedUsd.automatic, 2);
    await page.reload();
    await page.locator('.headline-number').waitFor();
    expect(await shown()).toBeCloseTo(summary.savedUsd.automatic, 2);
    const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = summary;
    const input = readTokens + write5mTokens + write1hTokens + uncachedTokens;
    const ratio = `${readTokens.toLocaleString('en-US')} of ${input.toLocaleString('en-US')} input tokens`;
    expect(await page.getByText(ratio).isVisible()).toBe(true);
    await page.context().close();
  });

  test('draws anew for another width and colour scheme, and has its numbers as a table', async (context) => {
    needChromium(context);
    const { page } = await show(day, 'saving');
    const wide = await page.locator('.plot canvas').first().boundingBox();
    await page.setViewportSize({ width: 500, height: 900 });
    const width = async (): Promise<number> =>
      (await page.locator('.plot canvas').first().boundingBox())?.width ?? 0;
    await expect.poll(width).toBeLessThan(480);
    expect(wide?.width).toBeGreaterThan(700);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.locator('.plot canvas').first().waitFor();
    await openTables(page);
    expect(
      await page.getByRole('table', { name: 'Saved over time' }).getByRole('row').count(),
    ).toBeGreaterThan(20);
    await page.context().close();
  });

  test('subtracts what was spent beside the requests, and says when it is a loss', async (context) => {
    needChromium(context);
    const poor = cleanUp.add(await startTestGateway('http://127.0.0.1:9'));
    const { ledger } = poor.engine.options;
    const atMs = Date.now() - 3_600_000;
    const savings = { noCachingPicoUsd: 2_000_000_000_000n, clientPicoUsd: 0n, automaticPicoUsd: 0n };
    ledger.add(recordOf({ id: 'req_poor', atMs, savings, cost: costOf(1_000_000_000_000n) }));
    ledger.addOwn(ownCostOf({ atMs, costPicoUsd: 5_000_000_000_000n }));
    const tab = await show(poor, 'saving');
    expect(await tab.page.locator('.headline').innerText()).toMatch(
      /^−\$3\.00\s+lost, net\s[\s\S]* of the \$3\.00 that .*: \$2\.00 saved, less \$5\.00 that/,
    );
    await openTables(tab.page);
    const rows = tab.page.getByRole('table', { name: 'Saved over time' }).getByRole('row');
    expect(await rows.last().innerText()).toMatch(/\$2\.00\s+\$5\.00\s+−\$3\.00\s+\$1\.00/);
    await expectGood(tab);
    await tab.page.context().close();
  });

  test('shows a day within all time by hours, not as one bar', async (context) => {
    needChromium(context);
    const { page } = await show(day, 'saving?range=all');
    await openTables(page);
    const rows = page.getByRole('table', { name: 'Saved over time' }).getByRole('row');
    expect(await rows.count()).toBeGreaterThan(20);
    await page.context().close();
  });

  test('filters by model, and says so where nothing is left', async (context) => {
    needChromium(context);
    const { page } = await show(day, 'saving');
    await page.getByRole('combobox', { name: 'Model' }).selectOption('claude-haiku-5-5');
    await expect.poll(() => page.url()).toContain('model=claude-haiku-5-5');
    await page.getByText('0 of ').first().waitFor();
    await page.getByRole('link', { name: 'Misses' }).click();
    await page.getByRole('heading', { name: 'Why do misses happen?' }).waitFor();
    expect(page.url()).toContain('model=claude-haiku-5-5');
    await page.getByRole('link', { name: 'Saving' }).click();
    // Its field, not that of the screen before.
    await page.getByRole('heading', { name: 'Am I saving?' }).waitFor();
    await page.getByLabel('Tag').fill('nobody');
    await page.getByLabel('Tag').press('Enter');
    await page.getByText('Nothing was asked within these filters.').waitFor();
    await page.context().close();
  });
});

describe('a bill that rose', () => {
  test('is explained within three clicks of the first screen: the tools came in another order', async (context) => {
    needChromium(context);
    const { page, noise } = await show(day, '');
    await page.getByRole('link', { name: 'Misses' }).click();
    await page.getByRole('heading', { name: 'Misses: tools changed' }).waitFor();
    const dearest = page.locator('.pareto button').first();
    expect(await dearest.innerText()).toContain('Tools changed');
    expect(await page.getByText('Send the same tools in the same order every time').isVisible()).toBe(true);
    await page.getByRole('link', { name: 'Compare' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The tools differ.').waitFor();
    expect(await dialog.innerText()).toMatch(/first at tools\.0 .*reordered/);
    expect(await findBarriers(page)).toEqual([]);
    expect(noise).toEqual([]);
    await page.context().close();
  });
});

describe('examples of misses', () => {
  const idsIn = (page: Page): Promise<(string | null)[]> =>
    page
      .getByRole('table', { name: 'The dearest of them' })
      .getByRole('rowheader')
      .getByRole('link')
      .evaluateAll((all) => all.map((one) => /id=(\w+)/.exec(one.getAttribute('href') ?? '')?.[1] ?? null));

  test('are the dearest within the filters, however long ago', async (context) => {
    needChromium(context);
    const { ledger } = day.engine.options;
    const reason = 'expired';
    const [newest] = await ledger.list(1);
    const toMs = (newest?.atMs ?? 0) - 12 * 3_600_000;
    const tab = await show(day, `misses?reason=${reason}&range=custom&to=${new Date(toMs).toISOString()}`);
    const { page } = tab;
    const expected = await ledger.list(8, undefined, { reason, toMs, isDearestFirst: true });
    expect(expected.length).toBeGreaterThan(2);
    await expect.poll(() => idsIn(page)).toEqual(expected.map(({ id }) => id));
    await expectGood(tab);
    await page.getByLabel('Tag').fill('report');
    await page.keyboard.press('Tab');
    const [most] = (await ledger.summary({ toMs, tag: 'report' })).misses;
    const asked = { reason: most?.reason, toMs, tag: 'report', isDearestFirst: true };
    const ofTag = await ledger.list(8, undefined, asked);
    await expect.poll(() => idsIn(page)).toEqual(ofTag.map(({ id }) => id));
    await page.context().close();
  });
});

describe('a record that a link names', () => {
  test('is found, whatever the list is narrowed to, and a record that is not kept is said to be none', async (context) => {
    needChromium(context);
    const oldest = (await day.engine.options.ledger.list(1_000)).at(-1);
    const tab = await show(day, `requests?range=1h&tag=nobody&id=${oldest?.id}`);
    const { page } = tab;
    expect(await page.getByRole('dialog').innerText()).toContain(oldest?.id);
    await page.getByRole('link', { name: 'Show its plan' }).click();
    const chosen = page.getByRole('combobox', { name: 'Newest request of' });
    await expect.poll(() => chosen.inputValue()).toBe(oldest?.id);
    await page.goto(`${day.admin.url}/#/requests?range=all&id=req_none`);
    await page.getByText('This record is not kept, or not any more.').waitFor();
    await page.goto(`${day.admin.url}/#/plan?id=req_none`);
    await page.getByText('not kept, or not any more: another is shown').waitFor();
    await expectGood(tab);
    await page.context().close();
  });
});

describe('what two requests say', () => {
  const bodyOf = (system: string): object => ({
    request: { text: JSON.stringify({ system, messages: [] }), isCut: false, problem: null },
  });

  test('is not shown, for it is not kept', async (context) => {
    needChromium(context);
    const [newer, older] = await day.engine.options.ledger.list(2);
    const tab = await show(day, `requests?id=${newer?.id}&with=${older?.id}`);
    expect(tab.asked.filter((path) => path.includes('/body'))).toEqual([]);
    expect(await tab.page.getByRole('button', { name: 'Show what they say' }).count()).toBe(0);
    await tab.page.context().close();
  });

  test('is shown where they differ when bodies are kept, once it is asked for', async (context) => {
    needChromium(context);
    const [newer, older] = await day.engine.options.ledger.list(2);
    const tab = await openTab(browser, day.admin.url);
    const { page } = tab;
    await page.route('**/readyz', (route) =>
      route.fulfill({ json: { ledger: {}, counters: {}, bodies: { isKeeping: true } } }),
    );
    await page.route(`**/${older?.id}/body`, (route) => route.fulfill({ json: bodyOf('Today is Monday.') }));
    await page.route(`**/${newer?.id}/body`, (route) => route.fulfill({ json: bodyOf('Today is Friday.') }));
    await page.goto(`${day.admin.url}/#/requests?id=${newer?.id}&with=${older?.id}`);
    await page.getByRole('button', { name: 'Show what they say where they differ' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('They differ first at system, after 9 B that are the same.').waitFor();
    expect(await dialog.innerText()).toMatch(/Older\s+Today is Monday\.\s+Newer\s+Today is Friday\./);
    await expectGood(tab);
    await page.context().close();
  });
});

describe('do TTLs fit', () => {
  test('knows of every read of a day after how long it came', async (context) => {
    needChromium(context);
    const { ledger } = day.engine.options;
    const { bins, unknown } = await ledger.reuse();
    const readers = (await ledger.list(1_000)).filter(({ usage }) => (usage?.readTokens ?? 0) > 0);
    expect(unknown).toBe(0);
    expect(bins.reduce((sum, { read5m, read1h }) => sum + read5m + read1h, 0)).toBe(readers.length);
    // Conversations go on after a minute, or after nine; somebody comes again within the hour.
    const used = bins.filter(({ read5m, read1h }) => read5m + read1h > 0).map(({ fromMs }) => fromMs);
    expect(used).toEqual([60_000, 300_000, 1_800_000]);
    const late = bins.filter(({ fromMs }) => fromMs >= 300_000);
    expect(late.every(({ read5m }) => read5m === 0)).toBe(true);
  });

  test('says what an hour would have held, of the requests within the filters', async (context) => {
    needChromium(context);
    const busy = cleanUp.add(await startTestGateway('http://127.0.0.1:9'));
    const atMs = Date.now() - 3_600_000;
    const counts = { uncachedTokens: 0, readTokens: 9, write5mTokens: 0, write1hTokens: 0 };
    const readAfter = (readAgeMs: number, readTtl: '5m' | '1h', tag: string): Partial<RequestRecord> => ({
      tags: [tag],
      usage: usageOf({ ...counts, outputTokens: 0 }),
      prediction: { ...counts, estimatedTokens: 9, readLeftMs: 1, readAgeMs, readTtl },
    });
    const expiredAfter = (ageMs: number, costPicoUsd: bigint): Partial<RequestRecord> => ({
      misses: [{ reason: 'expired', tokens: 5, costPicoUsd, evidence: { ...nothingKnown, ageMs } }],
    });
    const records = [
      readAfter(20_000, '5m', 'quick'),
      readAfter(20_000, '1h', 'slow'),
      readAfter(1_200_000, '1h', 'slow'),
      expiredAfter(400_000, 2_000_000_000_000n),
      expiredAfter(9_000_000, 500_000_000_000n),
    ];
    for (const [index, more] of records.entries())
      busy.engine.options.ledger.add(recordOf({ id: `req_${index}`, atMs, ...more }));
    const tab = await show(busy, 'ttls');
    const { page } = tab;
    expect(await page.locator('.headline').innerText()).toMatch(
      /^\$2\.50\s+paid again for prefixes that had expired\s+\$2\.00 of it, in 1 request, /,
    );
    expect(await page.getByText('2 of 5 uses').count()).toBe(2);
    const bars = await page.locator('.ages li').allInnerTexts();
    expect(bars.map((text) => text.replaceAll(/\s+/g, ' ').trim()).slice(4, 10)).toEqual([
      '2–5 min 0',
      'entries of 5 minutes end here',
      '5–10 min 1',
      '10–30 min 1',
      '30 min–1 h 0',
      'entries of an hour end here',
    ]);
    expect(await page.locator('.findings').innerText()).toContain('1 of 2 reads of entries of an hour came');
    await expectGood(tab);
    await page.getByLabel('Tag').fill('slow');
    await page.keyboard.press('Tab');
    await page.getByText('1 of 2 uses').first().waitFor();
    expect(await page.locator('.headline').innerText()).toMatch(/^\$0\s/);
    await page.context().close();
  });
});

describe('requests', () => {
  test('open and close by keyboard alone', async (context) => {
    needChromium(context);
    const { page } = await show(day, 'requests');
    const first = page.locator('button.link').first();
    await first.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    expect(await page.getByRole('table', { name: 'What the record says' }).innerText()).toContain('Billed');
    expect(await findBarriers(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(page.url()).not.toContain('id=');
    // Back to where it was opened from.
    await expect.poll(() => first.evaluate((one) => one.matches(':focus'))).toBe(true);
    await page.context().close();
  });

  test('are narrowed by reason and cost, in the URL, from the first page on', async (context) => {
    needChromium(context);
    const tab = await show(day, 'requests?range=all');
    const { page } = tab;
    await page.getByRole('button', { name: 'Older' }).click();
    await expect.poll(() => page.url()).toContain('before=');
    await page.getByRole('combobox', { name: 'Missed' }).selectOption('tools_changed');
    await expect.poll(() => page.url()).not.toContain('before=');
    const { ledger } = day.engine.options;
    const shown = (): Promise<(string | null)[]> =>
      page.locator('button.link').evaluateAll((all) => all.map((one) => one.getAttribute('title')));
    const idsOf = async (filter: Parameters<typeof ledger.list>[2]): Promise<readonly string[]> =>
      (await ledger.list(25, undefined, filter)).map(({ id }) => id);
    const changed = await idsOf({ reason: 'tools_changed' });
    expect(changed.length).toBeGreaterThan(3);
    await expect.poll(shown).toEqual(changed);
    const costs = (await ledger.list(25, undefined, { reason: 'tools_changed' })).map(({ cost }) =>
      Number(cost?.totalPicoUsd),
    );
    const leastUsd = Math.max(...costs) / 1e12;
    await page.getByRole('spinbutton', { name: 'Billed at least $' }).fill(String(leastUsd));
    await page.keyboard.press('Tab');
    const minCostPicoUsd = BigInt(Math.round(leastUsd * 1e12));
    const dear = await idsOf({ reason: 'tools_changed', minCostPicoUsd });
    expect(dear.length).toBeLessThan(changed.length);
    // Between two lists none is shown.
    await expect.poll(shown).toEqual(dear);
    await expectGood(tab);
    await page.reload();
    await expect.poll(async () => (await shown()).length).toBeGreaterThan(0);
    expect(page.url()).toContain('reason=tools_changed');
    await page.getByRole('spinbutton', { name: 'Billed at least $' }).fill('999');
    await page.keyboard.press('Tab');
    await page.getByText('Nothing was asked within these filters.').waitFor();
    await page.context().close();
  });

  test('are paged without a gap, and two of them compared', async (context) => {
    needChromium(context);
    const { page } = await show(day, 'requests');
    const ids = (): Promise<(string | null)[]> =>
      page.locator('button.link').evaluateAll((all) => all.map((one) => one.getAttribute('title')));
    const newest = await ids();
    await page.getByRole('button', { name: 'Older' }).click();
    await expect.poll(ids).not.toEqual(newest);
    const stored = await day.engine.options.ledger.list(50);
    expect([...newest, ...(await ids())]).toEqual(stored.map(({ id }) => id));
    await page.getByRole('checkbox').nth(0).check();
    await page.getByRole('checkbox').nth(3).check();
    await page.getByRole('button', { name: 'Compare 2 of 2' }).click();
    await page.getByRole('dialog', { name: 'Two requests' }).waitFor();
    await page.context().close();
  });
});

describe('the token', () => {
  test('is asked for, kept in this tab alone, and asked for again when it is wrong', async (context) => {
    needChromium(context);
    const token = 'a-token-of-a-test';
    const guarded = cleanUp.add(await startTestGateway('http://127.0.0.1:9', { adminToken: token }));
    const { page } = await openTab(browser, guarded.admin.url);
    await page.goto(guarded.admin.url);
    await page.getByLabel('Admin token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('That is not the token.').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel('Admin token').fill(token);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('.empty').waitFor();
    expect(page.url()).not.toContain(token);
    expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).not.toContain(token);
    await page.reload();
    await page.locator('.empty').waitFor();
    await page.context().close();
  });
});

/** Hides the tab, or shows it again, as far as the page can tell. */
function setHidden(page: Page, isHidden: boolean): Promise<unknown> {
  const property = `{ get: () => ${isHidden}, configurable: true }`;
  const event = "document.dispatchEvent(new Event('visibilitychange'))";
  return page.evaluate(`Object.defineProperty(document, 'hidden', ${property}); ${event}`);
}

describe('polling', () => {
  test('is not gone on with when an answer comes to a tab that was hidden meanwhile', async (context) => {
    needChromium(context);
    const { page, asked } = await openTab(browser, day.admin.url);
    await page.clock.install();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/api/v1/keep-alive', (route) => held.then(() => route.continue()));
    const asking = page.waitForRequest('**/api/v1/keep-alive');
    await page.goto(`${day.admin.url}/#/keep-alive`);
    await asking;
    await setHidden(page, true);
    release();
    await page.locator('.empty').waitFor();
    await page.clock.runFor(600_000);
    expect(asked.filter((path) => path === '/api/v1/keep-alive')).toHaveLength(1);
    await page.context().close();
  });

  test('asks for a timeline once, in the buckets that suited before', async (context) => {
    needChromium(context);
    const tab = await openTab(browser, day.admin.url);
    const { page } = tab;
    const asked = (): readonly string[] =>
      tab.asked.flatMap((path) => /timeline\?.*bucketMs=(\d{1,8})\b/.exec(path)?.[1] ?? []);
    await page.clock.install();
    await page.goto(`${day.admin.url}/#/saving?range=all`);
    await tab.settle();
    // A day of all time: by days at first, and then by hours.
    expect(asked()).toEqual(['86400000', '3600000']);
    const again = page.waitForResponse((response) => response.url().includes('bucketMs=3600000'));
    await page.clock.runFor(15_000);
    await again;
    await tab.settle();
    expect(asked()).toEqual(['86400000', '3600000', '3600000']);
    await page.context().close();
  });

  test('rests while the tab is hidden, and asks at once when it comes back', async (context) => {
    needChromium(context);
    const { page, asked } = await openTab(browser, day.admin.url);
    await page.clock.install();
    await page.goto(`${day.admin.url}/#/keep-alive`);
    await page.getByRole('heading', { level: 2 }).first().waitFor();
    const hide = (isHidden: boolean): Promise<unknown> => setHidden(page, isHidden);
    const count = (): number => asked.filter((path) => path === '/api/v1/keep-alive').length;
    const again = page.waitForRequest('**/api/v1/keep-alive');
    await page.clock.runFor(11_000);
    await again;
    await hide(true);
    const before = count();
    await page.clock.runFor(600_000);
    expect(count()).toBe(before);
    const back = page.waitForRequest('**/api/v1/keep-alive');
    await hide(false);
    await back;
    await page.context().close();
  });

  test('says when the gateway is gone, keeps what it shows, asks less and less often, and goes on by itself', async (context) => {
    needChromium(context);
    const { page, asked } = await openTab(browser, day.admin.url);
    await page.clock.install();
    await page.goto(`${day.admin.url}/#/answers`);
    await page.locator('.headline-number').waitFor();
    await page.route('**/api/v1/responses', (route) => route.abort());
    await page.clock.runFor(10_000);
    await page.getByText('the gateway does not answer; what is shown may be old').waitFor();
    expect(await page.locator('.headline-number').isVisible()).toBe(true);
    const count = (): number => asked.filter((path) => path === '/api/v1/responses').length;
    const before = count();
    await page.clock.runFor(15_000);
    await page.evaluate('document.title');
    expect(count()).toBe(before);
    const again = page.waitForEvent('requestfailed');
    await page.clock.runFor(6_000);
    await again;
    // By then the page has set its timer for the next call.
    await page.evaluate('document.title');
    await page.unroute('**/api/v1/responses');
    await page.clock.runFor(121_000);
    await page.getByText('the gateway does not answer').waitFor({ state: 'detached' });
    await page.context().close();
  });
});
