import { createHmac } from 'node:crypto';

import { Option, type Command } from 'commander';

import { PICO_PER_USD, type CacheRules, type PicoUsd } from '../core/index.ts';
import { KEEP_ALIVE_STATES, type KeepAliveOptions, type KeepAliveState } from '../engine/index.ts';
import { createId, systemClock, systemRandom, systemTimers } from '../runtime/index.ts';
import { openKeepBook, openRedisJobs, StoreError } from '../store/index.ts';
import {
  createFleetSpending,
  FleetSchedule,
  openCalendar,
  spendingLimits,
  type CalendarWindow,
  type FleetSpending,
} from '../warming/index.ts';
import { UsageError } from './errors.ts';
import { parseAmount, parseFactor, parseWhole } from './options.ts';

/** What says whether entries are kept alive by pings, and what these may cost. */
export interface KeepAliveFlags {
  readonly keepAlive: KeepAliveState;
  /** Seconds. */
  readonly keepAliveLead?: number;
  readonly keepAlivePings: number;
  readonly keepAliveMinTokens: number;
  /** Dollars. */
  readonly keepAliveHour: number;
  readonly keepAliveDay: number;
  readonly keepAliveWindow?: readonly string[];
  /** May hold a password: it is never printed. */
  readonly redis?: string;
}

/** Keep-alive of a gateway, which closes it. */
export interface ServeKeepAlive {
  readonly options: Partial<KeepAliveOptions>;
  /** For a gateway that did not come to be. */
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** `0 8 * * 1-5; 10h; Europe/Berlin`. */
function parseWindow(window: string): CalendarWindow {
  const [cron = '', length = '', timeZone] = window.split(';').map((part) => part.trim());
  const [, count, unit] = /^(\d+(?:\.\d+)?)(h|m)$/.exec(length) ?? [];
  if (cron === '' || count === undefined) {
    throw new UsageError(
      '--keep-alive-window is a cron expression, a length and a time zone: "0 8 * * 1-5; 10h; Europe/Berlin"',
    );
  }
  return { cron, lengthMs: Number(count) * (unit === 'h' ? HOUR_MS : MINUTE_MS), timeZone };
}

const toPico = (usd: number): PicoUsd => (BigInt(Math.round(usd * 1e6)) * PICO_PER_USD) / 1_000_000n;

/** How much sooner than it ends an entry is refreshed: 15 s, with a fleet 20 s, for one machine may have to take over. */
const LEAD_SHARE_ALONE = 1 / 20;
const LEAD_SHARE_FLEET = 1 / 15;
/** Parts of that: a lease, the pause between two looks, and how long a server that was started again is left to listen. */
const LEASE_SHARE = 0.3;
const LOOK_SHARE = 1 / 20;
const QUIET_SHARE = 1 / 4;
const CONCURRENCY = 16;
/** Not on the way of any request: patient, where the server is busy. */
const TIMEOUT_MS = 1_000;
const JOB_LOCK_MS = 30_000;

interface Fleet extends Pick<KeepAliveOptions, 'schedule' | 'spending'> {
  close(): Promise<void>;
}

async function openFleet(
  url: string,
  secret: Uint8Array,
  leadMs: number,
  limits: Parameters<typeof createFleetSpending>[1],
): Promise<Fleet> {
  // Gateways that have not one secret know scopes and prefixes by other names, and have nothing to share.
  const name = `keep-${createHmac('sha256', secret).update('keep-alive').digest('hex').slice(0, 16)}`;
  const clock = systemClock;
  const leaseMs = leadMs * LEASE_SHARE;
  const everyMs = leadMs * LOOK_SHARE;
  const book = await openKeepBook({
    url,
    name,
    machine: createId('machine', systemRandom),
    clock,
    leadMs,
    leaseMs,
    quietMs: leadMs * QUIET_SHARE,
    timeoutMs: TIMEOUT_MS,
  });
  const spending: FleetSpending = createFleetSpending(book, limits);
  const schedule = await FleetSchedule.open({
    book,
    openJobs: (run) => openRedisJobs({ url, name, concurrency: CONCURRENCY, lockMs: JOB_LOCK_MS, run }),
    secret,
    clock,
    timers: systemTimers,
    everyMs,
    leaseMs,
    onNewRun: () => spending.tell(),
  }).catch((error: unknown) => {
    book.close();
    throw error;
  });
  return { schedule, spending, close: () => schedule.close() };
}

/** What there is where a fleet cannot be had: nothing, since limits of it would not hold. */
const NO_FLEET: Fleet = {
  schedule: null,
  spending: { reserve: async () => null },
  close: async () => undefined,
};

async function openFleetFor(state: KeepAliveState, ...how: Parameters<typeof openFleet>): Promise<Fleet> {
  try {
    return await openFleet(...how);
  } catch (error) {
    // A package that nobody asked for may be missing.
    if (state === 'off' && error instanceof StoreError) return NO_FLEET;
    throw error;
  }
}

/** When pings may be sent; judged before anything is opened. */
export async function readKeepAliveCalendar({
  keepAliveWindow = [],
}: KeepAliveFlags): Promise<KeepAliveOptions['calendar']> {
  try {
    return await openCalendar(keepAliveWindow.map(parseWindow));
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--keep-alive-window: ${error.message}`) : error;
  }
}

/** Keep-alive as the flags want it; with Redis, one for all gateways of the fleet. The URL has been judged by now. */
export async function openServeKeepAlive(
  flags: KeepAliveFlags,
  calendar: KeepAliveOptions['calendar'],
  secret: Uint8Array,
  { ttlMs }: CacheRules,
): Promise<ServeKeepAlive> {
  const hourPicoUsd = toPico(flags.keepAliveHour);
  const dayPicoUsd = toPico(flags.keepAliveDay);
  const share = flags.redis === undefined ? LEAD_SHARE_ALONE : LEAD_SHARE_FLEET;
  const leadMs = flags.keepAliveLead === undefined ? ttlMs['5m'] * share : flags.keepAliveLead * 1000;
  const limits = spendingLimits(hourPicoUsd, dayPicoUsd);
  const fleet =
    flags.redis === undefined
      ? null
      : await openFleetFor(flags.keepAlive, flags.redis, secret, leadMs, limits);
  const options = {
    state: flags.keepAlive,
    leadMs,
    pingsMax: flags.keepAlivePings,
    minimumTokens: flags.keepAliveMinTokens,
    hourPicoUsd,
    dayPicoUsd,
    calendar,
    concurrency: CONCURRENCY,
    schedule: fleet?.schedule ?? null,
    spending: fleet?.spending ?? null,
  };
  return { options, close: async () => fleet?.close() };
}

/** Adds the options that `KeepAliveFlags` come from. */
export function addKeepAliveOptions(command: Command): void {
  command
    .addOption(
      new Option('--keep-alive <state>', 'whether pings keep entries alive where that pays; they cost money')
        .choices([...KEEP_ALIVE_STATES])
        .default('off')
        .env('CACHEWRIGHT_KEEP_ALIVE'),
    )
    .addOption(
      new Option('--keep-alive-lead <seconds>', 'how long before its end an entry is refreshed')
        .env('CACHEWRIGHT_KEEP_ALIVE_LEAD')
        .argParser(parseFactor),
    )
    .addOption(
      new Option('--keep-alive-pings <number>', 'pings at the most after one request')
        .default(48)
        .env('CACHEWRIGHT_KEEP_ALIVE_PINGS')
        .argParser(parseWhole),
    )
    .addOption(
      new Option('--keep-alive-min-tokens <number>', 'shorter prefixes are let go')
        .default(4000)
        .env('CACHEWRIGHT_KEEP_ALIVE_MIN_TOKENS')
        .argParser(parseWhole),
    )
    .addOption(
      new Option('--keep-alive-hour <dollars>', 'what pings may cost in any hour')
        .default(1)
        .env('CACHEWRIGHT_KEEP_ALIVE_HOUR')
        .argParser(parseAmount),
    )
    .addOption(
      new Option('--keep-alive-day <dollars>', 'what pings may cost in any day')
        .default(10)
        .env('CACHEWRIGHT_KEEP_ALIVE_DAY')
        .argParser(parseAmount),
    )
    .addOption(
      new Option(
        '--keep-alive-window <when>',
        'when pings may be sent, and more than one with |: "0 8 * * 1-5; 10h; Europe/Berlin"',
      )
        .env('CACHEWRIGHT_KEEP_ALIVE_WINDOW')
        .argParser((text: string) => text.split('|')),
    );
}
