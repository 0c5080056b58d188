import { LOOKBACK_POSITIONS } from '../../core/index.ts';
import {
  LearnedPlanner,
  type LayerEnd,
  type PlannedBreakpoint,
  type PlannedRequest,
  type PlanTicket,
} from '../../planner/index.ts';
import { TTL_1H, TTL_5M, type PolicyContext, type PolicyRun, type ReplayPolicy } from '../policy.ts';
import { NO_PREFIX, REQUEST_KINDS, type Trace } from '../trace/trace.ts';
import { addBreakpoint } from './breakpoints.ts';

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

  fill(request: number): void {
    const { trie, requests } = this.#trace;
    const prefixId = requests.prefixIds[request] ?? NO_PREFIX;
    this.atMs = requests.startMs[request] ?? 0;
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

function startRun(trace: Trace, context: PolicyContext): PolicyRun {
  const [prices] = context.prices;
  if (!prices) throw new RangeError('a trace has at least one model');
  // The trace is in memory as a whole: so may be what is learned of it.
  const planner = new LearnedPlanner({ runsMax: 1_000_000, blocksMax: 20_000_000 });
  const planned = new TraceRequest(trace, context, prices);
  let ticket: PlanTicket | null = null;
  return {
    place(request, placements) {
      planned.fill(request);
      const plan = planner.plan(planned);
      ticket = planner.sent(plan, plan.breakpoints);
      const inOrder = plan.breakpoints.toSorted((a: PlannedBreakpoint, b) => a.index - b.index);
      for (const { index, isHour } of inOrder)
        addBreakpoint(placements, planned.keys[index] ?? NO_PREFIX, isHour ? TTL_1H : TTL_5M);
    },
    observe(request) {
      const { startMs, timeToFirstTokenMs } = trace.requests;
      if (ticket) planner.begin(ticket, (startMs[request] ?? 0) + (timeToFirstTokenMs[request] ?? 0));
    },
  };
}

/** What the gateway does: its own planner, on a trace's prefixes and layers. */
export const cachewrightPolicy: ReplayPolicy = {
  name: 'cachewright',
  summary: "the gateway's own planner, which learns from the requests before",
  isClairvoyant: false,
  start: startRun,
};
