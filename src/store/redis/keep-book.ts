import type { Clock } from '../../runtime/index.ts';
import { StoreError } from '../store.ts';
import { KEEP_SCRIPTS } from './keep-scripts.ts';
import {
  openRedisLink,
  runScript,
  type RedisArgument,
  type RedisLink,
  type RedisLinkOptions,
} from './redis-link.ts';

export interface KeepBookOptions extends RedisLinkOptions {
  /** Books of different names know nothing of each other. */
  readonly name: string;
  /** This machine, as nobody else is called. */
  readonly machine: string;
  readonly clock: Clock;
  /** How long before its end an entry is due, in ms. */
  readonly leadMs: number;
  /** What is taken and not heard of comes again after this. */
  readonly leaseMs: number;
  /** A server that was started again gives nothing out for so long. */
  readonly quietMs: number;
}

/** An entry that is due: its end by the server's clock, and how often it was given out. */
export interface DueKey {
  readonly key: string;
  readonly window: string;
  readonly turn: string;
}

export interface Taken {
  readonly due: readonly DueKey[];
  /** Last pings of entries that were let go and have ended. */
  readonly ended: readonly string[];
  /** The server has been started since the last call: it may have lost what it was told. */
  readonly isNewRun: boolean;
  /** Entries that were renewed since the last call, and their ends by this machine's clock. */
  readonly renewed: ReadonlyMap<string, number>;
  /** Goes up with every order. */
  readonly orders: string;
}

/** An entry that is this machine's for a lease. Times by this machine's clock. */
export interface Claim {
  readonly fence: string;
  readonly visitedMs: number;
  readonly expiresMs: number;
  readonly pings: number;
  readonly spent: string;
  readonly pingId: string | null;
}

/** What a machine knows of an entry. */
export interface KnownEntry {
  readonly key: string;
  readonly visitedMs: number;
  readonly expiresMs: number;
  readonly ttlMs: number;
}

/** The server's time is taken for as exact as half of this. */
const PRECISE_MS = 100;

const text = (value: unknown): string => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value));
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);

/** What a fleet knows of entries that are kept, on a Redis server whose clock is the fleet's. */
export class KeepBook {
  readonly #link: RedisLink;
  readonly #options: KeepBookOptions;
  readonly #base: string;
  /** The server's clock less ours; null until it has been asked. */
  #offsetMs: number | null = null;
  #run = '';
  #newsSeen = '0-0';

  static async open(options: KeepBookOptions): Promise<KeepBook> {
    const book = new KeepBook(await openRedisLink(options), options);
    await book.#readClock().catch(() => undefined);
    return book;
  }

  private constructor(link: RedisLink, options: KeepBookOptions) {
    this.#link = link;
    this.#options = options;
    this.#base = `{cachewright:${options.name}}:keep`;
  }

  /** Where, without credentials. */
  get shown(): string {
    return this.#link.shown;
  }

  close(): void {
    this.#link.close();
  }

  /** The last ping before this visit; null without one. */
  async visit(
    key: string,
    atMs: number,
    ttlMs: number,
  ): Promise<{ pingId: string; isBridged: boolean } | null> {
    const { machine, leadMs } = this.#options;
    const answer = await this.#call('visit', [key, machine, this.#toServer(atMs), ttlMs, leadMs]);
    const [pingId, bridged] = texts(answer);
    return pingId === undefined ? null : { pingId, isBridged: bridged === '1' };
  }

  async tell(entries: readonly KnownEntry[]): Promise<void> {
    const { machine, leadMs } = this.#options;
    const told = entries.flatMap(({ key, visitedMs, expiresMs, ttlMs }) => [
      key,
      this.#toServer(visitedMs),
      this.#toServer(expiresMs),
      ttlMs,
    ]);
    await this.#call('tell', [machine, leadMs, ...told]);
  }

  async take(limit: number): Promise<Taken> {
    const { machine, leaseMs, quietMs, clock } = this.#options;
    const beforeMs = clock.nowMs();
    const answer = await this.#call('take', [machine, leaseMs, limit, quietMs, this.#newsSeen]);
    const [now, id, orders, found, ended, told] = answer as readonly unknown[];
    this.#setClock(Number(text(now)), beforeMs);
    const isNewRun = this.#run !== text(id);
    this.#run = text(id);
    const fields = texts(found);
    const due = Array.from({ length: fields.length / 3 }, (_, index) => {
      const [key = '', window = '', turn = ''] = fields.slice(index * 3);
      return { key, window, turn };
    });
    return { due, ended: texts(ended), isNewRun, renewed: this.#readNews(told), orders: text(orders) };
  }

  #readNews(told: unknown): ReadonlyMap<string, number> {
    const news = Array.isArray(told) ? (told as readonly (readonly [unknown, unknown])[]) : [];
    const last = news.at(-1);
    if (last) this.#newsSeen = text(last[0]);
    return new Map(
      news.map(([, fields]) => {
        const [, key = '', , expires = ''] = texts(fields);
        return [key, Number(expires) - (this.#offsetMs ?? 0)];
      }),
    );
  }

  /** null where another has it, or where it has moved. */
  async claim(key: string, window: string): Promise<Claim | null> {
    const { leaseMs, clock } = this.#options;
    // Told by how long ago and how long yet, from before the call: what comes late errs on the early side.
    const beforeMs = clock.nowMs();
    const answer = texts(await this.#call('claim', [key, window, leaseMs]));
    const [fence, visited = '', expires = '', pings, spent = '0', pingId = '', now = ''] = answer;
    if (fence === undefined) return null;
    const toLocal = (server: string): number => beforeMs + Number(server) - Number(now);
    return {
      fence,
      visitedMs: toLocal(visited),
      expiresMs: toLocal(expires),
      pings: Number(pings),
      spent,
      pingId: pingId === '' ? null : pingId,
    };
  }

  async extend(key: string, fence: string): Promise<boolean> {
    return (await this.#call('extend', [key, fence, this.#options.leaseMs])) === 1;
  }

  async pinged(key: string, fence: string, atMs: number, spent: string, pingId: string): Promise<void> {
    await this.#call('pinged', [key, fence, this.#options.leadMs, this.#toServer(atMs), spent, pingId]);
  }

  async later(key: string, fence: string, untilMs: number): Promise<void> {
    await this.#call('later', [key, fence, this.#toServer(untilMs)]);
  }

  async letGo(key: string, fence: string): Promise<void> {
    await this.#call('letGo', [key, fence]);
  }

  /**
   * This machine holds nothing for the entry.
   *
   * @param fence of the claim; null where it was not claimed
   * @returns false when no machine that is alive does
   */
  async pass(key: string, fence: string | null, aliveMs: number, pauseMs: number): Promise<boolean> {
    const { machine } = this.#options;
    return (await this.#call('pass', [key, fence ?? '', machine, aliveMs, pauseMs])) === 1;
  }

  async order(scope: string | null, state: string | null): Promise<void> {
    await this.#call('order', [scope ?? '', state ?? '']);
  }

  /** What was ordered, by scope; the empty one is all. */
  async orders(): Promise<ReadonlyMap<string, string>> {
    const fields = texts(await this.#link.call('HGETALL', [`${this.#base}:orders`]));
    return new Map(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at] ?? '', fields[2 * at + 1] ?? '']),
    );
  }

  /**
   * Holds millionths of a dollar back, for the minute that is given; null where a limit would be exceeded.
   *
   * @param limits most and length in ms of each window
   */
  async reserve(micros: number, limits: readonly (readonly [number, number])[]): Promise<string | null> {
    const { machine } = this.#options;
    const answer = await this.#call('reserve', [machine, micros, ...limits.flat()]);
    return answer === null ? null : text(answer);
  }

  /** Corrects what was held back in a minute by a difference. */
  async correct(minute: string, micros: number): Promise<void> {
    await this.#link.call('HINCRBY', [`${this.#base}:spent:${this.#options.machine}`, minute, micros]);
  }

  /** Says again what this machine has spent. */
  async tellSpent(minutes: ReadonlyMap<string, number>): Promise<void> {
    if (minutes.size > 0) await this.#call('spent', [this.#options.machine, ...[...minutes].flat()]);
  }

  async #readClock(): Promise<void> {
    const beforeMs = this.#options.clock.nowMs();
    const [seconds, micros] = texts(await this.#link.call('TIME', []));
    this.#setClock(Number(seconds) * 1000 + Number(micros) / 1000, beforeMs);
  }

  #setClock(serverMs: number, beforeMs: number): void {
    const afterMs = this.#options.clock.nowMs();
    // An answer that took its time, or a process that stood still meanwhile, says little of the clock.
    if (this.#offsetMs !== null && afterMs - beforeMs > PRECISE_MS) return;
    this.#offsetMs = serverMs - (beforeMs + afterMs) / 2;
  }

  #toServer(localMs: number): number {
    if (this.#offsetMs === null)
      throw new StoreError('STORE_UNUSABLE', `${this.shown} has not told its time`);
    return Math.round(localMs + this.#offsetMs);
  }

  #call(name: keyof typeof KEEP_SCRIPTS, args: readonly RedisArgument[]): Promise<unknown> {
    return runScript(this.#link, KEEP_SCRIPTS[name], [this.#base], args);
  }
}
