import type { Clock, Timers } from '../runtime/index.ts';
import type { ChangeFeed, FeedBatch } from '../store/index.ts';
import { createSealer, senderName, type Sealer, type SharedBatch } from './shared-state-seal.ts';

/** What learns, and tells others of it. */
export interface SharedLearning {
  /** From now on changes are noted, for `drainChanges`. */
  noteChanges(): void;
  /** Changes that others were not told yet, at most about so many bytes; null without any. Times in it count from `nowMs`. */
  drainChanges(nowMs: number, maxBytes: number): Uint8Array | null;
  /** Takes what another drained at a time of this machine's clock; throws on bytes that it does not understand. */
  mergeChanges(bytes: Uint8Array, drainedMs: number): void;
}

/** How learned state is shared. */
export interface ShareStateOptions {
  readonly state: SharedLearning;
  /** The same for all gateways of a fleet. */
  readonly secret: Uint8Array;
  /** Opens the feed of a name, on which those with the same secret meet. */
  readonly openFeed: (name: string) => Promise<ChangeFeed>;
  /** When the state that this process began with was saved: what was told before is in it. null: it began with none. */
  readonly knownUntilMs: number | null;
  readonly clock: Clock;
  readonly timers: Timers;
  /** From one batch to the next, in ms. @default 250 */
  readonly everyMs?: number;
  /** Takes a sentence for people when sharing begins to fail, and when it works again. */
  readonly tell: (sentence: string) => void;
}

/** What sharing has done so far, in batches. */
export interface ShareCounters {
  readonly sent: number;
  readonly merged: number;
  /** Not sealed by the fleet, or in a format that we do not understand. */
  readonly refused: number;
}

/** Learned state that is shared. */
export interface SharedState {
  readonly counters: ShareCounters;
  /** Tells the others what is left to tell, and ends. */
  close(): Promise<void>;
}

const EVERY_MS = 250;
const BATCH_BYTES_MAX = 32 * 1024;
/** Entries of an hour and their uses: what was told before is of no use to anybody. */
const LOOK_BACK_MS = 65 * 60_000;
/** Senders whose last batch is remembered. */
const SENDERS_MAX = 1_000;

class Sharing implements SharedState {
  readonly #options: ShareStateOptions;
  readonly #feed: ChangeFeed;
  readonly #sealer: Sealer;
  readonly #sender: string = senderName();
  readonly #lastNumbers = new Map<string, number>();
  #sent = 0;
  #merged = 0;
  #refused = 0;
  /** Sealed, and not known to have arrived. */
  #pending: Uint8Array | null = null;
  #batchNumber = 0;
  #isFailing = false;
  #hasToldRefusal = false;
  #isClosed = false;
  #running: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => undefined;

  constructor(options: ShareStateOptions, feed: ChangeFeed, sealer: Sealer) {
    this.#options = options;
    this.#feed = feed;
    this.#sealer = sealer;
  }

  get counters(): ShareCounters {
    return { sent: this.#sent, merged: this.#merged, refused: this.#refused };
  }

  start(): void {
    const { state, clock, knownUntilMs } = this.#options;
    state.noteChanges();
    const lookBackMs = Math.min(LOOK_BACK_MS, clock.nowMs() - (knownUntilMs ?? -Infinity));
    this.#feed.follow(
      this.#feed.nowMs() - Math.max(0, lookBackMs),
      (batch) => this.#merge(batch),
      (failure) => this.#setFailing(failure),
    );
    this.#arm();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    await this.#running;
    await this.#send();
    await this.#feed.close();
  }

  #arm(): void {
    if (this.#isClosed) return;
    const run = (): void => {
      this.#running = this.#send().finally(() => this.#arm());
    };
    this.#cancelTimer = this.#options.timers.after(this.#options.everyMs ?? EVERY_MS, run, true);
  }

  async #send(): Promise<void> {
    try {
      this.#pending ??= this.#drain();
      if (!this.#pending) return;
      await this.#feed.publish(this.#pending);
      this.#pending = null;
      this.#sent += 1;
      this.#setFailing(null);
    } catch (error) {
      this.#setFailing(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #drain(): Uint8Array | null {
    const { state, clock } = this.#options;
    const changes = state.drainChanges(clock.nowMs(), BATCH_BYTES_MAX);
    if (!changes) return null;
    this.#batchNumber += 1;
    const drainedMs = this.#feed.nowMs();
    return this.#sealer.seal({ sender: this.#sender, number: this.#batchNumber, drainedMs, changes });
  }

  #merge({ bytes, publishedMs }: FeedBatch): void {
    const batch = this.#sealer.open(bytes);
    if (!batch) return this.#refuse('nobody with the secret of this fleet wrote');
    if (batch.sender === this.#sender || !this.#isNew(batch)) return;
    // A batch can have waited with its sender, or on its way to a server that stood still.
    const ageMs = Math.max(0, this.#feed.nowMs() - Math.min(publishedMs, batch.drainedMs));
    try {
      this.#options.state.mergeChanges(batch.changes, this.#options.clock.nowMs() - ageMs);
      this.#merged += 1;
    } catch {
      this.#refuse('this version does not understand');
    }
  }

  #isNew({ sender, number }: SharedBatch): boolean {
    const last = this.#lastNumbers.get(sender) ?? 0;
    this.#lastNumbers.delete(sender);
    this.#lastNumbers.set(sender, Math.max(last, number));
    const [oldest] = this.#lastNumbers.keys();
    if (this.#lastNumbers.size > SENDERS_MAX && oldest !== undefined) this.#lastNumbers.delete(oldest);
    return number > last;
  }

  #refuse(why: string): void {
    this.#refused += 1;
    if (this.#hasToldRefusal) return;
    this.#hasToldRefusal = true;
    this.#options.tell(`${this.#feed.shown} holds changes that ${why}: they are passed over`);
  }

  #setFailing(failure: Error | null): void {
    if (this.#isClosed || (failure !== null) === this.#isFailing) return;
    this.#isFailing = failure !== null;
    this.#options.tell(
      failure
        ? `what is learned is not shared for now (${failure.message}): we go on alone`
        : `what is learned is shared again through ${this.#feed.shown}`,
    );
  }
}

/**
 * Tells the other gateways of a fleet what this one learns, in batches, and learns what they tell. It is approximate: a
 * batch may be lost, and nobody waits for one.
 *
 * @throws what `openFeed` throws.
 */
export async function shareLearnedState(options: ShareStateOptions): Promise<SharedState> {
  const sealer = createSealer(options.secret);
  const sharing = new Sharing(options, await options.openFeed(sealer.meetingPlace), sealer);
  sharing.start();
  return sharing;
}
