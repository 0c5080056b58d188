import type { PicoUsd } from '../../core/index.ts';
import type { KeepBook } from '../../store/index.ts';
import type { SpendingLimit } from '../budget.ts';
import type { Spending } from './spending.ts';

/** Spending of a fleet, and what this machine has to say of it again when the server has lost it. */
export interface FleetSpending extends Spending {
  tell(): Promise<void>;
}

/** Amounts on the server are whole millionths of a dollar, which a script adds exactly: rounded up, so that limits hold. */
const PICO_PER_MICRO = 1_000_000n;
/** Minutes remembered: two days. */
const MINUTES_MAX = 2880;

const toMicros = (picoUsd: PicoUsd): number => Number((picoUsd + PICO_PER_MICRO - 1n) / PICO_PER_MICRO);

/**
 * Limits that hold for all machines together. Where the server does not answer, nothing is spent; what a machine held back
 * and never settled, because it died, counts as spent.
 */
export function createFleetSpending(book: KeepBook, limits: readonly SpendingLimit[]): FleetSpending {
  // Down, as amounts are up.
  const most = limits.map(
    ({ maxPicoUsd, windowMs }) => [Number(maxPicoUsd / PICO_PER_MICRO), windowMs] as const,
  );
  const minutes = new Map<string, number>();

  const note = (minute: string, micros: number): void => {
    minutes.set(minute, (minutes.get(minute) ?? 0) + micros);
    if (minutes.size > MINUTES_MAX) minutes.delete(minutes.keys().next().value ?? '');
  };

  return {
    async reserve(worstPicoUsd) {
      const worst = toMicros(worstPicoUsd);
      const minute = await book.reserve(worst, most).catch(() => null);
      if (minute === null) return null;
      note(minute, worst);
      return {
        settle(spentPicoUsd) {
          const difference = toMicros(spentPicoUsd) - worst;
          if (difference === 0) return;
          note(minute, difference);
          // Where this is lost, more counts as spent than was.
          book.correct(minute, difference).catch(() => undefined);
        },
      };
    },
    tell: () => book.tellSpent(minutes),
  };
}
