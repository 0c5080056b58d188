import { setTimeout as wait } from 'node:timers/promises';

import autocannon from 'autocannon';
import type { Browser } from 'playwright-core';

import { makeBodies } from '../gateway/bodies.ts';
import { print, quantile } from '../ledger/statistics.ts';
import type { BenchGateway } from './processes.ts';
import { SCREENS, urlOf } from './screens.ts';

/** A call of a page to the listener, ms after the screen was there. */
interface Call {
  readonly atMs: number;
  readonly path: string;
}

const MINUTE_MS = 60_000;
const STEP_MS = 1_000;
/** Time for answers to come before the clock of the page goes on. */
const ANSWER_MS = 150;
const ROUNDS = 12;
const ROUND_S = 10;
const CONNECTIONS = 32;
const BODY_BYTES = 2_000;
const LIMIT_SHARE = 0.02;

/** What one open screen asks in a minute, by the page's own timers on a clock that is moved. */
async function recordCalls(
  browser: Browser,
  gateway: BenchGateway,
  screen: string,
): Promise<readonly Call[]> {
  const page = await browser.newPage();
  await page.clock.install();
  await page.goto(urlOf(gateway, screen));
  await page.locator('main :is(.panel, .empty)').first().waitFor();
  const calls: Call[] = [];
  let atMs = 0;
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    calls.push({ atMs, path: `${pathname}${search}` });
  });
  for (; atMs < MINUTE_MS; atMs += STEP_MS) {
    await page.clock.runFor(STEP_MS);
    await wait(ANSWER_MS);
  }
  await page.close();
  return calls;
}

/** Makes the calls of a part of the minute, as often and as far apart as the pages do. @returns how many */
async function playCalls(gateway: BenchGateway, calls: readonly Call[], round: number): Promise<number> {
  const fromMs = (round * ROUND_S * 1_000) % MINUTE_MS;
  const part = calls.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + ROUND_S * 1_000);
  const all = part.map(async ({ atMs, path }, index) => {
    // Tabs were not opened in the same instant.
    await wait(atMs - fromMs + ((index * 37) % STEP_MS));
    const answer = await fetch(`${gateway.adminUrl}${path}`);
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  });
  await Promise.all(all);
  return part.length;
}

interface Round {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** As many requests as the gateway takes, while something else goes on. */
async function runLoad(
  gateway: BenchGateway,
  bodies: readonly string[],
  beside: () => Promise<unknown>,
): Promise<Round> {
  const headers = {
    'content-type': 'application/json',
    'x-api-key': 'sk-ant-bench',
    'anthropic-version': '2023-06-01',
  };
  const before = gateway.cpuMs();
  const [result] = await Promise.all([
    autocannon({
      url: `${gateway.url}/v1/messages`,
      connections: CONNECTIONS,
      duration: ROUND_S,
      requests: bodies.map((body) => ({ method: 'POST' as const, headers, body })),
    }),
    beside(),
  ]);
  const answered = result['2xx'];
  if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx + result.errors} requests failed`);
  return {
    perSecond: answered / result.duration,
    cpuUs: ((gateway.cpuMs() - before) * 1_000) / Math.max(1, answered),
  };
}

/**
 * Measures what viewers cost: a browser says what each screen asks in a minute, and the same calls are then made beside
 * full load by a client that draws nothing, since viewers do not run their browser on the gateway's machine.
 *
 * @returns whether one viewer on every screen at once costs less than the limit: of CPU for a request, which is what bounds the
 *   throughput, and can be told on a machine where others are at work too
 */
export async function measureViewers(browser: Browser, gateway: BenchGateway): Promise<boolean> {
  const calls: Call[] = [];
  for (const screen of SCREENS) {
    const ofScreen = await recordCalls(browser, gateway, screen);
    print(`  ${screen.padEnd(12)} asks ${ofScreen.length} times a minute`);
    calls.push(...ofScreen);
  }
  const bodies = makeBodies(BODY_BYTES, 64, false);
  const nothing = (): Promise<void> => Promise.resolve();
  await runLoad(gateway, bodies, nothing);
  const pairs: { readonly alone: Round; readonly watched: Round }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const play = (): Promise<number> => playCalls(gateway, calls, round);
    // Which of the two is first takes turns.
    const first = await runLoad(gateway, bodies, round % 2 === 0 ? nothing : play);
    const second = await runLoad(gateway, bodies, round % 2 === 0 ? play : nothing);
    pairs.push(round % 2 === 0 ? { alone: first, watched: second } : { alone: second, watched: first });
  }
  const median = (pick: (pair: (typeof pairs)[number]) => number): number => quantile(pairs.map(pick), 0.5);
  const share = 1 - median(({ alone, watched }) => watched.perSecond / alone.perSecond);
  const cpuShare = median(({ alone, watched }) => watched.cpuUs / alone.cpuUs) - 1;
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  print(
    `  a viewer on each of ${SCREENS.length} screens, ${ROUNDS} pairs of ${ROUND_S} s of full load: ${percent(share)} of the throughput (${Math.round(median(({ watched }) => watched.perSecond))} / ${Math.round(median(({ alone }) => alone.perSecond))} answers/s), ${percent(cpuShare)} more CPU a request (${Math.round(median(({ watched }) => watched.cpuUs))} / ${Math.round(median(({ alone }) => alone.cpuUs))} us)`,
  );
  return cpuShare <= LIMIT_SHARE;
}
