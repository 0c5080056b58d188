import {
  calibrate,
  estimateBlock,
  type Block,
  type Calibration,
  type Level,
  type Prompt,
  type TokenEstimate,
} from '../core/index.ts';

/** Estimates of blocks seen before, by the prefix that ends with them: a conversation repeats all but its tail. */
export interface EstimateMemory {
  recall(block: Block, prefixId: string, prompt: Prompt): TokenEstimate;
}

/** Blocks remembered; the oldest go first. About 100 bytes each. */
const BLOCKS_MAX = 100_000;

export function createEstimateMemory(): EstimateMemory {
  const known = new Map<string, TokenEstimate>();
  return {
    recall(block, prefixId, prompt) {
      const generation = prompt.model.facts.tokenizer;
      // Two blocks may share a prefix when one of them is rendered elsewhere: it cannot be told by it.
      if (block.content === '') return estimateBlock(block.value, generation);
      const remembered = known.get(prefixId);
      if (remembered) return remembered;
      const estimate = estimateBlock(block.value, generation);
      known.set(prefixId, estimate);
      if (known.size > BLOCKS_MAX) known.delete(known.keys().next().value ?? '');
      return estimate;
    },
  };
}

/** The sizes of a prompt's blocks, taken in block order while its prefixes are chained. */
export interface PromptEstimate {
  /** Calibrated tokens of the next block. */
  next(block: Block, prefixId: string): number;
  /** Uncalibrated estimate of the whole prompt, once every block was taken. */
  rawTokens(): number;
  /** The most that the prefix up to each block may count, once every block was taken. */
  cumulativeHighTokens(): readonly number[];
}

/** What the service adds for tools, up to and including a level. */
function overheadUpTo({ overhead }: Prompt, level: Level): number {
  if (level === 'tools') return 0;
  return level === 'system' ? overhead.systemTokens : overhead.systemTokens + overhead.messagesTokens;
}

/** Begins the estimate of one prompt. */
export function estimatePrompt(
  prompt: Prompt,
  calibration: Calibration,
  memory: EstimateMemory,
): PromptEstimate {
  const modelId = prompt.model.facts.id;
  const cumulativeHigh: number[] = [];
  let raw = overheadUpTo(prompt, 'messages');
  let high = 0;
  return {
    next(block, prefixId) {
      const plain = memory.recall(block, prefixId, prompt);
      const estimate = calibrate(plain, calibration, modelId);
      raw += plain.tokens;
      high += estimate.high;
      cumulativeHigh.push(high + overheadUpTo(prompt, block.level));
      return estimate.tokens;
    },
    rawTokens: () => raw,
    cumulativeHighTokens: () => cumulativeHigh,
  };
}
