import {
  LOOKBACK_POSITIONS,
  priceAt,
  type Block,
  type Breakpoint,
  type Level,
  type PrefixChain,
  type PrefixId,
  type Prompt,
} from '../core/index.ts';
import type { LayerEnd, PlannedRequest, TailKind } from './learned/index.ts';

/** What a body's prompt is planned from. */
export interface PromptRequest {
  readonly prompt: Prompt;
  readonly chain: PrefixChain;
  /** The most that the prefix up to each block may count in tokens: the upper end of the estimate. */
  readonly cumulativeHighTokens: readonly number[];
  /** May a marker be written into this block's bytes? */
  readonly canSplice: (block: Block) => boolean;
  readonly atMs: number;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The value of each character that is a digit; others get one of their own too. */
const DIGIT_VALUES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = DIGITS.indexOf(String.fromCharCode(code));
  return value < 0 ? code % 64 : value;
});
/** Base64 digits of a prefix id that make its number: 48 bits. */
const KEY_DIGITS = 8;

/** A number for a prefix id. Two ids could share one, and a plan would be the worse for it, never the request. */
export function keyOfPrefix(prefixId: PrefixId): number {
  let key = 0;
  for (let at = 0; at < KEY_DIGITS; at += 1) {
    const code = prefixId.charCodeAt(at);
    key = key * 64 + (DIGIT_VALUES[code] ?? code % 64);
  }
  return key;
}

function layersOf(prompt: Prompt): readonly LayerEnd[] {
  const places = [
    ['tools', 'tools-end'],
    ['system', 'system-end'],
  ] as const satisfies readonly (readonly [Level, LayerEnd['place']])[];
  const layers: LayerEnd[] = [];
  for (const [level, place] of places) {
    const last = prompt.blocks.findLastIndex((block) => block.level === level);
    if (last >= 0) layers.push({ place, length: last + 1 });
  }
  return layers;
}

/** A tool has spoken last where the last message holds what it found. */
function newestOf(prompt: Prompt): 'user' | 'tool' {
  const last = prompt.blocks.at(-1);
  const isResult = (block: Block): boolean =>
    block.level === 'messages' && block.path[1] === last?.path[1] && block.type.endsWith('tool_result');
  return prompt.blocks.slice(-LOOKBACK_POSITIONS).some(isResult) ? 'tool' : 'user';
}

function tailOf({ blocks, breakpoints }: Prompt): TailKind {
  const [first] = blocks;
  const isLone = first?.level === 'messages' && blocks.every((block) => block.path[1] === first.path[1]);
  if (isLone) return 'lone';
  const isInMessages = ({ blockIndex }: Breakpoint): boolean => blocks[blockIndex]?.level === 'messages';
  return breakpoints.length > 0 && !breakpoints.some(isInMessages) ? 'left' : 'plain';
}

/** A body's prompt as the learned planner takes it. */
export function toPlannedRequest({
  prompt,
  chain,
  cumulativeHighTokens,
  canSplice,
  atMs,
}: PromptRequest): PlannedRequest {
  const { blocks, model } = prompt;
  const marked = new Set(prompt.breakpoints.map((breakpoint) => breakpoint.blockIndex));
  const { readPerMille, write5mPerMille, write1hPerMille } = priceAt(model.facts, atMs);
  const keys = chain.prefixIds.map(keyOfPrefix);
  const layers = layersOf(prompt);
  const lastLayer = layers.at(-1);
  return {
    atMs,
    length: blocks.length,
    keys,
    cumulativeTokens: chain.cumulativeTokens,
    cumulativeHighTokens,
    positions: chain.positions,
    layers,
    newest: newestOf(prompt),
    tail: tailOf(prompt),
    application: lastLayer ? (keys[lastLayer.length - 1] ?? 0) : 0,
    prices: {
      read: readPerMille / 1000,
      write5m: write5mPerMille / 1000,
      write1h: write1hPerMille / 1000,
      minCacheableTokens: model.facts.minCacheableTokens,
    },
    lookbackPositions: LOOKBACK_POSITIONS,
    canMark(index) {
      const block = blocks[index];
      if (!block) return false;
      return marked.has(index) || (block.canCarryMarker && block.isDocumentedCarrier && canSplice(block));
    },
  };
}
