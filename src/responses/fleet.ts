import { secretBytes, type Time, type Timers } from '../runtime/index.ts';
import { StoreError, type LedFlight, type SharedFlights } from '../store/index.ts';
import { inTime } from './bounded-store.ts';

/** How long a leader that says nothing any more keeps the lead: so long others wait for one that is gone. */
const LEAD_MS = 2_000;
const RENEW_EVERY_MS = 500;
/** How long a lead lasts before its leader has said that it knows of it: one that never heard of it holds up nobody for longer. */
const UNCONFIRMED_MS = 250;
/** A place without memory left is not asked for so long. */
const FULL_REST_MS = 1_000;
/** Leads of which nobody knows whether they were given, that are remembered to be given back. */
const DOUBTFUL_MAX = 100;
/** How often those who wait look. */
const LOOK_EVERY_MS = 20;
/** The longest that anybody waits for another process: as long as clients do. */
const FOLLOW_MS_MAX = 600_000;

/** What the process that led a flight gave, or that it gave nothing. */
export type Followed = Uint8Array | 'gone' | 'unreachable';

interface Follower {
  readonly flight: LedFlight;
  readonly untilMs: number;
  readonly resolve: (followed: Followed) => void;
}

interface Led {
  readonly flight: LedFlight;
  /** Until when the lead lasts at least; -Infinity: another has it. */
  untilMs: number;
}

/** A flight that this process leads among all that share it. */
export interface Lead {
  /** Another process may lead it meanwhile: what comes here is too late to be kept. */
  isLost(): boolean;
  /** It is over; `pack` is asked for what is handed over where somebody waits for it. */
  finish(pack: (fence: string) => Uint8Array | null): Promise<void>;
  /** It came to nothing: another may lead. */
  release(): void;
}

/** What became of asking for the lead. */
export type Admission =
  | { readonly kind: 'leads'; readonly lead: Lead }
  | { readonly kind: 'follows'; readonly flight: LedFlight }
  /** Nobody could be asked: every process for itself. */
  | { readonly kind: 'alone' };

/**
 * Single flight among processes: one of them fetches an answer, and the others wait for what it hands over. What waits and
 * what leads is looked after together, by one call each time, however many there are. Whatever fails here only means that
 * processes go alone.
 */
export class Fleet {
  readonly #flights: SharedFlights;
  readonly #time: Time;
  readonly #leads = new Map<string, Led>();
  #doubtful: LedFlight[] = [];
  #fullAtMs = -Infinity;
  #followers = new Set<Follower>();
  #isRenewing = false;
  #isLooking = false;

  constructor(flights: SharedFlights, timers: Timers, nowMs: () => number) {
    this.#flights = flights;
    this.#time = { timers, clock: { nowMs } };
  }

  /**
   * Asks for the lead.
   *
   * @param waits the caller will `follow` where another leads
   * @param waitMs the longest that it may take
   */
  async enter(id: string, waits: boolean, waitMs: number): Promise<Admission> {
    const fromMs = this.#time.clock.nowMs();
    // A clock that is set back must not keep it from being asked.
    if (Math.abs(fromMs - this.#fullAtMs) < FULL_REST_MS) return { kind: 'alone' };
    const own: LedFlight = { id, fence: secretBytes(9).toString('base64url') };
    // On one connection they are given back before anything is asked for.
    for (const doubtful of this.#doubtful.splice(0)) this.#release(doubtful);
    const asking = this.#flights.lead(own, UNCONFIRMED_MS, waits);
    const fence = await inTime(asking, waitMs, this.#time).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'STORE_FULL') this.#fullAtMs = fromMs;
      return undefined;
    });
    if (fence === null) {
      // Too late: nobody must wait for a leader that does not know of it.
      asking.then(
        (late) => late === own.fence && this.#release(own),
        () => this.#doubtful.length < DOUBTFUL_MAX && this.#doubtful.push(own),
      );
      return { kind: 'alone' };
    }
    if (fence === undefined || fence === '') {
      // A server that stood still may give the lead when it goes on, and find nobody to tell.
      if (this.#doubtful.length < DOUBTFUL_MAX) this.#doubtful.push(own);
      return { kind: 'alone' };
    }
    if (fence !== own.fence) return { kind: 'follows', flight: { id, fence } };
    return { kind: 'leads', lead: this.#begin(own, fromMs) };
  }

  /** Waits for what the leader hands over, as long as it is there and the caller wants it. */
  follow(flight: LedFlight, signal: AbortSignal): Promise<Followed> {
    return new Promise((resolve) => {
      const follower: Follower = { flight, untilMs: this.#time.clock.nowMs() + FOLLOW_MS_MAX, resolve };
      if (signal.aborted) return resolve('gone');
      this.#followers.add(follower);
      signal.addEventListener('abort', () => this.#settle(follower, 'gone'), { once: true });
      this.#lookLater();
      return undefined;
    });
  }

  #begin(own: LedFlight, fromMs: number): Lead {
    const led: Led = { flight: own, untilMs: fromMs + LEAD_MS };
    this.#leads.set(own.fence, led);
    void this.#renew([led]);
    this.#renewLater();
    const end = (): boolean => this.#leads.delete(own.fence);
    return {
      isLost: () => this.#time.clock.nowMs() >= led.untilMs,
      finish: async (pack) => {
        // First of all: a renewal behind the end would bring the lead back.
        end();
        try {
          if ((await this.#flights.finish(own)) !== 'wanted') return;
          const bytes = pack(own.fence);
          if (bytes) await this.#flights.hand(own, bytes);
          else this.#release(own);
        } catch {
          // The lead ends by itself, and others take over.
        }
      },
      release: () => {
        if (end()) this.#release(own);
      },
    };
  }

  #release(own: LedFlight): void {
    this.#flights.release(own).catch(() => undefined);
  }

  #renewLater(): void {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    this.#time.timers.after(
      RENEW_EVERY_MS,
      () => {
        this.#isRenewing = false;
        if (this.#leads.size === 0) return;
        this.#renewLater();
        void this.#renew([...this.#leads.values()]);
      },
      true,
    );
  }

  async #renew(leads: readonly Led[]): Promise<void> {
    const untilMs = this.#time.clock.nowMs() + LEAD_MS;
    const flights = leads.map(({ flight }) => flight);
    const lost = await this.#flights.renew(flights, LEAD_MS).catch(() => null);
    if (!lost) return;
    const fences = new Set(lost.map(({ fence }) => fence));
    for (const led of leads) {
      const isLost = fences.has(led.flight.fence);
      led.untilMs = isLost ? -Infinity : untilMs;
      if (isLost) this.#leads.delete(led.flight.fence);
    }
  }

  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#time.timers.after(LOOK_EVERY_MS, () => {
      void this.#look().finally(() => {
        this.#isLooking = false;
        if (this.#followers.size > 0) this.#lookLater();
      });
    });
  }

  async #look(): Promise<void> {
    const waiting = [...this.#followers];
    if (waiting.length === 0) return;
    const found = await this.#flights.look(waiting.map(({ flight }) => flight)).catch(() => null);
    const nowMs = this.#time.clock.nowMs();
    for (const [index, follower] of waiting.entries()) {
      const state = found === null ? 'unreachable' : (found[index] ?? 'gone');
      if (state !== 'flying') this.#settle(follower, state);
      else if (nowMs >= follower.untilMs) this.#settle(follower, 'unreachable');
    }
  }

  #settle(follower: Follower, followed: Followed): void {
    if (this.#followers.delete(follower)) follower.resolve(followed);
  }
}
