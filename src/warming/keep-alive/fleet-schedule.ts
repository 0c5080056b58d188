import { createHmac } from 'node:crypto';

import type { CancelTimer, Clock, Timers } from '../../runtime/index.ts';
import type { Claim, Jobs, KeepBook, KnownEntry } from '../../store/index.ts';
import {
  KEEP_ALIVE_STATES,
  type DueOutcome,
  type KeepAliveState,
  type KeepHandler,
  type KeepSchedule,
  type OutstandingPing,
} from './kept-entry.ts';

/** Options of a schedule that a fleet shares. */
export interface FleetScheduleOptions {
  readonly book: KeepBook;
  /** Given what does one job. */
  readonly openJobs: (run: (data: Readonly<Record<string, string>>) => Promise<void>) => Promise<Jobs>;
  /** What the fleet has in common: the server gets to see keys made with it, and no others. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly timers: Timers;
  /** How often is looked for what is due, in ms. */
  readonly everyMs: number;
  /** The lease of what was taken, in ms. */
  readonly leaseMs: number;
  /** Told once after the server was started again. */
  readonly onNewRun: () => Promise<void>;
}

/** An entry that this machine keeps. */
interface Mine extends KnownEntry {
  /** Its own name for it. */
  readonly local: string;
}

/** Entries taken at once, and told at once. */
const BATCH = 500;
/** Of its lease a machine uses so much, for clocks that run at different speeds and for the way. */
const LEASE_SHARE = 0.7;
/** Ticks that a machine may miss and be taken for alive. */
const TICKS_ALIVE = 10;
const KEY_LENGTH = 22;
const CLOCK_ERROR_MS = 200;

/** A schedule on a Redis server: what is due is found by the server's clock, and done as a job by one machine. */
export class FleetSchedule implements KeepSchedule {
  readonly #options: FleetScheduleOptions;
  readonly #mine = new Map<string, Mine>();
  /** What the server does not know. */
  readonly #untold = new Set<string>();
  readonly #stop = new AbortController();
  #handler: KeepHandler | null = null;
  #jobs: Jobs | null = null;
  #ordersSeen = '0';
  #obeyed: ReadonlyMap<string, string> = new Map();
  #failure: string | null = null;
  #abandoned = 0;
  #cancel: CancelTimer = () => undefined;

  static async open(options: FleetScheduleOptions): Promise<FleetSchedule> {
    const schedule = new FleetSchedule(options);
    schedule.#jobs = await options.openJobs((data) => schedule.#run(data));
    return schedule;
  }

  private constructor(options: FleetScheduleOptions) {
    this.#options = options;
  }

  start(handler: KeepHandler): void {
    this.#handler = handler;
    void this.#tick();
  }

  async visit(local: string, atMs: number, ttlMs: number): Promise<OutstandingPing | null> {
    const key = this.#keyOf(local);
    const known = this.#mine.get(key);
    const expiresMs = Math.max(known?.expiresMs ?? 0, atMs + ttlMs);
    this.#mine.set(key, { key, local, visitedMs: atMs, expiresMs, ttlMs });
    try {
      const outstanding = await this.#options.book.visit(key, atMs, ttlMs);
      this.#untold.delete(key);
      return outstanding;
    } catch (error) {
      this.#untold.add(key);
      throw error;
    }
  }

  drop(local: string): void {
    const key = this.#keyOf(local);
    this.#untold.delete(key);
    if (!this.#mine.delete(key)) return;
    this.#options.book.pass(key, null, this.#aliveMs, 0).catch(() => undefined);
  }

  order(scope: string | null, state: KeepAliveState | null): void {
    this.#options.book.order(scope, state).catch(() => {
      this.#failure = 'the other machines could not be told of the last order';
    });
  }

  note(): string | null {
    if (this.#failure !== null) return this.#failure;
    const count = this.#abandoned;
    return count === 0 ? null : `${count} entries were let go because no machine held a credential for them`;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancel();
    // Those that stay take over.
    const passed = [...this.#mine.keys()].map((key) =>
      this.#options.book.pass(key, null, this.#aliveMs, 0).catch(() => undefined),
    );
    await Promise.all(passed);
    await this.#jobs?.close();
    this.#options.book.close();
  }

  get #aliveMs(): number {
    return this.#options.everyMs * TICKS_ALIVE + this.#options.leaseMs;
  }

  #keyOf(local: string): string {
    return createHmac('sha256', this.#options.secret).update(local).digest('base64url').slice(0, KEY_LENGTH);
  }

  async #tick(): Promise<void> {
    let isMore = false;
    try {
      isMore = await this.#look();
      this.#failure = null;
    } catch {
      this.#failure = `${this.#options.book.shown} does not answer: nothing is kept alive until it does`;
    }
    if (this.#stop.signal.aborted) return;
    this.#cancel = this.#options.timers.after(
      isMore ? 0 : this.#options.everyMs,
      () => void this.#tick(),
      true,
    );
  }

  /** Takes what is due, and makes jobs of it. Is there more? */
  async #look(): Promise<boolean> {
    const { due, ended, isNewRun, renewed, orders } = await this.#options.book.take(BATCH);
    for (const [key, expiresMs] of renewed) this.#learn(key, expiresMs);
    if (isNewRun) {
      await this.#options.onNewRun();
      for (const key of this.#mine.keys()) this.#untold.add(key);
    }
    await this.#tellUntold();
    if (orders !== this.#ordersSeen || isNewRun) await this.#obey(orders);
    for (const pingId of ended) this.#handler?.ended(pingId);
    const jobs = due.map(({ key, window, turn }) => ({
      id: `${key}-${window}-${turn}`,
      data: { key, window },
    }));
    if (jobs.length > 0) await this.#jobs?.add(jobs);
    return due.length === BATCH;
  }

  async #tellUntold(): Promise<void> {
    while (this.#untold.size > 0) {
      const keys = [...this.#untold].slice(0, BATCH);
      await this.#options.book.tell(keys.flatMap((key) => this.#mine.get(key) ?? []));
      for (const key of keys) this.#untold.delete(key);
    }
  }

  async #obey(orders: string): Promise<void> {
    const known = await this.#options.book.orders();
    for (const [scope, word] of known) {
      const state = KEEP_ALIVE_STATES.find((each) => each === word) ?? null;
      if (this.#obeyed.get(scope) !== word) this.#handler?.ordered(scope === '' ? null : scope, state);
    }
    this.#obeyed = known;
    this.#ordersSeen = orders;
  }

  /** Does one job. What fails is left to the end of the lease. */
  async #run({ key = '', window = '' }: Readonly<Record<string, string>>): Promise<void> {
    const { book, clock } = this.#options;
    if (this.#stop.signal.aborted) return;
    const beforeMs = clock.nowMs();
    const claim = await book.claim(key, window).catch(() => null);
    if (!claim) return;
    const mine = this.#mine.get(key);
    const outcome = mine && this.#handler ? await this.#act(mine, claim, beforeMs) : NOT_HELD;
    await this.#settle(key, claim.fence, outcome).catch(() => void this.#untold.add(key));
  }

  async #act(mine: Mine, claim: Claim, claimedMs: number): Promise<DueOutcome> {
    const { book, clock, timers, leaseMs } = this.#options;
    let actUntilMs = claimedMs + leaseMs * LEASE_SHARE;
    let cancel: CancelTimer = () => undefined;
    const extend = async (): Promise<void> => {
      const beforeMs = clock.nowMs();
      const isOurs = await book.extend(mine.key, claim.fence).catch(() => false);
      actUntilMs = isOurs ? beforeMs + leaseMs * LEASE_SHARE : 0;
      if (isOurs) arm();
    };
    const arm = (): void => {
      cancel = timers.after(leaseMs / 3, () => void extend(), true);
    };
    arm();
    const { visitedMs, expiresMs, pings, spent, pingId } = claim;
    const standing = { visitedMs, expiresMs, pings, pingId, spentPicoUsd: BigInt(spent) };
    const mayAct = (): boolean => clock.nowMs() < actUntilMs;
    try {
      return (await this.#handler?.due(mine.local, { ...standing, mayAct }, this.#stop.signal)) ?? NOT_HELD;
    } finally {
      cancel();
    }
  }

  /** Another machine has renewed an entry that this one holds too; or this one has, and knows. */
  #learn(key: string, expiresMs: number): void {
    const mine = this.#mine.get(key);
    if (!mine || !this.#prolong(key, expiresMs)) return;
    this.#handler?.renewed(mine.local, expiresMs - mine.ttlMs);
  }

  /** false where that is known. The server's clock is not read to the millisecond. */
  #prolong(key: string, expiresMs: number): boolean {
    const mine = this.#mine.get(key);
    if (!mine || expiresMs - mine.expiresMs < CLOCK_ERROR_MS) return false;
    this.#mine.set(key, { ...mine, expiresMs });
    return true;
  }

  async #settle(key: string, fence: string, outcome: DueOutcome): Promise<void> {
    const { book, everyMs } = this.#options;
    if (outcome.kind === 'pinged') {
      const { atMs, costPicoUsd, pingId } = outcome;
      this.#prolong(key, atMs + (this.#mine.get(key)?.ttlMs ?? 0));
      return book.pinged(key, fence, atMs, costPicoUsd.toString(), pingId);
    }
    if (outcome.kind === 'later') return book.later(key, fence, outcome.untilMs);
    if (outcome.kind === 'not-held') {
      if (!(await book.pass(key, fence, this.#aliveMs, everyMs))) this.#abandoned += 1;
      return undefined;
    }
    this.#mine.delete(key);
    return book.letGo(key, fence);
  }
}

const NOT_HELD: DueOutcome = { kind: 'not-held' };
