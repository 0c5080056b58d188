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
const NO_REWRITES = new Int32Array();
const LEVELS = ['tools', 'system', 'messages'] as const;

/** How far a body is the same as one that was read before. */
interface Shared {
  readonly known: ByteBody;
  /** Messages that both begin with. */
  readonly count: number;
  /** End of the last of them. */
  readonly end: number;
}

function sharedPart(bytes: Buffer, known: ByteBody): Shared | null {
  const { messages } = known.map;
  if (!messages) return null;
  const same = commonLength(bytes, known.bytes);
  let count = messages.ends.length;
  while (count > 0 && (messages.ends[count - 1] ?? Infinity) > same) count -= 1;
  return count === 0 ? null : { known, count, end: messages.ends[count - 1] ?? 0 };
}

/** Members of the root before its messages, in order; null where one comes again after them and means that later value. */
function headOf({ known }: Shared, tail: JsonObject): JsonObject | null {
  const entries = Object.entries(known.head);
  const before = entries.slice(
    0,
    entries.findIndex(([key]) => key === 'messages'),
  );
  return before.some(([key]) => Object.hasOwn(tail, key)) ? null : Object.fromEntries(before);
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

/** The blocks of the whole body in prompt order: those of the known messages, and of what stands before, and those of the rest. */
function joinBlocks({ known, count, end }: Shared, { tail, by }: Rest): Blocks {
  const sites: BlockSite[] = [];
  const blocks: ByteBlock[] = [];
  let inKnown = 0;
  let inTail = 0;
  for (const level of LEVELS) {
    for (; known.map.sites[inKnown]?.path[0] === level; inKnown += 1) {
      const [site, block] = [known.map.sites[inKnown], known.blocks[inKnown]];
      if (!site || !block || site.span.end > end) continue;
      sites.push(site);
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

/** The map of the whole body from that of its known beginning, with so many members, and that of its rest. */
function joinMaps(
  { known, count, end }: Shared,
  headMembers: number,
  { tail, by }: Rest,
  sites: readonly BlockSite[],
): BodyMap {
  const before = ({ span }: { readonly span: Span }): boolean => span.end <= end;
  const topLevelMarkers = [
    ...known.map.topLevelMarkers.filter(before),
    ...tail.map.topLevelMarkers.map((marker) => shiftMember(marker, by)),
  ];
  const start = known.map.messages?.start ?? 0;
  const [messages, ...parts] = tail.map.parts.map((part) => shiftSpan(part, by));
  return {
    ok: true,
    root: { start: known.map.root.start, end: tail.map.root.end + by },
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
    ],
    memberCount: headMembers + tail.map.memberCount,
  };
}

/** Whether a later body may be read on from this one. */
export function canBeExtended({ map }: ByteBody): boolean {
  return map.messages !== null;
}

/** The rest of a body as one of its own; null where what follows the known messages is no continuation. */
function readRest(bytes: Buffer, end: number): Rest | null {
  const next = skipSpace(bytes, end);
  const hasMore = bytes[next] === COMMA;
  const from = hasMore ? next + 1 : next;
  // A copy: a caller's bytes may be a small part of a large buffer, and the new blocks are kept.
  const rest = Buffer.concat([OPENING, bytes.subarray(from)]);
  const scanned = scanBodyAndKeys(rest);
  const tail = 'map' in scanned ? toByteBody(rest, scanned) : null;
  if (!tail) return null;
  // A second list of messages would mean that the first counts for nothing. A comma must be followed by a message, and
  // without one nothing may follow: not even the rest of a number, whose end shows only there.
  const isContinued = tail.map.messages?.start === OPENING.length - 1;
  const isWhole = isContinued && hasMore === tail.map.messages.ends.length > 0;
  return isWhole ? { tail, by: from - OPENING.length } : null;
}

/**
 * Reads a body from where it stops being like a known one: a conversation's request is the one before and a little
 * more. Gives exactly what reading it from its start would, or null where it has to be.
 */
export function extendBody(
  bytes: Buffer,
  known: ByteBody,
): { readonly body: ByteBody; readonly newBytes: number } | null {
  const shared = sharedPart(bytes, known);
  const rest = shared && readRest(bytes, shared.end);
  const before = shared && rest && headOf(shared, rest.tail.head);
  if (!before) return null;
  const { tail } = rest;
  const { sites, blocks } = joinBlocks(shared, rest);
  const map = joinMaps(shared, Object.keys(before).length, rest, sites);
  const head: JsonObject = Object.fromEntries([...Object.entries(before), ...Object.entries(tail.head)]);
  // What stands behind the messages is read again for every turn, whatever is remembered.
  const newBytes = (tail.map.messages?.ends.at(-1) ?? OPENING.length) - OPENING.length;
  // Each block has the bytes that it was read from, and their rewrites.
  const facts = { bytes, rewrites: NO_REWRITES, head, map, isMostlyPlain: known.isMostlyPlain };
  return { body: new ByteBody(facts, blocks), newBytes };
}
