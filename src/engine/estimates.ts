import {
  calibrate,
  estimateBlock,
  isHashed,
  type Block,
  type Calibration,
  type Level,
  type Prompt,
  type TokenEstimate,
  type TokenizerGeneration,
} from '../core/index.ts';

/** Estimates of blocks seen before, by the prefix that ends with them: a conversation repeats all but its tail. */
export interface EstimateMemory {
  recall(block: Block, prefixId: string, prompt: Prompt, samples: Samples): TokenEstimate;
}

/** What the blocks of one prompt that were estimated one by one say of others of their kind. */
export type Samples = Map<string, Sample>;

interface Sample {
  characters: number;
  tokens: number;
  low: number;
  high: number;
  /** Blocks passed over since the last that was estimated. */
  passed: number;
}

/** How estimates are made. */
export interface EstimateOptions {
  /**
   * Takes the size of most blocks from a sample where much of a prompt is new, since reading every letter of a long
   * conversation costs more than everything else: single blocks are rougher, the sum hardly. @default false
   */
  readonly isSampled?: boolean;
}

/** Blocks remembered; the oldest go first. About 100 bytes each. */
const BLOCKS_MAX = 100_000;

/** New characters of one kind of block that are all read before a sample will do, and the blocks of which one is read then. */
const READ_CHARACTERS = 2048;
const SAMPLED_OF = 23;
/** Tools are fewer, and each is asked for in every request. */
const SAMPLED_OF_TOOLS = 4;

/** Tools of the caller's own: the service writes all others. */
const CUSTOM_TOOL = 'custom';

/** Types of blocks that are nothing but text, where they hold no others. */
const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'tool_use', 'tool_result']);

/** Blocks that are text and nothing else, by kind; null for those that have sizes of their own, such as images. */
function kindOf(block: Block): string | null {
  const { type, level } = block;
  if (level === 'tools') return type === CUSTOM_TOOL ? type : null;
  if (level !== 'messages') return null;
  if (block.plain) return TEXT_TYPES.has(type) ? type : null;
  const { value } = block;
  if (type === 'tool_result') return typeof value['content'] === 'string' ? type : null;
  return type === 'text' || type === 'tool_use' ? type : null;
}

/** Bytes or characters of a block's content: near enough each other for a sample of blocks that are read alike. */
function lengthOf(block: Block): number {
  return block.plain?.length ?? block.content.length;
}

function sampleEstimate(block: Block, generation: TokenizerGeneration, samples: Samples): TokenEstimate {
  const kind = kindOf(block);
  if (kind === null) return estimateBlock(block.value, generation);
  const sample = samples.get(kind);
  const length = lengthOf(block);
  const sampledOf = kind === CUSTOM_TOOL ? SAMPLED_OF_TOOLS : SAMPLED_OF;
  if (sample && sample.characters >= READ_CHARACTERS && sample.passed < sampledOf - 1) {
    sample.passed += 1;
    const scale = (known: number): number => Math.round((known / sample.characters) * length);
    return { tokens: scale(sample.tokens), low: scale(sample.low), high: scale(sample.high) };
  }
  const estimate = estimateBlock(block.value, generation);
  const { characters, tokens, low, high } = sample ?? { characters: 0, tokens: 0, low: 0, high: 0 };
  samples.set(kind, {
    characters: characters + length,
    tokens: tokens + estimate.tokens,
    low: low + estimate.low,
    high: high + estimate.high,
    passed: 0,
  });
  return estimate;
}

export function createEstimateMemory({ isSampled = false }: EstimateOptions = {}): EstimateMemory {
  const known = new Map<string, TokenEstimate>();
  return {
    recall(block, prefixId, prompt, samples) {
      const generation = prompt.model.facts.tokenizer;
      // Two blocks may share a prefix when one of them is rendered elsewhere: it cannot be told by it.
      if (!isHashed(block)) return estimateBlock(block.value, generation);
      const remembered = known.get(prefixId);
      if (remembered) return remembered;
      const estimate = isSampled
        ? sampleEstimate(block, generation, samples)
        : estimateBlock(block.value, generation);
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
  const samples: Samples = new Map();
  let raw = overheadUpTo(prompt, 'messages');
  let high = 0;
  return {
    next(block, prefixId) {
      const plain = memory.recall(block, prefixId, prompt, samples);
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
