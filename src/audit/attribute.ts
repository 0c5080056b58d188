import { defaultOpenQuestions, ratesFor, type PicoUsd } from '../core/index.ts';
import type { PartName } from './report-data.ts';
import type { Step } from './steps.ts';

/** Tokens of the input that were not read, in prompt order, and what they were paid for. */
export interface Segment {
  readonly part: PartName;
  readonly tokens: number;
}

/** Tokens and dollars of one part of one step. */
export interface Piece {
  readonly part: PartName;
  readonly tokens: number;
  readonly costPicoUsd: PicoUsd;
  /** What of the cost lies beyond reading the same tokens. */
  readonly beyondPicoUsd: PicoUsd;
}

/** Input of one price. */
interface Stretch {
  readonly tokens: number;
  readonly costPicoUsd: PicoUsd;
}

/** The cost of the first `upTo` tokens: shares are differences of it, so that they add up exactly. */
function costUpTo(stretch: Stretch, upTo: number): PicoUsd {
  return (stretch.costPicoUsd * BigInt(upTo)) / BigInt(stretch.tokens);
}

/** Lays segments over stretches of input: both run over the same tokens in prompt order. */
function layOver(stretches: readonly Stretch[], segments: readonly Segment[], readRate: bigint): Piece[] {
  const pieces: Piece[] = [];
  let index = 0;
  let used = 0;
  for (const stretch of stretches) {
    let from = 0;
    while (from < stretch.tokens) {
      const segment = segments[index];
      const left = segment ? segment.tokens - used : Infinity;
      const to = Math.min(stretch.tokens, from + left);
      const costPicoUsd = costUpTo(stretch, to) - costUpTo(stretch, from);
      const beyondPicoUsd = costPicoUsd - BigInt(to - from) * readRate;
      if (to > from)
        pieces.push({ part: segment?.part ?? 'unknown', tokens: to - from, costPicoUsd, beyondPicoUsd });
      used += to - from;
      from = to;
      if (segment && used >= segment.tokens) {
        index += 1;
        used = 0;
      }
    }
  }
  return pieces;
}

/** Dollars without tokens of their own kind, as a bill of several steps has them when only its sum is known. */
function orphaned(stretches: readonly Stretch[]): PicoUsd {
  return stretches.reduce((sum, own) => (own.tokens === 0 ? sum + own.costPicoUsd : sum), 0n);
}

/**
 * Splits the bill of a step: every pico-dollar goes to exactly one piece. Input lies in the order in which it is billed:
 * read, written for 1h, written for 5m, uncached (spec 4.5); `segments` say what each token that was not read is.
 */
export function attribute(step: Step, segments: readonly Segment[]): readonly Piece[] {
  const { tokens, cost } = step;
  const readRate = BigInt(ratesFor(step.model, tokens, step.pricing, defaultOpenQuestions).readPicoUsd);
  const stretches: readonly Stretch[] = [
    { tokens: tokens.write1hTokens, costPicoUsd: cost.write1hPicoUsd },
    { tokens: tokens.write5mTokens, costPicoUsd: cost.write5mPicoUsd },
    { tokens: tokens.uncachedTokens, costPicoUsd: cost.uncachedPicoUsd },
  ];
  const whole = (part: PartName, count: number, costPicoUsd: PicoUsd): Piece[] =>
    costPicoUsd === 0n && count === 0 ? [] : [{ part, tokens: count, costPicoUsd, beyondPicoUsd: 0n }];
  return [
    ...whole('read', tokens.readTokens, cost.readPicoUsd),
    ...layOver(stretches, segments, readRate),
    ...whole('side_steps', 0, orphaned(stretches)),
    ...whole('output', tokens.outputTokens, cost.outputPicoUsd),
    ...whole('server_tools', 0, cost.serverToolsPicoUsd),
  ];
}

/** A step with a prompt of its own: all of its bill is one part. */
export function attributeWhole(step: Step, part: PartName): readonly Piece[] {
  const { tokens, cost } = step;
  const count = tokens.readTokens + tokens.write5mTokens + tokens.write1hTokens + tokens.uncachedTokens;
  const own = cost.totalPicoUsd - cost.serverToolsPicoUsd;
  const pieces: Piece[] = [{ part, tokens: count, costPicoUsd: own, beyondPicoUsd: 0n }];
  if (cost.serverToolsPicoUsd > 0n) {
    pieces.push({
      part: 'server_tools',
      tokens: 0,
      costPicoUsd: cost.serverToolsPicoUsd,
      beyondPicoUsd: 0n,
    });
  }
  return pieces;
}
