import {
  cacheStep,
  emptyCacheState,
  markReady,
  sweepExpired,
  toCacheRequest,
  withdraw,
  type Breakpoint,
  type CacheOutcome,
  type CacheRules,
  type CacheState,
} from '../core/index.ts';
import type { Analysis } from './analysis.ts';

/** The same request under three sets of markers: what was sent, what the client meant, automatic caching. */
export interface Forecast {
  readonly sent: CacheOutcome;
  readonly client: CacheOutcome;
  readonly automatic: CacheOutcome;
  /** Another request was writing what this one could have read, so it did not ask for it to be written twice. */
  readonly isInFlight: boolean;
  /** The response has begun: what was written can be read. */
  begin(atMs: number): void;
  /** The response never began: nothing was written. */
  cancel(): void;
}

/** The model of the cache beside real traffic, with its two counterfactuals. */
export interface CacheModel {
  forecast(analysis: Analysis, breakpoints: readonly Breakpoint[], startMs: number): Forecast;
}

/** Requests between two sweeps, and entries past which everything is forgotten rather than kept. */
const SWEEP_EVERY = 512;
const ENTRIES_MAX = 500_000;

interface Branch {
  state: CacheState;
}

function automaticBreakpoints(analysis: Analysis): readonly Breakpoint[] {
  const blockIndex = analysis.prompt.blocks.findLastIndex((block) => block.canCarryMarker);
  return blockIndex < 0 ? [] : [{ blockIndex, ttl: '5m', origin: 'automatic' }];
}

export function createCacheModel(rules: CacheRules): CacheModel {
  const branches = { sent: empty(), client: empty(), automatic: empty() };
  let sinceSweep = 0;

  const sweep = (nowMs: number): void => {
    for (const branch of Object.values(branches)) {
      branch.state = sweepExpired(branch.state, nowMs, rules);
      if (branch.state.entries.size > ENTRIES_MAX) branch.state = emptyCacheState;
    }
  };

  const step = (branch: Branch, analysis: Analysis, breakpoints: readonly Breakpoint[], startMs: number) => {
    const request = toCacheRequest(analysis.prompt, analysis.chain, breakpoints);
    const [outcome, next] = cacheStep(branch.state, request, { startMs, readyMs: Infinity }, rules);
    branch.state = next;
    return outcome;
  };

  return {
    forecast(analysis, breakpoints, startMs) {
      sinceSweep += 1;
      if (sinceSweep % SWEEP_EVERY === 0) sweep(startMs);
      const outcomes = {
        sent: step(branches.sent, analysis, breakpoints, startMs),
        client: step(branches.client, analysis, analysis.clientPrompt.breakpoints, startMs),
        automatic: step(branches.automatic, analysis, automaticBreakpoints(analysis), startMs),
      };
      const each = (run: (branch: Branch, outcome: CacheOutcome) => void): void => {
        run(branches.sent, outcomes.sent);
        run(branches.client, outcomes.client);
        run(branches.automatic, outcomes.automatic);
      };
      return {
        ...outcomes,
        isInFlight: analysis.learned.isInFlight,
        begin: (atMs) =>
          each((branch, { written }) => (branch.state = markReady(branch.state, written, atMs))),
        cancel: () => each((branch, { written }) => (branch.state = withdraw(branch.state, written))),
      };
    },
  };
}

function empty(): Branch {
  return { state: emptyCacheState };
}
