import type { JsonObject, PicoUsd } from '../core/index.ts';
import {
  secretBytes,
  systemClock,
  systemRandom,
  systemTimers,
  type Clock,
  type Random,
  type Timers,
} from '../runtime/index.ts';
import type { CacheStore, SharedFlights } from '../store/index.ts';
import { boundedStore } from './bounded-store.ts';
import type { EntryKey } from './entry.ts';
import { Rules, type CallSettings, type ResponseRule } from './rules.ts';
import type { HeaderMap } from './scope.ts';

/** A request that was not sent, for whoever knows what it would have cost. */
export interface SavedRequest {
  /** The same for requests that are the same. */
  readonly key: string;
  /** The model that answered. */
  readonly model: string;
  /** The request's path and query, or URL. */
  readonly target: string;
  /** The request's headers, as they came. */
  readonly headers: HeaderMap;
  /** The request's body, as it came. */
  readonly body: Uint8Array | string;
  /** `usage` of the stored answer, as the API wrote it. */
  readonly usage: JsonObject;
  /** ms since 1970 UTC. */
  readonly atMs: number;
  /** How long ago the stored answer was made; 0 for one that was shared as it came. */
  readonly ageMs: number;
}

/** What `responseCache` takes; every member has a default. */
export interface ResponseCacheOptions {
  /** The second level, shared by processes or machines. @default none */
  readonly store?: CacheStore;
  /** Where processes agree which of them sends a request that several have. @default that of the store, if it has one */
  readonly flights?: SharedFlights;
  /**
   * Scopes, keys and marks are made with it: processes share answers only under the same secret. Needed with a store.
   * @default random bytes
   */
  readonly secret?: Uint8Array | string;
  /** What holds for some requests; the first rule that is for a request counts, and what it leaves out is as here. @default none */
  readonly rules?: readonly ResponseRule[];
  /** false: requests for which there is no rule are passed on unless they ask not to be. @default true */
  readonly isOn?: boolean;
  /** How long an answer is given without asking. @default 5 minutes */
  readonly ttlMs?: number;
  /** After that, how long it is given while a newer one is fetched. @default 0 */
  readonly staleWhileRevalidateMs?: number;
  /** After that, how long it is given where the upstream fails. @default 0 */
  readonly staleIfErrorMs?: number;
  /** Lifetimes are made shorter by up to this share, so that what was stored together does not expire together. @default 0.1 */
  readonly jitterShare?: number;
  /** `any`: requests of any temperature are eligible. @default 'zero' */
  readonly temperatures?: 'zero' | 'any';
  /** Server tools that are allowed, by their types without a date (`web_search`). @default none */
  readonly serverTools?: readonly string[];
  /** Keep refusals too. @default false */
  readonly keepRefusals?: boolean;
  /** Different answers that are kept for one request, and given at random. @default 1 */
  readonly variants?: number;
  /** Bytes of the first level. @default 64 MiB */
  readonly memoryBytesMax?: number;
  /** Longer answers are not kept. @default 8 MiB */
  readonly entryBytesMax?: number;
  /**
   * From this size on entries are compressed in the store. @default 1 KiB; on Redis 64 KiB, since it gives the bytes sooner
   * than they can be decompressed
   */
  readonly compressFromBytes?: number;
  /** Longer requests are passed on. @default 32 MiB */
  readonly bodyBytesMax?: number;
  /** The most that a request waits for the second level, in ms. @default 40 */
  readonly storeWaitMs?: number;
  /** Keys for entries in the store: the first encrypts, all of them decrypt. @default none: entries are not encrypted */
  readonly encryptionKeys?: readonly EntryKey[];
  /**
   * The name of a request's scope that `purge`, rules and `onServed` know it by; who shares answers is not for it to say.
   * Names of headers are in lower case. @default what `scopeOf` says
   */
  readonly scopeName?: (headers: HeaderMap) => string;
  /** What the upstream would have billed for a request that was answered from here; null: not known. */
  readonly cost?: (saved: SavedRequest) => PicoUsd | null;
  /** Told of each answer as it is given; must not throw. */
  readonly onServed?: (served: Served) => void;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** @default the machine's timers */
  readonly timers?: Timers;
  /** @default the machine's randomness */
  readonly random?: Random;
}

/** Who gave an answer, and what it cost. */
export interface Served {
  /**
   * `hit`: kept and fresh. `stale`: kept and past its time. `collapsed`: the upstream's, asked for by another caller.
   * `miss`: the upstream's. `bypass`: the upstream's, the cache was not asked.
   */
  readonly kind: 'hit' | 'stale' | 'collapsed' | 'miss' | 'bypass';
  /** `memory` and `store` are the two levels. */
  readonly tier: 'memory' | 'store' | 'upstream';
  /** Why it was passed on; null where that was not so. */
  readonly reason: string | null;
  /** Under which its answer is kept; null for a bypass. */
  readonly key: string | null;
  readonly scope: string | null;
  /** As the request names it; null for a bypass. */
  readonly model: string | null;
  /** How old the kept answer is; null for the upstream's. */
  readonly ageMs: number | null;
  /** How long it counts as fresh yet, below 0 for a stale one; null for the upstream's. */
  readonly freshForMs: number | null;
  /** Whether it was kept; null where that is not known yet, for its end has not come. */
  readonly isStored: boolean | null;
  /** What the upstream would have billed; null where nobody says. */
  readonly savedPicoUsd: PicoUsd | null;
  /** How much longer the upstream took when it was asked, in ms; null for the upstream's. */
  readonly savedMs: number | null;
}

/** The options with all defaults. */
export interface ResponseSettings extends Omit<
  Required<ResponseCacheOptions>,
  'store' | 'flights' | 'secret' | 'cost' | 'onServed' | 'rules' | 'scopeName'
> {
  readonly rules: Rules;
  readonly scopeName: ((headers: HeaderMap) => string) | null;
  readonly store: CacheStore | null;
  readonly flights: SharedFlights | null;
  /** They go the same way as its reads, and in their order. */
  readonly areFlightsOfStore: boolean;
  readonly secret: Uint8Array;
  readonly cost: (saved: SavedRequest) => PicoUsd | null;
  readonly onServed: (served: Served) => void;
}

const SECRET_BYTES_MIN = 16;
const KIB = 1024;
const MIB = 1024 * 1024;

const DEFAULTS = {
  isOn: true,
  ttlMs: 300_000,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  jitterShare: 0.1,
  temperatures: 'zero',
  serverTools: [],
  keepRefusals: false,
  variants: 1,
  memoryBytesMax: 64 * MIB,
  entryBytesMax: 8 * MIB,
  bodyBytesMax: 32 * MIB,
  storeWaitMs: 40,
  encryptionKeys: [],
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
} as const satisfies ResponseCacheOptions;

function readSecret({ secret, store }: ResponseCacheOptions): Uint8Array {
  if (secret === undefined) {
    if (store) throw new RangeError('a store needs a secret, which those who share answers have in common');
    return secretBytes(32);
  }
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  if (bytes.length < SECRET_BYTES_MIN)
    throw new RangeError(`a secret has at least ${SECRET_BYTES_MIN} bytes`);
  return bytes;
}

function checkNumber(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most))
    throw new RangeError(`${name} must be from ${least} to ${most}, got ${value}`);
}

function checkCallSettings(place: string, settings: CallSettings): void {
  checkNumber(`${place}ttlMs`, settings.ttlMs, 1, 1e12);
  checkNumber(`${place}staleWhileRevalidateMs`, settings.staleWhileRevalidateMs, 0, 1e12);
  checkNumber(`${place}staleIfErrorMs`, settings.staleIfErrorMs, 0, 1e12);
  checkNumber(`${place}variants`, settings.variants, 1, 100);
}

function readRules(given: readonly ResponseRule[], usual: CallSettings, isOn: boolean): Rules {
  for (const [index, { ttlMs, ...rule }] of given.entries()) {
    const settings = { ...usual, ...rule, ttlMs: ttlMs === 'off' ? usual.ttlMs : ttlMs };
    checkCallSettings(`rules[${index}].`, settings);
  }
  return new Rules(given, usual, isOn);
}

/** @throws RangeError for a number out of its range, or a secret that is missing or short. */
export function readSettings(options: ResponseCacheOptions): ResponseSettings {
  const settings = {
    ...DEFAULTS,
    cost: () => null,
    onServed: () => undefined,
    scopeName: null,
    compressFromBytes: options.store?.kind === 'redis' ? 64 * KIB : KIB,
    ...options,
    store: options.store ?? null,
    flights: options.flights ?? options.store?.flights ?? null,
    areFlightsOfStore: options.flights === undefined && options.store?.flights !== undefined,
    secret: readSecret(options),
  };
  checkCallSettings('', settings);
  checkNumber('jitterShare', settings.jitterShare, 0, 0.9);
  checkNumber('memoryBytesMax', settings.memoryBytesMax, 1, 2 ** 40);
  checkNumber('compressFromBytes', settings.compressFromBytes, 0, 2 ** 30);
  checkNumber('entryBytesMax', settings.entryBytesMax, 1, 2 ** 30);
  checkNumber('storeWaitMs', settings.storeWaitMs, 1, 60_000);
  const { store, storeWaitMs } = settings;
  const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs, temperatures, serverTools, keepRefusals, variants } =
    settings;
  const usual: CallSettings = {
    ttlMs,
    staleWhileRevalidateMs,
    staleIfErrorMs,
    temperatures,
    serverTools,
    keepRefusals,
    variants,
  };
  const rules = readRules(options.rules ?? [], usual, settings.isOn);
  return { ...settings, rules, store: store && boundedStore(store, storeWaitMs, settings) };
}
