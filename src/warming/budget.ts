import { isObject, type PicoUsd } from '../core/index.ts';

/** A limit of spending: at most so much in any stretch of so much time. */
export interface SpendingLimit {
  readonly maxPicoUsd: PicoUsd;
  /** Length of the window that slides; Infinity: for ever. */
  readonly windowMs: number;
}

/** One hour and one day, for limits. */
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Money held back for one request that is under way. Settle or refund it once. */
export interface Reservation {
  readonly worstPicoUsd: PicoUsd;
}

/** What has been spent in the window of one limit, and what is held back. */
export interface BudgetReading extends SpendingLimit {
  readonly spentPicoUsd: PicoUsd;
  readonly reservedPicoUsd: PicoUsd;
}

/** A budget as JSON: amounts as decimal strings. What was reserved when it was taken counts as spent. */
export interface BudgetSnapshot {
  readonly version: 1;
  readonly spends: readonly { readonly atMs: number; readonly picoUsd: string }[];
}

/**
 * Dollars that may be spent. The worst that a request can cost is reserved before it is sent, so that no limit is
 * exceeded in any window of its length, whatever is under way at the same time. Amounts are exact. Time is a parameter;
 * a clock that is set back stands still here until it has caught up.
 */
export interface Budget {
  /** null where this could exceed a limit; then nothing is held back. */
  reserve(worstPicoUsd: PicoUsd, atMs: number): Reservation | null;
  /** The request was billed so much. More than was reserved is taken as it is: it has been spent. */
  settle(reservation: Reservation, spentPicoUsd: PicoUsd, atMs: number): void;
  /** The request was not billed. */
  refund(reservation: Reservation): void;
  /** One reading for each limit, in their order. */
  read(atMs: number): readonly BudgetReading[];
  snapshot(atMs: number): BudgetSnapshot;
}

/** Spends of about one time are kept as one: a window of any length has no more than this many. */
const SPENDS_PER_WINDOW = 1440;

interface Spend {
  /** When the last of them was made: all of them count until a window after that. */
  atMs: number;
  picoUsd: PicoUsd;
  readonly sinceMs: number;
}

class LimitedBudget implements Budget {
  readonly #limits: readonly SpendingLimit[];
  readonly #open = new Set<Reservation>();
  /** Oldest first. */
  readonly #spends: Spend[] = [];
  readonly #keptMs: number;
  readonly #grainMs: number;
  #reservedPicoUsd = 0n;
  #nowMs = Number.NEGATIVE_INFINITY;

  constructor(limits: readonly SpendingLimit[], snapshot: BudgetSnapshot | null) {
    for (const limit of limits) checkLimit(limit);
    this.#limits = limits;
    const lengths = limits.map(({ windowMs }) => windowMs);
    this.#keptMs = Math.max(0, ...lengths);
    this.#grainMs = Math.min(...lengths) / SPENDS_PER_WINDOW;
    for (const { atMs, picoUsd } of snapshot?.spends ?? []) this.#spend(BigInt(picoUsd), this.#move(atMs));
  }

  reserve(worstPicoUsd: PicoUsd, atMs: number): Reservation | null {
    if (worstPicoUsd < 0n) throw new RangeError(`an amount to reserve is 0 or more, got ${worstPicoUsd}`);
    const nowMs = this.#move(atMs);
    const isOver = ({ maxPicoUsd, windowMs }: SpendingLimit): boolean =>
      this.#spentSince(nowMs - windowMs) + this.#reservedPicoUsd + worstPicoUsd > maxPicoUsd;
    if (this.#limits.some(isOver)) return null;
    const reservation: Reservation = { worstPicoUsd };
    this.#open.add(reservation);
    this.#reservedPicoUsd += worstPicoUsd;
    return reservation;
  }

  settle(reservation: Reservation, spentPicoUsd: PicoUsd, atMs: number): void {
    if (spentPicoUsd < 0n) throw new RangeError(`an amount spent is 0 or more, got ${spentPicoUsd}`);
    this.#close(reservation);
    this.#spend(spentPicoUsd, this.#move(atMs));
  }

  refund(reservation: Reservation): void {
    this.#close(reservation);
  }

  read(atMs: number): readonly BudgetReading[] {
    const nowMs = this.#move(atMs);
    return this.#limits.map((limit) => ({
      ...limit,
      spentPicoUsd: this.#spentSince(nowMs - limit.windowMs),
      reservedPicoUsd: this.#reservedPicoUsd,
    }));
  }

  snapshot(atMs: number): BudgetSnapshot {
    const nowMs = this.#move(atMs);
    const spends = this.#spends.map((spend) => ({ atMs: spend.atMs, picoUsd: spend.picoUsd.toString() }));
    const reserved = { atMs: nowMs, picoUsd: this.#reservedPicoUsd.toString() };
    return { version: 1, spends: this.#reservedPicoUsd > 0n ? [...spends, reserved] : spends };
  }

  /** Twice is an error of the caller that would let more be spent than is allowed. */
  #close(reservation: Reservation): void {
    if (!this.#open.delete(reservation))
      throw new RangeError('the reservation is not open: settle or refund it once');
    this.#reservedPicoUsd -= reservation.worstPicoUsd;
  }

  #move(atMs: number): number {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    return this.#nowMs;
  }

  #spend(picoUsd: PicoUsd, atMs: number): void {
    if (picoUsd === 0n) return;
    const last = this.#spends.at(-1);
    if (last && atMs - last.sinceMs <= this.#grainMs) {
      last.picoUsd += picoUsd;
      last.atMs = atMs;
    } else {
      this.#spends.push({ atMs, picoUsd, sinceMs: atMs });
    }
    const kept = this.#spends.findIndex((spend) => spend.atMs > atMs - this.#keptMs);
    if (kept > 0) this.#spends.splice(0, kept);
  }

  #spentSince(sinceMs: number): PicoUsd {
    let sum = 0n;
    for (let index = this.#spends.length - 1; index >= 0; index -= 1) {
      const spend = this.#spends[index];
      if (!spend || spend.atMs <= sinceMs) break;
      sum += spend.picoUsd;
    }
    return sum;
  }
}

function checkLimit({ maxPicoUsd, windowMs }: SpendingLimit): void {
  if (maxPicoUsd < 0n) throw new RangeError(`a limit is 0 or more, got ${maxPicoUsd}`);
  if (!(windowMs > 0)) throw new RangeError(`windowMs must be above 0, got ${windowMs}`);
}

/**
 * A budget with any number of limits; without any, everything may be spent.
 *
 * @param snapshot what an earlier budget left, also one with other limits
 * @throws RangeError for a limit below 0 or a window that is not above 0.
 * @example
 * const budget = createBudget([{ maxPicoUsd: 2n * PICO_PER_USD, windowMs: HOUR_MS }]);
 * const reservation = budget.reserve(worst, nowMs);
 * if (reservation) budget.settle(reservation, await send(), nowMs);
 */
export function createBudget(
  limits: readonly SpendingLimit[],
  snapshot: BudgetSnapshot | null = null,
): Budget {
  return new LimitedBudget(limits, snapshot);
}

function isSpend(value: unknown): value is BudgetSnapshot['spends'][number] {
  if (!isObject(value)) return false;
  const { atMs, picoUsd } = value;
  return (
    typeof atMs === 'number' && Number.isFinite(atMs) && typeof picoUsd === 'string' && /^\d+$/.test(picoUsd)
  );
}

/** A snapshot out of JSON; null where it is none. */
export function readBudgetSnapshot(json: unknown): BudgetSnapshot | null {
  if (!isObject(json) || json['version'] !== 1 || !Array.isArray(json['spends'])) return null;
  const spends: readonly unknown[] = json['spends'];
  return spends.every(isSpend) ? { version: 1, spends } : null;
}
