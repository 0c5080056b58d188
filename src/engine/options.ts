import { defaultCacheRules, defaultCatalogue, type CacheRules, type Catalogue } from '../core/index.ts';
import { LearnedPlanner, NeverWorse } from '../planner/index.ts';
import { createMemoryLedger, integrity, type Bodies, type Integrity, type Ledger } from '../ledger/index.ts';
import type { KeepAliveOptions } from './keep-alive.ts';
import {
  createTimedId,
  secretBytes,
  systemClock,
  systemRandom,
  systemTimers,
  type Clock,
  type Random,
  type Timers,
} from '../runtime/index.ts';
import type { GateOptions } from '../warming/index.ts';

/** `off`: pass on and read only the bill. `observe`: also say what would be done. `optimize`: do it. */
export type Mode = 'off' | 'observe' | 'optimize';

export const MODES: readonly ['off', 'observe', 'optimize'] = ['off', 'observe', 'optimize'];

/** What an engine is made of; every member has a default. */
export interface EngineOptions {
  /** @default 'optimize' */
  readonly mode: Mode;
  /** `respect` keeps the client's markers; `override` takes them out and places ours. @default 'respect' */
  readonly placement: 'respect' | 'override';
  /**
   * `on`: in `optimize` mode, requests ask the service why they missed (spec 10.1), where the client does not. What it says
   * is in the record, and in the answer, which passes as it is. @default 'off'
   */
  readonly diagnostics: 'off' | 'on';
  readonly catalogue: Catalogue;
  readonly rules: CacheRules;
  readonly ledger: Ledger;
  /** Keeps what requests and answers say, for people to look at. @default null, nothing of it */
  readonly bodies: Bodies | null;
  /** Holds every bill against its prediction. @default one without hooks */
  readonly integrity: Integrity;
  /** Learns from the requests where breakpoints pay. @default one that knows nothing yet */
  readonly planner: LearnedPlanner;
  /** Keeps the plans from costing more than what they replace. @default one that has seen nothing yet */
  readonly guard: NeverWorse;
  /** Holds requests back while another writes what they would read. @default on, in `optimize` mode */
  readonly gate: Partial<GateOptions>;
  /** Pings that keep entries alive, where they pay. @default off */
  readonly keepAlive: Partial<KeepAliveOptions>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Key of the pseudonyms that stand for credentials. @default random, so pseudonyms end with the process */
  readonly secret: Uint8Array;
}

/** Every option, defaults filled in. */
export function engineOptions(given: Partial<EngineOptions>): EngineOptions {
  const rules = given.rules ?? defaultCacheRules;
  return {
    mode: 'optimize',
    placement: 'respect',
    diagnostics: 'off',
    catalogue: defaultCatalogue,
    rules,
    ledger: createMemoryLedger(),
    bodies: null,
    integrity: integrity({ catalogue: given.catalogue ?? defaultCatalogue }),
    planner: new LearnedPlanner({ entriesAre: rules.open.entriesAre }),
    guard: new NeverWorse(),
    gate: {},
    keepAlive: {},
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    secret: secretBytes(32),
    ...given,
  };
}

/** Makes ids of records. */
export function createRecordId({ random, clock }: Pick<EngineOptions, 'random' | 'clock'>): string {
  return createTimedId('req', random, clock.nowMs());
}
