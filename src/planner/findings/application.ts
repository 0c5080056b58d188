import type { TrafficFindingCode } from './finding.ts';
import { MarkerUse } from './marker-use.ts';
import { Sampler } from './sampler.ts';
import { Tallies, type Sighting, type Tally } from './tally.ts';
import { tokensUpTo, type WatchedRequest } from './watched-request.ts';

/** How long entries live, in ms. */
export interface Lifetimes {
  readonly '5m': number;
  readonly '1h': number;
}

/** A prefix that comes again: how long it is, and when it was used last. */
export interface Reuse {
  readonly tokens: number;
  readonly lastMs: number;
  readonly path: string;
}

/** Share of the requests in which it must be seen. */
const SEEN_SHARE_MIN = 0.05;
/** Of these some are met with in any traffic, */
const OFTEN: ReadonlySet<TrafficFindingCode> = new Set<TrafficFindingCode>([
  'expires-before-reuse',
  'tools-changed',
  'system-changed',
  'messages-changed',
]);
/** and only so large a share says something. */
const OFTEN_SHARE_MIN = 0.25;
/** Uses of a short prefix before it is told of. */
const SHORT_SEEN_MIN = 10;
/** A prefix of less than this share of the minimum cannot be meant to be cached. */
const SHORT_SHARE_MIN = 0.25;
/** By so much of a prefix what was read may fall short of it. */
const READ_TOLERANCE = 0.9;

/** Requests whose tools and system prompt are alike. */
export class Application {
  readonly number: number;
  /** Of requests that are known to be of this application. */
  readonly sampler: Sampler = new Sampler();
  /** Of those that go on from one before. */
  readonly extendedSampler: Sampler = new Sampler();
  readonly #tallies = new Tallies();
  readonly #markers = new MarkerUse();
  /** Estimated where not every request is compared. */
  #requests = 0;
  /** Every one that came here. */
  #noted = 0;
  #freshTokens = 0;
  #firstMs = Infinity;
  #lastMs = -Infinity;
  #rates: WatchedRequest['rates'] | null = null;

  constructor(number: number) {
    this.number = number;
  }

  get requests(): number {
    return Math.round(this.#requests);
  }

  /** Takes note of a request, which stands for so many. */
  note(request: WatchedRequest, reuse: Reuse | null, weight: number, lifetimes: Lifetimes): void {
    const total = tokensUpTo(request, request.blocks.length - 1);
    this.#requests += weight;
    this.#noted += 1;
    this.#freshTokens += (total - request.readTokens) * weight;
    this.#firstMs = Math.min(this.#firstMs, request.atMs);
    this.#lastMs = Math.max(this.#lastMs, request.atMs);
    this.#rates = request.rates;
    if (request.client.breakpoints.length > 0) this.#markers.note(request);
    if (reuse) this.#noteReuse(request, reuse, weight, lifetimes);
  }

  add(sighting: Sighting, weight: number, atMs: number): void {
    this.#tallies.add(sighting, weight, atMs);
  }

  #noteReuse(request: WatchedRequest, reuse: Reuse, weight: number, lifetimes: Lifetimes): void {
    const { rates, minCacheableTokens: minimum, atMs } = request;
    const saved = rates.uncachedPicoUsd - rates.readPicoUsd;
    const ageMs = atMs - reuse.lastMs;
    if (request.highTokens < minimum) {
      if (ageMs > lifetimes['1h'] || reuse.tokens < minimum * SHORT_SHARE_MIN) return;
      const short = { code: 'below-minimum', path: reuse.path } as const;
      this.add({ ...short, lostTokens: reuse.tokens, picoUsdPerToken: saved }, weight, atMs);
      return;
    }
    const lostTokens = reuse.tokens - request.readTokens;
    const isRead = request.readTokens >= reuse.tokens * READ_TOLERANCE;
    if (reuse.tokens < minimum || isRead || ageMs < lifetimes['5m'] || ageMs > 2 * lifetimes['1h']) return;
    const ttl = ageMs < lifetimes['1h'] ? '5m' : '1h';
    // What is kept alive past the hour is read once more on the way.
    const picoUsdPerToken = ttl === '5m' ? saved : saved - rates.readPicoUsd;
    const sighting = { code: 'expires-before-reuse', path: reuse.path, ttl } as const;
    this.add({ ...sighting, lostTokens, picoUsdPerToken }, weight, atMs);
  }

  /** What has been seen often enough to be told. */
  culprits(seenMin: number): readonly Tally[] {
    const often = this.#tallies.list().filter(({ sighting: { code }, seen, sightings }) => {
      const countMin = code === 'below-minimum' ? SHORT_SEEN_MIN : seenMin;
      const shareMin = OFTEN.has(code) ? OFTEN_SHARE_MIN : SEEN_SHARE_MIN;
      return sightings >= countMin && seen >= this.#requests * shareMin;
    });
    const counted = often.flatMap((tally) =>
      tally.sighting.code === 'expires-before-reuse' ? this.#netOf(tally) : [tally],
    );
    const wasted = this.#markers.wasted().map(({ sighting, marked }): Tally => {
      const tallies = new Tallies();
      tallies.add(sighting, 1, this.#lastMs);
      const [only] = tallies.list();
      const share = this.#requests / this.#noted;
      const seen = Math.round(marked * share);
      return { ...(only as Tally), seen, firstMs: this.#firstMs };
    });
    return [...counted, ...wasted];
  }

  /** What a longer life saves, less what it costs to give it to everything that is new; nothing where that is a loss. */
  #netOf(tally: Tally): readonly Tally[] {
    const rates = this.#rates;
    if (!rates) return [];
    const ping = tally.sighting.ttl === '1h' ? rates.readPicoUsd : 0;
    const premium = rates.write1hPicoUsd - rates.uncachedPicoUsd + ping;
    const newTokens = Math.max(0, Math.round(this.#freshTokens - tally.lostTokens));
    const costPicoUsd = tally.costPicoUsd - BigInt(newTokens) * BigInt(premium);
    return costPicoUsd > 0n ? [{ ...tally, costPicoUsd }] : [];
  }
}
