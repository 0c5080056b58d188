import {
  defaultCacheRules,
  defaultCatalogue,
  isObject,
  PICO_PER_USD,
  type JsonObject,
} from '../../core/index.ts';
import { systemClock, systemRandom, systemTimers } from '../../runtime/index.ts';
import { alwaysOpen } from './calendar.ts';
import type { HeldRequest } from './holdings.ts';
import { Keeper } from './keeper.ts';
import { createLocalSchedule } from './local-schedule.ts';
import type { KeeperOptions } from './options.ts';
import { createLocalSpending, spendingLimits } from './spending.ts';

/** Limits of what is kept and held, where nobody says others. */
export const defaultKeeperLimits: Readonly<
  Pick<KeeperOptions, 'calendar' | 'concurrency' | 'entriesMax' | 'heldBytesMax' | 'warmsAtOpening'>
> = {
  calendar: alwaysOpen,
  warmsAtOpening: true,
  entriesMax: 10_000,
  heldBytesMax: 256 * 1024 * 1024,
  concurrency: 16,
};

const LEAD_MS = 15_000;

function parse({ body }: HeldRequest): JsonObject | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * A keeper in this process for those who have no gateway: tell it of every request that has used a prefix, and it sends
 * pings as `decide` says. The held body is JSON with one marker, where the prefix ends. At most a dollar an hour and ten a
 * day, unless `spending` says otherwise.
 *
 * @example
 * const keeper = keepAlive({ send, decide: (entry, nowMs) => decideKeepAlive(entry, nowMs) });
 * keeper.visit({ scope, model, atMs, asked: null, isObserved: false, prefix }, () => held);
 */
export function keepAlive(given: Pick<KeeperOptions, 'send' | 'decide'> & Partial<KeeperOptions>): Keeper {
  const { clock = systemClock, timers = systemTimers, leadMs = LEAD_MS } = given;
  return new Keeper({
    ...defaultKeeperLimits,
    state: 'on',
    schedule: createLocalSchedule({ leadMs, clock, timers }),
    spending: createLocalSpending(spendingLimits(PICO_PER_USD, 10n * PICO_PER_USD), clock),
    readBody: parse,
    leadMs,
    ttlMs: defaultCacheRules.ttlMs,
    catalogue: defaultCatalogue,
    clock,
    timers,
    random: systemRandom,
    onPing: () => undefined,
    ...given,
  });
}
