import type { PicoUsd } from '../../core/index.ts';
import type { Clock } from '../../runtime/index.ts';
import { createBudget, DAY_MS, HOUR_MS, type SpendingLimit } from '../budget.ts';

/** Money held back for one ping. Settle it once: with 0 where it was not billed. */
export interface HeldMoney {
  settle(spentPicoUsd: PicoUsd): void;
}

/** What may be spent on pings, by this machine or by a fleet. */
export interface Spending {
  /** null where it could exceed a limit, or where nobody can say whether it would. */
  reserve(worstPicoUsd: PicoUsd): Promise<HeldMoney | null>;
}

/** Limits for an hour and a day, both sliding. */
export function spendingLimits(hourPicoUsd: PicoUsd, dayPicoUsd: PicoUsd): readonly SpendingLimit[] {
  return [
    { maxPicoUsd: hourPicoUsd, windowMs: HOUR_MS },
    { maxPicoUsd: dayPicoUsd, windowMs: DAY_MS },
  ];
}

/** Spending of this process. */
export function createLocalSpending(limits: readonly SpendingLimit[], clock: Clock): Spending {
  const budget = createBudget(limits);
  return {
    async reserve(worstPicoUsd) {
      const reservation = budget.reserve(worstPicoUsd, clock.nowMs());
      if (!reservation) return null;
      return {
        settle(spentPicoUsd) {
          if (spentPicoUsd === 0n) budget.refund(reservation);
          else budget.settle(reservation, spentPicoUsd, clock.nowMs());
        },
      };
    },
  };
}
