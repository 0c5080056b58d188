export { addCosts, billTokens, billUncached, type CostParts } from './bill.ts';
export {
  noTokens,
  priceAt,
  ratesFor,
  standardPricing,
  totalInputTokens,
  type PricingContext,
  type Rates,
  type TokenCounts,
} from './rates.ts';
