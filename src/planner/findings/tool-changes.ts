import { canonicalJson, isObject, pathText, stringMember } from '../../core/index.ts';
import { spanOf } from './shared-behind.ts';
import type { WatchedRequest } from './watched-request.ts';

/** Tools past this are not looked at one by one. */
const TOOLS_MAX = 512;

/** How one request's tools differ from those of another. */
export interface ToolsChange {
  readonly code: 'tool-order' | 'tool-keys' | 'tools-changed';
  /** Tools that moved, or the first whose keys did, by path; the fewest whose move explains the order. */
  readonly moved: readonly string[];
  /** A tool that is the same but for its text, as indices into both requests; null where there is none. */
  readonly edited: { readonly before: number; readonly after: number } | null;
}

interface Tool {
  readonly index: number;
  readonly name: string;
  readonly content: string;
}

function toolsOf(request: WatchedRequest): readonly Tool[] {
  const { start, end } = spanOf(request, 'tools');
  return request.blocks.slice(start, end).map(({ value, type, content }, at) => ({
    index: start + at,
    name: stringMember(value, 'name') ?? type,
    // Tools that are rendered elsewhere have no content of their own.
    content: content === '' ? canonicalJson(value, true) : content,
  }));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([key, member]) => [key, sortKeys(member)]);
}

function isSameButKeys(before: WatchedRequest, at: number, after: WatchedRequest, index: number): boolean {
  const text = (request: WatchedRequest, which: number): string =>
    JSON.stringify(sortKeys(request.blocks[which]?.value));
  return text(before, at) === text(after, index);
}

/** Those that are not in the longest run of tools that kept their order: no fewer can have moved. */
export function findMoved(places: readonly number[]): readonly number[] {
  const longest: number[] = [];
  const previous: number[] = [];
  let best = -1;
  for (let index = 0; index < places.length; index += 1) {
    longest[index] = 1;
    previous[index] = -1;
    for (let earlier = 0; earlier < index; earlier += 1) {
      const length = (longest[earlier] ?? 0) + 1;
      if ((places[earlier] ?? 0) >= (places[index] ?? 0) || length <= (longest[index] ?? 0)) continue;
      longest[index] = length;
      previous[index] = earlier;
    }
    if (best < 0 || (longest[index] ?? 0) > (longest[best] ?? 0)) best = index;
  }
  const kept = new Set<number>();
  for (let index = best; index >= 0; index = previous[index] ?? -1) kept.add(index);
  return places.flatMap((_, index) => (kept.has(index) ? [] : [index]));
}

/** What became of the tools; null where they are the same in the same order, or too many to say. */
export function compareTools(before: WatchedRequest, after: WatchedRequest): ToolsChange | null {
  const earlier = toolsOf(before);
  const later = toolsOf(after);
  if (earlier.length > TOOLS_MAX || later.length > TOOLS_MAX) return null;
  const byName = new Map(earlier.map((tool, at) => [tool.name, { tool, at }]));
  const found = later.map((tool) => byName.get(tool.name));
  const pathOf = (at: number): string => pathText(after.blocks[later[at]?.index ?? -1]?.path ?? []);
  if (earlier.length !== later.length || found.some((match) => match === undefined))
    return { code: 'tools-changed', moved: [], edited: null };
  const edited = later.findIndex((tool, at) => found[at]?.tool.content !== tool.content);
  if (edited >= 0) {
    const sides = { before: found[edited]?.tool.index ?? -1, after: later[edited]?.index ?? -1 };
    return isSameButKeys(before, sides.before, after, sides.after)
      ? { code: 'tool-keys', moved: [pathOf(edited)], edited: null }
      : { code: 'tools-changed', moved: [], edited: sides };
  }
  const moved = findMoved(found.map((match) => match?.at ?? -1)).map(pathOf);
  return moved.length === 0 ? null : { code: 'tool-order', moved, edited: null };
}
