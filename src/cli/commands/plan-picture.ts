import picocolors from 'picocolors';

import type { Level, Ttl } from '../../core/index.ts';
import type { PlanDocument, PlannedMarker } from './plan-facts.ts';

/** Blocks of one level up to the next marker or level. */
interface Segment {
  readonly level: Level;
  readonly firstPath: string;
  lastPath: string;
  tokens: number;
  /** Earlier requests in which one of its blocks was another. */
  changed: number;
  /** The marker at its end. */
  marker: PlannedMarker | null;
}

/** How often blocks change, as far as the requests given say it. */
export interface BlockChanges {
  /** Requests before the one that is drawn. */
  readonly earlier: number;
  /** In how many of them the block at a path was another, or none. */
  readonly differed: (path: string) => number;
}

/** Length of the longest bar. */
const BAR_CHARACTERS = 24;

function segmentsOf({ blocks, breakpoints }: PlanDocument, { differed }: BlockChanges): readonly Segment[] {
  const segments: Segment[] = [];
  for (const { path, level, tokens } of blocks) {
    const marker = breakpoints.find((breakpoint) => breakpoint.path === path) ?? null;
    const open = segments.at(-1);
    if (open && open.level === level && !open.marker) {
      open.lastPath = path;
      open.tokens += tokens;
      open.changed = Math.max(open.changed, differed(path));
      open.marker = marker;
    } else {
      segments.push({ level, firstPath: path, lastPath: path, tokens, changed: differed(path), marker });
    }
  }
  return segments;
}

/** The TTL at which a segment is cached: that of the next marker; null behind the last one. */
function coveringTtl(segments: readonly Segment[], index: number): Ttl | null {
  return segments.slice(index).find(({ marker }) => marker)?.marker?.ttl ?? null;
}

function barOf(tokens: number, most: number, isCached: boolean): string {
  const length = tokens > 0 ? Math.max(1, Math.round((tokens / Math.max(1, most)) * BAR_CHARACTERS)) : 0;
  return (isCached ? '█' : '░').repeat(length).padEnd(BAR_CHARACTERS);
}

/** How often a segment changes: counted where requests before it are known, else what is usual, with a question mark. */
function changesText(segment: Segment, isLast: boolean, { earlier }: BlockChanges): string {
  if (earlier > 0)
    return segment.changed === 0 ? `same in ${earlier}` : `changed in ${segment.changed} of ${earlier}`;
  if (segment.level !== 'messages') return 'seldom?';
  return isLast ? 'every turn?' : 'per session?';
}

/**
 * The prompt as a picture, a line for each segment: its level, its tokens as a number and as a bar (full where it is
 * cached, hollow where it is not), the TTL that covers it, how often it changes, its blocks, and the marker at its end.
 */
export function drawPrompt(plan: PlanDocument, changes: BlockChanges): readonly string[] {
  const segments = segmentsOf(plan, changes);
  const often = segments.map((segment, index) =>
    changesText(segment, index === segments.length - 1, changes),
  );
  const oftenWidth = Math.max(0, ...often.map((text) => text.length));
  const most = Math.max(...segments.map(({ tokens }) => tokens));
  const counts = segments.map(({ tokens }) => `~${tokens.toLocaleString('en-US')}`);
  const countWidth = Math.max(0, ...counts.map((text) => text.length));
  return segments.map(({ level, firstPath, lastPath, tokens, marker }, index) => {
    const ttl = coveringTtl(segments, index);
    const bar = barOf(tokens, most, ttl !== null);
    const paths = firstPath === lastPath ? firstPath : `${firstPath} to ${lastPath}`;
    const end = marker ? `  ◀ ${marker.ttl} ${marker.reason}` : '';
    const count = (counts[index] ?? '').padStart(countWidth);
    const drawn = ttl === null ? picocolors.dim(bar) : picocolors.green(bar);
    return `  ${level.padEnd(8)}  ${count}  ${drawn}  ${ttl ?? '--'}  ${(often[index] ?? '').padEnd(oftenWidth)}  ${paths}${picocolors.bold(end)}`;
  });
}
