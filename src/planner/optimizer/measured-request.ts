import {
  totalInputTokens,
  type Level,
  type PrefixChain,
  type Prompt,
  type TokenCounts,
} from '../../core/index.ts';

/** Where a breakpoint could stand in one request. */
export interface MeasuredPlace {
  /** One of the optimiser's `places`; the same name means the same kind of place in every request of the family. */
  readonly name: string;
  /** The last block that a breakpoint there covers. */
  readonly blockIndex: number;
}

/** A request that was made: when, with which prefixes, and where breakpoints could have stood. */
export interface MeasuredRequest {
  /** What the requests of one kind are called: an application, a prompt's name. Advice is given for each family. */
  readonly family: string;
  /** Model id as sent. */
  readonly model: string;
  /** ms since 1970 UTC. Requests of one family come in the order of their times. */
  readonly atMs: number;
  /** When its response began, after which what it wrote can be read (spec 4.4). @default atMs */
  readonly readyMs?: number;
  readonly chain: PrefixChain;
  /** In block order. */
  readonly places: readonly MeasuredPlace[];
  /** Counters that it was billed, if known: then savings are also told against the bill, and tokens are scaled to it. */
  readonly billed?: TokenCounts | null;
}

/** Facts of a request besides its prompt. */
export type RequestFacts = Pick<MeasuredRequest, 'family' | 'atMs' | 'readyMs' | 'billed'>;

const LEVEL_PLACES: readonly (readonly [Level, string])[] = [
  ['tools', 'tools-end'],
  ['system', 'system-end'],
];

/**
 * A request whose body is at hand, from its prompt and prefixes (`readPrompt` and `chainPrefixes` of cachewright/core):
 * the ends of tools and system and the last block that can carry a marker are its places.
 */
export function measurePrompt(prompt: Prompt, chain: PrefixChain, facts: RequestFacts): MeasuredRequest {
  const places = LEVEL_PLACES.flatMap(([level, name]) => {
    const blockIndex = prompt.blocks.findLastIndex((block) => block.level === level && block.canCarryMarker);
    return blockIndex < 0 ? [] : [{ name, blockIndex }];
  });
  const tail = prompt.blocks.findLastIndex((block) => block.level === 'messages' && block.canCarryMarker);
  if (tail >= 0) places.push({ name: 'tail', blockIndex: tail });
  return { ...facts, model: prompt.model.facts.id, chain, places };
}

/** A call as a log of usage has it: what was billed, and of which conversation it is, but nothing of its prompt. */
export interface UsageCall {
  readonly family: string;
  readonly conversation: string;
  readonly model: string;
  readonly atMs: number;
  readonly readyMs?: number;
  readonly billed: TokenCounts;
}

/** Ends of earlier turns that a call can read: more than one, since the newest may still be in flight. */
const ENDS_MAX = 4;
/** Conversations that are followed at a time, and branches of each. */
const CONVERSATIONS_MAX = 10_000;
const BRANCHES_MAX = 8;

interface End {
  readonly prefixId: string;
  readonly tokens: number;
}

/** Calls of which each extends the one before. */
type Branch = readonly End[];

interface Followed {
  /** Calls so far: makes names of prefixes. */
  calls: number;
  /** The one that was extended last stands last. */
  branches: readonly Branch[];
}

function follow(known: Map<string, Followed>, key: string): Followed {
  const found = known.get(key) ?? { calls: 0, branches: [] };
  known.delete(key);
  known.set(key, found);
  if (known.size > CONVERSATIONS_MAX) known.delete(known.keys().next().value ?? '');
  return found;
}

const lengthOf = (branch: Branch): number => branch.at(-1)?.tokens ?? 0;

/** The branch that a call extends: the longest that is not longer than its prompt; null where it begins anew. */
function branchFor({ branches }: Followed, tokens: number): Branch | null {
  const possible = branches.filter((branch) => lengthOf(branch) <= tokens);
  return possible.toSorted((a, b) => lengthOf(b) - lengthOf(a))[0] ?? null;
}

/**
 * Requests from usage alone. Assumes that each call of a conversation extends the longest one of its earlier calls, of those
 * that none extends yet, that is no longer than its prompt, and that it begins anew where all are longer: so it goes for
 * calls of helpers in between and after a summary. What different conversations share cannot be seen, so the saving there
 * is left out. The one place is `tail`.
 *
 * @example for (const request of measureUsage(calls)) advisor.record(request);
 */
export function* measureUsage(calls: Iterable<UsageCall>): Generator<MeasuredRequest, void, undefined> {
  const known = new Map<string, Followed>();
  for (const { conversation, ...call } of calls) {
    const key = JSON.stringify([call.family, call.model, conversation]);
    const followed = follow(known, key);
    const tokens = totalInputTokens(call.billed);
    const extended = branchFor(followed, tokens);
    followed.calls += 1;
    const ends = [...(extended ?? []), { prefixId: `${key} ${followed.calls}`, tokens }].slice(-ENDS_MAX);
    const others = followed.branches.filter((branch) => branch !== extended);
    followed.branches = [...others, ends].slice(-BRANCHES_MAX);
    yield {
      ...call,
      chain: {
        partition: call.model,
        prefixIds: ends.map(({ prefixId }) => prefixId),
        cumulativeTokens: ends.map((end) => end.tokens),
        positions: ends.map((_, index) => index),
      },
      places: [{ name: 'tail', blockIndex: ends.length - 1 }],
    };
  }
}
