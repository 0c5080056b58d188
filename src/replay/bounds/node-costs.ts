import { NO_PREFIX, type Trace } from '../trace/trace.ts';
import { pingsToBridge, pingsToUpgrade, type BoundPrices, type Lifetimes } from './prices.ts';
import type { PingCharges } from './ping-charges.ts';
import type { Segments } from './segments.ts';

/** Least cost of one token of each segment over all its visits, in uncached input tokens; 0 where it has one visit. */
export interface NodeCosts {
  /** Of a block from which every visit goes on to one and the same next block: all but the segment's last. */
  readonly inner: Float64Array;
  /** Of the segment's last block. */
  readonly last: Float64Array;
}

/** Offsets in a node's record: costs so far by what is live after the latest visit, for an inner and the last block. */
const LAST_BLOCK = 3;
const LAST_VISIT = 6;
const WIDTH = 7;

/**
 * Solves, for every segment that is used again, the problem of one prefix: at each visit read it, or write it for 5
 * minutes, for an hour or not at all; in each gap let it lapse, or hold it by pings. Requests and pings pay for each
 * block on their path; the only things that couple blocks here are upgrades. A block goes from 5 minutes to an hour
 * free of charge (a 1h entry below it does that, and is charged where it stands) whenever such a deeper entry could
 * ever be read again: at a read whose next block is visited later, and by a ping in a gap across which some next
 * block has been visited and will be.
 *
 * One pass over the requests in order, three numbers for each kind of block.
 */
export function solveNodes(
  trace: Trace,
  segments: Segments,
  prices: readonly BoundPrices[],
  lifetimes: Lifetimes,
  charges: PingCharges,
): NodeCosts {
  const { requests } = trace;
  const states = startStates(segments.count);
  const openChildren = new Int32Array(segments.count);
  for (let request = 0; request < requests.count; request += 1) {
    const price = prices[requests.models[request] ?? 0];
    if (!price) continue;
    const nowMs = requests.startMs[request] ?? 0;
    let isNextUsedAgain = false;
    let openedBelow = 0;
    let segment = segments.ofRequests[request] ?? NO_PREFIX;
    while (segment !== NO_PREFIX) {
      const parent = segments.parents[segment] ?? NO_PREFIX;
      if (segments.visits[segment] !== 1) {
        const at = segment * WIDTH;
        const gapMs = nowMs - (states[at + LAST_VISIT] ?? 0);
        const ping = price.read * (charges.ofSegments[segment] ?? 0);
        visitNode(states, at, gapMs, price, lifetimes, ping, true, true);
        const isPingUpgrade = (openChildren[segment] ?? 0) > 0;
        visitNode(states, at + LAST_BLOCK, gapMs, price, lifetimes, ping, isPingUpgrade, isNextUsedAgain);
        states[at + LAST_VISIT] = nowMs;
        // Only now: across the gap before this visit, a child was open whose last visit this is.
        openChildren[segment] = (openChildren[segment] ?? 0) + openedBelow;
        openedBelow = openedBy(segments, segment, request);
      }
      isNextUsedAgain = (segments.lastRequests[segment] ?? 0) > request;
      segment = parent;
    }
    charges.pass(request);
  }
  return finishCosts(segments, states);
}

/** +1 on the first of several visits, -1 on the last. */
function openedBy(segments: Segments, segment: number, request: number): number {
  if (segments.firstRequests[segment] === request) return 1;
  return segments.lastRequests[segment] === request ? -1 : 0;
}

function startStates(count: number): Float64Array {
  const states = new Float64Array(count * WIDTH);
  for (let at = 0; at < states.length; at += WIDTH) {
    for (const kind of [at, at + LAST_BLOCK]) {
      states[kind + 1] = Infinity;
      states[kind + 2] = Infinity;
    }
  }
  return states;
}

function visitNode(
  states: Float64Array,
  at: number,
  gapMs: number,
  { read, write5m, write1h }: BoundPrices,
  lifetimes: Lifetimes,
  ping: number,
  isPingUpgrade: boolean,
  isReadUpgrade: boolean,
): void {
  const old5m = states[at + 1] ?? 0;
  const old1h = states[at + 2] ?? 0;
  const nothing = Math.min(states[at] ?? 0, old5m, old1h);
  // After its first visit a lapsed block may also be written by a ping, ahead of the visit.
  const ahead = old5m === Infinity ? Infinity : nothing + write5m;
  const live5m = Math.min(old5m + ping * pingsToBridge(gapMs, lifetimes.live5mMs), ahead);
  let live1h = old1h + ping * pingsToBridge(gapMs, lifetimes.live1hMs);
  if (isPingUpgrade) live1h = Math.min(live1h, old5m + ping * pingsToUpgrade(gapMs, lifetimes));
  states[at] = nothing + 1;
  states[at + 1] = Math.min(live5m, live1h, nothing + write5m - read) + read;
  states[at + 2] = Math.min(live1h, nothing + write1h - read, isReadUpgrade ? live5m : Infinity) + read;
}

function finishCosts(segments: Segments, states: Float64Array): NodeCosts {
  const inner = new Float64Array(segments.count);
  const last = new Float64Array(segments.count);
  for (let segment = 0; segment < segments.count; segment += 1) {
    const at = segment * WIDTH;
    if (segments.visits[segment] === 1) continue;
    inner[segment] = Math.min(states[at] ?? 0, states[at + 1] ?? 0, states[at + 2] ?? 0);
    const end = at + LAST_BLOCK;
    last[segment] = Math.min(states[end] ?? 0, states[end + 1] ?? 0, states[end + 2] ?? 0);
  }
  return { inner, last };
}
