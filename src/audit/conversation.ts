import type { LoggedCall, MissEvidence, RecordedCall } from '../logs/index.ts';
import { totalInputTokens, type ModelFacts, type TokenCounts } from '../core/index.ts';
import type { Segment } from './attribute.ts';
import type { AuditPlanner } from './audit-planner.ts';
import { HourWrites, type HourTotals } from './hour-writes.ts';
import type { PartName } from './report-data.ts';
import { WhatIf } from './what-if.ts';

/** How far the prompt of a call was in the cache after it. */
interface Extent {
  readonly cachedTokens: number;
  /** Up to here the next call is taken to repeat it; beyond is what follows the last breakpoint, different each time. */
  readonly endTokens: number;
  /** Up to here a 1h entry holds it. */
  readonly hourTokens: number;
}

/** What a step's input was, and how it joins the conversation. */
export interface Verdict {
  /** All input that was not read, in prompt order. */
  readonly segments: readonly Segment[];
  /** Up to here the prompt is the one before, as far as the log can tell. */
  readonly sharedTokens: number;
  readonly endTokens: number;
}

/** Lifetimes of entries (spec 4.1), without slack: a miss beyond them is told as expired, a read is a read. */
const SHORT_TTL_MS = 300_000;
const HOUR_TTL_MS = 3_600_000;
/** Calls of a conversation that a later one may go back to; older ones are taken for the latest. */
const EXTENTS_MAX = 32;
/** Models of one conversation; beyond it the one used longest ago is forgotten. */
const TRACKS_MAX = 4;

/** One conversation on one model: caches are per model (spec 8). */
export class Track {
  readonly hours: HourWrites;
  readonly whatIf: WhatIf;
  readonly #extents = new Map<string, Extent>();
  #latest: Extent | null = null;
  usedMs = 0;
  readyMs = 0;
  clientVersion: string | null = null;

  constructor(totals: HourTotals, planner: AuditPlanner) {
    this.hours = new HourWrites(totals);
    this.whatIf = new WhatIf(planner);
  }

  /** What the call extends: the one that it names while that is remembered, else the latest. */
  before(call: LoggedCall): Extent | null {
    const named = call.extendsKey === null ? undefined : this.#extents.get(call.extendsKey);
    return named ?? this.#latest;
  }

  /** Takes in what a step left in the cache. */
  note(call: LoggedCall, tokens: TokenCounts): void {
    const { readTokens, write1hTokens, write5mTokens } = tokens;
    const cachedTokens = readTokens + write1hTokens + write5mTokens;
    const before = this.before(call);
    const kept = Math.min(before?.hourTokens ?? 0, readTokens);
    const extent: Extent = {
      cachedTokens,
      endTokens: cachedTokens === 0 ? totalInputTokens(tokens) : cachedTokens,
      hourTokens: write1hTokens > 0 ? readTokens + write1hTokens : kept,
    };
    this.#latest = extent;
    this.#extents.set(call.key, extent);
    if (this.#extents.size > EXTENTS_MAX) this.#extents.delete(this.#extents.keys().next().value ?? '');
    this.usedMs = Math.max(this.usedMs, call.atMs);
    this.readyMs = Math.max(call.atMs, call.readyMs);
    this.clientVersion = call.clientVersion ?? this.clientVersion;
  }
}

/** A conversation: one track for each model that it was held with. */
export class Conversation {
  readonly #tracks = new Map<string, Track>();
  #lastModel: string | null = null;

  trackOf(model: ModelFacts): Track | null {
    return this.#tracks.get(model.id) ?? null;
  }

  /** The track of the call before, where that was on another model. */
  otherTrack(model: ModelFacts): Track | null {
    if (this.#lastModel === null || this.#lastModel === model.id) return null;
    return this.#tracks.get(this.#lastModel) ?? null;
  }

  /** The track of a model, made where there is none. */
  open(model: ModelFacts, totals: HourTotals, planner: AuditPlanner): Track {
    const known = this.#tracks.get(model.id);
    const track = known ?? new Track(totals, planner);
    this.#tracks.delete(model.id);
    this.#tracks.set(model.id, track);
    const [oldest] = this.#tracks;
    if (this.#tracks.size > TRACKS_MAX && oldest) {
      oldest[1].hours.end();
      this.#tracks.delete(oldest[0]);
    }
    this.#lastModel = model.id;
    return track;
  }

  end(): void {
    for (const track of this.#tracks.values()) track.hours.end();
  }
}

const EVIDENT_PARTS: Readonly<Partial<Record<MissEvidence, PartName>>> = {
  changed_tools: 'changed_tools',
  changed_system: 'changed_system',
  changed_messages: 'changed_messages',
  changed_model: 'model_switch',
};

/** Why what was still alive was not read. */
function lostPart(call: LoggedCall, track: Track): PartName {
  const evident = call.evidence === null ? undefined : EVIDENT_PARTS[call.evidence];
  if (evident) return evident;
  if (call.atMs < track.readyMs) return 'in_flight';
  if (call.history === 'edited') return 'changed_messages';
  const hasNewClient = call.clientVersion !== null && track.clientVersion !== null;
  return hasNewClient && call.clientVersion !== track.clientVersion ? 'changed_somewhere' : 'unknown';
}

function segmentsOf(...segments: readonly Segment[]): readonly Segment[] {
  return segments.filter((segment) => segment.tokens > 0);
}

/** Everything that the log tells about a step. */
interface Situation {
  readonly call: LoggedCall;
  readonly tokens: TokenCounts;
  readonly totalTokens: number;
  readonly newTokens: number;
  readonly endTokens: number;
}

function describeAll({ tokens, newTokens, endTokens }: Situation, part: PartName): Verdict {
  return { segments: segmentsOf({ part, tokens: newTokens }), sharedTokens: tokens.readTokens, endTokens };
}

/** The first `repeatedTokens` of the prompt were sent before: those not read are one part, the rest is new. */
function describeRepeat(situation: Situation, part: PartName, repeatedTokens: number): Verdict {
  const { tokens, newTokens, totalTokens, endTokens } = situation;
  const missed = Math.min(newTokens, Math.max(0, repeatedTokens - tokens.readTokens));
  const segments = segmentsOf({ part, tokens: missed }, { part: 'new_content', tokens: newTokens - missed });
  const isSame = part === 'unmarked';
  const sharedTokens = isSame ? Math.min(repeatedTokens, totalTokens) : tokens.readTokens;
  return { segments, sharedTokens, endTokens };
}

/** A step after another on the same model: what was in the cache, what of it was alive, what was read. */
function describeFollower(situation: Situation, track: Track, before: Extent): Verdict {
  const { call, tokens, newTokens, totalTokens, endTokens } = situation;
  const gapMs = call.atMs - track.usedMs;
  const aliveTokens =
    gapMs < SHORT_TTL_MS ? before.cachedTokens : gapMs < HOUR_TTL_MS ? before.hourTokens : 0;
  const missed = Math.min(newTokens, Math.max(0, before.cachedTokens - tokens.readTokens));
  const lost = Math.min(missed, Math.max(0, aliveTokens - tokens.readTokens));
  const segments = segmentsOf(
    { part: lostPart(call, track), tokens: lost },
    { part: 'expired', tokens: missed - lost },
    { part: 'new_content', tokens: newTokens - missed },
  );
  const repeated = Math.max(before.endTokens, tokens.readTokens);
  // What is lost inside its lifetime was changed or thrown out: no other policy would have read it.
  const sharedTokens = lost > 0 ? tokens.readTokens : Math.min(repeated, totalTokens);
  return { segments, sharedTokens, endTokens };
}

const RECORDED_PARTS: Readonly<Record<string, PartName>> = {
  in_flight: 'in_flight',
  expired: 'expired',
  below_minimum: 'below_minimum',
  never_written: 'start',
  unmarked: 'unmarked',
  changed_tools: 'changed_tools',
  changed_system: 'changed_system',
  changed_messages: 'changed_messages',
  changed_model: 'model_switch',
};

/** A miss of fewer tokens than this share of the prediction lies within the error of estimated tokens. */
const PREDICTION_ERROR = 0.1;

function describeRecordedMisses(situation: Situation, misses: RecordedCall['misses']): Verdict {
  const { tokens, newTokens, endTokens } = situation;
  let left = newTokens;
  const segments = misses.map((miss) => {
    const missed = Math.min(left, miss.tokens);
    left -= missed;
    return { part: RECORDED_PARTS[miss.evidence] ?? 'unknown', tokens: missed };
  });
  const all = segmentsOf(...segments, { part: 'new_content', tokens: left });
  return { segments: all, sharedTokens: tokens.readTokens, endTokens };
}

/** The gateway names no conversation, but says itself what was missed and why, and what it expected to be read. */
function describeRecorded(situation: Situation): Verdict {
  const { call, tokens } = situation;
  const { misses = [], predictedReadTokens = null } = call.recorded ?? {};
  if (misses.length > 0) return describeRecordedMisses(situation, misses);
  const expected = predictedReadTokens ?? 0;
  const isShort = expected - tokens.readTokens > expected * PREDICTION_ERROR;
  return describeRepeat(situation, 'unknown', isShort ? expected : 0);
}

/**
 * What each token of a step's input was that the cache did not serve. Nothing is guessed: what the log gives no
 * reason for is `unknown`.
 */
export function judge(
  call: LoggedCall,
  tokens: TokenCounts,
  model: ModelFacts,
  conversation: Conversation,
): Verdict {
  const totalTokens = totalInputTokens(tokens);
  const cachedTokens = totalTokens - tokens.uncachedTokens;
  const endTokens = cachedTokens === 0 ? totalTokens : cachedTokens;
  const newTokens = totalTokens - tokens.readTokens;
  const situation: Situation = { call, tokens, totalTokens, newTokens, endTokens };
  if (call.recorded) return describeRecorded(situation);
  // What was cached was long enough, whatever the catalogue says.
  const isTooShort = cachedTokens === 0 && totalTokens < model.minCacheableTokens;
  if (isTooShort) return describeAll(situation, 'below_minimum');
  if (call.history === 'start') return describeAll(situation, 'start');
  if (call.history === 'compacted') return describeAll(situation, 'compaction');
  return describeByConversation(situation, model, conversation);
}

function describeByConversation(
  situation: Situation,
  model: ModelFacts,
  conversation: Conversation,
): Verdict {
  const { call, tokens, totalTokens } = situation;
  const track = conversation.trackOf(model);
  const before = track?.before(call) ?? null;
  const isUncached = tokens.uncachedTokens === totalTokens;
  if (track && before && isUncached) return describeRepeat(situation, 'unmarked', before.endTokens);
  if (track && before) return describeFollower(situation, track, before);
  const other = conversation.otherTrack(model)?.before(call);
  if (other) return describeRepeat(situation, 'model_switch', other.cachedTokens);
  return describeAll(situation, 'unknown');
}
