import {
  decodeString,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipString,
  skipValue,
  walkArray,
  walkObject,
  type Span,
} from './json-bytes.ts';
import { keyName, matchKey, type KeyName } from './key-name.ts';
import {
  EMPTY_BYTES,
  scanInnerContent,
  scanMarker,
  scanSource,
  type InnerFound,
  type MemberSite,
} from './scan-inner.ts';
import { countDepartures, countSavedBytes } from './spelling.ts';

/** Where a value lives in the body: `['tools', 0]`, `['system']`, `['messages', 2, 'content', 1]`. */
export type BodyPath = readonly (string | number)[];

/** What stands beside the content of a message. */
export interface MessageSite {
  readonly role: string | null;
  /** It has other members than one role, which is a text, and one content. */
  readonly hasMore: boolean;
}

/** A block of which its bytes tell enough to leave it unparsed. */
export interface PlainSite {
  readonly type: string;
  /** Bytes that rewriting saves. */
  readonly savedBytes: number;
  /** The text that a tool's result is, with its quotes, counted from the block's first byte; null for any other. */
  readonly result: Span | null;
}

/** One block of the prompt (spec 1.3). */
export interface BlockSite {
  readonly path: BodyPath;
  readonly span: Span;
  /** `string`: a `system` or `content` given as plain text; it has to become an array to carry a marker. */
  readonly form: 'object' | 'string';
  /** The block's own `cache_control` members in byte order; more than one only where the key is repeated. */
  readonly markers: readonly MemberSite[];
  /** Markers one level down, on the elements of `content` and `source.content` (spec 1.5). */
  readonly nestedMarkers: readonly MemberSite[];
  /** One of `markers` is `null`. */
  readonly hasNullMarker: boolean;
  /** The message around it; null outside messages. */
  readonly message: MessageSite | null;
  /**
   * Set where the bytes, once their white space, escapes and numbers are rewritten, are just what `JSON.stringify` makes of
   * the block (if they are UTF-8, and no member name of the body begins with a digit), and it has no member that a rule looks
   * into: no marker, image, citations, inner blocks but the texts of a tool's result, and no empty text. Null for any other.
   */
  readonly plain: PlainSite | null;
}

/** Where blocks are looked for, and put. */
export interface Place {
  readonly bytes: Uint8Array;
  /** Containers around them. */
  readonly depth: number;
  readonly path: BodyPath;
  readonly message: MessageSite | null;
  readonly sites: BlockSite[];
}

/** Members in which some rule looks for something, whatever the block. */
const RULED = ['cache_control', 'source', 'citations', 'configs', 'defer_loading'] as const;
const BLOCK_KEYS: readonly KeyName<(typeof RULED)[number] | 'content' | 'type' | 'text'>[] = [
  keyName('type'),
  keyName('text'),
  keyName('content'),
  ...RULED.map((name) => keyName(name)),
];
/** Types that most blocks have: their names need not be decoded. */
const TYPES: readonly KeyName[] = ['text', 'tool_use', 'tool_result', 'thinking', 'image'].map((type) =>
  keyName(type),
);
const LOWER_N = 0x6e;
const NO_MARKERS: readonly MemberSite[] = [];

/** Whether the block carries a marker that counts: its last `cache_control` is there and is not null. */
export function hasMarker(site: BlockSite): boolean {
  const last = site.markers.at(-1);
  return last !== undefined && !last.isNull;
}

/** A `system` or a `content`: plain text, or an array of blocks. */
export function scanContent(at: number, place: Place): number {
  const { bytes, path, message, sites } = place;
  if (bytes[at] !== QUOTE) return scanBlocks(at, place);
  const before = countDepartures();
  const saved = countSavedBytes();
  const end = skipString(bytes, at);
  const isPlain = end - at > EMPTY_BYTES && countDepartures() === before;
  const savedBytes = countSavedBytes() - saved;
  sites.push({
    path,
    span: { start: at, end },
    form: 'string',
    markers: NO_MARKERS,
    nestedMarkers: NO_MARKERS,
    hasNullMarker: false,
    message,
    plain: isPlain ? { type: 'text', savedBytes, result: null } : null,
  });
  return end;
}

/** The blocks among the elements of an array. */
export function scanBlocks(at: number, place: Place): number {
  const { bytes, depth } = place;
  if (bytes[at] !== OPEN_BRACKET) return skipValue(bytes, at, depth);
  return walkArray(bytes, at, depth, visitBlock, place);
}

/** What is found on the way through the members of one block. */
interface Found extends InnerFound {
  markers: MemberSite[] | null;
  inSource: MemberSite[] | null;
  type: string | null;
  result: Span | null;
}

function joinMarkers(
  first: readonly MemberSite[] | null,
  last: readonly MemberSite[] | null,
): readonly MemberSite[] {
  return first && last ? [...first, ...last] : (first ?? last ?? NO_MARKERS);
}

function visitBlock(index: number, at: number, place: Place): number {
  const { bytes, path, message, sites } = place;
  const depth = place.depth + 1;
  if (bytes[at] !== OPEN_BRACE) return skipValue(bytes, at, depth);
  const before = countDepartures();
  const saved = countSavedBytes();
  const found: Found = {
    bytes,
    depth: depth + 1,
    markers: null,
    inContent: null,
    inSource: null,
    isRuled: false,
    hasTexts: false,
    type: path[0] === 'tools' ? 'custom' : '',
    result: null,
  };
  const end = walkObject(bytes, at, depth, visitMember, found);
  const { inContent, inSource, type, result } = found;
  const markers = found.markers ?? NO_MARKERS;
  const isResult = type === 'tool_result';
  const isRuled = found.isRuled || (found.hasTexts && !isResult);
  const isPlain = !isRuled && type !== null && type !== 'image' && countDepartures() === before;
  const text = isResult && result ? { start: result.start - at, end: result.end - at } : null;
  sites.push({
    path: path.length === 1 ? [path[0] ?? '', index] : [...path, index],
    span: { start: at, end },
    form: 'object',
    markers,
    nestedMarkers: joinMarkers(inContent, inSource),
    hasNullMarker: markers.some((marker) => marker.isNull),
    message,
    plain: isPlain ? { type, savedBytes: countSavedBytes() - saved, result: text } : null,
  });
  return end;
}

function visitMember(keyStart: number, keyEnd: number, valueAt: number, found: Found): number {
  const { bytes, depth } = found;
  const name = matchKey(bytes, keyStart, keyEnd, BLOCK_KEYS);
  const isText = bytes[valueAt] === QUOTE;
  switch (name) {
    case null:
      return skipValue(bytes, valueAt, depth);
    case 'cache_control':
      found.isRuled = true;
      return scanMarker(bytes, keyStart, valueAt, depth, (found.markers ??= []));
    case 'content': {
      found.inContent = null;
      if (!isText) return scanInnerContent(valueAt, found);
      const end = skipString(bytes, valueAt);
      found.result = { start: valueAt, end };
      return end;
    }
    case 'source':
      found.isRuled = true;
      return scanSource(bytes, valueAt, depth, (found.inSource = []));
    case 'type': {
      const end = skipValue(bytes, valueAt, depth);
      found.type = isText ? nameAt(bytes, valueAt, end, TYPES) : null;
      return end;
    }
    case 'text': {
      const end = skipValue(bytes, valueAt, depth);
      if (end - valueAt === EMPTY_BYTES) found.isRuled = true;
      return end;
    }
    default:
      if (bytes[valueAt] !== LOWER_N) found.isRuled = true;
      return skipValue(bytes, valueAt, depth);
  }
}

/** The text in `[start, end)`, which most often is one of those given. */
export function nameAt(bytes: Uint8Array, start: number, end: number, names: readonly KeyName[]): string {
  return matchKey(bytes, start, end, names) ?? decodeString(bytes, start, end);
}
