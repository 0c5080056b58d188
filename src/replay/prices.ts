import { priceAt, resolveModel, type ModelFacts } from '../core/index.ts';
import type { ReplayPrices } from './policy.ts';
import type { Trace } from './trace/trace.ts';

/** Prices of requests whose prompt is longer than `aboveTokens` (spec 9.1). */
export interface LongPromptPrices {
  readonly aboveTokens: number;
  readonly inputUsdPerToken: number;
  readonly outputUsdPerToken: number;
}

/** `ReplayPrices`, and the step for long prompts where a model has one. */
export interface SimulationPrices extends ReplayPrices {
  readonly longPrompt?: LongPromptPrices;
}

/** How a trace is priced. */
export interface PriceList {
  /** `theory`, a model's id, or `recorded` where each request has the prices of its own model. */
  readonly model: string;
  /** By the trace's model numbers. */
  readonly prices: readonly SimulationPrices[];
  /** Sentences on what had to be guessed. */
  readonly notes: readonly string[];
}

/** What a user may ask of prices. */
export interface PriceChoice {
  /** A model's id, `theory` or `recorded`. @default `recorded` for requests and captures, else `theory` */
  readonly model?: string;
  /** Read price as a multiple of the input price, in place of the model's own. */
  readonly read?: number;
  /** Day on which prices hold, ms since 1970 UTC. */
  readonly atMs: number;
}

/**
 * One price for every model, as the published figures of this benchmark are made: a read for a tenth, writes for 1.25
 * and 2, a minimum of 1,024 tokens, and a dollar for a million input tokens.
 */
export const theoryPrices: SimulationPrices = {
  read: 0.1,
  write5m: 1.25,
  write1h: 2,
  minCacheableTokens: 1024,
  inputUsdPerToken: 1e-6,
  outputUsdPerToken: 5e-6,
};

const USD_PER_PICO_USD = 1e-12;

function pricesOf(facts: ModelFacts, atMs: number): SimulationPrices {
  const record = priceAt(facts, atMs);
  const step = record.longPrompt;
  return {
    read: record.readPerMille / 1000,
    write5m: record.write5mPerMille / 1000,
    write1h: record.write1hPerMille / 1000,
    minCacheableTokens: facts.minCacheableTokens,
    inputUsdPerToken: record.inputPicoUsd * USD_PER_PICO_USD,
    outputUsdPerToken: record.outputPicoUsd * USD_PER_PICO_USD,
    ...(step && {
      longPrompt: {
        aboveTokens: step.aboveTokens,
        inputUsdPerToken: step.inputPicoUsd * USD_PER_PICO_USD,
        outputUsdPerToken: step.outputPicoUsd * USD_PER_PICO_USD,
      },
    }),
  };
}

function isRecordedByDefault({ format, models }: Pick<Trace, 'format' | 'models'>): boolean {
  return (format === 'requests' || format === 'captures') && models.some((name) => name !== '');
}

/**
 * The prices that a trace is replayed with.
 *
 * @example choosePrices(trace, { model: 'claude-opus-5-5', atMs }).prices[0].read // 0.05
 */
export function choosePrices(trace: Pick<Trace, 'format' | 'models'>, choice: PriceChoice): PriceList {
  const model = choice.model ?? (isRecordedByDefault(trace) ? 'recorded' : 'theory');
  const withRead = (prices: SimulationPrices): SimulationPrices =>
    choice.read === undefined ? prices : { ...prices, read: choice.read };
  if (model === 'theory') {
    return { model, prices: trace.models.map(() => withRead(theoryPrices)), notes: [] };
  }
  const names = model === 'recorded' ? trace.models : trace.models.map(() => model);
  const resolved = names.map((name) => resolveModel(name));
  const ids = [...new Set(resolved.map(({ facts }) => facts.id))];
  return {
    model: ids.length === 1 ? (ids[0] ?? model) : model,
    prices: resolved.map(({ facts }) => withRead(pricesOf(facts, choice.atMs))),
    notes: [...new Set(resolved.flatMap(({ note }) => (note === null ? [] : [note])))],
  };
}

/** The family of each of a trace's models; `other` for a name that is no Claude model's. */
export function familiesOf(models: readonly string[]): readonly string[] {
  return models.map((name) => {
    const { facts, kind } = resolveModel(name);
    return kind === 'unknown' ? 'other' : facts.family;
  });
}
