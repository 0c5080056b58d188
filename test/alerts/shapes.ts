import { billTokens, defaultCatalogue, resolveModel, standardPricing } from '../../src/core/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';
import { seededRandom, type Random } from '../../src/runtime/index.ts';
import { recordOf, usageOf } from '../support/record.ts';
import { HOUR_MS, START_MS } from './weeks.ts';

const DAY_MS = 24 * HOUR_MS;
const TTL_MS = 300_000;
/** What was written can be read when its answer has begun. */
const READABLE_MS = 2_000;

/** A program with one system prompt: it holds conversations, each of some turns. */
export interface Program {
  readonly model: string;
  readonly scope?: string;
  readonly tag?: string;
  /** Conversations begun in an hour. */
  readonly perHour: (atMs: number) => number;
  /** Tokens of the system prompt and its tools. */
  readonly systemTokens?: (atMs: number) => number;
  /** Another number is another system prompt. */
  readonly version?: (atMs: number) => number;
  /** How many conversations begin at once. */
  readonly burst?: number;
  readonly turns?: number;
  readonly gapMs?: number;
  /** Every request is a prompt of its own. */
  readonly churns?: (atMs: number) => boolean;
  readonly errorShare?: (atMs: number) => number;
  readonly outputTimes?: (atMs: number) => number;
}

/** Of the days since the start, a Monday: is it one on which people work? */
export const isWorkday = (atMs: number): boolean => Math.floor((atMs - START_MS) / DAY_MS) % 7 < 5;

/** Hour of the day, 0 to 23. */
export const hourOf = (atMs: number): number => Math.floor((atMs / HOUR_MS) % 24);

/** Of days since the start. */
export const dayOf = (atMs: number): number => Math.floor((atMs - START_MS) / DAY_MS);

interface Turn {
  readonly atMs: number;
  readonly conversation: number;
  readonly turn: number;
}

const exponential = (random: Random, mean: number): number => -Math.log(1 - random()) * mean;

/** When a program asks, in order of time. */
function turnsOf(program: Program, random: Random, endMs: number): readonly Turn[] {
  const { perHour, burst = 1, turns = 6, gapMs = 45_000 } = program;
  const all: Turn[] = [];
  let conversation = 0;
  for (let atMs = START_MS; atMs < endMs;) {
    // By quarters of an hour, so that a program which rests is not asked for ever.
    const rate = perHour(atMs) / burst;
    const nextMs = rate > 0 ? exponential(random, HOUR_MS / rate) : Infinity;
    if (nextMs > HOUR_MS / 4) {
      atMs += HOUR_MS / 4;
      continue;
    }
    atMs += nextMs;
    for (let each = 0; each < burst; each += 1) {
      conversation += 1;
      let turnMs = atMs + random() * 20_000;
      const length = 1 + Math.floor(exponential(random, turns - 1));
      for (let turn = 0; turn < length; turn += 1) {
        all.push({ atMs: Math.floor(turnMs), conversation, turn });
        turnMs += 4_000 + exponential(random, gapMs);
      }
    }
  }
  return all.filter(({ atMs }) => atMs < endMs).toSorted((a, b) => a.atMs - b.atMs);
}

/** A cache of prefixes: what is read of those that a request has, longest first. */
class Cache {
  readonly #uses = new Map<string, readonly [writtenMs: number, usedMs: number]>();

  isReadable(prefix: string, atMs: number): boolean {
    const use = this.#uses.get(prefix);
    return use !== undefined && atMs - use[1] <= TTL_MS && atMs - use[0] >= READABLE_MS;
  }

  use(prefix: string, atMs: number): void {
    const old = this.#uses.get(prefix);
    const isThere = old !== undefined && atMs - old[1] <= TTL_MS;
    this.#uses.set(prefix, [isThere ? old[0] : atMs, atMs]);
  }
}

/** Records of one program, with what a service of one cache would have billed. */
function recordsOf(program: Program, random: Random, endMs: number): readonly RequestRecord[] {
  const { model, scope = 'team', tag, systemTokens, version, churns, errorShare, outputTimes } = program;
  const { facts } = resolveModel(model, defaultCatalogue);
  const cache = new Cache();
  return turnsOf(program, random, endMs).map(({ atMs, conversation, turn }) => {
    const base = { atMs, scope, model, tags: tag === undefined ? [] : [tag] };
    if (random() < (errorShare?.(atMs) ?? 0.003)) return recordOf({ ...base, status: 529 });
    const system = churns?.(atMs) ? `${conversation} ${turn}` : String(version?.(atMs) ?? 0);
    const systemLength = Math.floor(systemTokens?.(atMs) ?? 8_000);
    const lengthAt = (at: number): number => systemLength + 300 + 500 * at;
    const prefixes = [`${system}/${conversation}/${turn - 1}`, system] as const;
    const read = prefixes.find((prefix) => cache.isReadable(prefix, atMs));
    const readTokens = read === undefined ? 0 : read === system ? systemLength : lengthAt(turn - 1);
    cache.use(system, atMs);
    cache.use(`${system}/${conversation}/${turn}`, atMs);
    const counts = {
      readTokens,
      write5mTokens: lengthAt(turn) - readTokens,
      write1hTokens: 0,
      uncachedTokens: 9,
    };
    const outputTokens = Math.floor((100 + exponential(random, 250)) * (outputTimes?.(atMs) ?? 1));
    const usage = usageOf({ ...counts, outputTokens });
    const prediction = { ...counts, estimatedTokens: lengthAt(turn), readLeftMs: 100_000 };
    return recordOf({ ...base, usage, cost: billTokens(facts, usage, standardPricing(atMs)), prediction });
  });
}

/** Records of all programs, in order of time. */
export function recordsOfPrograms(programs: readonly Program[], seed: number, days: number): RequestRecord[] {
  const endMs = START_MS + days * DAY_MS;
  return programs
    .flatMap((program, index) => recordsOf(program, seededRandom(seed * 100 + index), endMs))
    .toSorted((a, b) => a.atMs - b.atMs);
}
