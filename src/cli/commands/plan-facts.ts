import {
  billTokens,
  cacheStep,
  defaultOpenQuestions,
  emptyCacheState,
  noTokens,
  pathText,
  ratesFor,
  standardPricing,
  toCacheRequest,
  toUsd,
  type Breakpoint,
  type CacheOutcome,
  type Level,
  type PicoUsd,
  type Ttl,
} from '../../core/index.ts';
import type { Analysis, TrafficFinding } from '../../engine/index.ts';

/** A breakpoint of a plan: ours with the code of its place, or the client's. */
export interface PlannedMarker {
  readonly path: string;
  readonly ttl: Ttl;
  /** `tools-end`, `system-end`, `tail` and so on; `client` for one that the client set. */
  readonly reason: string;
  /** The sentence for people. */
  readonly why: string;
}

/** What a plan has to say beside its breakpoints. */
export interface PlanFinding {
  readonly code: 'model-unknown' | 'markers-refused' | 'no-breakpoint';
  /** The place that got no breakpoint; null where it is about the whole request. */
  readonly place: string | null;
  readonly sentence: string;
}

/** What several requests show together; see `docs/findings.md`. */
export interface PlanTrafficFinding extends Omit<PlanFinding, 'code'> {
  readonly code: TrafficFinding['code'];
  readonly advice: string;
  readonly path: string | null;
  readonly ranges: TrafficFinding['ranges'];
  readonly moved: readonly string[];
  readonly seen: number;
  readonly requests: number;
  readonly lostTokens: number;
  readonly costUsd: number;
}

/** The plan of one request as `plan --json` prints it. */
export interface PlanDocument {
  readonly model: string;
  readonly blocks: readonly { readonly path: string; readonly level: Level; readonly tokens: number }[];
  readonly breakpoints: readonly PlannedMarker[];
  /** USD of input for one request, on average over requests like it, and without any caching. */
  readonly expected: { readonly costUsd: number; readonly withoutCachingUsd: number };
  readonly findings: readonly (PlanFinding | PlanTrafficFinding)[];
}

/** Input cost of a request sent for the first time and sent again while its entries live. */
export interface Forecasts {
  readonly uncachedPicoUsd: PicoUsd;
  readonly firstPicoUsd: PicoUsd;
  readonly nextPicoUsd: PicoUsd;
  readonly first: CacheOutcome;
}

/** What the model of the cache says of a request sent once, and once more. */
export function forecast(analysis: Analysis, atMs: number): Forecasts {
  const planned = toCacheRequest(analysis.prompt, analysis.chain, analysis.plan.breakpoints);
  const plain = { ...planned, breakpoints: [] };
  const [uncached] = cacheStep(emptyCacheState, plain, { startMs: 0, readyMs: 0 });
  const [first, state] = cacheStep(emptyCacheState, planned, { startMs: 0, readyMs: 0 });
  const [next] = cacheStep(state, planned, { startMs: 1, readyMs: 1 });
  const priceOf = (outcome: CacheOutcome): PicoUsd => {
    const tokens = { ...outcome, outputTokens: 0 };
    return billTokens(analysis.prompt.model.facts, tokens, standardPricing(atMs)).totalPicoUsd;
  };
  return {
    uncachedPicoUsd: priceOf(uncached),
    firstPicoUsd: priceOf(first),
    nextPicoUsd: priceOf(next),
    first,
  };
}

/**
 * The share of requests that the planner expects to find an entry at a breakpoint alive. Who reads a longer prefix reads
 * the shorter ones, so a boundary further on says at least as much of a place that was not weighed itself.
 */
function liveShare({ learned }: Analysis, { blockIndex, ttl }: Breakpoint): number {
  const shares = learned.boundaries
    .filter(({ index }) => index >= blockIndex)
    .map(({ chance }) => (ttl === '1h' ? chance.within1h : chance.within5m));
  return Math.max(0, ...shares);
}

/** Mean cost of requests like this one: each piece is read where its entry should be alive, and else written (spec 4.5). */
function expectedUsd(analysis: Analysis, { first }: Forecasts, atMs: number): number {
  const tokens = { ...noTokens, uncachedTokens: first.totalTokens };
  const facts = analysis.prompt.model.facts;
  const rates = ratesFor(facts, tokens, standardPricing(atMs), defaultOpenQuestions);
  let covered = 0;
  let picoUsd = 0;
  for (const { breakpoint, verdict } of first.breakpoints) {
    if (verdict !== 'written') continue;
    const end = analysis.chain.cumulativeTokens[breakpoint.blockIndex] ?? 0;
    const write = breakpoint.ttl === '1h' ? rates.write1hPicoUsd : rates.write5mPicoUsd;
    const live = liveShare(analysis, breakpoint);
    picoUsd += (end - covered) * (live * rates.readPicoUsd + (1 - live) * write);
    covered = end;
  }
  return (picoUsd + (first.totalTokens - covered) * rates.uncachedPicoUsd) / 1e12;
}

function markersOf({ plan, prompt }: Analysis): readonly PlannedMarker[] {
  return plan.breakpoints.map(({ blockIndex, ttl, origin }) => {
    const own = plan.added.find((placement) => placement.blockIndex === blockIndex);
    const path = pathText(prompt.blocks[blockIndex]?.path ?? []);
    return own
      ? { path, ttl, reason: own.place, why: own.reason }
      : { path, ttl, reason: 'client', why: `set by the client (${origin})` };
  });
}

function findingsOf({ plan, prompt }: Analysis): readonly PlanFinding[] {
  const findings: PlanFinding[] = [];
  if (prompt.model.note !== null)
    findings.push({ code: 'model-unknown', place: null, sentence: prompt.model.note });
  if (prompt.markerProblem) {
    const sentence = `the API would refuse the markers: ${prompt.markerProblem.message}`;
    findings.push({ code: 'markers-refused', place: null, sentence });
  }
  for (const { place, reason } of plan.declined)
    findings.push({ code: 'no-breakpoint', place, sentence: `not at ${place}: ${reason}` });
  return findings;
}

function describeTraffic(finding: TrafficFinding): PlanTrafficFinding {
  const { code, sentence, advice, path, ranges, moved, seen, requests, lostTokens, costPicoUsd } = finding;
  const costUsd = toUsd(costPicoUsd);
  return { code, place: null, sentence, advice, path, ranges, moved, seen, requests, lostTokens, costUsd };
}

/** The plan of one request for programs, with what it and those before it show together. */
export function describePlan(
  analysis: Analysis,
  costs: Forecasts,
  atMs: number,
  traffic: readonly TrafficFinding[],
): PlanDocument {
  const { cumulativeTokens } = analysis.chain;
  return {
    model: analysis.prompt.model.facts.id,
    blocks: analysis.prompt.blocks.map(({ path, level }, index) => ({
      path: pathText(path),
      level,
      tokens: (cumulativeTokens[index] ?? 0) - (cumulativeTokens[index - 1] ?? 0),
    })),
    breakpoints: markersOf(analysis),
    expected: {
      costUsd: expectedUsd(analysis, costs, atMs),
      withoutCachingUsd: toUsd(costs.uncachedPicoUsd),
    },
    findings: [...findingsOf(analysis), ...traffic.map(describeTraffic)],
  };
}
