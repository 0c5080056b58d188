import { defaultCacheRules, defaultCatalogue, type CacheRules, type Catalogue } from '../core/index.ts';
import { LearnedPlanner } from '../planner/index.ts';
import { createMemoryLedger, type Ledger } from '../ledger/index.ts';
import {
  createId,
  secretBytes,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
} from '../runtime/index.ts';

/** `off`: pass on and read only the bill. `observe`: also say what would be done. `optimize`: do it. */
export type Mode = 'off' | 'observe' | 'optimize';

export const MODES: readonly ['off', 'observe', 'optimize'] = ['off', 'observe', 'optimize'];

/** What an engine is made of; every member has a default. */
export interface EngineOptions {
  /** @default 'optimize' */
  readonly mode: Mode;
  /** `respect` keeps the client's markers; `override` takes them out and places ours. @default 'respect' */
  readonly placement: 'respect' | 'override';
  readonly catalogue: Catalogue;
  readonly rules: CacheRules;
  readonly ledger: Ledger;
  /** Learns from the requests where breakpoints pay. @default one that knows nothing yet */
  readonly planner: LearnedPlanner;
  readonly clock: Clock;
  readonly random: Random;
  /** Key of the pseudonyms that stand for credentials. @default random, so pseudonyms end with the process */
  readonly secret: Uint8Array;
}

/** Every option, defaults filled in. */
export function engineOptions(given: Partial<EngineOptions>): EngineOptions {
  return {
    mode: 'optimize',
    placement: 'respect',
    catalogue: defaultCatalogue,
    rules: defaultCacheRules,
    ledger: createMemoryLedger(),
    planner: new LearnedPlanner(),
    clock: systemClock,
    random: systemRandom,
    secret: secretBytes(32),
    ...given,
  };
}

/** Makes ids of records. */
export function createRecordId(random: Random): string {
  return createId('req', random);
}
