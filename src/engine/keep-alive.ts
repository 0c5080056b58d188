import { PICO_PER_USD, type JsonObject, type PicoUsd, type Ttl } from '../core/index.ts';
import type { KeptPlace } from '../planner/index.ts';
import {
  createLocalSchedule,
  createLocalSpending,
  decideKeepAlive,
  defaultKeeperLimits,
  Keeper,
  spendingLimits,
  type Calendar,
  type DecideKeeping,
  type HeldRequest,
  type KeepAliveState,
  type KeepSchedule,
  type KeptPrefix,
  type SendPing,
  type Spending,
} from '../warming/index.ts';
import { parseBody, removeMarkers, scanBody, spliceMarkers } from '../wire/index.ts';
import type { Analysis } from './analysis.ts';
import type { CacheModel, Forecast } from './cache-model.ts';
import type { EngineOptions, Mode } from './options.ts';
import type { Prepared } from './prepare.ts';
import {
  keepAliveOf,
  OWN_HEADER_PREFIX,
  type Headers,
  type IncomingMessageRequest,
} from './request-facts.ts';

/** What keep-alive is made of; every member has a default. */
export interface KeepAliveOptions {
  /** What counts where neither a request nor its scope says anything. @default 'off' */
  readonly state: KeepAliveState;
  /** How long before its end an entry is refreshed. @default a twentieth of five minutes, 15 s */
  readonly leadMs: number;
  /** Pings after one real request. @default 48 */
  readonly pingsMax: number;
  /** Shorter prefixes are left alone: pings for them save cents. @default 4000 */
  readonly minimumTokens: number;
  /** What may be spent in any hour, and in any day. @default one dollar, ten dollars */
  readonly hourPicoUsd: PicoUsd;
  readonly dayPicoUsd: PicoUsd;
  /** Entries of which TTLs are kept. @default those of an hour: what pays to be kept is written for an hour */
  readonly keptTtls: readonly Ttl[];
  /** When pings may be sent. @default always */
  readonly calendar: Calendar;
  /** Send what was kept in the last window once more when the next one opens. @default true */
  readonly warmsAtOpening: boolean;
  /** Entries that are kept. @default 10000 */
  readonly entriesMax: number;
  /** Bytes of requests in memory, for making pings of them. @default 256 MiB */
  readonly heldBytesMax: number;
  /** Pings under way at once. @default 16 */
  readonly concurrency: number;
  /** @default one in this process */
  readonly schedule: KeepSchedule | null;
  /** @default that of this process, within the limits above */
  readonly spending: Spending | null;
  /** @default what the planner has learned, within the limits above */
  readonly decide: DecideKeeping | null;
}

const defaultKeepAlive = {
  ...defaultKeeperLimits,
  state: 'off',
  pingsMax: 48,
  minimumTokens: 4000,
  hourPicoUsd: PICO_PER_USD,
  dayPicoUsd: 10n * PICO_PER_USD,
  keptTtls: ['1h'],
  schedule: null,
  spending: null,
  decide: null,
} satisfies Omit<KeepAliveOptions, 'leadMs'>;

/** How much sooner than it ends an entry is refreshed, as a share of five minutes. */
const LEAD_SHARE = 1 / 20;

/** Whose request it is, and when it was sent. */
interface RequestOrigin {
  readonly scope: string;
  readonly mode: Mode;
  readonly atMs: number;
}

/** What was planned, and what that is believed to have done. */
interface Answered {
  readonly analysis: Analysis;
  readonly forecast: Forecast;
}

/** Keep-alive beside real traffic. Without a sender, nothing is kept. */
export interface EngineKeepAlive {
  /** null without a sender. */
  readonly keeper: Keeper | null;
  /** From now on pings can be sent. */
  attach(send: SendPing): Keeper;
  /** A request's entries can be read from now on. */
  answered(request: IncomingMessageRequest, origin: RequestOrigin, prepared: Prepared): void;
  /** A request was refused with a status: where the credential was, nothing of its scope is held any longer. */
  refused(scope: string, status: number): void;
}

/** A body with one marker, where the entry ends; everything else byte for byte. */
function markEnd({ body, blockPath }: HeldRequest, ttl: Ttl): JsonObject | null {
  const map = scanBody(body);
  if (!map.ok) return null;
  const bare = removeMarkers(body, map);
  const bareMap = scanBody(bare);
  if (!bareMap.ok) return null;
  const { bytes } = spliceMarkers(bare, bareMap, [{ path: blockPath, ttl }]);
  const parsed = parseBody(bytes);
  return parsed.ok ? parsed.value : null;
}

/** All headers of a request but our own: any of them may be what it is let in by. */
function theirs(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(OWN_HEADER_PREFIX)));
}

/** The keeper of an engine. */
function openKeeper(settings: KeepAliveOptions, options: EngineOptions, send: SendPing): Keeper {
  const { leadMs, pingsMax, minimumTokens, hourPicoUsd, dayPicoUsd } = settings;
  const { clock, timers, random, catalogue, rules, ledger } = options;
  const limits = { leadMs, pingsMax, minimumTokens };
  return new Keeper({
    ...settings,
    schedule: settings.schedule ?? createLocalSchedule({ leadMs, clock, timers }),
    spending: settings.spending ?? createLocalSpending(spendingLimits(hourPicoUsd, dayPicoUsd), clock),
    decide: settings.decide ?? ((entry, nowMs) => decideKeepAlive(entry, nowMs, limits)),
    send,
    readBody: markEnd,
    ttlMs: rules.ttlMs,
    catalogue,
    clock,
    timers,
    random,
    onPing: ({ isObserved, id, atMs, scope, model, status, tokens, costPicoUsd }) => {
      if (isObserved) return;
      ledger.addOwn({ id, atMs, scope, model, status, tokens, costPicoUsd, purpose: 'keep-alive' });
    },
  });
}

class BesideTraffic implements EngineKeepAlive {
  readonly #given: Partial<KeepAliveOptions>;
  readonly #options: EngineOptions;
  readonly #cacheModel: CacheModel;
  #settings: KeepAliveOptions | null = null;
  #keeper: Keeper | null = null;

  constructor(given: Partial<KeepAliveOptions>, options: EngineOptions, cacheModel: CacheModel) {
    this.#given = given;
    this.#options = options;
    this.#cacheModel = cacheModel;
  }

  get keeper(): Keeper | null {
    return this.#keeper;
  }

  attach(send: SendPing): Keeper {
    const leadMs = this.#options.rules.ttlMs['5m'] * LEAD_SHARE;
    this.#settings = { leadMs, ...defaultKeepAlive, ...this.#given };
    this.#keeper = openKeeper(this.#settings, this.#options, send);
    return this.#keeper;
  }

  answered(request: IncomingMessageRequest, origin: RequestOrigin, { analysis, forecast }: Prepared): void {
    const keeper = this.#keeper;
    const settings = this.#settings;
    if (!keeper || !settings || !analysis || !forecast) return;
    const { scope, mode, atMs } = origin;
    const asked = keepAliveOf(request.headers);
    if (keeper.stateFor(scope, asked) === 'off' && asked === null) return;
    const place = this.#options.planner.placeToKeep(analysis.learned);
    const prefix = this.#longest(place, { analysis, forecast }, keeper, settings);
    if (!prefix || prefix.tokens < settings.minimumTokens) return;
    const model = analysis.prompt.model.facts.id;
    // Where nothing is to be changed, nothing is sent either.
    const isObserved = mode === 'observe';
    keeper.visit({ scope, model, atMs, asked, isObserved, prefix }, () => ({
      path: request.path,
      headers: Buffer.from(JSON.stringify(theirs(request.headers))),
      body: Buffer.from(analysis.bytes),
      blockPath: prefix.blockPath,
    }));
  }

  refused(scope: string, status: number): void {
    if (status === 401 || status === 403) this.#keeper?.refused(scope);
  }

  /** The longest prefix that has an entry: one that was marked, or that was read. */
  #longest(
    place: KeptPlace | null,
    answered: Answered,
    keeper: Keeper,
    settings: KeepAliveOptions,
  ): KeptPrefix | null {
    if (!place) return null;
    const { analysis, forecast } = answered;
    const { index } = place;
    const marked = forecast.sent.breakpoints.find(({ breakpoint }) => breakpoint.blockIndex === index);
    const isThere = marked ? marked.verdict !== 'below-minimum' : forecast.sent.hit?.blockIndex === index;
    const block = analysis.prompt.blocks[index];
    const key = analysis.chain.prefixIds[index];
    if (!block || key === undefined) return null;
    const below = this.#longest(place.below, answered, keeper, settings);
    const written = marked?.verdict === 'written' ? marked.breakpoint.ttl : keeper.ttlOf(key);
    const ttl = written ?? marked?.breakpoint.ttl ?? '5m';
    const isKept = isThere && settings.keptTtls.includes(ttl);
    if (!isKept) return below;
    const { tokens } = place;
    return {
      key,
      tokens,
      ttl,
      blockPath: block.path,
      below,
      advise: (nowMs) =>
        ttl === '1h'
          ? this.#options.planner.adviseKeeping(place, { nowMs, overheadTokens: OVERHEAD_TOKENS })
          : null,
      pinged: this.#onPinged(place, ttl, answered),
    };
  }

  /** What we believe of the cache must know of pings, or the next request would be planned, and forecast, as after a miss. */
  #onPinged(place: KeptPlace, ttl: Ttl, { analysis }: Answered): (atMs: number) => void {
    const { planner } = this.#options;
    const renew = this.#cacheModel.renewal(analysis.prompt, analysis.chain, place.index, ttl);
    return (atMs) => {
      planner.pinged(place, atMs);
      renew(atMs);
    };
  }
}

/** The placeholder and what frames it. */
const OVERHEAD_TOKENS = 10;

/** Keep-alive for an engine. */
export function createKeepAlive(
  given: Partial<KeepAliveOptions>,
  options: EngineOptions,
  cacheModel: CacheModel,
): EngineKeepAlive {
  return new BesideTraffic(given, options, cacheModel);
}
