import {
  cacheStep,
  emptyCacheState,
  isReadable,
  markReady,
  shortenWritten,
  sweepExpired,
  toCacheRequest,
  withdraw,
  type Breakpoint,
  type CacheEntry,
  type CacheOutcome,
  type CacheRequest,
  type CacheRules,
  type CacheState,
  type PrefixChain,
  type Prompt,
  type Ttl,
} from '../core/index.ts';
import type { Analysis } from './analysis.ts';

/** The same request under four sets of markers: what was sent, our own plan, what the client meant, automatic caching. */
export interface Forecast {
  readonly sent: CacheOutcome;
  /** As if our own plan had always been followed. */
  readonly own: CacheOutcome;
  readonly client: CacheOutcome;
  readonly automatic: CacheOutcome;
  /** Another request was writing what this one could have read, so it did not ask for it to be written twice. */
  readonly isInFlight: boolean;
  /** When it was sent, and what the cache held before it. */
  readonly asked: {
    readonly startMs: number;
    readonly state: CacheState;
  };
  /** The entry that is read, as it was before; null where nothing is read. */
  readonly readEntry: CacheEntry | null;
  /** The response has begun: what was written can be read. */
  begin(atMs: number): void;
  /** The response never began: nothing was written. */
  cancel(): void;
  /** The bill says five minutes where an hour was asked for: what was written lives no longer than was paid for. */
  shorten(): void;
}

/** The model of the cache beside real traffic, with its counterfactuals. */
export interface CacheModel {
  forecast(analysis: Analysis, breakpoints: readonly Breakpoint[], startMs: number): Forecast;
  /** What a request would read and write if it were sent now; nothing changes. */
  peek(request: CacheRequest, nowMs: number): CacheOutcome;
  /** Gives what tells the model that a ping has read a prefix, or written it, when it is sent at a time. */
  renewal(prompt: Prompt, chain: PrefixChain, blockIndex: number, ttl: Ttl): (atMs: number) => void;
  /** The last block of the longest prefix that could be read now, whatever the markers; -1 without one. */
  readableIndex(chain: PrefixChain, nowMs: number): number;
}

/** Requests between two sweeps at the least; and entries that a sweep may look at for each: the more there are, the rarer it is. */
const SWEEP_EVERY_MIN = 512;
const VISITS_MAX = 8;
/** Entries past which everything is forgotten rather than kept. */
const ENTRIES_MAX = 500_000;

interface Branch {
  state: CacheState;
}

type Branches = Readonly<Record<'sent' | 'own' | 'client' | 'automatic', Branch>>;

function automaticBreakpoints(analysis: Analysis): readonly Breakpoint[] {
  const blockIndex = analysis.prompt.blocks.findLastIndex((block) => block.canCarryMarker);
  return blockIndex < 0 ? [] : [{ blockIndex, ttl: '5m', origin: 'automatic' }];
}

/** What becomes of written entries. */
type Change = (state: CacheState, written: CacheOutcome['written']) => CacheState;

export function createCacheModel(rules: CacheRules): CacheModel {
  const branches: Branches = { sent: empty(), own: empty(), client: empty(), automatic: empty() };
  let untilSweep = SWEEP_EVERY_MIN;

  const sweep = (nowMs: number): void => {
    const isShared = branches.own.state === branches.sent.state;
    for (const branch of Object.values(branches)) {
      branch.state = sweepExpired(branch.state, nowMs, rules);
      if (branch.state.entries.size > ENTRIES_MAX) branch.state = emptyCacheState;
    }
    if (isShared) branches.own.state = branches.sent.state;
    untilSweep = Math.max(SWEEP_EVERY_MIN, ...Object.values(branches).map(requestsWorth));
  };

  const step = (branch: Branch, analysis: Analysis, breakpoints: readonly Breakpoint[], startMs: number) => {
    if (breakpoints.length === 0) return readNothing(analysis.chain);
    const request = toCacheRequest(analysis.prompt, analysis.chain, breakpoints);
    const [outcome, next] = cacheStep(branch.state, request, { startMs, readyMs: Infinity }, rules);
    branch.state = next;
    return outcome;
  };

  /** Our own plan's branch: mostly the one of what was sent, so that it costs nothing as long as the two are the same. */
  const stepOwn = (analysis: Analysis, sent: Step, breakpoints: readonly Breakpoint[], startMs: number) => {
    const { own } = branches;
    if (own.state !== sent.before || !areSame(breakpoints, analysis.ownPlan.breakpoints))
      return step(own, analysis, analysis.ownPlan.breakpoints, startMs);
    own.state = branches.sent.state;
    return sent.outcome;
  };

  return {
    peek: (request, startMs) =>
      cacheStep(branches.sent.state, request, { startMs, readyMs: Infinity }, rules)[0],
    renewal(...where) {
      const request = pingRequest(...where);
      return (atMs) => renew(branches, request, atMs, rules);
    },
    forecast(analysis, breakpoints, startMs) {
      if ((untilSweep -= 1) <= 0) sweep(startMs);
      const before = branches.sent.state;
      const sent = step(branches.sent, analysis, breakpoints, startMs);
      const outcomes: Outcomes = {
        sent,
        own: stepOwn(analysis, { before, outcome: sent }, breakpoints, startMs),
        client: step(branches.client, analysis, analysis.clientPrompt.breakpoints, startMs),
        automatic: step(branches.automatic, analysis, automaticBreakpoints(analysis), startMs),
      };
      return {
        ...outcomes,
        isInFlight: analysis.learned.isInFlight,
        asked: { startMs, state: before },
        readEntry: readEntry(before, analysis.chain, sent),
        ...follow(branches, outcomes, rules),
      };
    },
    readableIndex: (chain, nowMs) => readableIndexOf(branches.sent.state, chain, nowMs, rules),
  };
}

/** What becomes of written entries, in all branches; those that share a state go on sharing it. */
function settle({ sent, own, client, automatic }: Branches, outcomes: Outcomes, change: Change): void {
  const isShared = own.state === sent.state && outcomes.own === outcomes.sent;
  sent.state = change(sent.state, outcomes.sent.written);
  own.state = isShared ? sent.state : change(own.state, outcomes.own.written);
  client.state = change(client.state, outcomes.client.written);
  automatic.state = change(automatic.state, outcomes.automatic.written);
}

/** What is told of a request after it was sent. */
function follow(
  branches: Branches,
  outcomes: Outcomes,
  rules: CacheRules,
): Pick<Forecast, 'begin' | 'cancel' | 'shorten'> {
  let readyMs: number | null = null;
  return {
    begin(atMs) {
      readyMs = atMs;
      settle(branches, outcomes, (state, written) => markReady(state, written, atMs));
    },
    cancel: () => settle(branches, outcomes, withdraw),
    shorten() {
      const fromMs = readyMs;
      if (fromMs === null) return;
      settle(branches, outcomes, (state, written) => shortenWritten(state, written, fromMs, rules));
    },
  };
}

/** What `cacheStep` says to a request that asks for no caching: nothing of the cache changes either (spec 2.2). */
function readNothing({ cumulativeTokens }: PrefixChain): CacheOutcome {
  const totalTokens = cumulativeTokens.at(-1) ?? 0;
  const counters = {
    readTokens: 0,
    write1hTokens: 0,
    write5mTokens: 0,
    uncachedTokens: totalTokens,
    totalTokens,
  };
  return { ...counters, hit: null, breakpoints: [], written: [], nearMiss: null };
}

/** A request for a prefix alone, with a breakpoint at its end. */
function pingRequest(prompt: Prompt, chain: PrefixChain, blockIndex: number, ttl: Ttl): CacheRequest {
  const end = blockIndex + 1;
  const prefix = {
    ...chain,
    prefixIds: chain.prefixIds.slice(0, end),
    cumulativeTokens: chain.cumulativeTokens.slice(0, end),
    positions: chain.positions.slice(0, end),
  };
  return toCacheRequest(prompt, prefix, [{ blockIndex, ttl, origin: 'explicit' }]);
}

/** A ping, in the branches that have pings: what the client meant, and automatic caching, have none. */
function renew({ sent, own }: Branches, request: CacheRequest, atMs: number, rules: CacheRules): void {
  const isShared = own.state === sent.state;
  const times = { startMs: atMs, readyMs: atMs };
  sent.state = cacheStep(sent.state, request, times, rules)[1];
  own.state = isShared ? sent.state : cacheStep(own.state, request, times, rules)[1];
}

/** The entry that an outcome reads: of several for one prefix the one that lives longest. */
function readEntry(before: CacheState, chain: PrefixChain, outcome: CacheOutcome): CacheEntry | null {
  if (!outcome.hit) return null;
  const entries = before.entries.get(chain.prefixIds[outcome.hit.blockIndex] ?? '') ?? [];
  return entries.reduce<CacheEntry | null>(
    (longest, entry) => (longest && longest.expiresMs >= entry.expiresMs ? longest : entry),
    null,
  );
}

type Outcomes = Pick<Forecast, 'sent' | 'own' | 'client' | 'automatic'>;

/** A step that was made: the state before it, and what came of it. */
interface Step {
  readonly before: CacheState;
  readonly outcome: CacheOutcome;
}

/** The last block of the longest prefix that could be read, whatever the markers; -1 without one. */
function readableIndexOf(
  state: CacheState,
  { prefixIds }: PrefixChain,
  nowMs: number,
  rules: CacheRules,
): number {
  return prefixIds.findLastIndex((prefixId) =>
    (state.entries.get(prefixId) ?? []).some((entry) => isReadable(state, entry, nowMs, rules)),
  );
}

/** Are these the same breakpoints? */
export function areSame(some: readonly Breakpoint[], others: readonly Breakpoint[]): boolean {
  const isSame = ({ blockIndex, ttl }: Breakpoint, at: number): boolean =>
    others[at]?.blockIndex === blockIndex && others[at].ttl === ttl;
  return some.length === others.length && some.every(isSame);
}

/** Requests for which so many entries may be looked at. */
function requestsWorth({ state }: Branch): number {
  return state.entries.size / VISITS_MAX;
}

function empty(): Branch {
  return { state: emptyCacheState };
}
