import type { JsonObject } from '../core/index.ts';
import { instructionsIn, isCompaction, isCompactionAlone } from './compaction.ts';
import { appendSystem } from './history.ts';
import { countTurns } from './limits.ts';
import { beginsTurn, isToolResult, withoutThinking, type HistoryMessage } from './message.ts';

/** What a cut must leave at most. */
export interface CutBudget {
  readonly tokens: number;
  readonly turns: number;
  /** Less than this cannot be cached: rather than that up to `mostTokens` may be left. @default none */
  readonly leastTokens?: number;
  readonly mostTokens?: number;
  /** Messages at the beginning that stay in any case; tokens and turns are of the others. @default none */
  readonly first?: number;
  /** Billed tokens of messages, by estimate. */
  readonly sizeOf: (messages: readonly HistoryMessage[]) => number;
}

/** A history after a cut. */
export interface Cut {
  readonly messages: readonly HistoryMessage[];
  /** What is in it no more; of a tool's results, the message with the results that went. */
  readonly dropped: readonly HistoryMessage[];
}

/** Where the rest of a history may begin: `head` stays in front of it where it begins within a turn; -1: nothing does. */
interface Start {
  readonly at: number;
  readonly head: number;
}

const SUMMARY_TITLE = 'Summary of the conversation before this point:\n\n';
const RESULT_DROPPED = 'This result was dropped to keep the conversation short.';

/** The block that tells what went before. */
export function summaryBlock(text: string): JsonObject {
  return { type: 'text', text: `${SUMMARY_TITLE}${text}` };
}

export function isSummary(block: JsonObject | undefined): block is JsonObject {
  return block?.['type'] === 'text' && String(block['text']).startsWith(SUMMARY_TITLE);
}

/**
 * Where a shorter history may begin, the longest first: at a message of the user that begins a turn; or, within the newest
 * turn, at an answer whose calls and results stay together, with the message that began the turn in front. Where the API's
 * block stands for that message as well, nothing is put in front.
 */
function startsOf(messages: readonly HistoryMessage[]): readonly Start[] {
  // In front of a block that the API has written there is nothing that could go.
  const first = messages[0] && isCompactionAlone(messages[0]) ? 1 : 0;
  const turns = messages.flatMap((message, at) =>
    at > first && beginsTurn(message) ? [{ at, head: -1 }] : [],
  );
  const head = messages.findLastIndex(beginsTurn);
  const isTold = head < 0 && isCompaction(messages[0]?.content[0]);
  const step = isTold ? first + 1 : head + 2;
  const steps = messages.flatMap((message, at) =>
    (isTold || head >= 0) && at >= step && message.role === 'assistant' ? [{ at, head }] : [],
  );
  return [...turns, ...steps];
}

/** Instructions that were given on the way stay in force: they follow the first message of the user that is kept. */
function carrySystem(
  kept: readonly HistoryMessage[],
  dropped: readonly HistoryMessage[],
): readonly HistoryMessage[] {
  const carried = dropped.filter((message) => message.role === 'system');
  const at = kept.findIndex(({ role }) => role === 'user') + 1;
  if (at === 0 || carried.length === 0) return kept;
  const blocks = carried.flatMap(({ content }) => content);
  const next = kept[at];
  if (next?.role === 'system') return kept.with(at, { ...next, content: [...blocks, ...next.content] });
  return kept.toSpliced(at, 0, { role: 'system', content: blocks });
}

function keepFrom(messages: readonly HistoryMessage[], { at, head }: Start, summary: JsonObject | null): Cut {
  const tail = messages.slice(at);
  const front = messages[head];
  const kept = front ? [front, ...tail] : tail;
  const gone = messages.filter((_message, index) => index < at && index !== head);
  const old = messages[0]?.content[0];
  // A summary stands for what was dropped before: it outlives the message that it stands in.
  const told = summary ?? (head !== 0 && (isSummary(old) || isCompaction(old)) ? old : null);
  const withSystem = carrySystem(kept, gone);
  const [first, ...rest] = withSystem;
  const dropped = gone.filter((message) => message.role !== 'system' && !isCompactionAlone(message));
  if (!first || !told) return { messages: withSystem, dropped };
  if (isCompaction(told))
    return { messages: [{ role: 'assistant', content: [told] }, ...withSystem], dropped };
  if (first.role === 'assistant')
    return { messages: [{ role: 'user', content: [told] }, ...withSystem], dropped };
  const own = isSummary(first.content[0]) ? first.content.slice(1) : first.content;
  return { messages: [{ ...first, content: [told, ...own] }, ...rest], dropped };
}

/** How many messages the first turns have; all where there are no more. */
export function firstMessages(messages: readonly HistoryMessage[], turns: number): number {
  const begins = messages.flatMap((message, index) => (beginsTurn(message) ? [index] : []));
  return turns === 0 ? 0 : (begins[turns] ?? messages.length);
}

/**
 * The longest rest of the history that fits, behind the messages that stay in any case; else the shortest there is; null
 * where nothing can go.
 */
export function dropOldest(
  messages: readonly HistoryMessage[],
  budget: CutBudget,
  summary: { readonly block: JsonObject; readonly covers: number } | null = null,
): Cut | null {
  const { first = 0 } = budget;
  const behind = summary && { ...summary, covers: summary.covers - first };
  const cut = dropFrom(messages.slice(first), budget, behind);
  return cut && { ...cut, messages: [...messages.slice(0, first), ...cut.messages] };
}

/**
 * Of what could be left, the longest first, the longest that fits, or one that is longer where that is too short to be cached;
 * where nothing fits the shortest.
 */
function chooseRest<Rest extends { readonly messages: readonly HistoryMessage[] }>(
  starts: readonly Start[],
  restFrom: (start: Start) => Rest,
  { tokens, turns, leastTokens = 0, mostTokens = 0, sizeOf }: CutBudget,
): Rest | null {
  let longer: Rest | null = null;
  let last: Rest | null = null;
  for (const start of starts) {
    const rest = restFrom(start);
    const size = sizeOf(rest.messages);
    const isAllowed = countTurns(rest.messages) <= turns;
    if (isAllowed && size <= tokens) return size < leastTokens ? (longer ?? rest) : rest;
    if (isAllowed && size >= leastTokens && size <= mostTokens) longer = rest;
    last = rest;
  }
  return longer ?? last;
}

function dropFrom(
  messages: readonly HistoryMessage[],
  budget: CutBudget,
  summary: { readonly block: JsonObject; readonly covers: number } | null,
): Cut | null {
  const { block = null, covers = Infinity } = summary ?? {};
  const starts = startsOf(messages).filter(({ at }) => at <= covers);
  return chooseRest(starts, (start) => keepFrom(messages, start, block), budget);
}

/**
 * Up to where the API should summarise a history: what comes after it fits, or is the shortest there is; null where nothing
 * can go. No call is parted from its result there.
 */
export function compactionPoint(messages: readonly HistoryMessage[], budget: CutBudget): number | null {
  const restFrom = ({ at }: Start) => ({ at, messages: messages.slice(at) });
  return chooseRest(startsOf(messages), restFrom, budget)?.at ?? null;
}

/**
 * A history with the API's block in the place of its first messages. What follows stays word for word, since thinking is
 * bound to it; instructions among what went are said again, behind what is said now.
 */
export function keepBehindBlock(
  messages: readonly HistoryMessage[],
  { block, covers }: { readonly block: JsonObject; readonly covers: number },
): Cut {
  const gone = messages.slice(0, covers);
  const instructions = instructionsIn(gone);
  const kept: readonly HistoryMessage[] = [
    { role: 'assistant', content: [block] },
    ...messages.slice(covers),
  ];
  const dropped = gone.filter((message) => message.role !== 'system' && !isCompactionAlone(message));
  return { messages: appendSystem(kept, instructions), dropped };
}

function isDroppable(block: JsonObject): boolean {
  return isToolResult(block) && block['content'] !== RESULT_DROPPED;
}

/** Takes the content out of the oldest tool results until the rest fits; the calls stay, each with its result. */
export function dropToolResults(messages: readonly HistoryMessage[], budget: CutBudget): Cut | null {
  const kept = [...messages];
  const dropped: HistoryMessage[] = [];
  const { first = 0 } = budget;
  let tokens = budget.sizeOf(messages.slice(first));
  // What was just brought has not been read yet.
  for (let index = first; index < messages.length - 1 && tokens > budget.tokens; index += 1) {
    const message = messages[index];
    const results = message?.content.filter(isDroppable) ?? [];
    if (!message || results.length === 0) continue;
    const content = message.content.map((block) =>
      isDroppable(block) ? { ...block, content: RESULT_DROPPED } : block,
    );
    const shorter = { ...message, content };
    tokens += budget.sizeOf([shorter]) - budget.sizeOf([message]);
    kept[index] = shorter;
    dropped.push({ ...message, content: results });
  }
  return dropped.length > 0 ? { messages: kept, dropped } : null;
}

/** On models that bind their thinking to what went before it, none of it can follow a cut (spec 7.4). */
export function unbindThinking(messages: readonly HistoryMessage[]): readonly HistoryMessage[] {
  return messages.map(withoutThinking);
}
