import {
  billTokens,
  noTokens,
  PICO_PER_USD,
  resolveModel,
  standardPricing,
  type Catalogue,
  type PicoUsd,
  type TokenCounts,
  type Ttl,
} from '../../core/index.ts';

/** What tokens of a model cost, for estimates; what was spent comes from bills. */
export interface PrefixPrices {
  read(model: string, tokens: number, atMs: number): PicoUsd;
  /** What somebody saves who reads so many tokens where they would have had to be written again. */
  rewrite(model: string, tokens: number, ttl: Ttl, atMs: number): PicoUsd;
  /** Input price, in dollars for one token. */
  inputUsdPerToken(model: string, atMs: number): number;
}

const MILLION = 1_000_000;

export function prefixPrices(catalogue: Catalogue): PrefixPrices {
  const price = (model: string, tokens: Partial<TokenCounts>, atMs: number): PicoUsd => {
    const { facts } = resolveModel(model, catalogue);
    return billTokens(facts, { ...noTokens, ...tokens }, standardPricing(atMs)).totalPicoUsd;
  };
  const read: PrefixPrices['read'] = (model, readTokens, atMs) => price(model, { readTokens }, atMs);
  return {
    read,
    rewrite(model, tokens, ttl, atMs) {
      const written = ttl === '1h' ? { write1hTokens: tokens } : { write5mTokens: tokens };
      return price(model, written, atMs) - read(model, tokens, atMs);
    },
    inputUsdPerToken(model, atMs) {
      const million = price(model, { uncachedTokens: MILLION }, atMs);
      return Number(million) / Number(PICO_PER_USD) / MILLION;
    },
  };
}
