import { WORLDS, type Settlement, type World } from './worlds.ts';

/** Each request weighs this much of the one after it: what was lost long ago decides nothing. */
const FADING = 0.998;
/** Of what the best world costs, this much may be lost before one steps back to it... */
const TOLERANCE = 0.01;
/** ...and so many times the dearest premium that was paid for writing. */
const PREMIUMS = 4;
/** By so many deviations a loss must stand out of the ups and downs of single requests. */
const DEVIATIONS = 2.5;
/** What was written pays later. Of its premium half is not counted as lost yet, fading over the shortest life of an entry. */
const OUTSTANDING_SHARE = 0.5;
const OUTSTANDING_MS = 300_000;
/** A world that costs less than this much of not caching is gone to even where not caching would be the safest. */
const FAR_BETTER = 0.97;
/** Each return to our own plan asks for this much more than the one before. */
const DEARER_RETURN = 1.4;
const NONE = WORLDS.indexOf('none');

/**
 * How the worlds stand in one prefix family, and which of them it follows. Our own is followed until another one has
 * cost less by more than chance and what has yet to pay; then that one, until our own, still told what it would have
 * cost all along, has cost less in the same way.
 */
export class Standing {
  #active: World = 'own';
  #requests = 0;
  #atMs = -Infinity;
  /** Faded sums. */
  readonly #costs: number[] = WORLDS.map(() => 0);
  #sent = 0;
  /** Since the beginning: what was paid, and what no caching would have cost. */
  #paid = 0;
  #uncached = 0;
  /** What each world would have saved over the active one since it last was no better, and the squares of it. */
  readonly #gains: number[] = WORLDS.map(() => 0);
  readonly #squares: number[] = WORLDS.map(() => 0);
  #dearestPremium = 0;
  #dearestPaid = 0;
  #outstanding = 0;
  #returns = 0;

  get active(): World {
    return this.#active;
  }

  /** Requests settled so far. */
  get requests(): number {
    return this.#requests;
  }

  /** What a world costs over the last five hundred requests or so, in uncached input tokens; Infinity where it cannot be gone to. */
  costOf(world: World): number {
    return this.#costs[WORLDS.indexOf(world)] ?? 0;
  }

  /** By how much a premium is above the dearest that was paid so far. */
  premiumRise(paidPremium: number): number {
    return Math.max(0, paidPremium - this.#dearestPaid);
  }

  /** Takes note of a request. */
  settle(settlement: Settlement, atMs: number): void {
    const { costs, sent, paidPremium, writePremium } = settlement;
    this.#requests += 1;
    this.#notePremium(paidPremium, writePremium, atMs);
    this.#sent = this.#sent * FADING + sent;
    this.#paid += sent;
    this.#uncached += costs.none;
    const active = costs[this.#active];
    for (const [at, world] of WORLDS.entries()) {
      const cost = costs[world];
      const gain = active - cost;
      // A world that could not be gone to before has nothing to show for it yet.
      const before = this.#costs[at] ?? 0;
      this.#costs[at] = cost === Infinity ? Infinity : (before === Infinity ? 0 : before) * FADING + cost;
      const sum = (this.#gains[at] ?? 0) + gain;
      const isBetter = sum > 0 && sum < Infinity;
      this.#gains[at] = isBetter ? sum : 0;
      this.#squares[at] = isBetter ? (this.#squares[at] ?? 0) + gain * gain : 0;
    }
    this.#reconsider();
  }

  #notePremium(paid: number, write: number, atMs: number): void {
    const idleMs = Math.max(0, atMs - this.#atMs);
    this.#atMs = atMs;
    this.#dearestPaid = Math.max(this.#dearestPaid, paid);
    this.#dearestPremium = Math.max(paid, write, this.#dearestPremium * FADING);
    this.#outstanding = this.#outstanding * Math.exp(-idleMs / OUTSTANDING_MS) + paid;
  }

  #reconsider(): void {
    const outstanding = this.#active === 'own' ? this.#outstanding * OUTSTANDING_SHARE : 0;
    const loss = this.#dearestPremium * PREMIUMS;
    const better = this.#overBudget(loss + outstanding) ?? this.#clearlyBetter(loss, outstanding);
    if (better === null || better === this.#active) return;
    if (better === 'own') this.#returns += 1;
    this.#active = better;
    this.#gains.fill(0);
    this.#squares.fill(0);
  }

  /** The world that has saved most of late, if that cannot be chance. */
  #clearlyBetter(loss: number, outstanding: number): World | null {
    let best: World | null = null;
    let most = 0;
    for (const [at, world] of WORLDS.entries()) {
      const gain = this.#gains[at] ?? 0;
      const allowance = loss * (world === 'own' ? DEARER_RETURN ** this.#returns : 1) + outstanding;
      if (gain <= most || gain <= allowance) continue;
      if (gain <= allowance + DEVIATIONS * Math.sqrt(this.#squares[at] ?? 0)) continue;
      most = gain;
      best = world;
    }
    return best;
  }

  /** The world that has been the cheapest for long, where what was sent has cost more than it may over that. */
  #overBudget(allowance: number): World | null {
    let best = 0;
    for (let at = 1; at < WORLDS.length; at += 1)
      if ((this.#costs[at] ?? 0) < (this.#costs[best] ?? 0)) best = at;
    const isOver = (at: number): boolean => this.#sent > (this.#costs[at] ?? 0) * (1 + TOLERANCE) + allowance;
    // Unless another world is far better, the safest: not caching has no cache to lose by moving to it.
    const isFarBetter = (this.#costs[best] ?? 0) < (this.#costs[NONE] ?? 0) * FAR_BETTER;
    const isDearer = this.#paid > this.#uncached * (1 + TOLERANCE) + allowance;
    if (isDearer) return isFarBetter ? (WORLDS[best] ?? null) : 'none';
    return this.#active === 'own' && best > 0 && isOver(best) ? (WORLDS[best] ?? null) : null;
  }
}
