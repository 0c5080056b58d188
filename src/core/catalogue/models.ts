import { picoPerToken } from '../money.ts';
import type { Effort, Family, ModelFacts, PriceRecord, ThinkingRules, ToolOverhead } from './types.ts';

/** Day from which a price holds when no other is published: earlier than any request with a cache. */
const FROM_THE_START = '2024-08-14';

interface PriceInput {
  readonly inUsd: number;
  readonly outUsd: number;
  readonly readPerMille: number;
  readonly validFrom?: string;
  readonly fastUsd?: readonly [number, number];
  readonly longPrompt?: { readonly aboveTokens: number; readonly inUsd: number; readonly outUsd: number };
}

/** A price record from dollars per MTok; every model writes at 1.25x and 2x (spec 9). */
function price(p: PriceInput): PriceRecord {
  return {
    validFrom: p.validFrom ?? FROM_THE_START,
    inputPicoUsd: picoPerToken(p.inUsd),
    outputPicoUsd: picoPerToken(p.outUsd),
    readPerMille: p.readPerMille,
    write5mPerMille: 1250,
    write1hPerMille: 2000,
    longPrompt: p.longPrompt
      ? {
          aboveTokens: p.longPrompt.aboveTokens,
          inputPicoUsd: picoPerToken(p.longPrompt.inUsd),
          outputPicoUsd: picoPerToken(p.longPrompt.outUsd),
        }
      : null,
    fast: p.fastUsd
      ? { inputPicoUsd: picoPerToken(p.fastUsd[0]), outputPicoUsd: picoPerToken(p.fastUsd[1]) }
      : null,
  };
}

/** Spec 7: what becomes of thinking blocks, and what an omitted `thinking` means. */
const THINKING = {
  boundAdaptive: { history: 'keep-all', whenOmitted: 'adaptive', isBound: true },
  keptAdaptive: { history: 'keep-all', whenOmitted: 'adaptive', isBound: false },
  keptOff: { history: 'keep-all', whenOmitted: 'disabled', isBound: false },
  lastTurnOff: { history: 'last-turn-only', whenOmitted: 'disabled', isBound: false },
} as const satisfies Record<string, ThinkingRules>;

interface ModelInput {
  readonly id: string;
  readonly aliases?: readonly string[];
  readonly min: number;
  readonly prices: readonly PriceRecord[];
  readonly thinking: ThinkingRules;
  readonly overhead: readonly [auto: number, forced: number | null];
  readonly effort?: Effort;
  readonly hasGeoPricing?: boolean;
}

/** The version read off the id, `claude-<family>-<major>[-<minor>]`; the preview stands before 5. */
function familyAndVersion(id: string): [Family, readonly [number, number]] {
  const [, family, major, minor] = /^claude-([a-z]+)-(\d+|preview)(?:-(\d))?$/.exec(id) ?? [];
  const version = major === 'preview' ? ([4, 9] as const) : ([Number(major), Number(minor ?? 0)] as const);
  return [family as Family, version];
}

function model(m: ModelInput): ModelFacts {
  const [family, version] = familyAndVersion(m.id);
  const isGeneration5 = version[0] >= 5;
  const overhead: ToolOverhead = { autoTokens: m.overhead[0], forcedTokens: m.overhead[1] };
  return {
    id: m.id,
    aliases: m.aliases ?? [],
    family,
    version,
    minCacheableTokens: m.min,
    prices: m.prices,
    thinking: m.thinking,
    defaultEffort: m.effort ?? 'high',
    // Spec 6: which models render the configuration first is not published; this is its default.
    rendersConfigAhead: !isGeneration5,
    // The tokenizer changed with Opus 4.7.
    tokenizer: isGeneration5 || (version[0] === 4 && version[1] >= 7) ? 'modern' : 'classic',
    toolOverhead: overhead,
    hasGeoPricing: m.hasGeoPricing ?? (isGeneration5 || version[1] >= 6),
  };
}

const fable52 = [price({ inUsd: 8, outUsd: 40, readPerMille: 25, fastUsd: [16, 80] })];
const fable51 = [price({ inUsd: 10, outUsd: 50, readPerMille: 25 })];
const fable5 = [price({ inUsd: 10, outUsd: 50, readPerMille: 100 })];
const opusFast = [price({ inUsd: 5, outUsd: 25, readPerMille: 100, fastUsd: [10, 50] })];
const opus = [price({ inUsd: 5, outUsd: 25, readPerMille: 100 })];
const opus4 = [price({ inUsd: 15, outUsd: 75, readPerMille: 100 })];
const sonnet4 = [price({ inUsd: 3, outUsd: 15, readPerMille: 100 })];
const sonnet5 = price({ inUsd: 2, outUsd: 10, readPerMille: 100 });

const { boundAdaptive, keptAdaptive, keptOff, lastTurnOff } = THINKING;

/**
 * Every model of spec sections 0, 3 and 9. Tool overhead of models that section 9.6 leaves out is
 * that of their nearest relative, and the price of Mythos Preview, which section 9 leaves out too, is
 * the one reported at its launch, not verified; configuration can override both.
 */
export const MODELS: readonly ModelFacts[] = [
  model({
    id: 'claude-fable-5-2',
    min: 512,
    prices: fable52,
    thinking: boundAdaptive,
    overhead: [286, null],
  }),
  model({
    id: 'claude-mythos-5-2',
    min: 512,
    prices: fable52,
    thinking: boundAdaptive,
    overhead: [286, null],
  }),
  model({
    id: 'claude-fable-5-1',
    min: 512,
    prices: fable51,
    thinking: boundAdaptive,
    overhead: [286, null],
  }),
  model({
    id: 'claude-mythos-5-1',
    min: 512,
    prices: fable51,
    thinking: boundAdaptive,
    overhead: [286, null],
  }),
  model({ id: 'claude-fable-5', min: 512, prices: fable5, thinking: keptAdaptive, overhead: [286, 406] }),
  model({ id: 'claude-mythos-5', min: 512, prices: fable5, thinking: keptAdaptive, overhead: [286, 406] }),
  model({
    id: 'claude-mythos-preview',
    min: 2048,
    prices: [price({ inUsd: 25, outUsd: 125, readPerMille: 100 })],
    thinking: keptOff,
    overhead: [290, 410],
  }),
  model({
    id: 'claude-opus-5-5',
    min: 512,
    prices: [price({ inUsd: 4, outUsd: 20, readPerMille: 50, fastUsd: [8, 40] })],
    thinking: boundAdaptive,
    overhead: [286, null],
    effort: 'medium',
  }),
  model({ id: 'claude-opus-5', min: 512, prices: opusFast, thinking: keptAdaptive, overhead: [286, 406] }),
  model({ id: 'claude-opus-4-8', min: 1024, prices: opusFast, thinking: keptOff, overhead: [290, 410] }),
  model({ id: 'claude-opus-4-7', min: 2048, prices: opus, thinking: keptOff, overhead: [675, 804] }),
  model({ id: 'claude-opus-4-6', min: 4096, prices: opus, thinking: keptOff, overhead: [497, 589] }),
  model({
    id: 'claude-opus-4-5',
    aliases: ['claude-opus-4-5-20251101'],
    min: 4096,
    prices: opus,
    thinking: keptOff,
    overhead: [496, 588],
  }),
  model({
    id: 'claude-opus-4-1',
    aliases: ['claude-opus-4-1-20250805'],
    min: 1024,
    prices: opus4,
    thinking: lastTurnOff,
    overhead: [313, 315],
  }),
  model({
    id: 'claude-opus-4',
    aliases: ['claude-opus-4-0', 'claude-opus-4-20250514'],
    min: 1024,
    prices: opus4,
    thinking: lastTurnOff,
    overhead: [313, 315],
  }),
  model({
    id: 'claude-sonnet-5-5',
    min: 512,
    prices: [sonnet5, price({ inUsd: 2, outUsd: 10, readPerMille: 50, validFrom: '2026-10-07' })],
    thinking: boundAdaptive,
    overhead: [286, null],
  }),
  model({
    id: 'claude-sonnet-5',
    min: 1024,
    prices: [sonnet5],
    thinking: keptAdaptive,
    overhead: [354, 474],
  }),
  model({ id: 'claude-sonnet-4-6', min: 1024, prices: sonnet4, thinking: keptOff, overhead: [497, 589] }),
  model({
    id: 'claude-sonnet-4-5',
    aliases: ['claude-sonnet-4-5-20250929'],
    min: 1024,
    prices: sonnet4,
    thinking: lastTurnOff,
    overhead: [496, 588],
  }),
  model({
    id: 'claude-sonnet-4',
    aliases: ['claude-sonnet-4-0', 'claude-sonnet-4-20250514'],
    min: 1024,
    prices: sonnet4,
    thinking: lastTurnOff,
    overhead: [313, 315],
  }),
  model({
    id: 'claude-haiku-5-5',
    min: 512,
    prices: [
      price({
        inUsd: 0.1,
        outUsd: 0.5,
        readPerMille: 100,
        longPrompt: { aboveTokens: 100_000, inUsd: 0.5, outUsd: 2.5 },
      }),
    ],
    thinking: boundAdaptive,
    overhead: [286, 406],
  }),
  model({
    id: 'claude-haiku-4-5',
    aliases: ['claude-haiku-4-5-20251001'],
    min: 4096,
    prices: [price({ inUsd: 1, outUsd: 5, readPerMille: 100 })],
    thinking: lastTurnOff,
    overhead: [496, 588],
  }),
  model({
    id: 'claude-haiku-3-5',
    aliases: ['claude-3-5-haiku-20241022', 'claude-3-5-haiku-latest'],
    min: 2048,
    prices: [price({ inUsd: 0.8, outUsd: 4, readPerMille: 100 })],
    thinking: lastTurnOff,
    overhead: [264, 340],
    hasGeoPricing: false,
  }),
];
