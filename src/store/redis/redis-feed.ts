import { systemClock, systemTimers, type Clock, type Timers } from '../../runtime/index.ts';
import { openRedisLink, type RedisLink } from './redis-link.ts';

/** Bytes that someone of the fleet published, and when, by the fleet's clock. */
export interface FeedBatch {
  readonly bytes: Uint8Array;
  readonly publishedMs: number;
}

/** Batches of changes that many machines tell each other, in one order for all of them. Nothing in it is needed: it may lose. */
export interface ChangeFeed {
  /** Where, without credentials. */
  readonly shown: string;
  /** The fleet's clock, which is the server's: ms since 1970 UTC. What machines say of times is told by it. */
  nowMs(): number;
  /** Rejects when it is not known to have arrived. */
  publish(bytes: Uint8Array): Promise<void>;
  /**
   * Begins to read: what was published since a time of the fleet's clock as far as it is still there, then what comes,
   * one's own included. `onState` is told when reading begins to fail, and when it works again (null).
   */
  follow(
    sinceMs: number,
    onBatch: (batch: FeedBatch) => void,
    onState: (failure: Error | null) => void,
  ): void;
  close(): Promise<void>;
}

export interface RedisFeedOptions {
  readonly url: string;
  /** Feeds of different names know nothing of each other. */
  readonly name: string;
  /** The most that publishing may take, in ms. @default 50 */
  readonly timeoutMs?: number | undefined;
  /** Batches that are kept for those who come later, about. @default 2000 */
  readonly batchesMax?: number;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** @default the machine's timers */
  readonly timers?: Timers;
}

const BATCHES_MAX = 2000;
/** A feed that nobody writes to is gone after this: what was told is out of date by then. */
const IDLE_MS = 70 * 60_000;
/** The server answers when something comes, or after this. */
const WAIT_MS = 1_000;
/** Batches in one answer: between two answers requests have their turn. */
const READ_MAX = 10;
/** After a failure, reading is tried again after this. */
const RETRY_MS = 250;
/** The server's clock is asked for that often: machines' clocks drift, and are set. */
const CLOCK_EVERY_MS = 10_000;

/** Fields of an answer of `XREAD` to the batches in it, with the position of each. */
function readAnswer(answer: unknown): readonly (FeedBatch & { readonly id: string })[] {
  if (!Array.isArray(answer)) return [];
  const [stream] = answer as readonly (readonly [
    unknown,
    readonly (readonly [Buffer, readonly Buffer[]])[],
  ])[];
  return (stream?.[1] ?? []).flatMap(([position, fields]) => {
    const id = position.toString('latin1');
    const bytes = fields[1];
    return bytes ? [{ id, bytes: new Uint8Array(bytes), publishedMs: Number(id.split('-')[0]) }] : [];
  });
}

/** A Redis stream of bounded length. Its positions are times of the server, which makes it the clock of the fleet. */
export class RedisFeed implements ChangeFeed {
  readonly shown: string;
  readonly #writing: RedisLink;
  /** Reading waits on the server, which would hold up everything else on its connection. */
  readonly #reading: RedisLink;
  readonly #key: string;
  readonly #batchesMax: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** The server's clock less ours. */
  #offsetMs = 0;
  #clockReadMs = -Infinity;
  #isClosed = false;
  #endPause: () => void = () => undefined;

  static async open(options: RedisFeedOptions): Promise<RedisFeed> {
    const { url, timeoutMs, clock, timers } = options;
    const link = { url, timeoutMs, ...(clock ? { clock } : {}), ...(timers ? { timers } : {}) };
    const [writing, reading] = await Promise.all([openRedisLink(link), openRedisLink(link, WAIT_MS)]);
    const feed = new RedisFeed(writing, reading, options);
    await feed.#readClock(writing).catch(() => undefined);
    return feed;
  }

  private constructor(writing: RedisLink, reading: RedisLink, options: RedisFeedOptions) {
    this.shown = writing.shown;
    this.#writing = writing;
    this.#reading = reading;
    this.#key = `{cachewright:${options.name}}:changes`;
    this.#batchesMax = options.batchesMax ?? BATCHES_MAX;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#offsetMs;
  }

  async publish(bytes: Uint8Array): Promise<void> {
    if (this.#clockReadMs === -Infinity) await this.#readClock(this.#writing);
    const bound = ['MAXLEN', '~', this.#batchesMax];
    // Both are on their way at once, on one connection.
    const added = this.#writing.call('XADD', [this.#key, ...bound, '*', 'b', bytes]);
    const kept = this.#writing.call('PEXPIRE', [this.#key, IDLE_MS]).catch(() => undefined);
    await Promise.all([added, kept]);
  }

  follow(
    sinceMs: number,
    onBatch: (batch: FeedBatch) => void,
    onState: (failure: Error | null) => void,
  ): void {
    void this.#follow(`${Math.max(0, Math.floor(sinceMs))}-0`, onBatch, onState);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endPause();
    this.#writing.close();
    this.#reading.close();
  }

  async #follow(
    from: string,
    onBatch: (batch: FeedBatch) => void,
    onState: (failure: Error | null) => void,
  ): Promise<void> {
    let position = from;
    let isFailing = false;
    while (!this.#isClosed) {
      try {
        for (const batch of await this.#readFrom(position)) {
          position = batch.id;
          onBatch(batch);
        }
        if (isFailing) onState(null);
        isFailing = false;
      } catch (error) {
        if (this.#isClosed) return;
        if (!isFailing) onState(error instanceof Error ? error : new Error(String(error)));
        isFailing = true;
        await this.#pause();
      }
    }
  }

  async #readFrom(position: string): Promise<readonly (FeedBatch & { readonly id: string })[]> {
    if (Math.abs(this.#clock.nowMs() - this.#clockReadMs) > CLOCK_EVERY_MS)
      await this.#readClock(this.#reading);
    const how = ['COUNT', READ_MAX, 'BLOCK', WAIT_MS, 'STREAMS', this.#key, position];
    return readAnswer(await this.#reading.call('XREAD', how, WAIT_MS));
  }

  async #readClock(link: RedisLink): Promise<void> {
    const beforeMs = this.#clock.nowMs();
    const [seconds, micros] = (await link.call('TIME', [])) as readonly unknown[];
    const afterMs = this.#clock.nowMs();
    const serverMs = Number(String(seconds)) * 1000 + Number(String(micros)) / 1000;
    this.#offsetMs = serverMs - (beforeMs + afterMs) / 2;
    this.#clockReadMs = afterMs;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(RETRY_MS, resolve, true);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
