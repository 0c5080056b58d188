import type { Clock, Timers } from '../runtime/index.ts';
import type { StatePlace } from '../store/index.ts';
import { decodeState, encodeState, StateFormatError } from './learned-state-format.ts';

/** What learns, and can be taken down and put back. */
export interface LearnedState {
  /** Another number whenever something worth saving has been learned. */
  readonly revision: number;
  /** All that was learned, in bytes of its own. */
  snapshot(): Uint8Array;
  /** The same in slices, where there may be much of it: `copySlice` says when all is there. */
  beginSnapshot?(): { copySlice(): boolean; finish(): Uint8Array };
  /** Replaces what is known; throws on bytes that it does not understand, and then nothing has changed. */
  restore(bytes: Uint8Array): void;
}

/** How learned state is kept. */
export interface KeepStateOptions {
  readonly state: LearnedState;
  readonly place: StatePlace;
  readonly clock: Clock;
  readonly timers: Timers;
  /** From one save to the next at least, in ms. */
  readonly everyMs: number;
  /** Takes a sentence for people: state that could not be used, or that cannot be saved, once for each time it begins. */
  readonly tell: (sentence: string) => void;
}

/** Learned state that is kept. */
export interface KeptState {
  /** When what was loaded had been saved, ms since 1970 UTC; null where we began anew. */
  readonly loadedFromMs: number | null;
  /** Saves now what is not saved; never fails, for it tells. */
  save(): Promise<void>;
  /** Saves for the last time. */
  close(): Promise<void>;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The message of the file system repeats the path, which the sentence has already.
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

/** Puts what is kept back into the planner, or out of the way. */
async function load({ state, place, tell }: KeepStateOptions): Promise<number | null> {
  let kept: Uint8Array | null;
  try {
    kept = await place.read();
  } catch (error) {
    tell(`the learned state in ${place.shown} cannot be read (${messageOf(error)}): it begins anew`);
    return null;
  }
  if (!kept) return null;
  try {
    const { bytes, savedMs } = await decodeState(kept);
    state.restore(bytes);
    return savedMs;
  } catch (error) {
    const why = error instanceof StateFormatError ? error.message : `cannot be used (${messageOf(error)})`;
    const what = `the learned state in ${place.shown} ${why}`;
    const movedTo = await place.setAside().catch(() => null);
    const where = movedTo === null ? 'it could not be moved aside' : `it was moved to ${movedTo}`;
    tell(`${what}: ${where}, and learning begins anew`);
    return null;
  }
}

class Keeper implements KeptState {
  readonly loadedFromMs: number | null;
  readonly #options: KeepStateOptions;
  #savedRevision: number;
  #running: Promise<void> | null = null;
  #isFailing = false;
  #isClosed = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: KeepStateOptions, loadedFromMs: number | null, savedRevision: number) {
    this.loadedFromMs = loadedFromMs;
    this.#options = options;
    this.#savedRevision = savedRevision;
    this.#arm();
  }

  save(): Promise<void> {
    this.#running ??= this.#saveOnce().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    // What is being saved may lack what was learned since.
    await this.#running;
    await this.save();
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { timers, everyMs } = this.#options;
    this.#cancelTimer = timers.after(everyMs, () => void this.save().then(() => this.#arm()), true);
  }

  /** A large state is copied slice by slice, so that requests need not wait for all of it; at the end nobody does. */
  async #take(): Promise<Uint8Array> {
    const { state, timers } = this.#options;
    const copy = state.beginSnapshot?.();
    if (!copy) return state.snapshot();
    while (!copy.copySlice() && !this.#isClosed) await new Promise<void>((go) => void timers.after(0, go));
    return copy.finish();
  }

  async #saveOnce(): Promise<void> {
    const { state, place, clock, tell } = this.#options;
    const { revision } = state;
    if (revision === this.#savedRevision) return;
    try {
      await place.write(await encodeState({ savedMs: clock.nowMs(), bytes: await this.#take() }));
      this.#savedRevision = revision;
      if (this.#isFailing) tell(`the learned state is saved again in ${place.shown}`);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        tell(`the learned state cannot be saved in ${place.shown} (${messageOf(error)}): we go on without`);
      this.#isFailing = true;
    }
  }
}

/**
 * Loads what was learned before, saves what is learned from now on: every so often, and at the end. Whatever of it fails
 * is told and costs no request.
 */
export async function keepLearnedState(options: KeepStateOptions): Promise<KeptState> {
  const { state } = options;
  const { revision } = state;
  const loadedFromMs = await load(options);
  // Where nothing was put back, what was learned during loading is new.
  return new Keeper(options, loadedFromMs, loadedFromMs === null ? revision : state.revision);
}
