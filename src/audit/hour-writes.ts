import type { PicoUsd } from '../core/index.ts';

/** A sum of 1h writes. */
export interface HourSum {
  tokens: number;
  premiumPicoUsd: PicoUsd;
}

/** What became of all 1h writes of a log. */
export interface HourTotals {
  readonly paid: HourSum;
  readonly notNeeded: HourSum;
  readonly neverRead: HourSum;
}

export function createHourTotals(): HourTotals {
  const sum = (): HourSum => ({ tokens: 0, premiumPicoUsd: 0n });
  return { paid: sum(), notNeeded: sum(), neverRead: sum() };
}

/** 1h writes that have not yet been read across a pause, from `startToken` to `endToken` of the prompt. */
interface Waiting {
  readonly startToken: number;
  readonly endToken: number;
  readonly tokens: number;
  readonly premiumPicoUsd: PicoUsd;
  readonly isRead: boolean;
}

/** A pause that a 5m entry does not survive (spec 4.1). */
const SHORT_TTL_MS = 300_000;

function addTo(sum: HourSum, writes: Pick<Waiting, 'tokens' | 'premiumPicoUsd'>): void {
  sum.tokens += writes.tokens;
  sum.premiumPicoUsd += writes.premiumPicoUsd;
}

/** Two stretches of writes as one: their sums are kept, their order no longer matters. */
function joined(a: Waiting, b: Waiting): Waiting {
  return {
    startToken: Math.min(a.startToken, b.startToken),
    endToken: Math.max(a.endToken, b.endToken),
    tokens: a.tokens + b.tokens,
    premiumPicoUsd: a.premiumPicoUsd + b.premiumPicoUsd,
    isRead: a.isRead && b.isRead,
  };
}

/** Follows the 1h writes of one conversation on one model. Holds two stretches at most: those read and those not. */
export class HourWrites {
  readonly #totals: HourTotals;
  #read: Waiting | null = null;
  #unread: Waiting | null = null;

  constructor(totals: HourTotals) {
    this.#totals = totals;
  }

  /** A call read the first `readTokens` of its prompt, `gapMs` after the prefix was last used. */
  noteRead(readTokens: number, gapMs: number): void {
    const isRescue = gapMs >= SHORT_TTL_MS;
    this.#read = this.#settle(this.#read, readTokens, isRescue);
    this.#unread = this.#settle(this.#unread, readTokens, isRescue);
  }

  /** What was reached by the read is settled by a rescue, else read and waiting; what was not is gone. */
  #settle(waiting: Waiting | null, readTokens: number, isRescue: boolean): Waiting | null {
    if (!waiting) return null;
    const length = waiting.endToken - waiting.startToken;
    const reached = Math.max(0, Math.min(length, readTokens - waiting.startToken));
    const tokens = length === 0 ? 0 : Math.round((waiting.tokens * reached) / length);
    const premiumPicoUsd =
      waiting.tokens === 0 ? 0n : (waiting.premiumPicoUsd * BigInt(tokens)) / BigInt(waiting.tokens);
    this.#finish({
      ...waiting,
      tokens: waiting.tokens - tokens,
      premiumPicoUsd: waiting.premiumPicoUsd - premiumPicoUsd,
    });
    const kept = { ...waiting, endToken: waiting.startToken + reached, tokens, premiumPicoUsd, isRead: true };
    if (isRescue) addTo(this.#totals.paid, kept);
    const stays = !isRescue && tokens > 0 ? kept : null;
    if (stays && waiting === this.#unread) {
      this.#read = this.#read ? joined(this.#read, stays) : stays;
      return null;
    }
    return stays;
  }

  /** A call wrote `tokens` at the 1h price behind what it read. */
  noteWrite(startToken: number, tokens: number, premiumPicoUsd: PicoUsd): void {
    if (tokens === 0) return;
    const added = { startToken, endToken: startToken + tokens, tokens, premiumPicoUsd, isRead: false };
    this.#unread = this.#unread ? joined(this.#unread, added) : added;
  }

  #finish(waiting: Waiting | null): void {
    if (waiting) addTo(waiting.isRead ? this.#totals.notNeeded : this.#totals.neverRead, waiting);
  }

  /** No more calls come: what still waits is settled as it stands. */
  end(): void {
    this.#finish(this.#read);
    this.#finish(this.#unread);
    this.#read = null;
    this.#unread = null;
  }
}
