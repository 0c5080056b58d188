import {
  BREAKPOINTS_MAX,
  type Block,
  type BlockPath,
  type Breakpoint,
  type Level,
  type Prompt,
  type Ttl,
} from '../core/index.ts';

/** A breakpoint that we add, with the reason for people. */
export interface Placement {
  readonly blockIndex: number;
  readonly path: BlockPath;
  readonly ttl: Ttl;
  readonly place: 'tools-end' | 'system-end' | 'tail';
  readonly reason: string;
}

/** A place that was considered and left alone, with the reason. */
export interface Declined {
  readonly place: Placement['place'];
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

/** What a plan is made from. */
export interface PlanInput {
  readonly prompt: Prompt;
  /** The most that the prefix up to each block may count in tokens: the upper end of the estimate. */
  readonly cumulativeHighTokens: readonly number[];
  /** May a marker be written into this block's bytes? */
  readonly canSplice: (block: Block) => boolean;
}

interface Candidate {
  readonly place: Placement['place'];
  readonly blockIndex: number;
  readonly reason: string;
}

/**
 * Last block of a level on which a breakpoint can stand; -1 when there is none. One that the client has marked
 * is such a block: passing over it would put a second breakpoint right before the client's own.
 */
function lastMarkable({ prompt, canSplice }: PlanInput, level: Level): number {
  const marked = new Set(prompt.breakpoints.map((breakpoint) => breakpoint.blockIndex));
  return prompt.blocks.findLastIndex(
    (block, index) =>
      block.level === level &&
      (marked.has(index) || (block.canCarryMarker && block.isDocumentedCarrier && canSplice(block))),
  );
}

function isMarkedBeyond(prompt: Prompt, level: Level): boolean {
  return prompt.breakpoints.some((breakpoint) => prompt.blocks[breakpoint.blockIndex]?.level === level);
}

/** Candidates, most valuable first: the tail carries a conversation, system and tools what conversations share. */
function findCandidates(input: PlanInput): readonly Candidate[] {
  const tail: Candidate = {
    place: 'tail',
    blockIndex: lastMarkable(input, 'messages'),
    reason: 'the next turn reads the conversation up to here',
  };
  const system: Candidate = {
    place: 'system-end',
    blockIndex: lastMarkable(input, 'system'),
    reason: 'requests with the same tools and system read up to here',
  };
  const tools: Candidate = {
    place: 'tools-end',
    blockIndex: lastMarkable(input, 'tools'),
    reason: 'requests with the same tools read up to here',
  };
  return [tail, system, tools];
}

/** Why a candidate gets no breakpoint; null when it may have one. */
function declineReason(input: PlanInput, candidate: Candidate): string | null {
  const { prompt, cumulativeHighTokens } = input;
  if (candidate.blockIndex < 0) return 'there is no block that can carry a marker';
  if (prompt.breakpoints.some((breakpoint) => breakpoint.blockIndex === candidate.blockIndex)) {
    return 'the client has marked it';
  }
  if (candidate.place === 'tail' && isMarkedBeyond(prompt, 'messages')) {
    return 'the client marks the conversation itself';
  }
  const tokens = cumulativeHighTokens[candidate.blockIndex] ?? 0;
  const minimum = prompt.model.facts.minCacheableTokens;
  return tokens < minimum ? `at most ${tokens} tokens, below the minimum of ${minimum}` : null;
}

/** The one TTL that keeps 1h before 5m (spec 4.6): 1h while a later breakpoint of the client's is 1h. */
function lawfulTtl(prompt: Prompt, blockIndex: number): Ttl {
  const later1h = prompt.breakpoints.some((own) => own.blockIndex > blockIndex && own.ttl === '1h');
  return later1h ? '1h' : '5m';
}

/**
 * The first placement rule: where the client left slots, mark the end of the conversation, of system and of
 * tools, wherever the prefix may reach the model's minimum. The client's markers stay as they are, and a
 * set of markers that the service would refuse is left alone.
 *
 * @example planPlacements({ prompt, cumulativeHighTokens: [900, 2600], canSplice: () => true }).added
 */
export function planPlacements(input: PlanInput): Plan {
  const { prompt } = input;
  const added: Placement[] = [];
  const declined: Declined[] = [];
  let slots = prompt.markerProblem ? 0 : BREAKPOINTS_MAX - prompt.markerCount;
  for (const candidate of findCandidates(input)) {
    const { place, blockIndex, reason } = candidate;
    const noSlot = prompt.markerProblem
      ? "the client's markers are refused by the API"
      : 'all four breakpoints are taken';
    const obstacle = declineReason(input, candidate) ?? (slots <= 0 ? noSlot : null);
    const block = prompt.blocks[blockIndex];
    if (obstacle !== null || !block) {
      declined.push({ place, reason: obstacle ?? 'there is no such block' });
      continue;
    }
    slots -= 1;
    added.push({ place, blockIndex, path: block.path, ttl: lawfulTtl(prompt, blockIndex), reason });
  }
  added.sort((a, b) => a.blockIndex - b.blockIndex);
  const own = added.map(({ blockIndex, ttl }): Breakpoint => ({ blockIndex, ttl, origin: 'explicit' }));
  const breakpoints = [...prompt.breakpoints, ...own].toSorted((a, b) => a.blockIndex - b.blockIndex);
  return { added, declined, breakpoints };
}
