import type { CancelTimer, Clock, Timers } from '../../runtime/index.ts';
import { LedgerError } from '../ledger.ts';
import { WorkerLink } from '../sqlite/worker-link.ts';
import {
  READ_BYTES_MAX,
  type Bodies,
  type BodiesHealth,
  type BodyChoice,
  type BodyWatch,
  type KeptBodies,
  type SeenRequest,
} from './bodies.ts';
import { HeldBodies } from './body-watch.ts';
import type { BodyMethods } from './body-worker.ts';
import type { BodyResult, BodySettings } from './body-writer.ts';

export interface BodyStoreOptions extends BodySettings {
  /** Path of the database file; its folder is made where it is missing. */
  readonly file: string;
  /** false: what is there is shown and removed in time, and nothing is added. */
  readonly isKeeping: boolean;
  /** Takes a sentence for people when bodies cannot be kept, and when they can again. */
  readonly tell: (sentence: string) => void;
}

/** The world outside. */
export interface BodyStorePorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** How long bodies wait for others, so that they are stored together. */
const GATHER_MS = 50;

/** Bytes of bodies that are held, of requests under way and of those that wait to be stored. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;

/** Requests whose bodies are stored together, and bytes of them: copying many would hold up everything else. */
const BATCH_REQUESTS = 50;
const BATCH_BYTES = 2 * 1024 * 1024;

/** How often what is too old is removed, and how long after the opening first, in ms. */
const EXPIRE_MS = 600_000;
const EXPIRE_FIRST_MS = 10_000;

/** How long a question waits for bodies that are to be stored, and at the end, in ms. */
const PATIENCE_MS = 5_000;

/** What a request takes besides its bytes. */
const REQUEST_BYTES = 1_000;

/** Bodies in a file of their own. Another thread looks through them and stores them; here they are only held and handed over. */
export class BodyStore implements Bodies {
  readonly isKeeping: boolean;
  readonly #options: BodyStoreOptions;
  readonly #ports: BodyStorePorts;
  readonly #link: WorkerLink<BodyMethods>;
  #waiting: HeldBodies[] = [];
  #heldBytes = 0;
  #dropped = 0;
  #problem: string | null = null;
  #isFull = false;
  #isClosed = false;
  #storing: Promise<void> | null = null;
  #cancelGather: CancelTimer | null = null;
  #cancelExpiry: CancelTimer | null = null;

  private constructor(options: BodyStoreOptions, ports: BodyStorePorts) {
    const { file, keptMs, limits, patterns } = options;
    this.#options = options;
    this.#ports = ports;
    this.isKeeping = options.isKeeping;
    this.#link = new WorkerLink('../bodies/body-worker', file, { settings: { keptMs, limits, patterns } });
  }

  /** @throws LedgerError `LEDGER_FOREIGN`. A file that cannot be had now is no error: it is tried again. */
  static async open(options: BodyStoreOptions, ports: BodyStorePorts): Promise<BodyStore> {
    const store = new BodyStore(options, ports);
    try {
      store.#note(await store.#link.call('open', null));
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'LEDGER_FOREIGN') {
        await store.#link.end();
        throw error;
      }
      store.#fail(error, 0);
    }
    store.#expireAfter(EXPIRE_FIRST_MS);
    return store;
  }

  watch(request: SeenRequest): BodyWatch {
    const take = (bytes: number): boolean => this.#take(bytes);
    const held = new HeldBodies(request, { take }, (done) => this.#add(done));
    const bytes = REQUEST_BYTES + Math.min(request.body?.length ?? 0, READ_BYTES_MAX);
    if (!this.isKeeping || this.#isClosed || !take(bytes)) {
      if (this.isKeeping) this.#drop(1);
      return { begin: () => undefined, data: () => undefined, end: () => undefined };
    }
    held.taken = bytes;
    return held;
  }

  async find(id: string): Promise<KeptBodies | null> {
    await this.#patiently(this.flush());
    const found = this.#link.call('find', { id, nowMs: this.#ports.clock.nowMs() });
    return this.#inTime(found);
  }

  async remove(choice: BodyChoice): Promise<number> {
    await this.#patiently(this.flush());
    return this.#inTime(this.#link.call('remove', choice));
  }

  health(): BodiesHealth {
    const { isKeeping } = this;
    return { isKeeping, waiting: this.#waiting.length, dropped: this.#dropped, problem: this.#problem };
  }

  async flush(): Promise<void> {
    await this.#storing;
    await this.#storeNow();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelExpiry?.();
    await this.#patiently(this.flush());
    await this.#patiently(this.#link.call('close', null));
    await this.#link.terminate();
  }

  #take(bytes: number): boolean {
    if (this.#heldBytes + bytes > HELD_BYTES_MAX) return false;
    this.#heldBytes += bytes;
    return true;
  }

  #add(held: HeldBodies): void {
    this.#waiting.push(held);
    if (this.#storing === null)
      this.#cancelGather ??= this.#ports.timers.after(GATHER_MS, () => void this.#storeNow(), true);
  }

  #drop(count: number): void {
    this.#dropped += count;
    if (this.#isFull) return;
    this.#isFull = true;
    this.#options.tell('bodies of requests come faster than they can be stored: some are not kept');
  }

  #storeNow(): Promise<void> {
    this.#cancelGather?.();
    this.#cancelGather = null;
    this.#storing ??= this.#storeAll().finally(() => {
      this.#storing = null;
    });
    return this.#storing;
  }

  async #storeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#batch();
      try {
        const result = await this.#link.call(
          'add',
          batch.map((held) => held.raw()),
        );
        this.#note(result);
      } catch (error) {
        this.#fail(error, batch.length);
      }
      this.#waiting = this.#waiting.slice(batch.length);
      this.#heldBytes -= batch.reduce((sum, { taken }) => sum + taken, 0);
      if (this.#heldBytes * 2 < HELD_BYTES_MAX) this.#isFull = false;
    }
  }

  #batch(): readonly HeldBodies[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ taken }, index) => {
      bytes += taken;
      return index >= BATCH_REQUESTS || (index > 0 && bytes > BATCH_BYTES);
    });
    return this.#waiting.slice(0, end < 0 ? undefined : end);
  }

  #note({ refused, isNew }: BodyResult): void {
    const { file, tell } = this.#options;
    if (isNew) tell(`${file} was damaged: it was removed, and bodies are kept in a new one`);
    if (refused > 0) tell(`bodies of ${refused} requests are not kept: looking for secrets took too long`);
    if (this.#problem !== null) tell('bodies of requests are kept again');
    this.#dropped += refused;
    this.#problem = null;
  }

  #fail(error: unknown, lost: number): void {
    this.#dropped += lost;
    const problem = error instanceof Error ? error.message : String(error);
    if (this.#problem === null) this.#options.tell(`bodies of requests cannot be kept now: ${problem}`);
    this.#problem = problem;
  }

  #expireAfter(delayMs: number): void {
    this.#cancelExpiry = this.#ports.timers.after(delayMs, () => void this.#expire(), true);
  }

  async #expire(): Promise<void> {
    await this.#link.call('expire', { nowMs: this.#ports.clock.nowMs() }).catch(() => undefined);
    if (!this.#isClosed) this.#expireAfter(EXPIRE_MS);
  }

  /** @throws LedgerError when it takes too long: a disk may not answer. */
  async #inTime<Result>(work: Promise<Result>): Promise<Result> {
    let cancel: CancelTimer = () => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const error = new LedgerError('LEDGER_UNUSABLE', `${this.#options.file} does not answer`);
      cancel = this.#ports.timers.after(PATIENCE_MS, () => reject(error), true);
    });
    return Promise.race([work, late]).finally(cancel);
  }

  async #patiently(work: Promise<unknown>): Promise<void> {
    await this.#inTime(work).catch(() => undefined);
  }
}
