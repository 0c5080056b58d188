import { InvalidArgumentError, Option, type Command } from 'commander';

import type { Catalogue } from '../core/index.ts';
import {
  alerts,
  createWebhook,
  integrity,
  type Alert,
  type Alerts,
  type Integrity,
  type Webhook,
} from '../ledger/index.ts';
import { UsageError } from './errors.ts';

/** What says who is told when something goes wrong. */
export interface AlertFlags {
  /** Where alerts and findings of integrity are posted. Its path may be a secret: it is never printed. */
  readonly webhook?: string;
  /** Signs what is posted; from the environment alone. */
  readonly webhookSecret?: string;
  /** Dollars in an hour, a day and a month past which it is told. */
  readonly budgetHour?: number;
  readonly budgetDay?: number;
  readonly budgetMonth?: number;
}

/** What watches the requests of a gateway. */
export interface ServeAlerts {
  readonly alerts: Alerts;
  readonly integrity: Integrity;
  close(): Promise<void>;
}

/** As long may events take that are still on their way when the gateway ends. */
const LAST_EVENTS_MS = 5_000;

function openWebhook({ webhook, webhookSecret }: AlertFlags): Webhook | null {
  if (webhook === undefined) return null;
  try {
    return createWebhook({ url: webhook, secret: webhookSecret || null });
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(`--webhook: ${error.message}`) : error;
  }
}

/** `--check`: can events be posted there? Nothing is. */
export function checkWebhook(flags: AlertFlags): void {
  openWebhook(flags)?.close();
}

/**
 * @param warn writes a line into the log
 * @param timers for not waiting on a receiver that is down
 */
export function openServeAlerts(
  flags: AlertFlags,
  catalogue: Catalogue,
  warn: (alert: Alert) => void,
  timers: { after(delayMs: number, run: () => void): () => void },
): ServeAlerts {
  const webhook = openWebhook(flags);
  const watch = alerts({
    catalogue,
    budget: {
      hourUsd: flags.budgetHour ?? null,
      dayUsd: flags.budgetDay ?? null,
      monthUsd: flags.budgetMonth ?? null,
    },
    onAlert(alert) {
      warn(alert);
      webhook?.post({ type: 'alert', ...alert });
    },
  });
  const judge = integrity({
    catalogue,
    onFinding: (finding) => webhook?.post({ type: 'integrity', ...finding }),
  });
  return {
    alerts: watch,
    integrity: judge,
    async close() {
      const cancel = timers.after(LAST_EVENTS_MS, () => webhook?.close());
      await webhook?.idle();
      cancel();
    },
  };
}

function parseDollars(text: string): number {
  const dollars = /^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (dollars > 0) return dollars;
  throw new InvalidArgumentError('It must be a number of dollars.');
}

/** Adds the options that `AlertFlags` come from. */
export function addAlertOptions(command: Command): void {
  command
    .addOption(
      new Option('--webhook <url>', 'where alerts, and bills that nothing explains, are posted').env(
        'CACHEWRIGHT_WEBHOOK',
      ),
    )
    // No flag for people: what stands on a command line can be read by everybody on the machine.
    .addOption(new Option('--webhook-secret <secret>').env('CACHEWRIGHT_WEBHOOK_SECRET').hideHelp());
  for (const period of ['hour', 'day', 'month']) {
    command.addOption(
      new Option(`--budget-${period} <usd>`, `dollars in one ${period} (UTC) past which an alert is sent`)
        .env(`CACHEWRIGHT_BUDGET_${period.toUpperCase()}`)
        .argParser(parseDollars),
    );
  }
}
