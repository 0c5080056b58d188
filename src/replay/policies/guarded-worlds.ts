import {
  costOfPlaced,
  type Outlay,
  type PlannedRequest,
  type World,
  type WorldCosts,
} from '../../planner/index.ts';
import {
  TTL_1H,
  type PlacementBuffer,
  type PolicyContext,
  type PolicyRun,
  type ReplayOutcome,
  type ReplayPolicy,
} from '../policy.ts';
import {
  CacheSimulator,
  createOutcome,
  createPlacements,
  type SimulatedRequest,
} from '../simulate/cache-simulator.ts';
import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import { addBreakpoint } from './breakpoints.ts';

/** What an outcome costs in uncached input tokens. */
export function costOfOutcome(outcome: Readonly<ReplayOutcome>, prices: PlannedRequest['prices']): number {
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = outcome;
  const { read, write5m, write1h } = prices;
  return readTokens * read + write5mTokens * write5m + write1hTokens * write1h + uncachedTokens;
}

/** The part of it that is paid for writing, over not caching. */
export function premiumOfOutcome(outcome: Readonly<ReplayOutcome>, prices: PlannedRequest['prices']): number {
  return outcome.write5mTokens * (prices.write5m - 1) + outcome.write1hTokens * (prices.write1h - 1);
}

/** The last block of what a request with breakpoints would read in the cache as it is; -1 when nothing (spec 2.2). */
function hitIndexOf(
  { cumulativeHighTokens, positions, keys, lookbackPositions, prices, atMs }: PlannedRequest,
  breakpoints: readonly { readonly index: number }[],
  context: PolicyContext,
): number {
  for (const { index } of breakpoints.toReversed()) {
    if ((cumulativeHighTokens[index] ?? 0) < prices.minCacheableTokens) return -1;
    const lowest = (positions[index] ?? 0) - (lookbackPositions - 1);
    for (let at = index; at >= 0 && (positions[at] ?? 0) >= lowest; at -= 1)
      if (context.isReadable(keys[at] ?? NO_PREFIX, atMs)) return at;
  }
  return -1;
}

/** What a request would cost with its placements in the cache as it is; what follows its prefix costs the same anyway. */
export function outlayOf(
  request: PlannedRequest,
  { count, prefixIds, ttls }: PlacementBuffer,
  depths: Readonly<Int32Array>,
  context: PolicyContext,
): Outlay {
  const { cumulativeTokens, length, prices } = request;
  const breakpoints = Array.from({ length: count }, (_, at) => ({
    index: depths[prefixIds[at] ?? NO_PREFIX] ?? -1,
    isHour: ttls[at] === TTL_1H,
  }));
  const hitIndex = hitIndexOf(request, breakpoints, context);
  const cost = costOfPlaced(request, { hitIndex, breakpoints });
  const none = cumulativeTokens[length - 1] ?? 0;
  const saved = (cumulativeTokens[hitIndex] ?? 0) * (1 - prices.read);
  return { cost, none, paidPremium: cost - none + saved };
}

/** A policy that is run beside, in a cache of its own. */
class OtherWorld {
  readonly #run: PolicyRun;
  readonly #simulator: CacheSimulator;
  readonly #outcome: ReplayOutcome = createOutcome();
  readonly placements: PlacementBuffer = createPlacements();

  constructor(trace: Trace, policy: ReplayPolicy, context: PolicyContext) {
    this.#run = policy.start(trace, context);
    this.#simulator = new CacheSimulator(trace, context.entriesAre);
  }

  place(request: number, sendMs: number): void {
    this.placements.count = 0;
    this.#run.place(request, this.placements, sendMs);
  }

  cost(simulated: Readonly<SimulatedRequest>, prices: PlannedRequest['prices']): number {
    this.#simulator.step(simulated, this.placements, this.#outcome);
    return costOfOutcome(this.#outcome, prices);
  }
}

/** The worlds beside our own in a replay: what the client would have marked, automatic caching, and no caching. */
export class GuardedWorlds {
  readonly #trace: Trace;
  readonly #automatic: OtherWorld;
  readonly #client: OtherWorld | null;
  readonly #current: SimulatedRequest = { totalTokens: 0, startMs: 0, readyMs: 0, minCacheableTokens: 0 };

  /** @param client null for a client without markers, as those of recorded traces are */
  constructor(trace: Trace, context: PolicyContext, automatic: ReplayPolicy, client: ReplayPolicy | null) {
    this.#trace = trace;
    this.#automatic = new OtherWorld(trace, automatic, context);
    this.#client = client ? new OtherWorld(trace, client, context) : null;
  }

  /** Says where the others would put their breakpoints: for every request, in order. */
  place(request: number, sendMs: number): void {
    this.#current.startMs = sendMs;
    this.#automatic.place(request, sendMs);
    this.#client?.place(request, sendMs);
  }

  /** What a request costs in each world, told what it costs in ours. */
  costs(request: number, prices: PlannedRequest['prices'], own: number): WorldCosts {
    const { requests, trie } = this.#trace;
    const prefixId = requests.prefixIds[request] ?? NO_PREFIX;
    const current = this.#current;
    current.totalTokens = (trie.cumulativeTokens[prefixId] ?? 0) + (requests.tailTokens[request] ?? 0);
    current.readyMs = current.startMs + (requests.timeToFirstTokenMs[request] ?? 0);
    current.minCacheableTokens = prices.minCacheableTokens;
    const none = current.totalTokens;
    const automatic = this.#automatic.cost(current, prices);
    return { own, client: this.#client?.cost(current, prices) ?? none, automatic, none };
  }

  /** Puts the breakpoints of a world other than ours. */
  copyTo(world: World, placements: PlacementBuffer): void {
    const other = world === 'automatic' ? this.#automatic : world === 'client' ? this.#client : null;
    if (!other) return;
    const { count, prefixIds, ttls } = other.placements;
    for (let at = 0; at < count; at += 1)
      addBreakpoint(placements, prefixIds[at] ?? NO_PREFIX, ttls[at] ?? 0);
  }
}
