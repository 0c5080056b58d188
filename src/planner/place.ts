import {
  BREAKPOINTS_MAX,
  type Block,
  type BlockPath,
  type Breakpoint,
  type Level,
  type Prompt,
  type Ttl,
} from '../core/index.ts';
import { PLACES, choosePlaces, type Obstacle, type PlaceFacts, type PlaceName } from './rule.ts';

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

/** What a plan is made from. */
export interface PlanInput {
  readonly prompt: Prompt;
  /** The most that the prefix up to each block may count in tokens: the upper end of the estimate. */
  readonly cumulativeHighTokens: readonly number[];
  /** May a marker be written into this block's bytes? */
  readonly canSplice: (block: Block) => boolean;
}

interface Candidate extends PlaceFacts {
  readonly place: PlaceName;
}

const LEVELS: Readonly<Record<PlaceName, Level>> = {
  tail: 'messages',
  'system-end': 'system',
  'tools-end': 'tools',
};

const REASONS: Readonly<Record<PlaceName, string>> = {
  tail: 'the next turn reads the conversation up to here',
  'system-end': 'requests with the same tools and system read up to here',
  'tools-end': 'requests with the same tools read up to here',
};

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

/**
 * One message and nothing else: most such requests are asked once, and a write that nobody reads costs a quarter more
 * than none. Should the conversation go on, its second turn is marked.
 */
function isSingleMessage(prompt: Prompt): boolean {
  const [first] = prompt.blocks;
  return first?.level === 'messages' && prompt.blocks.every((block) => block.path[1] === first.path[1]);
}

/** What the client's own markers hold against a breakpoint of ours. */
function clientObstacle(prompt: Prompt, place: PlaceName, end: number): Obstacle | null {
  const own = prompt.breakpoints;
  if (own.some((breakpoint) => breakpoint.blockIndex === end)) return 'marked';
  const isInMessages = own.some(({ blockIndex }) => prompt.blocks[blockIndex]?.level === 'messages');
  if (place !== 'tail') return null;
  if (isInMessages) return 'client-conversation';
  return isSingleMessage(prompt) ? 'single-message' : null;
}

function toCandidate(input: PlanInput, place: PlaceName): Candidate {
  const end = lastMarkable(input, LEVELS[place]);
  const tokens = input.cumulativeHighTokens[end] ?? 0;
  return { place, end, tokens, obstacle: clientObstacle(input.prompt, place, end) };
}

/** The sentence for people. */
function explainObstacle(prompt: Prompt, candidate: Candidate, obstacle: Obstacle): string {
  const minimum = prompt.model.facts.minCacheableTokens;
  const sentences: Readonly<Record<Obstacle, string>> = {
    'no-block': 'there is no block that can carry a marker',
    marked: 'the client has marked it',
    'client-conversation': 'the client marks the conversation itself',
    'single-message': 'a single message and nothing before it: nothing says yet that it will be read again',
    'below-minimum': `at most ${candidate.tokens} tokens, below the minimum of ${minimum}`,
    'no-slot': prompt.markerProblem
      ? "the client's markers are refused by the API"
      : 'all four breakpoints are taken',
  };
  return sentences[obstacle];
}

/**
 * The first placement rule (`choosePlaces`) on a body: where the client left slots, mark the end of the conversation,
 * of system and of tools, wherever the prefix may reach the model's minimum. The client's markers stay as they are,
 * and a set of markers that the service would refuse is left alone.
 *
 * @example planPlacements({ prompt, cumulativeHighTokens: [900, 2600], canSplice: () => true }).added
 */
export function planPlacements(input: PlanInput): Plan {
  const { prompt } = input;
  const added: Placement[] = [];
  const declined: Declined[] = [];
  const limits = {
    minCacheableTokens: prompt.model.facts.minCacheableTokens,
    slots: prompt.markerProblem ? 0 : BREAKPOINTS_MAX - prompt.markerCount,
    last1hEnd: prompt.breakpoints.findLast(({ ttl }) => ttl === '1h')?.blockIndex ?? -1,
  };
  choosePlaces(
    PLACES.map((place) => toCandidate(input, place)),
    limits,
    {
      choose: ({ place, end }, ttl) => {
        const path = prompt.blocks[end]?.path ?? [];
        added.push({ place, blockIndex: end, path, ttl, reason: REASONS[place] });
      },
      decline: (candidate, obstacle) => {
        const reason = explainObstacle(prompt, candidate, obstacle);
        declined.push({ place: candidate.place, reason });
      },
    },
  );
  added.sort((a, b) => a.blockIndex - b.blockIndex);
  const own = added.map(({ blockIndex, ttl }): Breakpoint => ({ blockIndex, ttl, origin: 'explicit' }));
  const breakpoints = [...prompt.breakpoints, ...own].toSorted((a, b) => a.blockIndex - b.blockIndex);
  return { added, declined, breakpoints };
}
