import type { Level } from '../../core/index.ts';
import { tokensOf, type WatchedRequest } from './watched-request.ts';

/** Blocks of one level: index of the first, and of the first after them. */
export interface LevelSpan {
  readonly start: number;
  readonly end: number;
}

/** By so many blocks what both requests have may stand earlier or later in one of them. */
const SHIFTS: readonly number[] = [0, 1, -1, 2, -2];

/** Where the blocks of a level stand. */
export function spanOf({ blocks }: WatchedRequest, level: Level): LevelSpan {
  const start = blocks.findIndex((block) => block.level === level);
  if (start < 0) return { start: 0, end: 0 };
  return { start, end: blocks.findLastIndex((block) => block.level === level) + 1 };
}

/** Is it the same block, wherever it stands? */
export function isSameBlock(
  before: WatchedRequest,
  at: number,
  after: WatchedRequest,
  index: number,
): boolean {
  const a = before.blocks[at];
  const b = after.blocks[index];
  return a !== undefined && b !== undefined && a.content === b.content && a.label === b.label;
}

function sharedTools(before: WatchedRequest, after: WatchedRequest, from: number, span: LevelSpan): number {
  const known = spanOf(before, 'tools');
  const contents = new Set(before.blocks.slice(known.start, known.end).map((block) => block.content));
  let tokens = 0;
  for (let index = Math.max(from, span.start); index < span.end; index += 1) {
    if (contents.has(after.blocks[index]?.content ?? '')) tokens += tokensOf(after, index);
  }
  return tokens;
}

function sharedInOrder(
  before: WatchedRequest,
  after: WatchedRequest,
  from: number,
  level: 'system' | 'messages',
): number {
  const known = spanOf(before, level);
  const span = spanOf(after, level);
  const first = Math.max(from, span.start);
  let most = 0;
  for (const shift of SHIFTS) {
    let tokens = 0;
    let count = 0;
    for (let index = first; index < span.end; index += 1) {
      const at = index - span.start + known.start + shift;
      if (at < known.start || at >= known.end || !isSameBlock(before, at, after, index)) continue;
      tokens += tokensOf(after, index);
      count += 1;
    }
    if (tokens > most) most = tokens;
    if (count === span.end - first) break;
  }
  return most;
}

/** Tokens from a block on that the request before had as well: behind the first change none of them can be read (spec 2.1). */
export function sharedBehind(before: WatchedRequest, after: WatchedRequest, from: number): number {
  return (
    sharedTools(before, after, from, spanOf(after, 'tools')) +
    sharedInOrder(before, after, from, 'system') +
    sharedInOrder(before, after, from, 'messages')
  );
}
