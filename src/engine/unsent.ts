import { LRUCache } from 'lru-cache';

import {
  addCosts,
  billTokens,
  resolveModel,
  toCacheRequest,
  type Breakpoint,
  type CacheRequest,
  type PicoUsd,
} from '../core/index.ts';
import {
  alikeRecord,
  type AlikeRecords,
  type HitFacts,
  type RequestRecord,
  type ResponseTierRecord,
} from '../ledger/index.ts';
import type { SavedRequest } from '../responses/index.ts';
import { pricingOf, readUsage, type BilledUsage } from '../wire/index.ts';
import { scaleOutcome } from './account.ts';
import { readRequest, type ReadRequest } from './analysis.ts';
import type { EngineContext } from './context.ts';
import { createRecordId } from './options.ts';
import { modeOf, scopeOf, tagsOf, type Headers } from './request-facts.ts';

/** A request that was answered without being sent. */
export interface UnsentRequest {
  /** The same object for requests of the same path and headers, by which what they have in common is known again. */
  readonly identity: object;
  readonly path: string;
  readonly headers: Headers;
  readonly model: string;
  /** When it arrived, ms since 1970 UTC. */
  readonly atMs: number;
  readonly status: number;
  readonly responses: ResponseTierRecord;
  /** The answer broke off. */
  readonly error: string | null;
  /** After arrival, in ms. */
  readonly firstByteMs: number;
}

/** What the engine says of requests that are answered without being sent. */
export interface UnsentRequests {
  /** A new id for a record. */
  createId(): string;
  /**
   * What such a request would be billed if it were sent now: what is in the prompt cache is read, and the rest paid for.
   * null where nobody can tell.
   */
  costNow(saved: SavedRequest): PicoUsd | null;
  /** Notes it in the ledger, as a request that nothing was billed for. */
  record(id: string, request: UnsentRequest): void;
  /** Takes the records of hits like this one that are over as soon as they have begun. */
  alike(hit: AlikeHit): AlikeRecords;
}

/** What tells a hit that was given at once from others. */
export interface AlikeHit extends Pick<UnsentRequest, 'identity' | 'path' | 'headers' | 'model'> {
  /** Where the answer was kept, as records say it. */
  readonly detail: string;
}

/** Blocks of prompts that are kept to be asked about again. */
const KNOWN_BLOCKS_MAX = 100_000;
/** So long a cost is good: entries live for minutes. */
const COST_AGE_MS_MAX = 1_000;
interface KnownRequest {
  readonly request: CacheRequest;
  readonly usage: BilledUsage;
  /** null: it cannot be told. */
  cost: PicoUsd | null;
  costAtMs: number;
}

/** The markers it would have: the client's; else, where the answer was billed with caching, one at the end. */
function breakpointsOf({ prompt }: ReadRequest, usage: BilledUsage): readonly Breakpoint[] {
  if (prompt.breakpoints.length > 0) return prompt.breakpoints;
  if (usage.readTokens + usage.write5mTokens + usage.write1hTokens === 0) return [];
  const blockIndex = prompt.blocks.findLastIndex((block) => block.canCarryMarker);
  const ttl = usage.write1hTokens > 0 ? '1h' : '5m';
  return blockIndex < 0 ? [] : [{ blockIndex, ttl, origin: 'automatic' }];
}

/** What records have in common whose requests have path and headers in common. */
interface CommonFacts extends Pick<RequestRecord, 'scope' | 'tags' | 'path' | 'mode'> {
  /** What takes records of hits, by where the answer was kept. */
  readonly alike: Map<string, AlikeRecords>;
}

const NO_COST = addCosts([]);

/** Kinds of hits of which records are gathered; others are told anew. */
const KINDS_MAX = 1_000;

/** What a ledger does with hits that are alike, where it does nothing of its own: each is a record like any other. */
class SingleRecords implements AlikeRecords {
  readonly #common: RequestRecord;
  readonly #createId: () => string;
  readonly #add: (record: RequestRecord) => void;
  #id = '';
  #atMs = 0;

  constructor(common: RequestRecord, createId: () => string, add: (record: RequestRecord) => void) {
    this.#common = common;
    this.#createId = createId;
    this.#add = add;
  }

  begin(atMs: number): string {
    this.#atMs = atMs;
    this.#id = this.#createId();
    return this.#id;
  }

  end(tookMs: number, facts: HitFacts): void {
    this.#add(alikeRecord(this.#common, this.#id, this.#atMs, tookMs, facts));
  }
}

const GIVEN_AT_ONCE: Omit<ResponseTierRecord, 'detail'> = {
  outcome: 'hit',
  ageMs: null,
  savedPicoUsd: null,
  savedMs: null,
};

class Unsent implements UnsentRequests {
  readonly #context: EngineContext;
  readonly #common = new WeakMap<object, CommonFacts>();
  readonly #kinds = new LRUCache<string, AlikeRecords>({ max: KINDS_MAX });
  readonly #known = new LRUCache<string, KnownRequest>({
    maxSize: KNOWN_BLOCKS_MAX,
    sizeCalculation: ({ request }) => 1 + request.prefixIds.length,
  });

  constructor(context: EngineContext) {
    this.#context = context;
  }

  createId(): string {
    return createRecordId(this.#context.options);
  }

  costNow(saved: SavedRequest): PicoUsd | null {
    try {
      const known = this.#known.get(saved.key) ?? this.#read(saved);
      if (!known) return null;
      if (Math.abs(saved.atMs - known.costAtMs) > COST_AGE_MS_MAX) {
        known.cost = this.#price(known, saved);
        known.costAtMs = saved.atMs;
      }
      return known.cost;
    } catch {
      this.#context.counters.failedAccounts += 1;
      return null;
    }
  }

  record(id: string, request: UnsentRequest): void {
    this.#add(this.#recordOf(id, request, this.#context.options.clock.nowMs() - request.atMs));
  }

  alike(hit: AlikeHit): AlikeRecords {
    const common = this.#commonOf(hit);
    const known = common.alike.get(hit.detail);
    if (known) return known;
    const { scope, tags, path, mode } = common;
    const kind = JSON.stringify([scope, tags, path, mode, hit.model, hit.detail]);
    const alike = this.#kinds.get(kind) ?? this.#openKind(hit);
    this.#kinds.set(kind, alike);
    common.alike.set(hit.detail, alike);
    return alike;
  }

  #openKind(hit: AlikeHit): AlikeRecords {
    const responses: ResponseTierRecord = { ...GIVEN_AT_ONCE, detail: hit.detail };
    const request = { ...hit, atMs: 0, status: 200, responses, error: null, firstByteMs: 0 };
    const common = this.#recordOf('', request, 0);
    const { ledger } = this.#context.options;
    return (
      ledger.alike?.(common) ??
      new SingleRecords(
        common,
        () => this.createId(),
        (record) => this.#add(record),
      )
    );
  }

  #add(record: RequestRecord): void {
    try {
      this.#context.options.ledger.add(record);
    } catch {
      this.#context.counters.failedAccounts += 1;
    }
  }

  #recordOf(id: string, request: UnsentRequest, totalMs: number): RequestRecord {
    const { model, atMs, status, responses, error, firstByteMs } = request;
    const { scope, tags, path, mode } = this.#commonOf(request);
    return {
      id,
      atMs,
      scope,
      tags,
      path,
      model,
      modelNote: null,
      mode,
      status,
      messageId: null,
      stopReason: null,
      usage: null,
      cost: NO_COST,
      prediction: null,
      savings: null,
      misses: [],
      shape: null,
      diagnostics: null,
      plan: null,
      gate: null,
      responses,
      skipReason: null,
      isResent: false,
      isPartial: false,
      error,
      firstByteMs,
      totalMs,
    };
  }

  #commonOf({ identity, path, headers }: Pick<UnsentRequest, 'identity' | 'path' | 'headers'>): CommonFacts {
    const known = this.#common.get(identity);
    if (known) return known;
    const { options, scopeKey } = this.#context;
    const common = {
      scope: scopeOf(headers, scopeKey),
      tags: tagsOf(headers),
      // The query may hold a credential.
      path: path.split('?')[0] ?? '',
      mode: modeOf(headers, options.mode),
      alike: new Map<string, AlikeRecords>(),
    };
    this.#common.set(identity, common);
    return common;
  }

  #read({ key, target, headers, body, usage: wire }: SavedRequest): KnownRequest | null {
    const usage = readUsage(wire);
    // Several steps, each with a prompt of its own, of which only the first is known.
    if (!usage || (usage.iterations?.length ?? 0) > 1) return null;
    // A copy: what is read is kept, and the caller may write over its bytes.
    const bytes = Buffer.from(body);
    const scope = scopeOf(headers, this.#context.scopeKey);
    const read = readRequest({ path: target, headers, body: bytes }, scope, this.#context);
    if ('skipReason' in read) return null;
    const request = toCacheRequest(read.prompt, read.chain, breakpointsOf(read, usage));
    const known: KnownRequest = { request, usage, cost: null, costAtMs: -Infinity };
    this.#known.set(key, known);
    return known;
  }

  #price({ request, usage }: KnownRequest, { model, atMs }: SavedRequest): PicoUsd {
    const { cacheModel, options } = this.#context;
    const tokens = scaleOutcome(cacheModel.peek(request, atMs), usage);
    const pricing = pricingOf(usage, atMs);
    const { facts } = resolveModel(model, options.catalogue);
    return billTokens(facts, tokens, pricing, usage.serverToolUse.webSearchRequests).totalPicoUsd;
  }
}

export function createUnsentRequests(context: EngineContext): UnsentRequests {
  return new Unsent(context);
}
