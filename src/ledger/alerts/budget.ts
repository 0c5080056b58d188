import { toUsd, type PicoUsd } from '../../core/index.ts';
import { formatTime } from '../../runtime/index.ts';

/** Dollars past which it is told; null: never. Periods are those of UTC. */
export interface BudgetLimits {
  readonly hourUsd: number | null;
  readonly dayUsd: number | null;
  readonly monthUsd: number | null;
}

/** A limit that was passed. */
export interface PassedLimit {
  readonly period: 'hour' | 'day' | 'month';
  readonly atMs: number;
  /** Spent in the period so far, in dollars. */
  readonly value: number;
  /** The limit. */
  readonly usual: number;
}

/** Letters of an RFC 3339 time that say which period it is in. */
const LETTERS = { month: 7, day: 10, hour: 13 } as const;

interface Spent {
  readonly period: 'hour' | 'day' | 'month';
  readonly limitUsd: number;
  key: string;
  sum: PicoUsd;
  isTold: boolean;
}

/** Adds up what is spent in each period; tells once for each that passes its limit. */
export class Budget {
  readonly #spent: readonly Spent[];

  constructor({ hourUsd, dayUsd, monthUsd }: BudgetLimits) {
    const limits = [
      ['hour', hourUsd],
      ['day', dayUsd],
      ['month', monthUsd],
    ] as const;
    this.#spent = limits.flatMap(([period, limitUsd]) =>
      limitUsd === null ? [] : [{ period, limitUsd, key: '', sum: 0n, isTold: false }],
    );
  }

  spend(atMs: number, costPicoUsd: PicoUsd): readonly PassedLimit[] {
    if (this.#spent.length === 0) return [];
    const time = formatTime(atMs);
    return this.#spent.flatMap((spent) => {
      const key = time.slice(0, LETTERS[spent.period]);
      // A late record of the last period must not begin this one anew.
      if (key > spent.key) Object.assign(spent, { key, sum: 0n, isTold: false });
      if (key < spent.key) return [];
      spent.sum += costPicoUsd;
      const value = toUsd(spent.sum);
      if (spent.isTold || value <= spent.limitUsd) return [];
      spent.isTold = true;
      return [{ period: spent.period, atMs, value, usual: spent.limitUsd }];
    });
  }
}
