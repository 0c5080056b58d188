import { toCacheRequest, type CacheOutcome } from '../core/index.ts';
import {
  canAddAutomatic,
  holdBack,
  type Outlay,
  type PlanPrices,
  type Settlement,
} from '../planner/index.ts';
import type { Analysis } from './analysis.ts';
import type { Forecast } from './cache-model.ts';
import type { EngineContext } from './context.ts';
import type { Mode } from './options.ts';

function costOf(outcome: CacheOutcome, prices: PlanPrices): number {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const { read, write5m, write1h } = prices;
  return readTokens * read + write5mTokens * write5m + write1hTokens * write1h + uncachedTokens;
}

function premiumOf({ write5mTokens, write1hTokens }: CacheOutcome, { write5m, write1h }: PlanPrices): number {
  return write5mTokens * (write5m - 1) + write1hTokens * (write1h - 1);
}

/** Is it ours to send the request without any marker? The client's stay where they are respected. */
function canBeUnmarked({ prompt, clientPrompt }: Analysis): boolean {
  return prompt.breakpoints.length === 0 || prompt !== clientPrompt;
}

/** What a request costs in each world, by the outcomes of the model. Where plans are only observed, they count as sent. */
export function settlementOf(analysis: Analysis, forecast: Forecast, mode: Mode): Settlement {
  const { prompt, learned, world } = analysis;
  const { prices } = learned.request;
  const { sent, own, client, automatic } = forecast;
  const costs = {
    own: costOf(own, prices),
    client: costOf(client, prices),
    automatic: canAddAutomatic(prompt, learned) ? costOf(automatic, prices) : Infinity,
    none: canBeUnmarked(analysis) ? sent.totalTokens : Infinity,
  };
  const isSent = mode === 'optimize';
  // Without room for a marker of automatic caching the client's are left as they are.
  const planned = costs[world] < Infinity ? costs[world] : costs.client;
  return {
    costs,
    sent: isSent ? costOf(sent, prices) : planned,
    paidPremium: premiumOf(isSent ? sent : own, prices),
    writePremium: own.totalTokens * (prices.write5m - 1),
  };
}

/** The same analysis, or where its plan would cost more than its scope and model can bear, one without markers. */
export function holdWithinMeans(
  analysis: Analysis,
  { cacheModel, options }: EngineContext,
  nowMs: number,
): Analysis {
  if (!canBeUnmarked(analysis)) return analysis;
  const { prompt, chain, plan, family, learned } = analysis;
  const { prices } = learned.request;
  let outlay: Outlay = { cost: 0, none: 0, paidPremium: 0 };
  const atMost = (chain.cumulativeTokens.at(-1) ?? 0) * (prices.write1h - 1);
  const isAffordable = options.guard.canAfford(family, { atMs: nowMs, atMost }, () => {
    const outcome = cacheModel.peek(toCacheRequest(prompt, chain, plan.breakpoints), nowMs);
    const paidPremium = premiumOf(outcome, prices);
    outlay = { cost: costOf(outcome, prices), none: outcome.totalTokens, paidPremium };
    return outlay;
  });
  return isAffordable ? analysis : { ...analysis, world: 'none', plan: holdBack(prompt, outlay) };
}
