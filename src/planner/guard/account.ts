/** What a request would cost if it were sent now, in the cache as it is, in uncached input tokens. */
export interface Outlay {
  readonly cost: number;
  /** The same request without caching. */
  readonly none: number;
  /** Of the cost, what is paid for writing, over not caching. */
  readonly paidPremium: number;
}

/** Of what not caching would have cost, this much may be lost... */
const TOLERANCE = 0.01;
/** ...and at first so many times the dearest premium paid, which is no more than what these many requests will allow. */
const FIRST_PREMIUMS = 3;
const FIRST_REQUESTS = 500;
/** What was written pays later. Of its premium half is not counted as lost yet, fading over the shortest life of an entry. */
const OUTSTANDING_SHARE = 0.5;
const OUTSTANDING_MS = 300_000;

/**
 * What one scope and model has paid, beside what no caching would have cost. Nothing is sent that would cost more than not
 * caching by more than the account can bear: so it never comes to more than that, one premium a family, and what was
 * written in the last minutes.
 */
export class Account {
  #requests = 0;
  #paid = 0;
  #uncached = 0;
  /** The dearest premium of each family, together, and the dearest of all. */
  #familyPremiums = 0;
  #dearestPremium = 0;
  #outstanding = 0;
  #atMs = -Infinity;

  /**
   * Takes note of a request that was sent.
   *
   * @param premiumRise by how much its premium is above the dearest that its family has paid before
   */
  settle({ cost, none, paidPremium }: Outlay, premiumRise: number, atMs: number): void {
    this.#outstanding = this.#outstandingAt(atMs) + paidPremium;
    this.#atMs = Math.max(this.#atMs, atMs);
    this.#requests += 1;
    this.#paid += cost;
    this.#uncached += none;
    this.#familyPremiums += premiumRise;
    this.#dearestPremium = Math.max(this.#dearestPremium, paidPremium);
  }

  /** By how much a request that is sent now may cost more than not caching. */
  roomAt(atMs: number): number {
    const allowed = this.#uncached * (1 + TOLERANCE) + this.#familyPremiums + this.#advance();
    return allowed + this.#outstandingAt(atMs) * OUTSTANDING_SHARE - this.#paid;
  }

  #outstandingAt(atMs: number): number {
    return this.#outstanding * Math.exp(-Math.max(0, atMs - this.#atMs) / OUTSTANDING_MS);
  }

  /** In the first requests nothing can have paid yet: they borrow from those to come. */
  #advance(): number {
    const requestsToCome = Math.max(0, FIRST_REQUESTS / Math.max(1, this.#requests) - 1);
    return Math.min(FIRST_PREMIUMS * this.#dearestPremium, TOLERANCE * this.#uncached * requestsToCome);
  }
}
