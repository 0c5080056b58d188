import type { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';

import { StoreError } from '../store.ts';
import { readRedisUrl } from './redis-url.ts';

/** Work that any machine of a fleet may do, once each. */
export interface Jobs {
  /** Rejects when it is not known to have arrived. Jobs of an id that is waiting are left out. */
  add(jobs: readonly Job[]): Promise<void>;
  close(): Promise<void>;
}

export interface Job {
  readonly id: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface RedisJobsOptions {
  readonly url: string;
  /** Jobs of different names know nothing of each other. */
  readonly name: string;
  /** Jobs that this machine does at once. */
  readonly concurrency: number;
  /** How long a job may be silent before another machine does it, in ms. */
  readonly lockMs: number;
  /** Does one job; what it throws is not tried again. */
  readonly run: (data: Readonly<Record<string, string>>) => Promise<void>;
}

const RECONNECT_MS_MAX = 1_000;

interface Clients {
  readonly MakeQueue: typeof Queue;
  readonly MakeWorker: typeof Worker;
  readonly Client: typeof Redis;
}

async function loadClients(): Promise<Clients> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { MakeQueue: bullmq.Queue, MakeWorker: bullmq.Worker, Client: ioredis.Redis };
  } catch (error) {
    throw new StoreError(
      'STORE_UNUSABLE',
      'a fleet needs the packages bullmq and ioredis, which are not installed',
      error,
    );
  }
}

/** Takes what clients tell, such as that the server is away: they come back by themselves. */
function ignore(emitter: { on(event: 'error', listener: () => void): unknown }): void {
  emitter.on('error', () => undefined);
}

class RedisJobs implements Jobs {
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #clients: readonly Redis[];

  constructor(queue: Queue, worker: Worker, clients: readonly Redis[]) {
    this.#queue = queue;
    this.#worker = worker;
    this.#clients = clients;
  }

  async add(jobs: readonly Job[]): Promise<void> {
    await this.#queue.addBulk(
      jobs.map(({ id, data }) => ({
        name: 'due',
        data,
        opts: { jobId: id, removeOnComplete: true, removeOnFail: true },
      })),
    );
  }

  async close(): Promise<void> {
    // Work that another machine may do as well is not waited for.
    await Promise.allSettled([this.#worker.close(true), this.#queue.close()]);
    for (const client of this.#clients) client.disconnect();
  }
}

/** @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when a package is not installed. */
export async function openJobs({ url, name, concurrency, lockMs, run }: RedisJobsOptions): Promise<Jobs> {
  const address = readRedisUrl(url);
  const { MakeQueue, MakeWorker, Client } = await loadClients();
  const connect = (isWaiting: boolean): Redis => {
    const client = new Client({
      ...address,
      protocol: 2,
      maxRetriesPerRequest: isWaiting ? null : 0,
      enableOfflineQueue: isWaiting,
      connectionName: 'cachewright-jobs',
      retryStrategy: (attempts: number) => Math.min(50 * attempts, RECONNECT_MS_MAX),
    });
    ignore(client);
    return client;
  };
  const adding = connect(false);
  const waiting = connect(true);
  const options = { prefix: `{cachewright:${name}}`, skipVersionCheck: true };
  const queue = new MakeQueue('keep-alive', { ...options, connection: adding });
  ignore(queue);
  const worker = new MakeWorker(
    'keep-alive',
    (job: { readonly data: Readonly<Record<string, string>> }) => run(job.data),
    {
      ...options,
      connection: waiting,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      maxStalledCount: 1,
    },
  );
  ignore(worker);
  return new RedisJobs(queue, worker, [adding, waiting]);
}
