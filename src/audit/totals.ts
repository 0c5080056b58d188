import type { CostParts, PicoUsd, TokenCounts } from '../core/index.ts';
import type { Piece } from './attribute.ts';
import { createHourTotals, type HourTotals } from './hour-writes.ts';
import type { AuditPolicy, PartName } from './report-data.ts';

/** Sums of one part. */
export interface PartSum {
  calls: number;
  tokens: number;
  costPicoUsd: PicoUsd;
  beyondPicoUsd: PicoUsd;
}

/** Models listed one by one; the rest is one line. */
const MODELS_MAX = 100;
const OTHER_MODELS = 'other models';

/** Everything that an audit adds up. */
export class AuditTotals {
  calls = 0;
  hitCalls = 0;
  repeatedCalls = 0;
  estimatedCalls = 0;
  recordedCalls = 0;
  undatedCalls = 0;
  conversations = 0;
  fromMs: number | null = null;
  toMs: number | null = null;
  paidPicoUsd: PicoUsd = 0n;
  write1hPicoUsd: PicoUsd = 0n;
  readTokens = 0;
  write5mTokens = 0;
  write1hTokens = 0;
  uncachedTokens = 0;
  outputTokens = 0;
  readonly hours: HourTotals = createHourTotals();
  readonly parts: Map<PartName, PartSum> = new Map();
  readonly policies: Map<AuditPolicy['name'], PicoUsd> = new Map();
  readonly models: Map<string, { calls: number; costPicoUsd: PicoUsd }> = new Map();
  readonly modelNotes: Set<string> = new Set();

  addStep(tokens: TokenCounts, cost: CostParts, pieces: readonly Piece[]): void {
    this.paidPicoUsd += cost.totalPicoUsd;
    this.write1hPicoUsd += cost.write1hPicoUsd;
    this.readTokens += tokens.readTokens;
    this.write5mTokens += tokens.write5mTokens;
    this.write1hTokens += tokens.write1hTokens;
    this.uncachedTokens += tokens.uncachedTokens;
    this.outputTokens += tokens.outputTokens;
    const counted = new Set<PartName>();
    for (const piece of pieces) {
      const sum = this.#partSum(piece.part);
      if (!counted.has(piece.part)) sum.calls += 1;
      counted.add(piece.part);
      sum.tokens += piece.tokens;
      sum.costPicoUsd += piece.costPicoUsd;
      sum.beyondPicoUsd += piece.beyondPicoUsd;
    }
  }

  addPolicy(name: AuditPolicy['name'], costPicoUsd: PicoUsd): void {
    this.policies.set(name, (this.policies.get(name) ?? 0n) + costPicoUsd);
  }

  addModel(id: string, costPicoUsd: PicoUsd): void {
    const name = this.models.has(id) || this.models.size < MODELS_MAX ? id : OTHER_MODELS;
    const sum = this.models.get(name) ?? { calls: 0, costPicoUsd: 0n };
    this.models.set(name, { calls: sum.calls + 1, costPicoUsd: sum.costPicoUsd + costPicoUsd });
  }

  #partSum(name: PartName): PartSum {
    const known = this.parts.get(name);
    if (known) return known;
    const sum = { calls: 0, tokens: 0, costPicoUsd: 0n, beyondPicoUsd: 0n };
    this.parts.set(name, sum);
    return sum;
  }
}

export function createTotals(): AuditTotals {
  return new AuditTotals();
}
