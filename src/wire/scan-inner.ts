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
  /** Markers on the blocks in it. */
  inContent: MemberSite[];
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

/** The `source` of a document; a repeated `content` in it counts once, by its last value. */
export function scanSource(bytes: Uint8Array, at: number, depth: number, markers: MemberSite[]): number {
  if (bytes[at] !== OPEN_BRACE) return skipValue(bytes, at, depth);
  return walkObject(bytes, at, depth, (keyStart, keyEnd, valueAt) => {
    if (matchKey(bytes, keyStart, keyEnd, CONTENT_ONLY) === null) return skipValue(bytes, valueAt, depth + 1);
    markers.length = 0;
    return scanInnerBlocks(bytes, valueAt, depth + 1, markers);
  });
}

/** A `content` that is no text; a list of nothing but texts is noted as such, for no rule looks into those of a result. */
export function scanInnerContent(bytes: Uint8Array, at: number, depth: number, found: InnerFound): number {
  if (bytes[at] !== OPEN_BRACKET) {
    found.isRuled = true;
    return skipValue(bytes, at, depth);
  }
  found.hasTexts = true;
  return walkArray(bytes, at, depth, (_index, blockAt) => {
    if (bytes[blockAt] === OPEN_BRACE) return scanInnerBlock(bytes, blockAt, depth + 1, found);
    found.isRuled = true;
    return skipValue(bytes, blockAt, depth + 1);
  });
}

function scanInnerBlock(bytes: Uint8Array, at: number, depth: number, found: InnerFound): number {
  return walkObject(bytes, at, depth, (keyStart, keyEnd, valueAt) => {
    const name = matchKey(bytes, keyStart, keyEnd, INNER_KEYS);
    if (name === 'cache_control') {
      found.isRuled = true;
      return scanMarker(bytes, keyStart, valueAt, depth + 1, found.inContent);
    }
    const end = skipValue(bytes, valueAt, depth + 1);
    const isText = bytes[valueAt] === QUOTE && end - valueAt > EMPTY_BYTES;
    const isOfText =
      name === 'text' || (name === 'type' && matchKey(bytes, valueAt, end, TEXT_ONLY) !== null);
    if (!isText || !isOfText) found.isRuled = true;
    return end;
  });
}

function scanInnerBlocks(bytes: Uint8Array, at: number, depth: number, markers: MemberSite[]): number {
  if (bytes[at] !== OPEN_BRACKET) return skipValue(bytes, at, depth);
  return walkArray(bytes, at, depth, (_index, blockAt) => {
    if (bytes[blockAt] !== OPEN_BRACE) return skipValue(bytes, blockAt, depth + 1);
    return walkObject(bytes, blockAt, depth + 1, (keyStart, keyEnd, valueAt) =>
      matchKey(bytes, keyStart, keyEnd, MARKER_ONLY) === null
        ? skipValue(bytes, valueAt, depth + 2)
        : scanMarker(bytes, keyStart, valueAt, depth + 2, markers),
    );
  });
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
