import { BREAKPOINTS_MAX, type BlockPath, type Breakpoint, type Prompt, type Ttl } from '../core/index.ts';
import type { Outlay, World } from './guard/index.ts';
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
  /** `guard`: all of what we would have placed, because it has cost more than what it replaces. */
  readonly place: PlaceName | 'guard';
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
function declineRest(learned: LearnedPlan, seen: ReadonlySet<Declined['place']>): Declined[] {
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

/** The last block that could be marked, as automatic caching marks it; -1 where the client leaves no room for it. */
function automaticIndex(prompt: Prompt, { request }: LearnedPlan): number {
  let index = request.length - 1;
  while (index >= 0 && !request.canMark(index)) index -= 1;
  return index >= 0 && clientObstacle(index, prompt, readClient(prompt), 0) === null ? index : -1;
}

/** May a breakpoint like that of automatic caching be added to what the client has marked? */
export function canAddAutomatic(prompt: Prompt, learned: LearnedPlan): boolean {
  return automaticIndex(prompt, learned) >= 0;
}

const STEPPED_BACK: Readonly<Record<Exclude<World, 'own'>, string>> = {
  client: "the client's own markers",
  automatic: 'automatic caching',
  none: 'no caching',
};

/**
 * The plan of a request whose family has stepped back: the client's breakpoints as they are, and under `automatic` one on
 * the last block. Says so under `guard`, with what our own plan has cost over it of late.
 *
 * @param loss of our own plan against that world, as a share; see `NeverWorse.lossAgainst`
 */
export function stepBack(
  prompt: Prompt,
  learned: LearnedPlan,
  world: Exclude<World, 'own'>,
  loss: number,
): Plan {
  const others = STEPPED_BACK[world];
  const size = loss > 0 ? `${percent(loss)} more than ${others} of late` : `more than ${others} before`;
  const reason = `our own plan has cost ${size}, so requests with these tools and system follow ${others}`;
  const declined: Declined[] = [{ place: 'guard', reason }];
  const index = world === 'automatic' ? automaticIndex(prompt, learned) : -1;
  const path = prompt.blocks[index]?.path;
  if (!path) return { added: [], declined, breakpoints: prompt.breakpoints };
  const added: Placement = { blockIndex: index, path, ttl: '5m', place: 'tail', reason };
  const own: Breakpoint = { blockIndex: index, ttl: '5m', origin: 'explicit' };
  const breakpoints = [...prompt.breakpoints, own].toSorted((a, b) => a.blockIndex - b.blockIndex);
  return { added: [added], declined, breakpoints };
}

/**
 * The plan of a request that its scope and model cannot afford to write now: the client's breakpoints as they are. Says so
 * under `guard`, with what it would have cost.
 */
export function holdBack(prompt: Prompt, { cost, none }: Outlay): Plan {
  const size = percent((cost - none) / Math.max(1, none));
  const reason = `to write this request would cost ${size} more than not caching it, which what was saved so far does not cover`;
  return { added: [], declined: [{ place: 'guard', reason }], breakpoints: prompt.breakpoints };
}

/** Breakpoints in the form in which the learned planner is told of them. */
export function asSent(breakpoints: readonly Breakpoint[]): readonly SentBreakpoint[] {
  return breakpoints.map(({ blockIndex, ttl }) => ({ index: blockIndex, isHour: ttl === '1h' }));
}
