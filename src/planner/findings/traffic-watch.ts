import { pathText, type Block } from '../../core/index.ts';
import { Application, type Lifetimes, type Reuse } from './application.ts';
import { compareRequests, type RequestChange } from './compare-requests.ts';
import { describeFinding, describeNothingRepeats } from './describe.ts';
import type { TrafficFinding, TrafficFindingCode } from './finding.ts';
import { isCulprit } from './judge-change.ts';
import { KnownPrompts, type KnownPrompt } from './known-prompts.ts';
import { Sampler } from './sampler.ts';
import { headLengthOf, tokensUpTo, type WatchedRequest } from './watched-request.ts';

/** Limits of what is remembered. */
export interface TrafficWatchLimits {
  /** Tokens of prompts held to compare with, blocks counted as 64 at least. @default 4,000,000 */
  readonly tokensMax?: number;
  /** Beginnings of prompts known by their hash. @default 20,000 */
  readonly openingsMax?: number;
  /** How often something must be seen before it is told. @default 3 */
  readonly seenMin?: number;
}

const TOKENS_MAX = 4_000_000;
const SEEN_MIN = 3;
const OPENINGS_MAX = 20_000;
/** Pairs of scope and model, and applications of each; those without a request for the longest time go first. */
const SPHERES_MAX = 256;
const APPLICATIONS_MAX = 64;
/** Requests before it can be said that none is like another, and after which the older half counts no more. */
const UNIQUE_MIN = 50;
const UNIQUE_MAX = 2048;
const UNIQUE_SHARE = 0.99;
/** An opening that was used since then need not be put behind the others. */
const KEPT_MS = 60_000;

/** The beginning of prompts: tools and system prompt, or the first block where there are none. */
interface Opening {
  lastMs: number;
  application: number | null;
  /** When it was last put behind the others that are remembered. */
  keptMs: number;
}

/** One scope and model. */
interface Sphere {
  readonly scope: string;
  readonly model: string;
  readonly prompts: KnownPrompts;
  /** Of requests whose application is not known. */
  readonly sampler: Sampler;
  readonly applications: Map<number, Application>;
  latest: Application | null;
  requests: number;
  newOpenings: number;
  firstMs: number;
  lastMs: number;
}

/** A request, and what is known of its beginning. */
interface Seen {
  readonly request: WatchedRequest;
  readonly headLength: number;
  readonly headId: string;
  /** null: never seen before. */
  readonly opening: Opening | null;
  /** What it goes on from. */
  readonly extended: KnownPrompt | null;
}

/** Moves a key to the end of a map, where what was used last stands, and drops the first past a limit. */
function touch<Value>(
  map: Map<string | number, Value>,
  key: string | number,
  value: Value,
  max: number,
): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) for (const first of map.keys()) return void map.delete(first);
}

const ALTERNATING: Partial<Record<TrafficFindingCode, TrafficFindingCode>> = {
  'tools-changed': 'tools-alternate',
  'system-changed': 'system-alternate',
  'settings-changed': 'settings-alternate',
};

function codeOf(change: RequestChange, { headLength, opening, extended }: Seen): TrafficFindingCode {
  const comesBack = extended !== null || (opening !== null && change.index < headLength);
  if (!comesBack) return change.code;
  if (change.code === 'volatile-text' && change.path.startsWith('system')) return 'system-alternate';
  return ALTERNATING[change.code] ?? change.code;
}

/**
 * Watches successive requests for what keeps them from reading each other's prefixes: text that changes early, an order
 * that changes, lifetimes that are a little too short. Compares hashes first, and texts only where the hash of something
 * early differs. Pure and bounded: time comes with the requests, and what it holds of prompts is limited.
 *
 * @example
 * const watch = new TrafficWatch({ '5m': 300_000, '1h': 3_600_000 });
 * watch.observe(request);
 * watch.findings(); // [{ code: 'volatile-text', path: 'system.0.text', ... }]
 */
export class TrafficWatch {
  readonly #lifetimes: Lifetimes;
  readonly #tokensMax: number;
  readonly #openingsMax: number;
  readonly #seenMin: number;
  readonly #spheres = new Map<string | number, Sphere>();
  readonly #openings = new Map<string | number, Opening>();
  #latest: Sphere | null = null;
  #tokens = 0;
  #applications = 0;

  constructor(lifetimes: Lifetimes, limits: TrafficWatchLimits = {}) {
    this.#lifetimes = lifetimes;
    this.#tokensMax = limits.tokensMax ?? TOKENS_MAX;
    this.#openingsMax = limits.openingsMax ?? OPENINGS_MAX;
    this.#seenMin = limits.seenMin ?? SEEN_MIN;
  }

  /** Weight of the prompts held, in tokens. */
  get heldTokens(): number {
    return this.#tokens;
  }

  /** Blocks of the newest request that ends with a prefix, as long as it is held; null otherwise. */
  blocksOf(scope: string, model: string, tailId: string): readonly Block[] | null {
    const sphere = this.#spheres.get(`${scope} ${model}`);
    return sphere?.prompts.endingWith(tailId)?.request.blocks ?? null;
  }

  /** Takes note of a request. Requests come in the order of their times. */
  observe(request: WatchedRequest): void {
    if (request.blocks.length === 0) return;
    const sphere = this.#sphereOf(request);
    const headLength = headLengthOf(request);
    const headId = request.prefixIds[Math.max(0, headLength - 1)] ?? '';
    const opening = this.#openings.get(headId) ?? null;
    this.#countOpening(sphere, this.#isNewStart(request), request.atMs);
    const extended = sphere.prompts.extendedBy(request);
    const seen: Seen = { request, headLength, headId, opening, extended };
    const known = extended?.application ?? opening?.application ?? null;
    const application = known === null ? null : this.#noteAs(known, sphere, seen, 1);
    const weight = weightOf(sphere, extended, application);
    if (weight > 0) this.#compare(sphere, seen, application, weight);
    else if (application) this.#keep(sphere, seen, extended);
    else this.#noteOpening(seen, null);
  }

  /** Looks for what changed since the request that this one is most like. */
  #compare(sphere: Sphere, seen: Seen, known: Application | null, weight: number): void {
    const { request, headLength, extended } = seen;
    const twin = sphere.prompts.twinOf(request, headLength, extended);
    const other = twin ?? (extended ? null : kinOf(sphere, seen));
    const application = known ?? this.#noteAs(other?.application ?? null, sphere, seen, weight);
    const change = other && compareRequests(other.request, request);
    if (change && isCulprit(change, request)) {
      const { uncachedPicoUsd, readPicoUsd } = request.rates;
      const sighting = {
        ...change,
        code: codeOf(change, seen),
        picoUsdPerToken: uncachedPicoUsd - readPicoUsd,
      };
      application.add(sighting, weight, request.atMs);
    }
    this.#keep(sphere, seen, extended ?? (change?.code === 'settings-changed' ? null : twin));
  }

  /** What was found, the dearest first. */
  findings(): readonly TrafficFinding[] {
    const all = [...this.#spheres.values()].flatMap((sphere) => findingsOf(sphere, this.#seenMin));
    return all.toSorted((a, b) =>
      a.costPicoUsd === b.costPicoUsd ? 0 : a.costPicoUsd < b.costPicoUsd ? 1 : -1,
    );
  }

  #sphereOf({ scope, model, atMs }: WatchedRequest): Sphere {
    const latest = this.#latest;
    if (latest?.scope === scope && latest.model === model) return latest;
    const key = `${scope} ${model}`;
    const sphere = this.#spheres.get(key) ?? {
      scope,
      model,
      prompts: new KnownPrompts(),
      sampler: new Sampler(),
      applications: new Map(),
      latest: null,
      requests: 0,
      newOpenings: 0,
      firstMs: atMs,
      lastMs: atMs,
    };
    if (this.#spheres.size >= SPHERES_MAX && !this.#spheres.has(key)) this.#dropOldestSphere();
    touch(this.#spheres, key, sphere, SPHERES_MAX);
    this.#latest = sphere;
    return sphere;
  }

  #dropOldestSphere(): void {
    for (const [key, { prompts }] of this.#spheres) {
      this.#tokens -= prompts.weight;
      this.#spheres.delete(key);
      return;
    }
  }

  /** Does even the first block begin as none before? */
  #isNewStart({ prefixIds: [first = ''], atMs }: WatchedRequest): boolean {
    if (this.#openings.has(first)) return false;
    touch(this.#openings, first, { lastMs: atMs, application: null, keptMs: atMs }, this.#openingsMax);
    return true;
  }

  #countOpening(sphere: Sphere, isNew: boolean, atMs: number): void {
    if (sphere.requests >= UNIQUE_MAX) {
      sphere.requests /= 2;
      sphere.newOpenings /= 2;
    }
    sphere.requests += 1;
    sphere.newOpenings += isNew ? 1 : 0;
    sphere.lastMs = atMs;
  }

  /** Counts the request to its application, a new one where that is not known. */
  #noteAs(known: number | null, sphere: Sphere, seen: Seen, weight: number): Application {
    const { applications } = sphere;
    const found = known === null ? null : applications.get(known);
    const application = found ?? new Application((this.#applications += 1));
    if (sphere.latest !== application) touch(applications, application.number, application, APPLICATIONS_MAX);
    sphere.latest = application;
    application.note(seen.request, reuseOf(seen), weight, this.#lifetimes);
    this.#noteOpening(seen, application.number);
    return application;
  }

  #noteOpening({ headId, opening, request: { atMs } }: Seen, application: number | null): void {
    if (opening && opening.keptMs + KEPT_MS > atMs) {
      opening.lastMs = atMs;
      opening.application = application;
    } else {
      touch(this.#openings, headId, { lastMs: atMs, application, keptMs: atMs }, this.#openingsMax);
    }
  }

  #keep(sphere: Sphere, { request, headLength, headId }: Seen, replaced: KnownPrompt | null): void {
    const application = this.#openings.get(headId)?.application ?? 0;
    const before = sphere.prompts.weight;
    sphere.prompts.keep({ request, headLength, headId, application }, replaced);
    this.#tokens += sphere.prompts.weight - before;
    for (const { prompts } of this.#spheres.values()) {
      if (this.#tokens <= this.#tokensMax) return;
      const held = prompts.weight;
      while (this.#tokens - held + prompts.weight > this.#tokensMax && prompts.forgetOldest());
      this.#tokens += prompts.weight - held;
    }
  }
}

/** For how many a request stands that is compared with others; 0: it is not. */
function weightOf(
  { prompts, sampler }: Sphere,
  extended: KnownPrompt | null,
  known: Application | null,
): number {
  if (!extended) return (known?.sampler ?? sampler).next();
  // Nothing came between: there can be no other form of the conversation.
  return prompts.isNewest(extended) || !known ? 0 : known.extendedSampler.next();
}

/** The known prompt that a request shares most with, where it is of no known conversation. */
function kinOf({ prompts }: Sphere, { request, headLength, headId, opening }: Seen): KnownPrompt | null {
  return (opening && prompts.sameHead(headId)) ?? prompts.mostAlike(request, headLength);
}

/** The longest prefix that was used before, as far as it is known. */
function reuseOf({ request, headLength, opening, extended }: Seen): Reuse | null {
  const index = extended ? extended.request.blocks.length - 1 : Math.max(0, headLength - 1);
  const lastMs = extended?.request.atMs ?? opening?.lastMs;
  if (lastMs === undefined) return null;
  const block = request.blocks[index];
  const path = block?.level === 'messages' ? 'messages' : pathText(block?.path ?? []);
  return { tokens: tokensUpTo(request, index), lastMs, path };
}

function findingsOf(sphere: Sphere, seenMin: number): readonly TrafficFinding[] {
  const { scope, model, applications, requests, newOpenings, firstMs, lastMs } = sphere;
  const told = [...applications.values()].flatMap((application) =>
    application.culprits(seenMin).map((tally) => ({ tally, application })),
  );
  const findings = told.map(({ tally, application }) =>
    describeFinding(tally, { scope, model, application: application.number, requests: application.requests }),
  );
  const explained = told
    .filter(({ tally }) => tally.sighting.code !== 'breakpoint-never-read')
    .reduce((sum, { tally }) => sum + tally.seen, 0);
  const isUnique = requests >= UNIQUE_MIN && newOpenings >= requests * UNIQUE_SHARE;
  if (!isUnique || explained > requests / 2) return findings;
  const counts = { seen: Math.round(newOpenings), requests: Math.round(requests) };
  return [...findings, describeNothingRepeats({ scope, model, ...counts, firstMs, lastMs })];
}
