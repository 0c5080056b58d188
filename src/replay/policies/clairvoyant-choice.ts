import { TTL_1H, TTL_5M, type PolicyContext, type ReplayPrices } from '../policy.ts';
import type { FutureJudge } from './clairvoyant-future.ts';
import type { RequestPath } from './clairvoyant-path.ts';

/** Up to which segments a request writes for an hour, and writes at all; its hit where it does not. */
export interface Ends {
  end1h: number;
  end: number;
}

/** More candidates than this are thinned out: every pair of them is weighed. */
const CANDIDATES_MAX = 12;

/**
 * Weighs every useful pair of ends by what the request costs now and what the future costs then.
 *
 * Ends worth a look are the first segment behind the hit (the smallest that can carry a 1h entry), and where chains end.
 */
export function chooseEnds(
  path: RequestPath,
  judge: FutureJudge,
  context: PolicyContext,
  prices: ReplayPrices,
  nowMs: number,
): Ends {
  const { hit } = path;
  if (hit + 1 === path.count) return { end1h: hit, end: hit };
  const candidates = listCandidates(path, prices.minCacheableTokens);
  if (candidates.length === 1) return { end1h: hit, end: hit };
  const pending5m = pendingDepth(path, context, nowMs, TTL_5M);
  const pending1h = pendingDepth(path, context, nowMs, TTL_1H);
  const best = { end1h: hit, end: hit };
  let bestCost = Infinity;
  for (const end of candidates) {
    for (const end1h of candidates) {
      if (end1h > end) break;
      const cost = weigh(path, judge, prices, nowMs, { end1h, end }, pending5m, pending1h);
      if (cost >= bestCost - 1e-6) continue;
      bestCost = cost;
      best.end1h = end1h;
      best.end = end;
    }
  }
  return best;
}

function listCandidates(path: RequestPath, minimum: number): number[] {
  const candidates = [path.hit];
  const add = (index: number): void => {
    const last = candidates.at(-1) ?? -1;
    if (index > last && path.cumulativeAt(index) >= minimum) candidates.push(index);
  };
  if (path.hit + 1 < path.count) add(path.hit + 1);
  for (let order = 0; order < path.chainCount; order += 1) add(path.chainAt(order).to);
  return candidates.length <= CANDIDATES_MAX
    ? candidates
    : [...candidates.slice(0, CANDIDATES_MAX - 1), ...candidates.slice(-1)];
}

/** The deepest segment behind the hit with an entry that will be readable but is not yet; -1 for none. */
function pendingDepth(path: RequestPath, context: PolicyContext, nowMs: number, ttl: number): number {
  for (let index = path.count - 1; index > path.hit; index -= 1) {
    if (context.expiresMs(path.endAt(index), ttl) > nowMs) return index;
  }
  return -1;
}

function weigh(
  path: RequestPath,
  judge: FutureJudge,
  prices: ReplayPrices,
  nowMs: number,
  ends: Ends,
  pending5m: number,
  pending1h: number,
): number {
  const { hit } = path;
  const { end1h, end } = ends;
  let cost = 0;
  judge.start();
  for (let order = path.chainCount - 1; order >= 0; order -= 1) {
    const chain = path.chainAt(order);
    let { tokens1h, tokens5m, tokensNot } = chain;
    // What is read now also lives as long as what is written behind it, for those who come by there.
    if (chain.from <= hit && end1h > hit && nextAt(path, end1h) === chain.next) {
      tokens1h += tokens5m + tokensNot;
      tokens5m = 0;
      tokensNot = 0;
    } else if (chain.from <= hit && end > hit && nextAt(path, end) === chain.next) {
      tokens5m += tokensNot;
      tokensNot = 0;
    }
    for (let index = Math.max(chain.from, hit + 1); index <= chain.to; index += 1) {
      const tokens = path.tokensAt(index);
      cost += tokens * priceOf(index, ends, prices);
      if (index <= end1h || index <= pending1h) tokens1h += tokens;
      else if (index <= end || index <= pending5m) tokens5m += tokens;
      else tokensNot += tokens;
    }
    judge.add(chain, tokens1h, tokens5m, tokensNot);
    if (order > 0 && path.chainAt(order - 1).next === chain.next) continue;
    const deepest = deepestWith(path, order, chain.next);
    cost += judge.finish(chain.next, nowMs, prices, path.cumulativeAt(deepest));
    judge.start();
  }
  return cost;
}

function priceOf(index: number, { end1h, end }: Ends, prices: ReplayPrices): number {
  if (index <= end1h) return prices.write1h;
  return index <= end ? prices.write5m : 1;
}

/** The next request that comes by a segment. */
function nextAt(path: RequestPath, index: number): number {
  for (let order = path.chainCount - 1; order >= 0; order -= 1) {
    const chain = path.chainAt(order);
    if (chain.from <= index) return chain.next;
  }
  return -1;
}

/** The last segment that the same next request comes by. */
export function deepestWith(path: RequestPath, order: number, next: number): number {
  let deepest = path.chainAt(order).to;
  for (let deeper = order + 1; deeper < path.chainCount; deeper += 1) {
    if (path.chainAt(deeper).next !== next) break;
    deepest = path.chainAt(deeper).to;
  }
  return deepest;
}
