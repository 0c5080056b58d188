import { formatUsd, priceAt, toUsd, type ModelFacts, type Ttl } from '../core/index.ts';

/** What a cut costs now, what it saves with every later turn, and when the two meet. */
export interface BreakEven {
  /** What writing the shorter history costs, beyond reading it. 0 where the cache is cold: it would be written anyway. */
  readonly rewriteUsd: number;
  /** What each later turn reads less. */
  readonly savedPerTurnUsd: number;
  /** Turns after which the cut has paid for itself; infinite where it saves nothing. */
  readonly turns: number;
  /** The same in a sentence. */
  readonly reason: string;
}

/** A cut, in tokens of the history. */
export interface CutSizes {
  readonly keptTokens: number;
  readonly droppedTokens: number;
  /** Could the history before the cut be read? */
  readonly isWarm: boolean;
  /** What making the summary has cost, in pico-dollars. */
  readonly summaryPicoUsd: bigint;
}

/** Weighs writing a shorter prefix now against reading a longer one later (spec 9). */
export function weighCut(sizes: CutSizes, facts: ModelFacts, ttl: Ttl, nowMs: number): BreakEven {
  const { inputPicoUsd, readPerMille, write5mPerMille, write1hPerMille } = priceAt(facts, nowMs);
  const { keptTokens, droppedTokens, isWarm, summaryPicoUsd } = sizes;
  const writePerMille = ttl === '1h' ? write1hPerMille : write5mPerMille;
  const pico = (tokens: number, perMille: number): bigint =>
    BigInt(Math.round((Math.max(0, tokens) * inputPicoUsd * perMille) / 1000));
  const rewrite = (isWarm ? pico(keptTokens, writePerMille - readPerMille) : 0n) + summaryPicoUsd;
  const saved = pico(droppedTokens, readPerMille);
  const turns = saved === 0n ? Infinity : Math.ceil(Number(rewrite) / Number(saved));
  const paid = isWarm
    ? `writing the ${Math.round(keptTokens)} tokens that stay costs ${formatUsd(rewrite)} more than reading them`
    : `the history has to be written anyway, so that cutting costs ${formatUsd(rewrite)} more`;
  const reason = `${paid}; each later turn reads ${Math.round(droppedTokens)} tokens less, ${formatUsd(saved)}: ${
    turns === Infinity ? 'that never pays' : `even after ${turns} turns`
  }`;
  return { rewriteUsd: toUsd(rewrite), savedPerTurnUsd: toUsd(saved), turns, reason };
}
