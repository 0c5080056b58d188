import type { CacheOutcome } from '../core/index.ts';
import { canAddAutomatic, type PlanPrices, type Settlement } from '../planner/index.ts';
import type { Analysis } from './analysis.ts';
import type { Forecast } from './cache-model.ts';

function costOf(outcome: CacheOutcome, prices: PlanPrices): number {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const { read, write5m, write1h } = prices;
  return readTokens * read + write5mTokens * write5m + write1hTokens * write1h + uncachedTokens;
}

/** What a request costs in each world, by the outcomes of the model. */
export function settlementOf(analysis: Analysis, forecast: Forecast): Settlement {
  const { prompt, clientPrompt, learned } = analysis;
  const { prices } = learned.request;
  const { sent, own, client, automatic } = forecast;
  return {
    costs: {
      own: costOf(own, prices),
      client: costOf(client, prices),
      automatic: canAddAutomatic(prompt, learned) ? costOf(automatic, prices) : Infinity,
      // The client's markers stay where they are respected.
      none: prompt.breakpoints.length === 0 || prompt !== clientPrompt ? sent.totalTokens : Infinity,
    },
    sent: costOf(sent, prices),
    paidPremium: own.write5mTokens * (prices.write5m - 1) + own.write1hTokens * (prices.write1h - 1),
    writePremium: own.totalTokens * (prices.write5m - 1),
  };
}
