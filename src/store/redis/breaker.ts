import type { Clock } from '../../runtime/index.ts';

/** Failures in a row after which calls are refused without being tried. */
const FAILURES_MAX = 3;
/** How long they are refused, in ms; then one call tries. */
const REST_MS = 1_000;

/** What the breaker knows: each state holds only what it needs. */
type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly sinceMs: number }
  | { readonly kind: 'trying' };

/**
 * Keeps calls from waiting one by one for a server that does not answer: after three failures in a row they are refused
 * for a second, then a single call finds out whether the server is back.
 */
export class Breaker {
  readonly #clock: Clock;
  #state: BreakerState = { kind: 'closed', failures: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** May a call be tried? Whoever is let through has to report how it went. */
  admits(): boolean {
    if (this.#state.kind === 'closed') return true;
    if (this.#state.kind === 'trying') return false;
    // A clock that is set back must not keep the breaker open.
    const restedMs = Math.abs(this.#clock.nowMs() - this.#state.sinceMs);
    if (restedMs < REST_MS) return false;
    this.#state = { kind: 'trying' };
    return true;
  }

  succeed(): void {
    this.#state = { kind: 'closed', failures: 0 };
  }

  fail(): void {
    const failures = this.#state.kind === 'closed' ? this.#state.failures + 1 : FAILURES_MAX;
    this.#state =
      failures < FAILURES_MAX ? { kind: 'closed', failures } : { kind: 'open', sinceMs: this.#clock.nowMs() };
  }
}
