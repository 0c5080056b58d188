import { systemTimers, type Timers } from '../runtime/index.ts';
import { placeInStore, type Store } from '../store/index.ts';
import { keepLearnedState, type KeptState } from './learned-state.ts';
import type { EngineOptions } from './options.ts';

/** Where a program keeps what its engine learns. */
export interface StateOptions {
  /** Any store; closing it stays the caller's. */
  readonly store: Store;
  /** @default 'learned-state' */
  readonly key?: string;
  /** From one save to the next at least, in ms. @default 60000 */
  readonly everyMs?: number;
  /** @default the machine's timers */
  readonly timers?: Timers;
  /** Takes a sentence when state cannot be used or saved. @default nobody is told */
  readonly onProblem?: (sentence: string) => void;
}

const EVERY_MS = 60_000;

/**
 * Loads what an engine of an earlier process learned, and saves what this one learns. Requests need not wait for it: those
 * that come before it is loaded are planned without.
 *
 * @example const kept = await keepStateOf(engine, { store: await openSqliteStore({ file }) });
 */
export function keepStateOf(
  { options }: { readonly options: EngineOptions },
  { store, key = 'learned-state', everyMs = EVERY_MS, timers = systemTimers, onProblem }: StateOptions,
): Promise<KeptState> {
  return keepLearnedState({
    state: options.planner,
    place: placeInStore(store, key),
    clock: options.clock,
    timers,
    everyMs,
    tell: (sentence) => onProblem?.(sentence),
  });
}
