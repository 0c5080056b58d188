import { startConversation, growConversation, type Conversation } from './conversation.ts';
import { editConversation, makeTwin } from './conversation-edits.ts';
import { Random } from './random.ts';
import type { JsonObject } from './reference-json.ts';
import { corruptBody, makeBody } from './request-body.ts';
import type { MarkerStyle, TtlStyle } from './request-markers.ts';

/** One step of a sequence. Steps hold all their data, so any of them can be left out. */
export type Step =
  | { kind: 'request'; body: JsonObject | string; workspace: string; beginAfterMs: number }
  | { kind: 'count'; body: JsonObject; workspace: string }
  | { kind: 'advance'; ms: number };

const MODEL_WEIGHTS: readonly (readonly [number, string])[] = [
  [5, 'claude-opus-5-5'],
  [4, 'claude-sonnet-5-5'],
  [3, 'claude-opus-5'],
  [3, 'claude-haiku-5-5'],
  [3, 'claude-sonnet-4-5'],
  [3, 'claude-sonnet-5'],
  [2, 'claude-opus-4-8'],
  [2, 'claude-sonnet-4-6'],
  [2, 'claude-fable-5-2'],
  [1, 'claude-mythos-5-2'],
  [1, 'claude-fable-5-1'],
  [1, 'claude-mythos-5-1'],
  [1, 'claude-fable-5'],
  [1, 'claude-mythos-5'],
  [1, 'claude-mythos-preview'],
  [1, 'claude-opus-4-7'],
  [1, 'claude-opus-4-6'],
  [1, 'claude-opus-4-5-20251101'],
  [1, 'claude-sonnet-4-5-20250929'],
  [0.5, 'claude-opus-4-1'],
  [0.3, 'claude-sonnet-4-20250514'],
  [0.3, 'claude-3-5-haiku-20241022'],
  [1, 'claude-haiku-4-5'],
];

const STYLE_WEIGHTS: readonly (readonly [number, MarkerStyle])[] = [
  [5, 'agent'],
  [4, 'last'],
  [4, 'automatic'],
  [3, 'automaticAndSystem'],
  [2, 'system'],
  [2, 'spread'],
  [2, 'nested'],
  [1, 'none'],
  [1.5, 'chaos'],
  [1.5, 'forbidden'],
  [1.5, 'automaticAndAgent'],
];

const LONG_WAITS_MS: readonly number[] = [
  240_000, 299_999, 300_000, 300_001, 600_000, 3_599_999, 3_600_000, 3_600_001,
];
const BEGIN_AFTER_MS: readonly number[] = [1, 500, 2_000, 10_000, 299_999, 300_000, 330_000];

/** Styles a sequence keeps to, from which single requests deviate. */
interface Habits {
  style: MarkerStyle;
  ttlStyle: TtlStyle;
}

/** One sequence in the making. */
class SequenceBuilder {
  readonly steps: Step[] = [];
  readonly #random: Random;
  readonly #conversations: Conversation[] = [];
  readonly #habits: Habits[] = [];
  readonly #snapshots: Conversation[][] = [];
  /** Moments worth landing on or beside: an entry's expiry or its becoming readable. */
  readonly #turningPointsMs: number[] = [];
  #nowMs = 0;

  constructor(random: Random) {
    this.#random = random;
    const count = random.weighted([
      [5, 1],
      [3, 2],
      [1, 3],
    ]);
    for (let index = 0; index < count; index += 1) this.#addConversation(index);
  }

  /** Changes one conversation, sends it, and lets time pass. */
  addRound(): void {
    const index = this.#random.int(0, this.#conversations.length - 1);
    this.#change(index);
    const habits = this.#habits[index]!;
    const style = this.#random.chance(0.75) ? habits.style : this.#random.weighted(STYLE_WEIGHTS);
    const ttlStyle = this.#random.chance(0.85)
      ? habits.ttlStyle
      : this.#random.pick<TtlStyle>(['5m', '1h', 'mixed']);
    const conversation = this.#conversations[index]!;
    const body = makeBody(conversation, style, ttlStyle, this.#random);
    if (this.#random.chance(0.1)) this.#count(body, conversation.workspace);
    if (this.#random.chance(0.03)) this.#sendBroken(body, conversation.workspace);
    this.#send(body, conversation.workspace);
    if (this.#random.chance(0.2)) {
      const twin = makeBody(makeTwin(conversation, this.#random), style, ttlStyle, this.#random);
      this.steps.push({ kind: 'request', body: twin, workspace: conversation.workspace, beginAfterMs: 0 });
    }
    this.#wait();
  }

  #addConversation(index: number): void {
    const random = this.#random;
    const sibling = this.#conversations[index - 1];
    const workspace = random.chance(0.7) ? 'key-a' : 'key-b';
    const fresh = startConversation(random.weighted(MODEL_WEIGHTS), workspace, random);
    // Half of the later conversations share tools and system with the one before, as subagents do.
    const shared = sibling !== undefined && random.chance(0.5) ? structuredClone(sibling) : fresh;
    this.#conversations.push({
      ...shared,
      workspace: random.chance(0.7) ? shared.workspace : workspace,
      turns: fresh.turns,
    });
    this.#habits.push({
      style: random.weighted(STYLE_WEIGHTS.slice(0, 8)),
      ttlStyle: random.pick(['5m', '5m', '1h', 'mixed']),
    });
    this.#snapshots.push([]);
  }

  #change(index: number): void {
    const random = this.#random;
    const snapshots = this.#snapshots[index]!;
    const kind = random.weighted([
      [60, 'grow'],
      [15, 'edit'],
      [10, 'restore'],
      [12, 'same'],
      [1.5, 'model'],
      [1.5, 'workspace'],
    ] as const);
    if (kind === 'restore' && snapshots.length > 0) {
      this.#conversations[index] = structuredClone(random.pick(snapshots.slice(-4)));
      if (random.chance(0.5)) growConversation(this.#conversations[index], random);
    }
    const conversation = this.#conversations[index]!;
    if (kind === 'grow') growConversation(conversation, random);
    if (kind === 'edit') editConversation(conversation, random);
    if (kind === 'model') conversation.model = random.weighted(MODEL_WEIGHTS);
    if (kind === 'workspace') conversation.workspace = random.pick(['key-a', 'key-b']);
    snapshots.push(structuredClone(conversation));
  }

  /** Counting takes no output limits, so clients send none along. */
  #count(body: JsonObject, workspace: string): void {
    const { max_tokens: _maxTokens, stream: _stream, ...counted } = body;
    this.steps.push({ kind: 'count', body: counted, workspace });
  }

  #sendBroken(body: JsonObject, workspace: string): void {
    const broken = corruptBody(body, this.#random);
    if (this.#random.chance(0.2)) this.#count(broken, workspace);
    const badLimit = { ...body, max_tokens: this.#random.pick([undefined, '16', -1, 1.5]) };
    const badText = JSON.stringify(body).slice(0, -1);
    this.steps.push({
      kind: 'request',
      body: this.#random.weighted<JsonObject | string>([
        [8, broken],
        [1, badLimit],
        [1, { ...body, stream: 'yes' }],
        [1, badText],
      ]),
      workspace,
      beginAfterMs: 0,
    });
  }

  #send(body: JsonObject, workspace: string): void {
    const beginAfterMs = this.#random.chance(0.15) ? this.#random.pick(BEGIN_AFTER_MS) : 0;
    this.steps.push({ kind: 'request', body, workspace, beginAfterMs });
    this.#turningPointsMs.push(this.#nowMs + 300_000, this.#nowMs + 3_600_000);
    if (beginAfterMs === 0) return;
    this.#turningPointsMs.push(this.#nowMs + beginAfterMs, this.#nowMs + beginAfterMs);
    // Twins in flight: neither can read what the other writes.
    if (this.#random.chance(0.6))
      this.steps.push({
        kind: 'request',
        body,
        workspace,
        beginAfterMs: this.#random.pick([0, beginAfterMs]),
      });
    if (this.#random.chance(0.7)) this.#advanceTo(this.#nowMs + beginAfterMs + this.#random.int(-1, 1));
  }

  #wait(): void {
    const random = this.#random;
    const kind = random.weighted([
      [45, 'none'],
      [30, 'short'],
      [15, 'turningPoint'],
      [7, 'long'],
    ] as const);
    if (kind === 'short') this.#advanceTo(this.#nowMs + random.int(1, 20_000));
    if (kind === 'turningPoint')
      this.#advanceTo(random.pick(this.#turningPointsMs.slice(-8)) + random.int(-1, 1));
    if (kind === 'long') this.#advanceTo(this.#nowMs + random.pick(LONG_WAITS_MS));
  }

  #advanceTo(targetMs: number): void {
    if (targetMs <= this.#nowMs) return;
    this.steps.push({ kind: 'advance', ms: targetMs - this.#nowMs });
    this.#nowMs = targetMs;
  }
}

/**
 * A random sequence of requests, token counts and waits; the same seed gives the same steps.
 *
 * @example makeSequence(7).length > 0
 */
export function makeSequence(seed: number): Step[] {
  const random = new Random(seed);
  const builder = new SequenceBuilder(random);
  const rounds = random.int(6, 16);
  for (let round = 0; round < rounds; round += 1) builder.addRound();
  return builder.steps;
}
