import { BREAKPOINTS_MAX, type BlockPath, type Breakpoint, type Prompt, type Ttl } from '../core/index.ts';
import type { LearnedPlan, PlaceName, PlannedBreakpoint, SentBreakpoint } from './learned/index.ts';

/** A breakpoint that we add, with the reason for people. */
export interface Placement {
  readonly blockIndex: number;
  readonly path: BlockPath;
  readonly ttl: Ttl;
  readonly place: PlaceName;
  readonly reason: string;
}

/** A place that was considered and left alone, with the reason. */
export interface Declined {
  readonly place: PlaceName;
  readonly reason: string;
}

/** Which breakpoints a request should have. */
export interface Plan {
  /** Breakpoints to add, in block order. */
  readonly added: readonly Placement[];
  readonly declined: readonly Declined[];
  /** The client's own breakpoints and ours together, in block order. */
  readonly breakpoints: readonly Breakpoint[];
}

const USES: Readonly<Record<PlaceName, string>> = {
  'tools-end': 'requests with the same tools read up to here',
  'system-end': 'requests with the same tools and system read up to here',
  'documents-end': 'requests with the same documents read up to here',
  shared: 'other requests went the same way up to here',
  tail: 'the next turn reads the conversation up to here',
  read: 'an entry that ends here is read; nothing is written',
};

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function reasonFor({ place, within5m, within1h }: PlannedBreakpoint): string {
  if (place === 'read') return USES.read;
  return `${USES[place]}: expected again within 5 minutes in ${percent(within5m)} of cases, within the hour in ${percent(within1h)}`;
}

/** The client's own breakpoints, which stay as they are. */
interface Client {
  readonly indices: ReadonlySet<number>;
  /** The last of them in the conversation; -1 without one. */
  readonly lastInMessages: number;
  readonly last1h: number;
  readonly first5m: number;
  /** How many may be added. */
  readonly slots: number;
}

function readClient(prompt: Prompt): Client {
  const own = prompt.breakpoints;
  const inMessages = own.findLast(({ blockIndex }) => prompt.blocks[blockIndex]?.level === 'messages');
  return {
    indices: new Set(own.map(({ blockIndex }) => blockIndex)),
    lastInMessages: inMessages?.blockIndex ?? -1,
    last1h: own.findLast(({ ttl }) => ttl === '1h')?.blockIndex ?? -1,
    first5m: own.find(({ ttl }) => ttl === '5m')?.blockIndex ?? Infinity,
    slots: prompt.markerProblem ? 0 : BREAKPOINTS_MAX - prompt.markerCount,
  };
}

/** Why a place gets no breakpoint beside the client's; null when it may have one. */
function clientObstacle(index: number, prompt: Prompt, client: Client, taken: number): string | null {
  if (client.indices.has(index)) return 'the client has marked it';
  // Where the client says what of the conversation is written, we do not write more.
  if (client.lastInMessages >= 0 && index > client.lastInMessages)
    return 'the client marks the conversation itself';
  if (taken < client.slots) return null;
  return prompt.markerProblem
    ? "the client's markers are refused by the API"
    : 'all four breakpoints are taken';
}

/** The TTL wanted, within what keeps 1h before 5m beside the client's breakpoints (spec 4.6). */
function lawfulTtl({ index, isHour }: PlannedBreakpoint, client: Client): Ttl {
  if (index < client.last1h) return '1h';
  return isHour && index < client.first5m ? '1h' : '5m';
}

/** Why a boundary that was weighed is not written. */
function declineReason(learned: LearnedPlan, index: number, within5m: number): string {
  const { cumulativeHighTokens, prices } = learned.request;
  const tokens = cumulativeHighTokens[index] ?? 0;
  if (index <= learned.hitIndex) return 'it is read';
  if (learned.isInFlight) return 'another request is writing it right now';
  if (tokens < prices.minCacheableTokens)
    return `at most ${tokens} tokens, below the minimum of ${prices.minCacheableTokens}`;
  const breakEven = (prices.write5m - 1) / (prices.write5m - prices.read);
  return `expected again within 5 minutes in ${percent(within5m)} of cases; writing pays from ${percent(breakEven)} on`;
}

const WEIGHED_PLACES = ['tail', 'system-end', 'tools-end'] as const;

/** Places that are weighed in every request and got no breakpoint. */
function declineRest(learned: LearnedPlan, seen: ReadonlySet<PlaceName>): Declined[] {
  return WEIGHED_PLACES.flatMap((place) => {
    if (seen.has(place)) return [];
    if (learned.hitIndex === learned.request.length - 1) return [{ place, reason: 'it is read' }];
    const boundary = learned.boundaries.find((each) => each.place === place);
    const reason = boundary
      ? declineReason(learned, boundary.index, boundary.chance.within5m)
      : 'there is no block that can carry a marker';
    return [{ place, reason }];
  });
}

/**
 * Puts what the learned planner wants beside the client's own breakpoints: those stay as they are, never more than
 * four in all, never 1h after 5m, and a set of markers that the service would refuse is left alone.
 *
 * @example placeBreakpoints(prompt, planner.plan(toPlannedRequest({ prompt, chain, ... }))).added
 */
export function placeBreakpoints(prompt: Prompt, learned: LearnedPlan): Plan {
  const client = readClient(prompt);
  const added: Placement[] = [];
  const declined: Declined[] = [];
  for (const wanted of learned.breakpoints) {
    const { index, place } = wanted;
    const reason = clientObstacle(index, prompt, client, added.length);
    const path = prompt.blocks[index]?.path ?? [];
    if (reason !== null) declined.push({ place, reason });
    else
      added.push({
        place,
        blockIndex: index,
        path,
        ttl: lawfulTtl(wanted, client),
        reason: reasonFor(wanted),
      });
  }
  const seen = new Set([...added, ...declined].map(({ place }) => place));
  declined.push(...declineRest(learned, seen));
  added.sort((a, b) => a.blockIndex - b.blockIndex);
  const own = added.map(({ blockIndex, ttl }): Breakpoint => ({ blockIndex, ttl, origin: 'explicit' }));
  const breakpoints = [...prompt.breakpoints, ...own].toSorted((a, b) => a.blockIndex - b.blockIndex);
  return { added, declined, breakpoints };
}

/** Breakpoints in the form in which the learned planner is told of them. */
export function asSent(breakpoints: readonly Breakpoint[]): readonly SentBreakpoint[] {
  return breakpoints.map(({ blockIndex, ttl }) => ({ index: blockIndex, isHour: ttl === '1h' }));
}
