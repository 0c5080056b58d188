import { skipSpace, skipSpaceBack, type Span } from './json-bytes.ts';
import { removalSpan } from './removal-span.ts';
import type { BlockSite, BodyPath } from './scan-block.ts';
import type { MemberSite } from './scan-inner.ts';
import { findSite, type BodyMap } from './scan-body.ts';

/** A marker to write: on the block at `path`, or at the top level where `path` is empty (spec 2.4). */
export interface Placement {
  readonly path: BodyPath;
  readonly ttl: '5m' | '1h';
}

/** The new body and, as offsets into it, what was put in: cutting `inserted` out gives the original bytes. */
export interface SplicedBody {
  readonly bytes: Buffer;
  /** In ascending order, never overlapping. */
  readonly inserted: readonly Span[];
}

/** Says which markers `removeMarkers` takes; `site` is null for a marker at the top level. */
export type MarkerSelector = (marker: MemberSite, site: BlockSite | null) => boolean;

interface Insertion {
  readonly at: number;
  readonly text: Buffer;
  /** Start of the value it belongs to. */
  readonly owner: number;
}

/** The API's default TTL is 5m, so that marker goes without the member: fewer bytes, same meaning (spec 1.4). */
const MARKER_MEMBERS = {
  '5m': '"cache_control":{"type":"ephemeral"}',
  '1h': '"cache_control":{"type":"ephemeral","ttl":"1h"}',
} as const;
const TEXT_BLOCK_OPEN = Buffer.from('[{"type":"text","text":');

/**
 * Writes markers into a body that `scanBody` mapped. Bytes are only inserted: an object gets the member after its last
 * one, a plain text becomes an array of one text block around the very same string (same prefix: spec 1.3).
 *
 * @throws RangeError for a path the map does not have, a path named twice, and a block (or top level) that already has a
 * `cache_control` member, `null` included: all of these are errors of the caller.
 * @example
 * spliceMarkers(body, map, [{ path: ['system'], ttl: '1h' }]).bytes;
 */
export function spliceMarkers(
  bytes: Uint8Array,
  map: BodyMap,
  placements: readonly Placement[],
): SplicedBody {
  const used = new Set<BlockSite>();
  const topLevel = topLevelSite(map);
  const insertions = placements.flatMap(({ path, ttl }) => {
    const site = path.length === 0 ? topLevel : findSite(map, path);
    // A second placement on a block would write the member twice.
    if (site === undefined || used.has(site))
      throw new RangeError(`no block at ${pathText(path)}, or more than one placement for it`);
    if (site.markers.length > 0)
      throw new RangeError(`cache_control is already present at ${pathText(path)}`);
    used.add(site);
    return insertionsFor(bytes, site, ttl);
  });
  // A plain text that is the root's last value ends where the root's marker goes: the inner value is closed first.
  return insertAll(
    bytes,
    insertions.toSorted((a, b) => a.at - b.at || b.owner - a.owner),
  );
}

/**
 * Cuts `cache_control` members (top level, blocks, inner blocks) out of a body that `scanBody` mapped; all of them, or
 * those `isWanted` says yes to. The rest stays byte for byte, but for the commas that went with the members.
 */
export function removeMarkers(
  bytes: Uint8Array,
  map: BodyMap,
  isWanted: MarkerSelector = () => true,
): Buffer {
  const markers = map.topLevelMarkers.filter((marker) => isWanted(marker, null));
  for (const site of map.sites) {
    for (const marker of site.markers) if (isWanted(marker, site)) markers.push(marker);
    for (const marker of site.nestedMarkers) if (isWanted(marker, site)) markers.push(marker);
  }
  const spans = markers.map((marker) => marker.span).toSorted((a, b) => a.start - b.start);
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const run of joinNeighbours(bytes, spans)) {
    const cut = removalSpan(bytes, run.start, run.end);
    kept.push(bytes.subarray(from, cut.start));
    from = cut.end;
  }
  kept.push(bytes.subarray(from));
  return Buffer.concat(kept);
}

/** The root seen as a block: markers go into it in the same way. */
function topLevelSite(map: BodyMap): BlockSite {
  return {
    path: [],
    span: map.root,
    form: 'object',
    markers: map.topLevelMarkers,
    nestedMarkers: [],
    hasNullMarker: map.topLevelMarkers.some((marker) => marker.isNull),
    message: null,
    plain: null,
  };
}

function pathText(path: BodyPath): string {
  return path.length === 0 ? 'the top level' : path.join('.');
}

function insertionsFor(bytes: Uint8Array, site: BlockSite, ttl: Placement['ttl']): Insertion[] {
  const member = MARKER_MEMBERS[ttl];
  const { start, end } = site.span;
  if (site.form === 'string') {
    return [
      { at: start, text: TEXT_BLOCK_OPEN, owner: start },
      { at: end, text: Buffer.from(`,${member}}]`), owner: start },
    ];
  }
  const at = skipSpaceBack(bytes, end - 1);
  const isEmpty = at === start + 1;
  return [{ at, text: Buffer.from(isEmpty ? member : `,${member}`), owner: start }];
}

function insertAll(bytes: Uint8Array, insertions: readonly Insertion[]): SplicedBody {
  const pieces: Uint8Array[] = [];
  const inserted: Span[] = [];
  let from = 0;
  let grown = 0;
  for (const { at, text } of insertions) {
    pieces.push(bytes.subarray(from, at), text);
    inserted.push({ start: at + grown, end: at + grown + text.length });
    from = at;
    grown += text.length;
  }
  pieces.push(bytes.subarray(from));
  return { bytes: Buffer.concat(pieces), inserted };
}

/**
 * Joins members that stand side by side in one object. Each alone could give up either comma, but two neighbours share
 * one: what to cut is only right for the whole run.
 */
function joinNeighbours(bytes: Uint8Array, spans: readonly Span[]): Span[] {
  const runs: Span[] = [];
  for (const span of spans) {
    const last = runs.at(-1);
    const isNeighbour = last !== undefined && skipSpace(bytes, skipSpace(bytes, last.end) + 1) === span.start;
    if (isNeighbour) runs[runs.length - 1] = { start: last.start, end: span.end };
    else runs.push(span);
  }
  return runs;
}
