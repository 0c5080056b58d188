import { hasKeyOrder, type JsonObject } from '../core/index.ts';
import { commonLength, type KnownBody } from './body-memory.ts';
import type { ReadBody } from './body-reader.ts';
import { COMMA, skipSpace, type Span } from './json-bytes.ts';
import type { BlockSite, BodyMap, MemberSite } from './scan-body.ts';

/** What stands before the messages that are not known yet: with it, they and the rest are a body of their own. */
const OPENING = Buffer.from('{"messages":[');

/** How far a body is the same as one that was read before. */
interface Shared {
  readonly known: KnownBody;
  /** Messages that both begin with. */
  readonly count: number;
  /** End of the last of them. */
  readonly end: number;
}

function sharedPart(bytes: Buffer, known: KnownBody): Shared | null {
  const { messages } = known.map;
  if (!messages) return null;
  const same = commonLength(bytes, known.bytes);
  let count = messages.ends.length;
  while (count > 0 && (messages.ends[count - 1] ?? Infinity) > same) count -= 1;
  return count === 0 ? null : { known, count, end: messages.ends[count - 1] ?? 0 };
}

/** Members of the root before its messages, in order; null where one comes again after them and means that later value. */
function headOf({ known }: Shared, tail: JsonObject): JsonObject | null {
  const entries = Object.entries(known.value);
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

function shiftSite(site: BlockSite, by: number, count: number): BlockSite {
  const [first, index, ...rest] = site.path;
  return {
    ...site,
    path:
      first === 'messages' && typeof index === 'number' ? ['messages', index + count, ...rest] : site.path,
    span: shiftSpan(site.span, by),
    markers: site.markers.map((marker) => shiftMember(marker, by)),
    nestedMarkers: site.nestedMarkers.map((marker) => shiftMember(marker, by)),
  };
}

/** The map of the whole body from that of its known beginning, with so many members, and that of its rest. */
function joinMaps({ known, count, end }: Shared, headMembers: number, tail: BodyMap, by: number): BodyMap {
  const before = ({ span }: { readonly span: Span }): boolean => span.end <= end;
  const sites = [...known.map.sites.filter(before), ...tail.sites.map((site) => shiftSite(site, by, count))];
  const isAt = (level: string) => (site: BlockSite) => site.path[0] === level;
  const isInOrder = tail.sites.every(isAt('messages'));
  const topLevelMarkers = [
    ...known.map.topLevelMarkers.filter(before),
    ...tail.topLevelMarkers.map((marker) => shiftMember(marker, by)),
  ];
  return {
    ok: true,
    root: { start: known.map.root.start, end: tail.root.end + by },
    topLevelMarker: topLevelMarkers.at(-1) ?? null,
    topLevelMarkers,
    sites: isInOrder ? sites : ['tools', 'system', 'messages'].flatMap((level) => sites.filter(isAt(level))),
    messages: {
      start: known.map.messages?.start ?? 0,
      ends: [
        ...(known.map.messages?.ends.slice(0, count) ?? []),
        ...(tail.messages?.ends.map((at) => at + by) ?? []),
      ],
    },
    memberCount: headMembers + tail.memberCount,
  };
}

/** Whether a later body may be read on from this one: no key of its root stands twice, and all in their order. */
export function canBeExtended({ value, map }: KnownBody): boolean {
  return map.messages !== null && map.memberCount === Object.keys(value).length && !hasKeyOrder(value);
}

/** The rest of a body as one of its own; null where what follows the known messages is no continuation. */
function readRest(bytes: Buffer, end: number, readTail: (bytes: Buffer) => ReadBody) {
  const next = skipSpace(bytes, end);
  const hasMore = bytes[next] === COMMA;
  const from = hasMore ? next + 1 : next;
  const tail = readTail(Buffer.concat([OPENING, bytes.subarray(from)]));
  if (!tail.ok || hasKeyOrder(tail.value)) return null;
  // A second list of messages would mean that the first counts for nothing. A comma must be followed by a message, and
  // without one nothing may follow: not even the rest of a number, whose end shows only there.
  const isContinued = tail.map.messages?.start === OPENING.length - 1;
  return isContinued && hasMore === tail.map.messages.ends.length > 0 ? { tail, from } : null;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/**
 * Reads a body from where it stops being like a known one: a conversation's request is the one before and a little
 * more. Gives exactly what reading it from its start would, or null where it has to be.
 */
export function extendBody(
  bytes: Buffer,
  known: KnownBody,
  readTail: (bytes: Buffer) => ReadBody,
): (KnownBody & { readonly newBytes: number }) | null {
  const shared = sharedPart(bytes, known);
  const rest = shared && readRest(bytes, shared.end, readTail);
  const head = shared && rest && headOf(shared, rest.tail.value);
  if (!head) return null;
  const { tail, from } = rest;
  const { messages: added, ...others } = tail.value;
  const messages: unknown = known.value['messages'];
  if (!isList(messages) || !isList(added)) return null;
  const map = joinMaps(shared, Object.keys(head).length, tail.map, from - OPENING.length);
  const value = { ...head, messages: [...messages.slice(0, shared.count), ...added], ...others };
  // What stands behind the messages is read again for every turn, whatever is remembered.
  const newBytes = (tail.map.messages?.ends.at(-1) ?? OPENING.length) - OPENING.length;
  return { bytes, value, map, newBytes };
}
