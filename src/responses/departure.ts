import type { Accounts } from './accounts.ts';
import type { Agreed, Agreement, OwnLead, Question } from './agreement.ts';
import type { EntryFacts } from './entry.ts';
import type { Flight, Outcome, Send, UpstreamAnswer } from './flight.ts';
import { formOf, judgeAnswer, type AnswerFacts, type Judgement, type NotKept } from './judge-answer.ts';
import type { Handover } from './handover.ts';
import type { Found, Levels } from './levels.ts';
import { lifeFor } from './life.ts';
import type { Marks, MarkValues } from './marks.ts';
import type { ResponseSettings } from './options.ts';
import type { Patience } from './patience.ts';
import { lowerNames, type AnswerForm, type EligibleCall, type MessageCall } from './request.ts';
import { withoutOwnHeaders, type HeaderMap } from './scope.ts';
import { SharedStream } from './shared-stream.ts';
import { singleChunk } from './streams.ts';

/** A call on its way. */
export interface DepartingCall {
  readonly call: MessageCall;
  readonly eligible: EligibleCall;
  readonly key: string;
  readonly startedMs: number;
  readonly patience: Patience;
  readonly send: Send;
  /** What is kept and may be given only where the upstream fails; null: nothing is. */
  readonly known: Found | null;
}

interface Asked {
  readonly marks: MarkValues;
  /** What is left of the time that the request may wait for stores. */
  readonly leftMs: number;
}

/** A request that is to be sent. */
interface Sending {
  readonly turn: DepartingCall;
  readonly flight: Flight;
  readonly marks: MarkValues;
  readonly known: Found | null;
  readonly lead: OwnLead | null;
  readonly onEnd: () => void;
}

/** An answer at its end. */
interface Arrived {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly form: AnswerForm | null;
  /** null: it broke off, or was too large. */
  readonly whole: Uint8Array | null;
  readonly fromMs: number;
}

/** Headers of an answer that are true of it later too. */
const KEPT_HEADERS = ['request-id', 'anthropic-organization-id'] as const;

/** Other processes are asked for so long at least where a store has answered, in ms. */
const LEFT_MS_MIN = 5;

/** What the upstream says when it is it that fails, not the request. */
function isFailure(status: number): boolean {
  return status >= 500 || status === 429;
}

/** Leads a flight: agrees with other processes, sends, and keeps what comes if it may be kept. */
export class Departure {
  readonly #settings: ResponseSettings;
  readonly #marks: Marks;
  readonly #levels: Levels;
  readonly #accounts: Accounts;
  readonly #agreement: Agreement | null;

  constructor(
    settings: ResponseSettings,
    marks: Marks,
    levels: Levels,
    accounts: Accounts,
    agreement: Agreement | null,
  ) {
    this.#settings = settings;
    this.#marks = marks;
    this.#levels = levels;
    this.#accounts = accounts;
    this.#agreement = agreement;
  }

  /**
   * @param isRefresh what is kept is known, and a newer answer is wanted
   * @param onEnd called when nobody may join any more
   */
  async start(turn: DepartingCall, flight: Flight, isRefresh: boolean, onEnd: () => void): Promise<Outcome> {
    try {
      // Nobody has joined before this call returns.
      await Promise.resolve();
      const held = isRefresh ? null : await this.#levels.findHeld(turn.key, turn.patience);
      const { marks, leftMs } = await this.#ask(turn);
      const known = held ?? turn.known;
      if (known && this.#isUsable(known, turn.eligible) && !isRefresh)
        return end({ kind: 'found', found: known });
      const agreed = await this.#agree({
        key: turn.key,
        settings: turn.eligible.settings,
        marks,
        isRefresh,
        waitMs: leftMs,
        signal: flight.signal,
      });
      if (agreed.kind === 'found') return end(agreed);
      if (agreed.kind === 'handed') {
        const { handover } = agreed;
        if (known && isFailure(handover.status)) return end({ kind: 'found', found: known });
        return end(this.#receive(turn, flight, handover));
      }
      if (agreed.kind === 'elsewhere') throw new Error('another process fetches it');
      return await this.#send({ turn, flight, marks, known, lead: agreed.lead, onEnd });
    } catch (error) {
      onEnd();
      throw error;
    }

    function end(outcome: Outcome): Outcome {
      onEnd();
      return outcome;
    }
  }

  /** What another process has fetched, as if it came now. */
  #receive({ eligible }: DepartingCall, flight: Flight, handover: Handover): Outcome {
    const { status, headers, form, bytes } = handover;
    const judgement = judgeAnswer(status, form, bytes, eligible.settings);
    if (judgement.isKept) flight.facts = judgement.facts;
    const stream = new SharedStream(singleChunk(bytes), bytes.length, () => undefined);
    return { kind: 'live', status, headers, form, stream, isHanded: true };
  }

  #isUsable({ entry }: Found, { settings }: EligibleCall): boolean {
    return this.#settings.clock.nowMs() < lifeFor(entry.facts, settings).revalidateUntilMs;
  }

  /** With other processes, where that can be; not where a store has used up the time for it. */
  async #agree(question: Question): Promise<Agreed> {
    if (!this.#agreement || question.waitMs <= 0) return { kind: 'goes', lead: null };
    return this.#agreement.agree(question);
  }

  /** The marks as they are now, within the time that the request may wait for them. */
  async #ask({ eligible, patience }: DepartingCall): Promise<Asked> {
    const names = this.#markNames(eligible);
    const peeked = this.#marks.peek(names);
    const isOver = patience.leftMs <= 0;
    const marks = peeked ?? (isOver ? null : await patience.wait(this.#marks.current(names)));
    if (marks && !isOver) return { marks, leftMs: Math.max(LEFT_MS_MIN, patience.leftMs) };
    if (!isOver) this.#accounts.storeTimeout();
    return { marks: marks ?? this.#marks.lastKnown(names), leftMs: 0 };
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

  async #send(sending: Sending): Promise<Outcome> {
    const { turn, flight, known, lead, onEnd } = sending;
    if (flight.signal.aborted) {
      lead?.release();
      throw flight.signal.reason;
    }
    const fromMs = this.#settings.clock.nowMs();
    const answer = await this.#sendOrFall(turn, flight, known).catch((error: unknown) => {
      lead?.release();
      throw error;
    });
    if (answer === null && known) {
      lead?.release();
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
        const { status, onJudged } = answer;
        const notKept = this.#land(sending, { status, headers, form, whole, fromMs });
        onEnd();
        onJudged?.(notKept);
      },
    );
    return { kind: 'live', status: answer.status, headers, form, stream, isHanded: false };
  }

  /**
   * The answer has come to its end, whole or not: it is kept if it may be, and then those elsewhere are told.
   *
   * @returns why it is not kept; null when it is
   */
  #land(sending: Sending, arrived: Arrived): NotKept | null {
    const { flight, lead } = sending;
    const { status, headers, form, whole } = arrived;
    const judgement = this.#judge(sending, arrived);
    const writing = judgement.isKept ? this.#keep(sending, arrived, judgement.facts) : Promise.resolve();
    flight.isStored = judgement.isKept;
    if (judgement.isKept) flight.facts = judgement.facts;
    else this.#accounts.refuse(judgement.reason);
    if (lead && whole) {
      const answer = form && { status, headers, form, bytes: whole };
      // They look into the store too: what they are told of has to be there.
      void writing.then(() => lead.finish(answer));
    } else lead?.release();
    return judgement.isKept ? null : judgement.reason;
  }

  #judge({ turn, lead, marks }: Sending, { status, form, whole }: Arrived): Judgement {
    if (!whole) return { isKept: false, reason: 'incomplete-or-too-large' };
    // Another process leads by now, and what it fetches is newer.
    if (lead?.isLost() === true) return { isKept: false, reason: 'superseded' };
    // It would be kept for nobody, in place of what may be newer.
    if (this.#marks.judge(marks) === false) return { isKept: false, reason: 'purged' };
    return judgeAnswer(status, form, whole, turn.eligible.settings);
  }

  /** Null where the upstream fails and something kept may be given instead. */
  async #sendOrFall(
    turn: DepartingCall,
    flight: Flight,
    known: Found | null,
  ): Promise<UpstreamAnswer | null> {
    try {
      const answer = await turn.send(turn.call.body, withoutOwnHeaders(turn.call.headers), flight.signal);
      if (!known || !isFailure(answer.status)) return answer;
      await answer.body[Symbol.asyncIterator]().return?.();
      answer.onJudged?.('status');
      return null;
    } catch (error) {
      if (known) return null;
      throw error;
    }
  }

  /** Resolves when it is in the store. */
  #keep(
    { turn, marks }: Sending,
    { form, headers, whole, fromMs }: Arrived,
    answer: AnswerFacts,
  ): Promise<void> {
    if (!form || !whole) return Promise.resolve();
    const kept = KEPT_HEADERS.flatMap((name) =>
      headers[name] === undefined ? [] : [[name, headers[name]] as const],
    );
    const times = this.#times(turn.eligible, fromMs);
    const facts = { form, headers: Object.fromEntries(kept), ...answer, ...times, marks };
    this.#accounts.keep();
    return this.#levels.keep(turn.key, { facts, bytes: whole });
  }

  #times(
    { settings: { ttlMs, staleWhileRevalidateMs, staleIfErrorMs } }: EligibleCall,
    fromMs: number,
  ): Omit<EntryFacts, 'form' | 'headers' | 'marks' | keyof AnswerFacts> {
    const { clock, random, jitterShare } = this.#settings;
    const createdMs = clock.nowMs();
    const freshUntilMs = createdMs + Math.max(1, Math.round(ttlMs * (1 - jitterShare * random())));
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
