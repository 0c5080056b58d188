import type { Accounts } from './accounts.ts';
import { inTime } from './bounded-store.ts';
import type { EntryFacts } from './entry.ts';
import type { Flight, Outcome, Send, UpstreamAnswer } from './flight.ts';
import { formOf, judgeAnswer, type AnswerFacts } from './judge-answer.ts';
import type { Found, Levels } from './levels.ts';
import type { Marks, MarkValues } from './marks.ts';
import type { ResponseSettings } from './options.ts';
import { lowerNames, type AnswerForm, type EligibleCall, type MessageCall } from './request.ts';
import type { HeaderMap } from './scope.ts';
import { SharedStream } from './shared-stream.ts';

/** A call on its way. */
export interface DepartingCall {
  readonly call: MessageCall;
  readonly eligible: EligibleCall;
  readonly headers: HeaderMap;
  readonly key: string;
  readonly send: Send;
}

/** Headers of an answer that are true of it later too. */
const KEPT_HEADERS = ['request-id', 'anthropic-organization-id'] as const;

/** What the upstream says when it is it that fails, not the request. */
function isFailure(status: number): boolean {
  return status >= 500 || status === 429;
}

/** Leads a flight: looks into the second level, sends, and keeps what comes if it may be kept. */
export class Departure {
  readonly #settings: ResponseSettings;
  readonly #marks: Marks;
  readonly #levels: Levels;
  readonly #accounts: Accounts;

  constructor(settings: ResponseSettings, marks: Marks, levels: Levels, accounts: Accounts) {
    this.#settings = settings;
    this.#marks = marks;
    this.#levels = levels;
    this.#accounts = accounts;
  }

  /**
   * @param isRefresh what is kept is known, and a newer answer is wanted
   * @param onEnd called when nobody may join any more
   */
  async start(turn: DepartingCall, flight: Flight, isRefresh: boolean, onEnd: () => void): Promise<Outcome> {
    try {
      // Nobody has joined before this call returns.
      await Promise.resolve();
      const held = isRefresh ? null : await this.#levels.findHeld(turn.key);
      const { marks, stored } = await this.#ask(turn, isRefresh || held !== null);
      const known = stored ?? held;
      if (known && this.#isUsable(known) && !isRefresh) return end({ kind: 'found', found: known });
      return await this.#send(turn, flight, marks, known, onEnd);
    } catch (error) {
      onEnd();
      throw error;
    }

    function end(outcome: Outcome): Outcome {
      onEnd();
      return outcome;
    }
  }

  #isUsable({ entry }: Found): boolean {
    return this.#settings.clock.nowMs() < entry.facts.revalidateUntilMs;
  }

  /** The marks as they are now, and what the second level holds; both within the time that a request may wait for it. */
  async #ask(
    { eligible, key }: DepartingCall,
    isKnown: boolean,
  ): Promise<{ readonly marks: MarkValues; readonly stored: Found | null }> {
    const names = this.#markNames(eligible);
    const peeked = this.#marks.peek(names);
    if (peeked && (isKnown || !this.#settings.store)) return { marks: peeked, stored: null };
    const asking = Promise.all([this.#marks.current(names), isKnown ? null : this.#levels.findStored(key)]);
    const { storeWaitMs, timers } = this.#settings;
    const told = await inTime(asking, storeWaitMs, timers);
    if (!told) this.#accounts.storeTimeout();
    return told ? { marks: told[0], stored: told[1] } : { marks: this.#marks.lastKnown(names), stored: null };
  }

  #markNames({ scope, model, key, tags, contents }: EligibleCall): readonly string[] {
    return [
      this.#marks.nameOf('all', ''),
      this.#marks.nameOf('scope', scope),
      this.#marks.nameOf('model', model),
      this.#marks.nameOf('key', key),
      ...tags.map((tag) => this.#marks.nameOf('tag', tag)),
      ...contents.map((content) => this.#marks.nameOf('content', content)),
    ];
  }

  async #send(
    turn: DepartingCall,
    flight: Flight,
    marks: MarkValues,
    known: Found | null,
    onEnd: () => void,
  ): Promise<Outcome> {
    const fromMs = this.#settings.clock.nowMs();
    const answer = await this.#sendOrFall(turn, flight, known);
    if (answer === null && known) {
      onEnd();
      return { kind: 'found', found: known };
    }
    if (answer === null) throw new Error('there is neither an answer nor one to fall back on');
    const headers = lowerNames(answer.headers);
    const form = formOf(headers['content-type']);
    const stream = new SharedStream(
      answer.body[Symbol.asyncIterator](),
      this.#settings.entryBytesMax,
      (whole) => {
        flight.isStored = this.#arrive(turn, marks, { status: answer.status, headers, form, whole, fromMs });
        onEnd();
      },
    );
    return { kind: 'live', status: answer.status, headers, form, stream };
  }

  /** Null where the upstream fails and something kept may be given instead. */
  async #sendOrFall(
    turn: DepartingCall,
    flight: Flight,
    known: Found | null,
  ): Promise<UpstreamAnswer | null> {
    try {
      const answer = await turn.send(turn.call.body, turn.headers, flight.signal);
      if (!known || !isFailure(answer.status)) return answer;
      await answer.body[Symbol.asyncIterator]().return?.();
      return null;
    } catch (error) {
      if (known) return null;
      throw error;
    }
  }

  #arrive(
    { key, eligible }: DepartingCall,
    marks: MarkValues,
    arrived: {
      readonly status: number;
      readonly headers: HeaderMap;
      readonly form: AnswerForm | null;
      readonly whole: Uint8Array | null;
      readonly fromMs: number;
    },
  ): boolean {
    const { status, headers, form, whole, fromMs } = arrived;
    if (!whole) {
      this.#accounts.refuse('incomplete-or-too-large');
      return false;
    }
    const judgement = judgeAnswer(status, form, whole, this.#settings);
    if (!judgement.isKept || !form) {
      this.#accounts.refuse(judgement.isKept ? 'content-type' : judgement.reason);
      return false;
    }
    const kept = KEPT_HEADERS.flatMap((name) =>
      headers[name] === undefined ? [] : [[name, headers[name]] as const],
    );
    const times = this.#times(eligible, fromMs);
    const facts = { form, headers: Object.fromEntries(kept), ...judgement.facts, ...times, marks };
    this.#levels.keep(key, { facts, bytes: whole });
    this.#accounts.keep();
    return true;
  }

  #times(
    { ttlMs }: EligibleCall,
    fromMs: number,
  ): Omit<EntryFacts, 'form' | 'headers' | 'marks' | keyof AnswerFacts> {
    const {
      clock,
      random,
      jitterShare,
      staleWhileRevalidateMs,
      staleIfErrorMs,
      ttlMs: usualMs,
    } = this.#settings;
    const createdMs = clock.nowMs();
    const freshUntilMs =
      createdMs + Math.max(1, Math.round((ttlMs ?? usualMs) * (1 - jitterShare * random())));
    const revalidateUntilMs = freshUntilMs + staleWhileRevalidateMs;
    return {
      createdMs,
      freshUntilMs,
      revalidateUntilMs,
      errorUntilMs: revalidateUntilMs + staleIfErrorMs,
      upstreamMs: Math.max(0, createdMs - fromMs),
    };
  }
}
