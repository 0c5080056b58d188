import {
  calibrate,
  chainPrefixes,
  estimateBlock,
  isHashed,
  type Block,
  type Calibration,
  type Level,
  type Prompt,
  type TokenEstimate,
  type TokenizerGeneration,
} from '../core/index.ts';

/** How the blocks of prompts are sized. */
export interface EstimateMemory {
  /** Begins with one prompt; what it returns takes the prompt's blocks in their order, with the prefix that ends with each. */
  begin(prompt: Prompt): (block: Block, prefixId: string) => TokenEstimate;
}

/** How estimates are made. */
export interface EstimateOptions {
  /**
   * Takes the size of most blocks from a sample where much of a prompt is new, since reading every letter of a long
   * conversation costs more than everything else: single blocks are rougher, the sum hardly. What a block is taken for follows
   * from the blocks before it and its own, so that a prefix is the same size in every request. @default false
   */
  readonly isSampled?: boolean;
}

/** Blocks remembered that were read as a whole; the oldest go first. About 100 bytes each. */
const BLOCKS_MAX = 100_000;

/** Prompts up to this length are read as a whole; what was read of one stays so in the next turns of its conversation. */
const WHOLE_CHARACTERS = 32 * 1024;
/** Characters of one kind of block that are all read before a sample will do, and the blocks of which one is read then: primes, since kinds of blocks often take turns. */
const READ_CHARACTERS = 1024;
const SAMPLED_OF = 31;
/** Tools are fewer, and each is asked for in every request. */
const SAMPLED_OF_TOOLS = 7;

/** Tools of the caller's own: the service writes all others. */
const CUSTOM_TOOL = 'custom';

/** Types of blocks that are nothing but text, where they hold no others. */
const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'tool_use', 'tool_result', 'thinking']);

/** What the blocks of one kind that were read say of the others of a prompt. */
class Sample {
  readonly of: number;
  characters = 0;
  /** Blocks passed over since the last that was read. */
  passed = 0;
  tokens = 0;
  low = 0;
  high = 0;

  constructor(of: number) {
    this.of = of;
  }

  /** Does it say enough to pass over the next block? */
  get isEnough(): boolean {
    return this.characters >= READ_CHARACTERS && this.passed < this.of - 1;
  }

  add(characters: number, { tokens, low, high }: TokenEstimate): void {
    this.characters += characters;
    this.passed = 0;
    this.tokens += tokens;
    this.low += low;
    this.high += high;
  }

  scaleTo(characters: number): TokenEstimate {
    const scale = characters / this.characters;
    this.passed += 1;
    return {
      tokens: Math.round(this.tokens * scale),
      low: Math.round(this.low * scale),
      high: Math.round(this.high * scale),
    };
  }
}

/** Blocks that are text and nothing else, by kind; null for those that have sizes of their own, such as images. */
function kindOf(block: Block): string | null {
  const { type, level } = block;
  if (level === 'tools') return type === CUSTOM_TOOL ? type : null;
  if (level !== 'messages' || !TEXT_TYPES.has(type)) return null;
  if (block.plain || type !== 'tool_result') return type;
  return typeof block.value['content'] === 'string' ? type : null;
}

/** Bytes or characters of a block's content: near enough each other for a sample of blocks that are read alike. */
function lengthOf(block: Block): number {
  return block.plain?.length ?? block.content.length;
}

type Reading = 'whole' | 'sampled';

function knownSize({ sized }: Block, generation: TokenizerGeneration): TokenEstimate | null {
  return sized?.generation === generation ? sized.estimate : null;
}

/** What the block is taken for by itself, noted on it: the next turn of its conversation has the same block again. */
function readBlock(block: Block, generation: TokenizerGeneration, reading: Reading): TokenEstimate {
  const known = knownSize(block, generation);
  if (known) return known;
  const estimate = estimateBlock(block.value, generation, reading);
  block.sized = { generation, estimate };
  return estimate;
}

function isWithin({ blocks }: Prompt, charactersMax: number): boolean {
  let characters = 0;
  for (const block of blocks) {
    characters += lengthOf(block);
    if (characters > charactersMax) return false;
  }
  return true;
}

function beginSampled(prompt: Prompt): (block: Block) => TokenEstimate {
  const { tokenizer } = prompt.model.facts;
  if (isWithin(prompt, WHOLE_CHARACTERS)) return (block) => readBlock(block, tokenizer, 'whole');
  const samples = new Map<string, Sample>();
  return (block) => {
    const kind = kindOf(block);
    if (kind === null) return readBlock(block, tokenizer, 'sampled');
    let sample = samples.get(kind);
    if (!sample) {
      sample = new Sample(kind === CUSTOM_TOOL ? SAMPLED_OF_TOOLS : SAMPLED_OF);
      samples.set(kind, sample);
    }
    if (sample.isEnough && !knownSize(block, tokenizer)) return sample.scaleTo(lengthOf(block));
    const estimate = readBlock(block, tokenizer, 'sampled');
    sample.add(lengthOf(block), estimate);
    return estimate;
  };
}

/** Reads every block as a whole, once for each prefix that ends with it. */
function createWholeEstimates(): EstimateMemory {
  const known = new Map<string, TokenEstimate>();
  return {
    begin: (prompt) => (block, prefixId) => {
      const { tokenizer } = prompt.model.facts;
      // Two blocks may share a prefix when one of them is rendered elsewhere: it cannot be told by it.
      if (!isHashed(block)) return estimateBlock(block.value, tokenizer);
      const remembered = known.get(prefixId);
      if (remembered) return remembered;
      const estimate = estimateBlock(block.value, tokenizer);
      known.set(prefixId, estimate);
      if (known.size > BLOCKS_MAX) known.delete(known.keys().next().value ?? '');
      return estimate;
    },
  };
}

export function createEstimateMemory({ isSampled = false }: EstimateOptions = {}): EstimateMemory {
  return isSampled ? { begin: beginSampled } : createWholeEstimates();
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

/** Prompts up to this length are read once more where it matters what each block is worth: some milliseconds. */
const READ_AGAIN_CHARACTERS = 512 * 1024;

/**
 * Cumulative tokens of a prompt's blocks with every letter read, uncalibrated; null where that says nothing new, or would take
 * too long.
 */
export function readEveryBlock(prompt: Prompt): readonly number[] | null {
  if (isWithin(prompt, WHOLE_CHARACTERS) || !isWithin(prompt, READ_AGAIN_CHARACTERS)) return null;
  const { tokenizer } = prompt.model.facts;
  const countTokens = ({ value }: Block): number => estimateBlock(value, tokenizer).tokens;
  const nothing = (): string => '';
  const options = { partition: '', hash: nothing, extend: nothing, countTokens, countsOverhead: true };
  return chainPrefixes(prompt, options).cumulativeTokens;
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
  const isCalibrated = Object.hasOwn(calibration, modelId);
  const sizeOf = memory.begin(prompt);
  const cumulativeHigh: number[] = [];
  let raw = overheadUpTo(prompt, 'messages');
  let high = 0;
  return {
    next(block, prefixId) {
      const plain = sizeOf(block, prefixId);
      const estimate = isCalibrated ? calibrate(plain, calibration, modelId) : plain;
      raw += plain.tokens;
      high += estimate.high;
      cumulativeHigh.push(high + overheadUpTo(prompt, block.level));
      return estimate.tokens;
    },
    rawTokens: () => raw,
    cumulativeHighTokens: () => cumulativeHigh,
  };
}
