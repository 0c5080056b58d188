import { LOOKBACK_POSITIONS } from '../../core/index.ts';
import {
  costOfPlaced,
  LearnedPlanner,
  NeverWorse,
  type FamilyOf,
  type LayerEnd,
  type LearnedPlan,
  type PlannedBreakpoint,
  type PlannedRequest,
  type PlanTicket,
  type World,
} from '../../planner/index.ts';
import {
  TTL_1H,
  TTL_5M,
  type PlacementBuffer,
  type PolicyContext,
  type PolicyRun,
  type ReplayOutcome,
  type ReplayPolicy,
  type SendPing,
} from '../policy.ts';
import { NO_PREFIX, REQUEST_KINDS, type Trace } from '../trace/trace.ts';
import { addBreakpoint } from './breakpoints.ts';
import { automaticPolicy } from './fixed.ts';
import { KeptPrefixes } from './kept-prefixes.ts';
import { costOfOutcome, GuardedWorlds, outlayOf, premiumOfOutcome } from './guarded-worlds.ts';

/** A request of a trace as the planner takes it; one object and its arrays are filled again and again. */
class TraceRequest implements PlannedRequest {
  atMs = 0;
  length = 0;
  readonly keys: number[] = [];
  readonly cumulativeTokens: number[] = [];
  readonly cumulativeHighTokens: number[] = this.cumulativeTokens;
  readonly positions: number[] = [];
  layers: readonly LayerEnd[] = [];
  newest: PlannedRequest['newest'] = 'user';
  /** Traces do not say of how many messages a request consists. */
  readonly tail = 'plain';
  application = 0;
  prices: PlannedRequest['prices'];
  readonly lookbackPositions: number;
  readonly #trace: Trace;
  readonly #context: PolicyContext;

  constructor(trace: Trace, context: PolicyContext, prices: PlannedRequest['prices']) {
    this.#trace = trace;
    this.#context = context;
    this.prices = prices;
    this.lookbackPositions = trace.hasLookbackLimit ? LOOKBACK_POSITIONS : Infinity;
  }

  canMark(): boolean {
    return true;
  }

  fill(request: number, sendMs: number): void {
    const { trie, requests } = this.#trace;
    const prefixId = requests.prefixIds[request] ?? NO_PREFIX;
    this.atMs = sendMs;
    this.length = prefixId === NO_PREFIX ? 0 : (trie.depths[prefixId] ?? 0) + 1;
    for (let id = prefixId, at = this.length - 1; at >= 0; at -= 1) {
      this.keys[at] = id;
      this.cumulativeTokens[at] = trie.cumulativeTokens[id] ?? 0;
      this.positions[at] = trie.positions[id] ?? 0;
      id = trie.parents[id] ?? NO_PREFIX;
    }
    this.layers = this.#layersOf(request);
    this.newest = REQUEST_KINDS[requests.kinds[request] ?? 0] ?? 'user';
    this.application = requests.applications[request] ?? 0;
    this.prices = this.#context.prices[requests.models[request] ?? 0] ?? this.prices;
  }

  #layersOf(request: number): readonly LayerEnd[] {
    const { trie, requests } = this.#trace;
    const ends = [
      ['tools-end', requests.toolsEnds],
      ['system-end', requests.systemEnds],
      ['documents-end', requests.documentsEnds],
    ] as const;
    const layers: LayerEnd[] = [];
    for (const [place, column] of ends) {
      const end = column[request] ?? NO_PREFIX;
      if (end === NO_PREFIX) continue;
      const length = (trie.depths[end] ?? 0) + 1;
      if (layers.at(-1)?.length !== length) layers.push({ place, length });
    }
    return layers;
  }
}

/** Our own plans on their way through a trace, and the worlds beside them. */
class GuardedRun implements PolicyRun {
  readonly #planner: LearnedPlanner;
  readonly #guard = new NeverWorse();
  readonly #trace: Trace;
  readonly #context: PolicyContext;
  readonly #planned: TraceRequest;
  readonly #worlds: GuardedWorlds;
  #world: World = 'own';
  #isFollowed = false;
  #isHeldBack = false;
  #ticket: PlanTicket | null = null;
  #ownCost = 0;

  readonly #kept: KeptPrefixes | null;
  #plan: LearnedPlan | null = null;

  constructor(trace: Trace, context: PolicyContext, { client = null, keepsAlive = false }: GuardedOptions) {
    const [prices] = context.prices;
    if (!prices) throw new RangeError('a trace has at least one model');
    // The trace is in memory as a whole: so may be what is learned of it.
    this.#planner = new LearnedPlanner({
      runsMax: 1_000_000,
      blocksMax: 20_000_000,
      entriesAre: context.entriesAre,
      keepsAlive,
    });
    this.#kept = keepsAlive ? new KeptPrefixes(this.#planner, context) : null;
    this.#trace = trace;
    this.#context = context;
    this.#planned = new TraceRequest(trace, context, prices);
    this.#worlds = new GuardedWorlds(trace, context, automaticPolicy, client);
  }

  place(request: number, placements: PlacementBuffer, sendMs: number): void {
    const planned = this.#planned;
    planned.fill(request, sendMs);
    const plan = this.#planner.plan(planned);
    this.#plan = plan;
    // The planner goes by its own world, whichever is followed: so it is known what that would have cost.
    this.#ticket = this.#planner.sent(plan, plan.breakpoints);
    this.#isFollowed = this.#guard.isFollowed(planned);
    this.#world = this.#guard.worldFor(this.#family(request));
    if (this.#isFollowed) this.#ownCost = costOfPlaced(planned, plan);
    if (this.#isFollowed || this.#world !== 'own') this.#worlds.place(request, sendMs);
    if (this.#world === 'own') this.#placeOwn(plan, placements);
    else this.#worlds.copyTo(this.#world, placements);
    this.#isHeldBack = !this.#canAfford(request, placements);
    if (this.#isHeldBack) placements.count = 0;
  }

  #placeOwn({ breakpoints }: LearnedPlan, placements: PlacementBuffer): void {
    const { keys } = this.#planned;
    const inOrder = breakpoints.toSorted((a: PlannedBreakpoint, b) => a.index - b.index);
    for (const { index, isHour } of inOrder)
      addBreakpoint(placements, keys[index] ?? NO_PREFIX, isHour ? TTL_1H : TTL_5M);
  }

  #canAfford(request: number, placements: PlacementBuffer): boolean {
    const planned = this.#planned;
    const atMost = (planned.cumulativeTokens[planned.length - 1] ?? 0) * (planned.prices.write1h - 1);
    return this.#guard.canAfford(this.#family(request), { atMs: planned.atMs, atMost }, () =>
      outlayOf(planned, placements, this.#trace.trie.depths, this.#context),
    );
  }

  observe(request: number, outcome: Readonly<ReplayOutcome>): void {
    const { timeToFirstTokenMs } = this.#trace.requests;
    const ticket = this.#ticket;
    if (!ticket) return;
    this.#planner.begin(ticket, this.#planned.atMs + (timeToFirstTokenMs[request] ?? 0));
    if (this.#world === 'own' && !this.#isHeldBack) this.#believe(ticket, outcome);
    if (this.#isFollowed) this.#settle(request, outcome);
    if (this.#plan) this.#kept?.note(this.#plan, this.#trace.requests.models[request] ?? 0);
  }

  nextWakeMs(): number {
    return this.#kept?.nextWakeMs ?? Infinity;
  }

  wake(nowMs: number, sendPing: SendPing): void {
    this.#kept?.wake(nowMs, sendPing);
  }

  /** After a time in another world, entries that the planner believes in are not there. */
  #believe(ticket: PlanTicket, { readTokens }: Readonly<ReplayOutcome>): void {
    const { cumulativeTokens, length } = this.#planned;
    if (readTokens >= (cumulativeTokens[ticket.hitIndex] ?? 0)) return;
    // It is ours that is missing, and says nothing of how the service keeps entries.
    const silent = { ...ticket, testsLayering: false };
    this.#planner.billed(silent, readTokens / Math.max(1, cumulativeTokens[length - 1] ?? 0));
  }

  #settle(request: number, outcome: Readonly<ReplayOutcome>): void {
    const { atMs, prices, cumulativeTokens, length } = this.#planned;
    const tailTokens = this.#trace.requests.tailTokens[request] ?? 0;
    // Pings are for our own plan, and are paid for whatever comes of them.
    const pings = this.#kept?.takePingCost(this.#planned.application) ?? 0;
    const settlement = {
      costs: this.#worlds.costs(request, prices, this.#ownCost + tailTokens + pings),
      sent: costOfOutcome(outcome, prices) + pings,
      paidPremium: premiumOfOutcome(outcome, prices),
      writePremium: (cumulativeTokens[length - 1] ?? 0) * (prices.write5m - 1),
    };
    this.#guard.settle(this.#family(request), settlement, atMs);
  }

  /** One scope: a trace is one client's. */
  #family(request: number): FamilyOf {
    const group = GROUPS[this.#trace.requests.models[request] ?? 0] ?? '';
    return { group, application: this.#planned.application };
  }
}

/** Names of models as groups; a trace has at most 256. */
const GROUPS: readonly string[] = Array.from({ length: 256 }, (_, model) => `model ${model}`);

/** How the planner is run on a trace. */
interface GuardedOptions {
  /** The policy by which the client marks its requests. @default it marks nothing */
  readonly client?: ReplayPolicy | null;
  /** Sends pings where they pay. @default false */
  readonly keepsAlive?: boolean;
}

/** What the gateway does, for a client that marks its requests as another policy does: its own planner, guarded. */
export function guardedPolicy(client: ReplayPolicy | null): ReplayPolicy {
  return {
    name: 'cachewright',
    summary: "the gateway's own planner, which learns from the requests before",
    isClairvoyant: false,
    start: (trace, context) => new GuardedRun(trace, context, { client }),
  };
}

/** What the gateway does: its own planner, on a trace's prefixes and layers. */
export const cachewrightPolicy: ReplayPolicy = guardedPolicy(null);

/** The same with keep-alive on. */
export const keepAlivePolicy: ReplayPolicy = {
  name: 'cachewright+keepalive',
  summary: 'the same, and pings for shared prefixes where they pay',
  isClairvoyant: false,
  start: (trace, context) => new GuardedRun(trace, context, { keepsAlive: true }),
};
