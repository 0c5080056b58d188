import { Accounts, type ResponseSummary } from './accounts.ts';
import { cacheStatus } from './cache-status.ts';
import type { PicoUsd } from '../core/index.ts';
import { agreementOf, type Agreement } from './agreement.ts';
import type { CachedAnswer, PreparedCall } from './cached-answer.ts';
import { Flight, type Outcome, type Send } from './flight.ts';
import { Departure, type DepartingCall } from './departure.ts';
import type { AnswerFacts } from './judge-answer.ts';
import { Levels, type Found } from './levels.ts';
import { beginLooking, Hits, type Looking } from './hits.ts';
import { lifeFor } from './life.ts';
import { Marks, type MarkKind, type PurgeTarget } from './marks.ts';
import { toForm } from './message-forms.ts';
import { readSettings, type ResponseCacheOptions, type ResponseSettings, type Served } from './options.ts';
import { CallReader } from './read-calls.ts';
import { lowerNames, type EligibleCall, type MessageCall } from './request.ts';
import { scopeOf, withoutOwnHeaders, type HeaderMap } from './scope.ts';
import { BY_UPSTREAM, bypassed, contentType } from './served.ts';
import { SavedCall } from './saved-call.ts';
import { collect, singleChunk, whenNotAborted } from './streams.ts';

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
  /** Resolves when all that is kept has arrived in the store, and those who wait elsewhere have been told. */
  settle(): Promise<void>;
}

/** Times that a caller waits for an answer asked for by others and not given; then it asks for its own. */
const FAILED_LEADERS_MAX = 2;

class Cache implements ResponseCache {
  readonly #settings: ResponseSettings;
  readonly #accounts = new Accounts();
  readonly #reader: CallReader;
  readonly #marks: Marks;
  readonly #levels: Levels;
  readonly #hits: Hits;
  /** With other processes; null: there are none. */
  readonly #agreement: Agreement | null;
  readonly #departure: Departure;
  readonly #flights = new Map<string, Flight>();

  constructor(settings: ResponseSettings) {
    this.#settings = settings;
    this.#reader = new CallReader(settings);
    this.#marks = new Marks(settings);
    this.#levels = new Levels(settings, this.#marks, this.#accounts);
    this.#hits = new Hits(settings, this.#levels, (served) => this.#tell(served));
    this.#agreement = agreementOf(settings, this.#levels);
    this.#departure = new Departure(settings, this.#marks, this.#levels, this.#accounts, this.#agreement);
  }

  async answer(call: MessageCall, send: Send): Promise<CachedAnswer> {
    const read = this.#reader.read(call);
    if (read.kind === 'bypass') return this.#passOn(call, send, read.reason);
    return this.#answer(call, read.call, send, beginLooking(this.#settings));
  }

  prepare(call: MessageCall): PreparedCall {
    const read = this.#reader.read(call);
    if (read.kind === 'eligible') {
      const eligible = read.call;
      const looking = beginLooking(this.#settings);
      return {
        kind: 'eligible',
        identity: eligible,
        take: () => this.#hits.take(call, eligible),
        look: async () => (this.#flights.has(eligible.key) ? null : this.#hits.look(call, eligible, looking)),
        answer: (send) => this.#answer(call, eligible, send, looking),
      };
    }
    const served = bypassed(read.reason);
    this.#tell(served);
    return { kind: 'bypass', reason: read.reason, cacheStatus: cacheStatus(served) };
  }

  async #answer(
    call: MessageCall,
    eligible: EligibleCall,
    send: Send,
    looking: Looking,
  ): Promise<CachedAnswer> {
    const { variants } = eligible.settings;
    const variant = variants > 1 ? Math.floor(this.#settings.random() * variants) : 0;
    const key = variant === 0 ? eligible.key : `${eligible.key}.${variant}`;
    const { startedMs, patience } = looking;
    const turn: DepartingCall = { call, eligible, key, startedMs, patience, send, known: null };
    const finding = this.#levels.findHeld(key, patience);
    const held = finding instanceof Promise ? await finding : finding;
    const given = this.#giveFound(turn, held);
    if (given) return given;
    const stored = held ?? (await this.#lookUp(turn, looking));
    return this.#giveFound(turn, stored) ?? this.#fly({ ...turn, known: stored });
  }

  /** What the second level holds, where nobody is on the way to fetch it already. */
  async #lookUp({ key, patience }: DepartingCall, { looked }: Looking): Promise<Found | null> {
    if (looked) return looked.found;
    return this.#flights.has(key) ? null : this.#levels.lookUp(key, patience);
  }

  async purge(target: PurgeTarget): Promise<void> {
    const [kind, value] = Object.entries(target)[0] as [MarkKind, string | true];
    const names = [this.#marks.nameOf(kind, value === true ? '' : value)];
    if (kind === 'key' && typeof value === 'string') this.#levels.forget(value);
    // Whoever asks from now on does not go with those who asked before.
    this.#flights.clear();
    await this.#marks.change(names);
  }

  scopeOf(headers: Readonly<Record<string, string>>, name?: string): string | null {
    const { secret, scopeName } = this.#settings;
    const lower = lowerNames(headers);
    return scopeName?.(lower) ?? scopeOf(secret, lower, name ?? null);
  }

  summary(): ResponseSummary {
    return this.#accounts.summary(this.#levels.memoryUse);
  }

  async settle(): Promise<void> {
    await this.#levels.settle();
    await this.#agreement?.settle();
  }

  /** An answer that is kept, in the caller's form; null where there is none, or it may be given only after a failure. */
  #giveFound(turn: DepartingCall, found: Found | null, isAnyAge = false): CachedAnswer | null {
    if (!found) return null;
    const { facts } = found.entry;
    const nowMs = this.#settings.clock.nowMs();
    const { freshUntilMs, revalidateUntilMs } = lifeFor(facts, turn.eligible.settings);
    const isFresh = nowMs < freshUntilMs;
    if (!isFresh && nowMs >= revalidateUntilMs && !isAnyAge) return null;
    const body = this.#levels.inForm(turn.key, found, turn.eligible.form);
    if (!body) return null;
    if (!isFresh && nowMs < revalidateUntilMs) this.#refresh(turn);
    const ageMs = Math.max(0, nowMs - facts.createdMs);
    const served: Served = {
      kind: isFresh ? 'hit' : 'stale',
      tier: found.tier,
      reason: null,
      key: turn.eligible.key,
      scope: turn.eligible.scope,
      model: turn.eligible.model,
      ageMs,
      freshForMs: freshUntilMs - nowMs,
      isStored: true,
      savedPicoUsd: this.#costNow(turn, facts, ageMs),
      savedMs: facts.upstreamMs - (nowMs - turn.startedMs),
    };
    const age = { age: String(Math.floor(ageMs / 1000)) };
    const headers = { ...facts.headers, ...contentType(turn.eligible.form), ...age };
    return this.#give(200, headers, body, served);
  }

  /** Goes together with whoever wants the same, or leads. */
  async #fly(turn: DepartingCall): Promise<CachedAnswer> {
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
    return this.#passOn(turn.call, turn.send, 'leader-failed');
  }

  /** Null: it is there, and not in a form that the caller understands. */
  async #giveOutcome(
    turn: DepartingCall,
    flight: Flight,
    outcome: Outcome,
    isLeader: boolean,
    leave: () => void,
  ): Promise<CachedAnswer | null> {
    if (outcome.kind === 'found') {
      leave();
      return this.#giveFound(turn, outcome.found, true);
    }
    const { key, scope, model, form: wanted } = turn.eligible;
    const kind = isLeader && !outcome.isHanded ? 'miss' : 'collapsed';
    const served: Served = { ...BY_UPSTREAM, kind, reason: null, key, scope, model };
    const settle = (): Served => {
      const savedPicoUsd = kind === 'collapsed' && flight.facts ? this.#costNow(turn, flight.facts, 0) : null;
      return { ...served, isStored: flight.isStored, savedPicoUsd };
    };
    const { status, headers, form, stream } = outcome;
    // What is no message goes to everybody as it is: an error of the upstream is their own.
    const target = status === 200 && form ? wanted : form;
    if (form === 'sse' && target === 'sse')
      return this.#give(status, headers, stream.read(leave), served, settle);
    const whole = await whenNotAborted(collect(stream.read(leave)), turn.call.signal);
    const body = form && target ? toForm(form, whole, target) : whole;
    if (!body) return null;
    const type = target && target !== form ? contentType(target) : {};
    return this.#give(status, { ...headers, ...type }, body, settle(), settle);
  }

  /** What the upstream would have billed now for a request that was not sent. */
  #costNow({ call, eligible }: DepartingCall, facts: AnswerFacts, ageMs: number): PicoUsd | null {
    const { clock, cost } = this.#settings;
    return cost(new SavedCall(call, eligible.key, facts, clock.nowMs(), ageMs));
  }

  #depart(turn: DepartingCall, isRefresh: boolean): Flight {
    const remove = (): void => {
      if (this.#flights.get(turn.key) === flight) this.#flights.delete(turn.key);
    };
    const flight: Flight = new Flight((self) => this.#departure.start(turn, self, isRefresh, remove), remove);
    this.#flights.set(turn.key, flight);
    return flight;
  }

  /** Fetches a newer answer for nobody in particular. What fails is tried again by whoever asks next. */
  #refresh(turn: DepartingCall): void {
    if (this.#flights.has(turn.key)) return;
    const flight = this.#depart(turn, true);
    const leave = flight.join();
    flight.outcome
      .then((outcome) => (outcome.kind === 'live' ? collect(outcome.stream.read(leave)) : null))
      .catch(() => undefined)
      .finally(leave);
  }

  async #passOn(call: MessageCall, send: Send, reason: string): Promise<CachedAnswer> {
    const signal = call.signal ?? new AbortController().signal;
    const answer = await send(call.body, withoutOwnHeaders(call.headers), signal);
    answer.onJudged?.('passed-on');
    return this.#give(answer.status, lowerNames(answer.headers), answer.body, bypassed(reason));
  }

  #tell(served: Served): void {
    this.#accounts.serve(served);
    this.#settings.onServed(served);
  }

  #give(
    status: number,
    headers: HeaderMap,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    served: Served,
    settled: () => Served = () => served,
  ): CachedAnswer {
    this.#tell(served);
    const own = cacheStatus(served);
    const others = headers['cache-status'];
    const whole = body instanceof Uint8Array ? body : null;
    return {
      status,
      headers: { ...headers, 'cache-status': others ? `${others}, ${own}` : own },
      body: body instanceof Uint8Array ? singleChunk(body) : body,
      whole,
      served,
      settled,
    };
  }
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
