/**
 * Bills by the price list of the specification (spec 9), written down here once more and computed in another way: in whole
 * pico-dollars from dollars as text, without anything of `src`. It judges what ledgers add up.
 */
export interface PricedTokens {
  readonly uncachedTokens: number;
  readonly readTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
  readonly outputTokens: number;
}

/** Dollars for a million tokens: input, output, read; then fast input and output, where there are any. */
type Prices = readonly [input: string, output: string, read: string, fastInput?: string, fastOutput?: string];

interface ListedModel {
  readonly prices: Prices;
  /** `inference_geo: "us"` costs a tenth more. */
  readonly hasGeo: boolean;
}

const model = (hasGeo: boolean, ...prices: Prices): ListedModel => ({ prices, hasGeo });

const LIST: Readonly<Record<string, ListedModel>> = {
  'claude-fable-5-2': model(true, '8', '40', '0.20', '16', '80'),
  'claude-mythos-5-2': model(true, '8', '40', '0.20', '16', '80'),
  // Not on today's list any more; as it was announced.
  'claude-mythos-preview': model(true, '25', '125', '2.50'),
  'claude-fable-5-1': model(true, '10', '50', '0.25'),
  'claude-mythos-5-1': model(true, '10', '50', '0.25'),
  'claude-fable-5': model(true, '10', '50', '1.00'),
  'claude-mythos-5': model(true, '10', '50', '1.00'),
  'claude-opus-5-5': model(true, '4', '20', '0.20', '8', '40'),
  'claude-opus-5': model(true, '5', '25', '0.50', '10', '50'),
  'claude-opus-4-8': model(true, '5', '25', '0.50', '10', '50'),
  'claude-opus-4-7': model(true, '5', '25', '0.50'),
  'claude-opus-4-6': model(true, '5', '25', '0.50'),
  'claude-opus-4-5': model(false, '5', '25', '0.50'),
  'claude-opus-4-1': model(false, '15', '75', '1.50'),
  'claude-opus-4': model(false, '15', '75', '1.50'),
  'claude-sonnet-5-5': model(true, '2', '10', '0.10'),
  'claude-sonnet-5': model(true, '2', '10', '0.20'),
  'claude-sonnet-4-6': model(true, '3', '15', '0.30'),
  'claude-sonnet-4-5': model(false, '3', '15', '0.30'),
  'claude-sonnet-4': model(false, '3', '15', '0.30'),
  'claude-haiku-5-5': model(true, '0.10', '0.50', '0.01'),
  'claude-haiku-4-5': model(false, '1', '5', '0.10'),
  'claude-haiku-3-5': model(false, '0.80', '4', '0.08'),
};

/** The models of the list. */
export const listedModels: readonly string[] = Object.keys(LIST);

/** Can the model be asked for in fast mode? */
export function hasFastMode(id: string): boolean {
  return LIST[id]?.prices[3] !== undefined;
}

/** Twentieths of a pico-dollar a token, so that halves and tenths stay whole. */
function twentieths(dollars: string): bigint {
  const [whole = '0', rest = ''] = dollars.split('.');
  return BigInt(`${whole}${rest.padEnd(6, '0')}`) * 20n;
}

function pricesOf(id: string, tokens: PricedTokens, atMs: number): Prices {
  const listed = LIST[id];
  if (!listed) throw new Error(`${id} is not on the list`);
  const { uncachedTokens, readTokens, write5mTokens, write1hTokens } = tokens;
  const prompt = uncachedTokens + readTokens + write5mTokens + write1hTokens;
  if (id === 'claude-haiku-5-5' && prompt > 100_000) return ['0.50', '2.50', '0.05'];
  if (id === 'claude-sonnet-5-5' && atMs < Date.UTC(2026, 9, 7)) return ['2', '10', '0.20'];
  return listed.prices;
}

export interface Modifiers {
  readonly isBatch: boolean;
  readonly isFast: boolean;
  readonly isUs: boolean;
}

export interface SpecBill {
  readonly picoUsd: bigint;
  /** The same with every input token uncached. */
  readonly uncachedPicoUsd: bigint;
}

/** The bill of some tokens at the prices of a day. */
export function billBySpec(id: string, tokens: PricedTokens, atMs: number, how: Modifiers): SpecBill {
  const [plainInput, plainOutput, plainRead, fastInput, fastOutput] = pricesOf(id, tokens, atMs);
  const isFast = how.isFast && fastInput !== undefined && fastOutput !== undefined;
  const input = twentieths(isFast ? fastInput : plainInput);
  const output = twentieths(isFast ? fastOutput : plainOutput);
  // In fast mode the read price keeps its share of the input price.
  const read = isFast
    ? (twentieths(plainRead) * twentieths(fastInput)) / twentieths(plainInput)
    : twentieths(plainRead);
  const modified = (amount: bigint): bigint => {
    const withGeo = how.isUs && LIST[id]?.hasGeo ? (amount * 11n) / 10n : amount;
    return withGeo / (how.isBatch ? 2n : 1n) / 20n;
  };
  const part = (count: number, rate: bigint): bigint => BigInt(count) * rate;
  const all = tokens.uncachedTokens + tokens.readTokens + tokens.write5mTokens + tokens.write1hTokens;
  const paid =
    part(tokens.uncachedTokens, input) +
    part(tokens.readTokens, read) +
    part(tokens.write5mTokens, (input * 5n) / 4n) +
    part(tokens.write1hTokens, input * 2n) +
    part(tokens.outputTokens, output);
  return {
    picoUsd: modified(paid),
    uncachedPicoUsd: modified(part(all, input) + part(tokens.outputTokens, output)),
  };
}
