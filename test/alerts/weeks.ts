import { billTokens, defaultCatalogue, resolveModel, standardPricing } from '../../src/core/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';
import { seededRandom, type Random } from '../../src/runtime/index.ts';
import { recordOf, usageOf } from '../support/record.ts';

export const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
/** A Monday, 00:00 UTC. */
export const START_MS: number = Date.UTC(2026, 10, 2);
const MODEL = 'claude-sonnet-5-5';
const { facts } = resolveModel(MODEL, defaultCatalogue);

/** What happens to requests from some time on; false: nothing. */
export interface Incident {
  readonly startMs: number;
  readonly endMs: number;
  /** The tools change with every request, so nothing can be read. */
  readonly churns?: boolean;
  /** Answers are so many times as long. */
  readonly outputTimes?: number;
  readonly errorShare?: number;
  readonly evictedShare?: number;
}

/** Requests of one scope that chats and works around the clock, more by day and fewer at weekends. */
export interface Traffic {
  readonly seed: number;
  readonly scope: string;
  /** Conversations begun in an hour, at noon of a working day. */
  readonly perHour: number;
  readonly incident?: Incident | undefined;
}

interface Turn {
  readonly atMs: number;
  readonly gapMs: number;
  readonly inputTokens: number;
  readonly newTokens: number;
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const logNormal = (random: Random, median: number, sigma: number): number =>
  median * Math.exp(sigma * normal(random));

/** How much is going on, from 0 to 1. */
function activityAt(atMs: number): number {
  const hour = (atMs / HOUR_MS) % 24;
  const day = Math.floor((atMs - START_MS) / (24 * HOUR_MS)) % 7;
  const byHour = 0.15 + 0.85 * Math.max(0, Math.sin(((hour - 5) / 15) * Math.PI));
  return (hour < 5 || hour > 20 ? 0.15 : byHour) * (day >= 5 ? 0.3 : 1);
}

function* conversation(random: Random, startMs: number): Generator<Turn> {
  const turns = 1 + Math.floor(-8 * Math.log(1 - random()));
  let atMs = startMs;
  let inputTokens = 6_000 + Math.floor(logNormal(random, 800, 0.6));
  for (let turn = 0; turn < turns; turn += 1) {
    const gapMs = random() < 0.5 ? logNormal(random, 6_000, 0.5) : logNormal(random, 70_000, 1.1);
    atMs += turn === 0 ? 0 : gapMs;
    const newTokens = turn === 0 ? inputTokens - 6_000 : Math.floor(logNormal(random, 500, 1));
    if (turn > 0) inputTokens += newTokens;
    yield { atMs, gapMs: turn === 0 ? Infinity : gapMs, inputTokens, newTokens };
  }
}

/** The incident that is going on, if there is one. */
function incidentAt({ incident }: Traffic, atMs: number): Partial<Incident> {
  const isOn = incident !== undefined && atMs >= incident.startMs && atMs < incident.endMs;
  return isOn ? incident : {};
}

function recordFor(turn: Turn, random: Random, traffic: Traffic): RequestRecord {
  const {
    churns = false,
    outputTimes = 1,
    errorShare = 0.004,
    evictedShare = 0.002,
  } = incidentAt(traffic, turn.atMs);
  const base = { atMs: turn.atMs, scope: traffic.scope, model: MODEL };
  if (random() < errorShare) return recordOf({ ...base, status: 529 });
  // The system prompt is always warm; what a conversation added is, where it went on within five minutes.
  const known = turn.gapMs <= 300_000 ? turn.inputTokens - turn.newTokens : 6_000;
  const predicted = churns ? 0 : known;
  const readTokens = random() < evictedShare ? 0 : predicted;
  const usage = usageOf({
    readTokens,
    write5mTokens: turn.inputTokens - readTokens,
    write1hTokens: 0,
    uncachedTokens: 12,
    outputTokens: Math.floor(logNormal(random, 300, 0.9) * outputTimes),
  });
  return recordOf({
    ...base,
    usage,
    cost: billTokens(facts, usage, standardPricing(turn.atMs)),
    prediction: {
      readTokens: predicted,
      write5mTokens: turn.inputTokens - predicted,
      write1hTokens: 0,
      uncachedTokens: 12,
      estimatedTokens: turn.inputTokens,
      readLeftMs: 200_000,
    },
  });
}

/** Records of some weeks, in order of time. */
export function recordsOf(traffic: Traffic, weeks: number): RequestRecord[] {
  const random = seededRandom(traffic.seed);
  const records: RequestRecord[] = [];
  const endMs = START_MS + weeks * WEEK_MS;
  let atMs = START_MS;
  while (atMs < endMs) {
    atMs += (-Math.log(1 - random()) * HOUR_MS) / traffic.perHour;
    if (random() > activityAt(atMs)) continue;
    for (const turn of conversation(random, atMs)) records.push(recordFor(turn, random, traffic));
  }
  return records.filter((record) => record.atMs < endMs).toSorted((a, b) => a.atMs - b.atMs);
}
