import { toUsd, type JsonObject, type ModelFacts, type Ttl } from '../core/index.ts';
import type { RequestParts } from '../planner/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { HistoryMessage } from './message.ts';
import { forCompaction, headersFor } from './compaction.ts';
import type { ConversationAnswer, ConversationBehaviour, TurnRecord } from './options.ts';
import { markBody, PrefixBook, type BreakpointUse, type PlannedRequest } from './prefix-book.ts';
import { promptTokens, readBill, type Billed } from './read-usage.ts';
import { factsOf, toBody, type Settings } from './settings.ts';
import { Sizes } from './sizes.ts';
import { addTokens, type ConversationState, type Sums } from './state.ts';
import { toAnswer } from './stream.ts';

/** A request that was answered. */
export interface Asked<Answer> {
  readonly answer: Answer;
  readonly billed: Billed | null;
  readonly record: TurnRecord;
}

/** What one request asks for. */
export interface Question {
  readonly kind: TurnRecord['kind'];
  readonly messages: readonly HistoryMessage[];
  readonly maxTokens: number;
  readonly use: BreakpointUse;
  /** Asks the API for a summary of the messages. */
  readonly compaction?: JsonObject;
}

export interface RequestsOptions<Body extends RequestParts, Answer extends ConversationAnswer> extends Pick<
  ConversationBehaviour<Body, Answer>,
  'send'
> {
  readonly ttl: Ttl;
  readonly clock: Clock;
  readonly onEvent: (event: object) => void;
  /** Is the sender told what kind each request is of, whether or not it needs headers? */
  readonly tellsKind: boolean;
  /** What all requests but those for a summary have besides the parameters that were given. */
  readonly addParameters: (parameters: JsonObject) => JsonObject;
  readonly onTurn: (turn: TurnRecord) => void;
}

const RECORDS_MAX = 1000;
const RATIO_MIN = 0.1;
const RATIO_MAX = 4;

/** The requests of one conversation: markers in, bills out. */
export class Requests<Body extends RequestParts, Answer extends ConversationAnswer> {
  readonly #options: RequestsOptions<Body, Answer>;
  readonly book: PrefixBook;
  readonly records: TurnRecord[] = [];
  #settings: Settings;
  #facts: ModelFacts;
  #sizes: Sizes;
  #ratio: number;
  #sums: Sums;

  constructor(options: RequestsOptions<Body, Answer>, state: ConversationState) {
    this.#options = options;
    this.book = new PrefixBook(options.ttl, state.entries);
    this.#settings = state.settings;
    this.#facts = factsOf(state.settings);
    this.#sizes = new Sizes(this.#facts);
    this.#ratio = state.ratio;
    this.#sums = state.sums;
  }

  get settings(): Settings {
    return this.#settings;
  }

  get facts(): ModelFacts {
    return this.#facts;
  }

  get sizes(): Sizes {
    return this.#sizes;
  }

  /** Billed tokens per estimated one, as seen last. */
  get ratio(): number {
    return this.#ratio;
  }

  get sums(): Sums {
    return this.#sums;
  }

  change(settings: Settings): void {
    this.#settings = settings;
    this.#facts = factsOf(settings);
    this.#sizes = new Sizes(this.#facts);
  }

  countCut(): void {
    this.#sums = { ...this.#sums, cuts: this.#sums.cuts + 1 };
  }

  /** What a request would do now. */
  plan(
    messages: readonly HistoryMessage[],
    use: BreakpointUse,
    settings: Settings = this.#settings,
  ): PlannedRequest {
    return this.#planBody(toBody(settings, messages), use);
  }

  #planBody(body: JsonObject, use: BreakpointUse): PlannedRequest {
    return this.book.plan(body, this.#sizes, this.#ratio, this.#options.clock.nowMs(), use);
  }

  /** @throws whatever `send` throws; then nothing is known to have been written. */
  async ask({ kind, messages, maxTokens, use, compaction }: Question): Promise<Asked<Answer>> {
    const { clock, ttl, send, onEvent, addParameters } = this.#options;
    const { parameters: given } = this.#settings;
    const parameters = compaction ? forCompaction(given, compaction) : addParameters(given);
    const body = toBody({ ...this.#settings, maxTokens, parameters }, messages);
    const planned = this.#planBody(body, use);
    const atMs = clock.nowMs();
    const facts = this.#facts;
    const marked = markBody(body, planned.paths, ttl) as unknown as Body;
    const headers = headersFor(body);
    // Senders that take something else of their own as the second argument are left in peace.
    const isPlain = !this.#options.tellsKind && Object.keys(headers).length === 0;
    const sent = await (isPlain ? send(marked) : send(marked, { headers, kind }));
    const answer = await toAnswer(sent, kind === 'turn' ? onEvent : () => undefined);
    const billed = readBill(answer, facts, atMs);
    this.book.settle(planned, billed, atMs, clock.nowMs());
    if (billed && planned.estimatedTokens > 0) {
      const expected = planned.chain.cumulativeTokens.at(-1) ?? 0;
      const ratio = promptTokens(billed.sent, billed.isSummed, expected) / planned.estimatedTokens;
      this.#ratio = Math.min(RATIO_MAX, Math.max(RATIO_MIN, ratio));
    }
    const record: TurnRecord = {
      kind,
      atMs,
      tokens: billed?.tokens ?? null,
      costUsd: toUsd(billed?.costPicoUsd ?? 0n),
      expectedReadTokens: planned.outcome.readTokens,
    };
    this.#note(record, billed);
    return { answer, billed, record };
  }

  #note(record: TurnRecord, billed: Billed | null): void {
    const { turns, summaries, cuts, tokens, costPicoUsd } = this.#sums;
    this.#sums = {
      turns: turns + (record.kind === 'turn' ? 1 : 0),
      summaries: summaries + (record.kind === 'summary' ? 1 : 0),
      cuts,
      tokens: billed ? addTokens(tokens, billed.tokens) : tokens,
      costPicoUsd: costPicoUsd + (billed?.costPicoUsd ?? 0n),
    };
    this.records.push(record);
    if (this.records.length > RECORDS_MAX) this.records.shift();
    this.#options.onTurn(record);
  }
}
