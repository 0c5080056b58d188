import type { JsonObject } from '../core/index.ts';
import { ByteBlock } from './byte-block.ts';
import { ByteBody, toByteBody } from './byte-body.ts';
import { commonLength } from './body-memory.ts';
import { COMMA, skipSpace, type Span } from './json-bytes.ts';
import type { BlockSite, BodyPath } from './scan-block.ts';
import type { MemberSite } from './scan-inner.ts';
import { scanBodyAndKeys, type BodyMap } from './scan-body.ts';

/** What stands before the messages that are not known yet: with it, they and the rest are a body of their own. */
const OPENING = Buffer.from('{"messages":[');
const CLOSING = Buffer.from('}');
const NOTHING = Buffer.alloc(0);
const NO_REWRITES = new Int32Array();
const LEVELS = ['tools', 'system', 'messages'] as const;
/** What stands behind the messages is looked for in the known body from so many bytes on: less is read as fast. */
const KEPT_END_BYTES = 256;

/** How far a body is the same as one that was read before. */
interface Shared {
  readonly known: ByteBody;
  /** Messages that both begin with. */
  readonly count: number;
  /** End of the last of them. */
  readonly end: number;
  /** End of all messages of the known body. */
  readonly knownEnd: number;
  /** How far what stands behind the messages is from where it stands in the known body; null where it is not the same. */
  readonly keptBy: number | null;
}

/** How far the end of a body is from the same end of a known one, which begins at an offset there. */
function keptEnd(bytes: Buffer, known: Buffer, from: number): number | null {
  const by = bytes.length - known.length;
  const isLong = known.length - from >= KEPT_END_BYTES && from + by > 0;
  return isLong && bytes.compare(known, from, known.length, from + by, bytes.length) === 0 ? by : null;
}

function sharedPart(bytes: Buffer, known: ByteBody): Shared | null {
  const { messages } = known.map;
  if (!messages) return null;
  const same = commonLength(bytes, known.bytes);
  let count = messages.ends.length;
  while (count > 0 && (messages.ends[count - 1] ?? Infinity) > same) count -= 1;
  if (count === 0) return null;
  const end = messages.ends[count - 1] ?? 0;
  const knownEnd = known.map.parts.find(({ start }) => start === messages.start)?.end ?? known.bytes.length;
  const keptBy = keptEnd(bytes, known.bytes, knownEnd);
  // It must not reach into what both begin with.
  return { known, count, end, knownEnd, keptBy: keptBy !== null && knownEnd + keptBy > end ? keptBy : null };
}

/** The members of the root; null where one of those before its messages comes again after them and means that later value. */
function joinHeads({ known, keptBy }: Shared, tail: JsonObject): JsonObject | null {
  if (keptBy !== null) return known.head;
  const entries = Object.entries(known.head);
  const before = entries.slice(
    0,
    entries.findIndex(([key]) => key === 'messages'),
  );
  if (before.some(([key]) => Object.hasOwn(tail, key))) return null;
  return Object.fromEntries([...before, ...Object.entries(tail)]);
}

function shiftSpan({ start, end }: Span, by: number): Span {
  return { start: start + by, end: end + by };
}

function shiftMember(member: MemberSite, by: number): MemberSite {
  return {
    span: shiftSpan(member.span, by),
    removal: shiftSpan(member.removal, by),
    valueSpan: shiftSpan(member.valueSpan, by),
    isNull: member.isNull,
  };
}

function shiftPath(path: BodyPath, count: number): BodyPath {
  const [first, index, ...rest] = path;
  return first === 'messages' && typeof index === 'number' ? ['messages', index + count, ...rest] : path;
}

function shiftSite(site: BlockSite, path: BodyPath, by: number): BlockSite {
  return {
    ...site,
    path,
    span: shiftSpan(site.span, by),
    markers: site.markers.map((marker) => shiftMember(marker, by)),
    nestedMarkers: site.nestedMarkers.map((marker) => shiftMember(marker, by)),
  };
}

/** The rest of a body, read as a body of its own, and how far its offsets are from those in the whole. */
interface Rest {
  readonly tail: ByteBody;
  readonly by: number;
}

interface Blocks {
  readonly sites: readonly BlockSite[];
  readonly blocks: readonly ByteBlock[];
}

/** The blocks of the whole body in prompt order: those of the known messages, and around them, and those of the rest. */
function joinBlocks({ known, count, end, knownEnd, keptBy }: Shared, { tail, by }: Rest): Blocks {
  const sites: BlockSite[] = [];
  const blocks: ByteBlock[] = [];
  let inKnown = 0;
  let inTail = 0;
  for (const level of LEVELS) {
    for (; known.map.sites[inKnown]?.path[0] === level; inKnown += 1) {
      const [site, block] = [known.map.sites[inKnown], known.blocks[inKnown]];
      if (!site || !block) continue;
      const isBehind = keptBy !== null && site.span.start >= knownEnd;
      if (site.span.end > end && !isBehind) continue;
      sites.push(isBehind ? shiftSite(site, site.path, keptBy) : site);
      blocks.push(block);
    }
    for (; tail.map.sites[inTail]?.path[0] === level; inTail += 1) {
      const [site, own] = [tail.map.sites[inTail], tail.blocks[inTail]];
      if (!site || !own) continue;
      const path = shiftPath(site.path, count);
      sites.push(shiftSite(site, path, by));
      // Offsets in a block are those of the bytes that it was read from.
      blocks.push(path === site.path ? own : new ByteBlock(tail, site, path));
    }
  }
  return { sites, blocks };
}

/** The map of the whole body from that of its known parts and that of its rest. */
function joinMaps(
  shared: Shared,
  { tail, by }: Rest,
  head: JsonObject,
  sites: readonly BlockSite[],
): BodyMap {
  const { known, count, end, knownEnd, keptBy } = shared;
  const start = known.map.messages?.start ?? 0;
  const behind = keptBy === null ? null : (at: number) => at >= knownEnd;
  const topLevelMarkers = [
    ...known.map.topLevelMarkers.filter(({ span }) => span.end <= end),
    ...tail.map.topLevelMarkers.map((marker) => shiftMember(marker, by)),
    ...known.map.topLevelMarkers
      .filter(({ span }) => behind?.(span.start))
      .map((marker) => shiftMember(marker, keptBy ?? 0)),
  ];
  const [messages, ...parts] = tail.map.parts.map((part) => shiftSpan(part, by));
  return {
    ok: true,
    root: {
      start: known.map.root.start,
      end: keptBy === null ? tail.map.root.end + by : known.map.root.end + keptBy,
    },
    topLevelMarker: topLevelMarkers.at(-1) ?? null,
    topLevelMarkers,
    sites,
    messages: {
      start,
      ends: [
        ...(known.map.messages?.ends.slice(0, count) ?? []),
        ...(tail.map.messages?.ends.map((at) => at + by) ?? []),
      ],
    },
    parts: [
      ...known.map.parts.filter((part) => part.end <= start),
      { start, end: messages?.end ?? start },
      ...parts,
      ...known.map.parts.filter((part) => behind?.(part.start)).map((part) => shiftSpan(part, keptBy ?? 0)),
    ],
    // Where a member of the root comes twice, the body is not left in its bytes.
    memberCount: Object.keys(head).length,
  };
}

/** Whether a later body may be read on from this one. */
export function canBeExtended({ map }: ByteBody): boolean {
  return map.messages !== null;
}

/** The rest of a body as one of its own; null where what follows the known messages is no continuation. */
function readRest(bytes: Buffer, { end, knownEnd, keptBy }: Shared): Rest | null {
  const next = skipSpace(bytes, end);
  const hasMore = bytes[next] === COMMA;
  const from = hasMore ? next + 1 : next;
  const until = keptBy === null ? bytes.length : knownEnd + keptBy;
  // A copy: a caller's bytes may be a small part of a large buffer, and the new blocks are kept.
  const rest = Buffer.concat([OPENING, bytes.subarray(from, until), keptBy === null ? NOTHING : CLOSING]);
  const scanned = scanBodyAndKeys(rest);
  const tail = 'map' in scanned ? toByteBody(rest, scanned) : null;
  if (!tail) return null;
  // A second list of messages would mean that the first counts for nothing. A comma must be followed by a message, and
  // without one nothing may follow: not even the rest of a number, whose end shows only there.
  const isContinued = tail.map.messages?.start === OPENING.length - 1;
  const isWhole = isContinued && hasMore === tail.map.messages.ends.length > 0;
  // Before an end that is kept there are messages and nothing else.
  const fits = keptBy === null || tail.map.parts[0]?.end === rest.length - CLOSING.length;
  return isWhole && fits ? { tail, by: from - OPENING.length } : null;
}

/**
 * Reads a body from where it stops being like a known one: a conversation's request is the one before and a little
 * more, with what stands behind the messages as it was. Gives exactly what reading it from its start would, or null where it
 * has to be.
 */
export function extendBody(
  bytes: Buffer,
  known: ByteBody,
): { readonly body: ByteBody; readonly newBytes: number } | null {
  const shared = sharedPart(bytes, known);
  const rest = shared && readRest(bytes, shared);
  const head = shared && rest && joinHeads(shared, rest.tail.head);
  if (!head) return null;
  const { tail } = rest;
  const { sites, blocks } = joinBlocks(shared, rest);
  const map = joinMaps(shared, rest, head, sites);
  // What stands behind the messages does not count: it is the same as it was, or is read again for every turn.
  const newBytes = (tail.map.messages?.ends.at(-1) ?? OPENING.length) - OPENING.length;
  // Each block has the bytes that it was read from, and their rewrites.
  const facts = { bytes, rewrites: NO_REWRITES, head, map, isMostlyPlain: known.isMostlyPlain };
  return { body: new ByteBody(facts, blocks), newBytes };
}
