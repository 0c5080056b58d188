import { Accounts, type ResponseSummary } from './accounts.ts';
import { cacheStatus } from './cache-status.ts';
import type { CachedAnswer, PreparedCall } from './cached-answer.ts';
import { Flight, type Outcome, type Send } from './flight.ts';
import { Departure } from './departure.ts';
import { Levels, type Found } from './levels.ts';
import { Marks, type MarkKind } from './marks.ts';
import { toForm } from './message-forms.ts';
import { readSettings, type ResponseCacheOptions, type ResponseSettings, type Served } from './options.ts';
import { lowerNames, readCall, type AnswerForm, type EligibleCall, type MessageCall } from './request.ts';
import { scopeOf, withoutOwnHeaders, type HeaderMap } from './scope.ts';
import { collect, singleChunk, whenNotAborted } from './streams.ts';

/** What to drop: what one key, tag, model, content version or scope has, or everything. */
export type PurgeTarget =
  | { readonly key: string }
  | { readonly tag: string }
  | { readonly model: string }
  | { readonly content: string }
  | { readonly scope: string }
  | { readonly all: true };

/** Answers identical requests once. */
export interface ResponseCache {
  /**
   * Answers a request from what is kept, or by `send`. Requests that are the same at one time are sent once, and all of
   * their callers see the answer as it comes, each in the form that it asked for.
   *
   * @throws whatever `send` throws, where nothing is kept that may be given instead
   */
  answer(call: MessageCall, send: Send): Promise<CachedAnswer>;
  /** Reads a request, so that whoever has a better way for those that are passed on can go it; such a one is counted. */
  prepare(call: MessageCall): PreparedCall;
  /**
   * Drops answers, those on their way included: at once in this process, and within a second in every other one.
   *
   * @throws StoreError when the store was not told: other processes hear of it only when it answers again
   */
  purge(target: PurgeTarget): Promise<void>;
  /** The scope of a request with these headers, for `purge`; null where nothing says who asks. */
  scopeOf(headers: Readonly<Record<string, string>>, name?: string): string | null;
  summary(): ResponseSummary;
  /** Resolves when all that is kept has arrived in the store. */
  settle(): Promise<void>;
}

/** Times that a caller waits for an answer asked for by others and not given; then it asks for its own. */
const FAILED_LEADERS_MAX = 2;

interface Turn {
  readonly call: MessageCall;
  readonly eligible: EligibleCall;
  readonly headers: HeaderMap;
  readonly key: string;
  readonly send: Send;
}

const UPSTREAM: Omit<Served, 'kind' | 'reason' | 'key' | 'scope'> = {
  tier: 'upstream',
  ageMs: null,
  freshForMs: null,
  isStored: null,
  savedPicoUsd: null,
  savedMs: null,
};

class Cache implements ResponseCache {
  readonly #settings: ResponseSettings;
  readonly #accounts = new Accounts();
  readonly #marks: Marks;
  readonly #levels: Levels;
  readonly #flights = new Map<string, Flight>();

  constructor(settings: ResponseSettings) {
    this.#settings = settings;
    this.#marks = new Marks(settings);
    this.#levels = new Levels(settings, this.#marks, this.#accounts);
  }

  async answer(call: MessageCall, send: Send): Promise<CachedAnswer> {
    const all = lowerNames(call.headers);
    const read = readCall(call, all, this.#settings, this.#settings.secret);
    if (read.kind === 'bypass') return this.#passOn(call, withoutOwnHeaders(all), send, read.reason);
    return this.#answer(call, read.call, withoutOwnHeaders(all), send);
  }

  prepare(call: MessageCall): PreparedCall {
    const all = lowerNames(call.headers);
    const read = readCall(call, all, this.#settings, this.#settings.secret);
    if (read.kind === 'eligible') {
      const headers = withoutOwnHeaders(all);
      return { kind: 'eligible', answer: (send) => this.#answer(call, read.call, headers, send) };
    }
    const served = bypassed(read.reason);
    this.#tell(served);
    return { kind: 'bypass', reason: read.reason, cacheStatus: cacheStatus(served) };
  }

  async #answer(
    call: MessageCall,
    eligible: EligibleCall,
    headers: HeaderMap,
    send: Send,
  ): Promise<CachedAnswer> {
    const { variants, random } = this.#settings;
    const variant = variants > 1 ? Math.floor(random() * variants) : 0;
    const key = variant === 0 ? eligible.key : `${eligible.key}.${variant}`;
    const turn: Turn = { call, eligible, headers, key, send };
    const held = this.#levels.findHeld(key);
    const given = this.#giveFound(turn, held instanceof Promise ? await held : held);
    return given ?? this.#fly(turn);
  }

  async purge(target: PurgeTarget): Promise<void> {
    const [kind, value] = Object.entries(target)[0] as [MarkKind, string | true];
    const names = [this.#marks.nameOf(kind, value === true ? '' : value)];
    if (kind === 'key' && typeof value === 'string') this.#levels.forget(value);
    await this.#marks.change(names);
  }

  scopeOf(headers: Readonly<Record<string, string>>, name?: string): string | null {
    return scopeOf(this.#settings.secret, lowerNames(headers), name ?? null);
  }

  summary(): ResponseSummary {
    return this.#accounts.summary(this.#levels.memoryUse);
  }

  async settle(): Promise<void> {
    await this.#levels.settle();
  }

  /** An answer that is kept, in the caller's form; null where there is none, or it may be given only after a failure. */
  #giveFound(turn: Turn, found: Found | null, isAnyAge = false): CachedAnswer | null {
    if (!found) return null;
    const { facts, bytes } = found.entry;
    const nowMs = this.#settings.clock.nowMs();
    const isFresh = nowMs < facts.freshUntilMs;
    if (!isFresh && nowMs >= facts.revalidateUntilMs && !isAnyAge) return null;
    const body = toForm(facts.form, bytes, turn.eligible.form);
    if (!body) return null;
    if (!isFresh && nowMs < facts.revalidateUntilMs) this.#refresh(turn);
    const ageMs = Math.max(0, nowMs - facts.createdMs);
    const saved = { model: facts.model, body: turn.call.body, usage: facts.usage, atMs: nowMs, ageMs };
    const served: Served = {
      kind: isFresh ? 'hit' : 'stale',
      tier: found.tier,
      reason: null,
      key: turn.eligible.key,
      scope: turn.eligible.scope,
      ageMs,
      freshForMs: facts.freshUntilMs - nowMs,
      isStored: true,
      savedPicoUsd: this.#settings.cost(saved),
      savedMs: facts.upstreamMs,
    };
    const age = { age: String(Math.floor(ageMs / 1000)) };
    const headers = { ...facts.headers, ...contentType(turn.eligible.form), ...age };
    return this.#give(200, headers, singleChunk(body), served);
  }

  /** Goes together with whoever wants the same, or leads. */
  async #fly(turn: Turn): Promise<CachedAnswer> {
    for (let failures = 0; failures < FAILED_LEADERS_MAX; failures += 1) {
      const known = this.#flights.get(turn.key);
      const isLeader = known === undefined;
      const flight = known ?? this.#depart(turn, false);
      const leave = flight.join();
      try {
        const outcome = await whenNotAborted(flight.outcome, turn.call.signal);
        const given = await this.#giveOutcome(turn, flight, outcome, isLeader, leave);
        if (given) return given;
        leave();
        break;
      } catch (error) {
        leave();
        // A caller that has gone waits for nobody, and a leader's failure is the upstream's own.
        if (isLeader || turn.call.signal?.aborted === true) throw error;
      }
    }
    return this.#passOn(turn.call, turn.headers, turn.send, 'leader-failed');
  }

  /** Null: it is there, and not in a form that the caller understands. */
  async #giveOutcome(
    turn: Turn,
    flight: Flight,
    outcome: Outcome,
    isLeader: boolean,
    leave: () => void,
  ): Promise<CachedAnswer | null> {
    if (outcome.kind === 'found') {
      leave();
      return this.#giveFound(turn, outcome.found, true);
    }
    const { key, scope, form: wanted } = turn.eligible;
    const kind = isLeader ? 'miss' : 'collapsed';
    const served: Served = { ...UPSTREAM, kind, reason: null, key, scope };
    const { status, headers, form, stream } = outcome;
    // What is no message goes to everybody as it is: an error of the upstream is their own.
    const target = status === 200 && form ? wanted : form;
    if (form === 'sse' && target === 'sse') return this.#give(status, headers, stream.read(leave), served);
    const whole = await whenNotAborted(collect(stream.read(leave)), turn.call.signal);
    const body = form && target ? toForm(form, whole, target) : whole;
    if (!body) return null;
    const type = target && target !== form ? contentType(target) : {};
    return this.#give(status, { ...headers, ...type }, singleChunk(body), {
      ...served,
      isStored: flight.isStored,
    });
  }

  #depart(turn: Turn, isRefresh: boolean): Flight {
    const departure = new Departure(this.#settings, this.#marks, this.#levels, this.#accounts);
    const remove = (): void => {
      if (this.#flights.get(turn.key) === flight) this.#flights.delete(turn.key);
    };
    const flight: Flight = new Flight((self) => departure.start(turn, self, isRefresh, remove), remove);
    this.#flights.set(turn.key, flight);
    return flight;
  }

  /** Fetches a newer answer for nobody in particular. What fails is tried again by whoever asks next. */
  #refresh(turn: Turn): void {
    if (this.#flights.has(turn.key)) return;
    const flight = this.#depart(turn, true);
    const leave = flight.join();
    const drain = async (): Promise<void> => {
      const outcome = await flight.outcome;
      if (outcome.kind === 'live') await collect(outcome.stream.read(leave));
    };
    drain()
      .catch(() => undefined)
      .finally(leave);
  }

  async #passOn(call: MessageCall, headers: HeaderMap, send: Send, reason: string): Promise<CachedAnswer> {
    const signal = call.signal ?? new AbortController().signal;
    const answer = await send(call.body, headers, signal);
    return this.#give(answer.status, lowerNames(answer.headers), answer.body, bypassed(reason));
  }

  #tell(served: Served): void {
    this.#accounts.serve(served);
    this.#settings.onServed(served);
  }

  #give(status: number, headers: HeaderMap, body: AsyncIterable<Uint8Array>, served: Served): CachedAnswer {
    this.#tell(served);
    const own = cacheStatus(served);
    const others = headers['cache-status'];
    return {
      status,
      headers: { ...headers, 'cache-status': others ? `${others}, ${own}` : own },
      body,
      served,
    };
  }
}

function bypassed(reason: string): Served {
  return { ...UPSTREAM, kind: 'bypass', reason, key: null, scope: null, isStored: false };
}

function contentType(form: AnswerForm): HeaderMap {
  return { 'content-type': form === 'sse' ? 'text/event-stream; charset=utf-8' : 'application/json' };
}

/**
 * A cache of whole answers in front of the upstream: a request that was answered before, for the same caller, is answered
 * from memory or from a store. What is not safe to keep is passed on, and each answer says who gave it.
 *
 * @example
 * const cache = responseCache({ ttlMs: 60_000 });
 * const { status, headers, body } = await cache.answer({ body: request, headers: { 'x-api-key': key } }, send);
 * @throws RangeError for a number out of its range, or a secret that is missing or short.
 */
export function responseCache(options: ResponseCacheOptions = {}): ResponseCache {
  return new Cache(readSettings(options));
}
