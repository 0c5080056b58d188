import type * as Ioredis from 'ioredis';
import type { Redis, RedisOptions } from 'ioredis';

import {
  afterPatience,
  systemClock,
  systemTimers,
  type Clock,
  type Time,
  type Timers,
} from '../../runtime/index.ts';
import { StoreError } from '../store.ts';
import { Breaker } from './breaker.ts';
import { wideReads } from './wide-reads.ts';
import { readRedisUrl, showRedisAddress, type RedisAddress } from './redis-url.ts';

export type RedisArgument = string | number | Uint8Array;

/** How a Redis server is reached. */
export interface RedisLinkOptions {
  /** `redis://[user][:password]@host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  /** The most that one call may take, in ms. @default 50 */
  readonly timeoutMs?: number | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** @default the machine's timers */
  readonly timers?: Timers;
}

/** A connection that comes back by itself, and on which no call outlasts its budget. */
export interface RedisLink {
  /** The address without user name and password. */
  readonly shown: string;
  /**
   * Sends one command; texts in the reply are buffers.
   *
   * @param waitMs how long the server itself may wait, on top of the budget
   * @throws StoreError `STORE_UNUSABLE` when there is no answer in time, `STORE_FULL` when the server is out of memory.
   */
  call(command: string, args: readonly RedisArgument[], waitMs?: number): Promise<unknown>;
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 50;
/** How long opening waits for the first connection; without one the store is there all the same. */
const FIRST_CONNECT_MS = 500;
/** A connection on which nothing came for so long after a command is given up and made again. */
const SILENCE_MS = 2_000;
const RECONNECT_MS_MAX = 1_000;

type ConnectionOptions = Omit<RedisOptions, 'replyMapping'> & { readonly replyMapping: 'legacy' };

function connectionOptions(address: RedisAddress, silenceMs: number): ConnectionOptions {
  return {
    ...address,
    lazyConnect: true,
    protocol: 2,
    replyMapping: 'legacy',
    // A call is answered now or refused now: nothing is kept for later, when its time would be over.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: FIRST_CONNECT_MS,
    // A process that ends does not wait for a server that says nothing.
    disconnectTimeout: 100,
    socketTimeout: silenceMs,
    disableClientInfo: true,
    connectionName: 'cachewright',
    retryStrategy: (attempts) => Math.min(50 * attempts, RECONNECT_MS_MAX),
    // After a failover the old primary answers reads and refuses writes; a new connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

async function loadRedis(): Promise<Pick<typeof Ioredis, 'Redis' | 'AbstractConnector'>> {
  try {
    return await import('ioredis');
  } catch (error) {
    throw new StoreError('STORE_UNUSABLE', 'Redis needs the package ioredis, which is not installed', error);
  }
}

/** Resolves when the server has answered once, or could not be reached in time. */
function firstAnswer(redis: Redis, timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    const cancel = timers.after(FIRST_CONNECT_MS, resolve);
    const done = (): void => {
      cancel();
      resolve();
    };
    redis.once('ready', done).once('error', done);
    // What becomes of it is told to the listeners.
    redis.connect().catch(() => undefined);
  });
}

/** What an error of the server means; its text is left out, for it may repeat what was sent. */
function replyError(error: Error, shown: string): StoreError {
  const code = /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR';
  if (code === 'OOM') return new StoreError('STORE_FULL', `${shown} has no memory left`);
  const isCredential = code === 'NOAUTH' || code === 'WRONGPASS' || code === 'NOPERM';
  const what = isCredential ? `does not accept the credential (${code})` : `refuses (${code})`;
  return new StoreError('STORE_UNUSABLE', `${shown} ${what}`);
}

class IoredisLink implements RedisLink {
  readonly shown: string;
  readonly #redis: Redis;
  readonly #time: Time;
  readonly #timeoutMs: number;
  readonly #breaker: Breaker;
  /** Why the last connection ended, so that a refused credential is told as such. */
  #lastFailure: StoreError | null = null;
  #isClosed = false;

  constructor(redis: Redis, shown: string, options: RedisLinkOptions) {
    this.shown = shown;
    this.#redis = redis;
    this.#time = { timers: options.timers ?? systemTimers, clock: options.clock ?? systemClock };
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#breaker = new Breaker(this.#time.clock);
    redis.on('error', (error: Error) => {
      if (error.name === 'ReplyError') this.#lastFailure = replyError(error, shown);
    });
    redis.on('ready', () => {
      this.#lastFailure = null;
      this.#breaker.succeed();
    });
  }

  async call(command: string, args: readonly RedisArgument[], waitMs = 0): Promise<unknown> {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'the store is closed');
    if (this.#redis.status !== 'ready' || !this.#breaker.admits()) throw this.#unreachable();
    try {
      const answer = await this.#inTime(this.#send(command, args), waitMs);
      this.#breaker.succeed();
      return answer;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') {
        this.#breaker.fail();
        throw error instanceof StoreError ? error : this.#unreachable();
      }
      // A server that refuses is a server that answers.
      this.#breaker.succeed();
      throw error.message.startsWith('NOSCRIPT') ? error : replyError(error, this.shown);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#redis.disconnect();
  }

  #send(command: string, args: readonly RedisArgument[]): Promise<unknown> {
    const sent = args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg));
    return this.#redis.callBuffer(command, ...sent);
  }

  #unreachable(): StoreError {
    return this.#lastFailure ?? new StoreError('STORE_UNUSABLE', `${this.shown} cannot be reached`);
  }

  #inTime(answer: Promise<unknown>, waitMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const limitMs = this.#timeoutMs + waitMs;
      const cancel = afterPatience(this.#time, limitMs, () => {
        const message = `${this.shown} did not answer within ${limitMs} ms`;
        reject(new StoreError('STORE_UNUSABLE', message));
      });
      answer.then(
        (result) => {
          cancel();
          resolve(result);
        },
        (error: unknown) => {
          cancel();
          reject(error);
        },
      );
    });
  }
}

/**
 * Connects to Redis, and goes on trying where it is not there: what fails are calls, each within its budget.
 *
 * @param waitMs the longest that a command lets the server wait
 * @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the client is not installed.
 */
export async function openRedisLink(options: RedisLinkOptions, waitMs = 0): Promise<RedisLink> {
  const address = readRedisUrl(options.url);
  const client = await loadRedis();
  const plain = connectionOptions(address, SILENCE_MS + waitMs);
  const redis = new client.Redis(
    address.tls ? plain : { ...plain, Connector: wideReads(client.AbstractConnector) },
  );
  const link = new IoredisLink(redis, showRedisAddress(address), options);
  await firstAnswer(redis, options.timers ?? systemTimers);
  return link;
}

/** A Lua script, which runs as one step. */
export interface RedisScript {
  readonly lua: string;
  /** SHA-1 of the text, by which the server knows it. */
  readonly id: string;
}

/** Runs a script that the server mostly knows already. */
export async function runScript(
  link: RedisLink,
  { lua, id }: RedisScript,
  keys: readonly string[],
  args: readonly RedisArgument[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await link.call('EVALSHA', [id, ...rest]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return link.call('EVAL', [lua, ...rest]);
  }
}
