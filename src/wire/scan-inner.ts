import {
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipValue,
  walkArray,
  walkObject,
  type Span,
} from './json-bytes.ts';
import { keyName, matchKey } from './key-name.ts';
import { removalSpan } from './removal-span.ts';

/** One `cache_control` member of an object. */
export interface MemberSite {
  /** `"cache_control": value`, nothing around it. */
  readonly span: Span;
  /** The member with one comma next to it (and the white space that goes with it): cutting it leaves valid JSON. */
  readonly removal: Span;
  readonly valueSpan: Span;
  /** `"cache_control": null` means "absent" to the API (spec 1.4). */
  readonly isNull: boolean;
}

/** What is found in the `content` of a block. */
export interface InnerFound {
  readonly bytes: Uint8Array;
  /** Of the block's members. */
  readonly depth: number;
  /** Markers on the blocks in it. */
  inContent: MemberSite[] | null;
  /** The block has a member that a rule looks into. */
  isRuled: boolean;
  /** Its content is a list of texts. */
  hasTexts: boolean;
}

const MARKER_ONLY = [keyName('cache_control')];
const CONTENT_ONLY = [keyName('content')];
const TEXT_ONLY = [keyName('text')];
const INNER_KEYS = [keyName('type'), keyName('text'), keyName('cache_control')];
const LOWER_N = 0x6e;
/** Bytes of a text without a letter. */
export const EMPTY_BYTES = 2;

/** Where markers inside a block are looked for, and put. */
interface Inside {
  readonly bytes: Uint8Array;
  readonly depth: number;
  readonly markers: MemberSite[];
}

/** The `source` of a document; a repeated `content` in it counts once, by its last value. */
export function scanSource(bytes: Uint8Array, at: number, depth: number, markers: MemberSite[]): number {
  if (bytes[at] !== OPEN_BRACE) return skipValue(bytes, at, depth);
  return walkObject(bytes, at, depth, visitSource, { bytes, depth: depth + 1, markers });
}

function visitSource(keyStart: number, keyEnd: number, valueAt: number, inside: Inside): number {
  const { bytes, depth, markers } = inside;
  if (matchKey(bytes, keyStart, keyEnd, CONTENT_ONLY) === null) return skipValue(bytes, valueAt, depth);
  markers.length = 0;
  if (bytes[valueAt] !== OPEN_BRACKET) return skipValue(bytes, valueAt, depth);
  return walkArray(bytes, valueAt, depth, visitInner, { bytes, depth: depth + 1, markers });
}

function visitInner(_index: number, blockAt: number, inside: Inside): number {
  const { bytes, depth, markers } = inside;
  if (bytes[blockAt] !== OPEN_BRACE) return skipValue(bytes, blockAt, depth);
  return walkObject(bytes, blockAt, depth, visitMarker, { bytes, depth: depth + 1, markers });
}

function visitMarker(keyStart: number, keyEnd: number, valueAt: number, inside: Inside): number {
  const { bytes, depth, markers } = inside;
  return matchKey(bytes, keyStart, keyEnd, MARKER_ONLY) === null
    ? skipValue(bytes, valueAt, depth)
    : scanMarker(bytes, keyStart, valueAt, depth, markers);
}

/** A `content` that is no text; a list of nothing but texts is noted as such, for no rule looks into those of a result. */
export function scanInnerContent(at: number, found: InnerFound): number {
  const { bytes, depth } = found;
  if (bytes[at] === OPEN_BRACKET) {
    found.hasTexts = true;
    return walkArray(bytes, at, depth, visitContent, found);
  }
  found.isRuled = true;
  return skipValue(bytes, at, depth);
}

function visitContent(_index: number, blockAt: number, found: InnerFound): number {
  const { bytes, depth } = found;
  if (bytes[blockAt] === OPEN_BRACE) return walkObject(bytes, blockAt, depth + 1, visitText, found);
  found.isRuled = true;
  return skipValue(bytes, blockAt, depth + 1);
}

function visitText(keyStart: number, keyEnd: number, valueAt: number, found: InnerFound): number {
  const { bytes, depth } = found;
  const name = matchKey(bytes, keyStart, keyEnd, INNER_KEYS);
  if (name === 'cache_control') {
    found.isRuled = true;
    return scanMarker(bytes, keyStart, valueAt, depth + 2, (found.inContent ??= []));
  }
  const end = skipValue(bytes, valueAt, depth + 2);
  const isText = bytes[valueAt] === QUOTE && end - valueAt > EMPTY_BYTES;
  const isOfText = name === 'text' || (name === 'type' && matchKey(bytes, valueAt, end, TEXT_ONLY) !== null);
  if (!isText || !isOfText) found.isRuled = true;
  return end;
}

/** A `cache_control` member, whose name is at `keyStart`. */
export function scanMarker(
  bytes: Uint8Array,
  keyStart: number,
  valueStart: number,
  depth: number,
  markers: MemberSite[],
): number {
  const end = skipValue(bytes, valueStart, depth);
  markers.push({
    span: { start: keyStart, end },
    removal: removalSpan(bytes, keyStart, end),
    valueSpan: { start: valueStart, end },
    isNull: bytes[valueStart] === LOWER_N,
  });
  return end;
}
