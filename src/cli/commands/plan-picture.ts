import picocolors from 'picocolors';

import type { Level, Ttl } from '../../core/index.ts';
import type { PlanDocument, PlannedMarker } from './plan-facts.ts';

/** Blocks of one level up to the next marker or level. */
interface Segment {
  readonly level: Level;
  readonly firstPath: string;
  lastPath: string;
  tokens: number;
  /** The marker at its end. */
  marker: PlannedMarker | null;
}

/** Length of the longest bar. */
const BAR_CHARACTERS = 24;

function segmentsOf({ blocks, breakpoints }: PlanDocument): readonly Segment[] {
  const segments: Segment[] = [];
  for (const { path, level, tokens } of blocks) {
    const marker = breakpoints.find((breakpoint) => breakpoint.path === path) ?? null;
    const open = segments.at(-1);
    if (open && open.level === level && !open.marker) {
      open.lastPath = path;
      open.tokens += tokens;
      open.marker = marker;
    } else {
      segments.push({ level, firstPath: path, lastPath: path, tokens, marker });
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

/**
 * The prompt as a picture, a line for each segment: its level, its tokens as a number and as a bar (full where it is
 * cached, hollow where it is not), the TTL that covers it, its blocks, and the marker at its end.
 */
export function drawPrompt(plan: PlanDocument): readonly string[] {
  const segments = segmentsOf(plan);
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
    return `  ${level.padEnd(8)}  ${count}  ${drawn}  ${ttl ?? '--'}  ${paths}${picocolors.bold(end)}`;
  });
}
