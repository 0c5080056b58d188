import {
  JsonSyntaxError,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipString,
  skipValue,
  walkArray,
  walkDocument,
  walkObject,
  type Span,
} from './json-bytes.ts';
import { keyName, matchKey, type KeyName } from './key-name.ts';
import { removalSpan } from './removal-span.ts';

/** Where a value lives in the body: `['tools', 0]`, `['system']`, `['messages', 2, 'content', 1]`. */
export type BodyPath = readonly (string | number)[];

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
}

/** What `scanBody` found, as byte offsets into the bytes it was given. */
export interface BodyMap {
  readonly ok: true;
  readonly root: Span;
  /** The root's `cache_control` that counts (the last one), or null. */
  readonly topLevelMarker: MemberSite | null;
  /** All `cache_control` members of the root; more than one only where the key is repeated. */
  readonly topLevelMarkers: readonly MemberSite[];
  /** Blocks in prompt order: tools, system, messages, whatever the order of the members (spec 1.1). */
  readonly sites: readonly BlockSite[];
  /** Where the array of messages opens, and the end of each of its elements; null where there is no such array. */
  readonly messages: { readonly start: number; readonly ends: readonly number[] } | null;
  /** Members of the root; a repeated key counts each time. */
  readonly memberCount: number;
}

/** The bytes are not a JSON object; `offset` is where that shows. */
export interface ScanFailure {
  readonly ok: false;
  readonly reason: string;
  readonly offset: number;
}

const TOOLS = keyName('tools');
const SYSTEM = keyName('system');
const MESSAGES = keyName('messages');
const CONTENT = keyName('content');
const SOURCE = keyName('source');
const CACHE_CONTROL = keyName('cache_control');
const ROOT_KEYS: readonly KeyName<'tools' | 'system' | 'messages' | 'cache_control'>[] = [
  TOOLS,
  SYSTEM,
  MESSAGES,
  CACHE_CONTROL,
];
const BLOCK_KEYS: readonly KeyName<'cache_control' | 'content' | 'source'>[] = [
  CACHE_CONTROL,
  CONTENT,
  SOURCE,
];
const CONTENT_ONLY = [CONTENT];
const MARKER_ONLY = [CACHE_CONTROL];
const LOWER_N = 0x6e;

/**
 * Finds the blocks and markers of a Messages request body by byte offset, in one pass and without building values.
 *
 * A repeated key means its last value, as in `JSON.parse`; keys may be spelled with escapes. Accepts exactly what
 * `JSON.parse` accepts, as long as the root is an object and nothing is nested deeper than 512. Never throws.
 *
 * @example
 * const map = scanBody(Buffer.from('{"system":"Be brief.","messages":[]}'));
 * // map.sites[0] -> { path: ['system'], span: { start: 10, end: 21 }, form: 'string', ... }
 */
export function scanBody(bytes: Uint8Array): BodyMap | ScanFailure {
  const scanned = scanBodyAndKeys(bytes);
  return 'map' in scanned ? scanned.map : scanned;
}

/** A map, and whether no member name of the body begins with a digit or is spelled with an escape. */
export interface ScannedBody {
  readonly map: BodyMap;
  readonly hasPlainKeys: boolean;
}

/** `scanBody`, also telling of member names what decides how the body must be parsed. */
export function scanBodyAndKeys(bytes: Uint8Array): ScannedBody | ScanFailure {
  try {
    return scanRoot(bytes);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return { ok: false, reason: error.message, offset: error.offset };
    throw error;
  }
}

/** Whether the block carries a marker that counts: its last `cache_control` is there and is not null. */
export function hasMarker(site: BlockSite): boolean {
  const last = site.markers.at(-1);
  return last !== undefined && !last.isNull;
}

function isSamePath(a: BodyPath, b: BodyPath): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** The block at a path; undefined without. From the end on, since most of what is looked for is there. */
export function findSite(map: BodyMap, path: BodyPath): BlockSite | undefined {
  return map.sites.findLast((site) => isSamePath(site.path, path));
}

function scanRoot(bytes: Uint8Array): ScannedBody {
  let tools: BlockSite[] = [];
  let system: BlockSite[] = [];
  let messages: BlockSite[] = [];
  let messageList: BodyMap['messages'] = null;
  let memberCount = 0;
  const topLevelMarkers: MemberSite[] = [];
  const { root, hasPlainKeys } = walkDocument(bytes, (keyStart, keyEnd, at) => {
    memberCount += 1;
    // A repeated key starts its section anew: only the last value counts.
    switch (matchKey(bytes, keyStart, keyEnd, ROOT_KEYS)) {
      case 'tools':
        return scanBlocks(bytes, at, 1, ['tools'], (tools = []));
      case 'system':
        return scanContent(bytes, at, 1, ['system'], (system = []));
      case 'messages': {
        const ends: number[] = [];
        messageList = bytes[at] === OPEN_BRACKET ? { start: at, ends } : null;
        return scanMessages(bytes, at, 1, (messages = []), ends);
      }
      case 'cache_control':
        return scanMarker(bytes, keyStart, at, 1, topLevelMarkers);
      default:
        return skipValue(bytes, at, 1);
    }
  });
  const topLevelMarker = topLevelMarkers.at(-1) ?? null;
  const sites = tools.concat(system, messages);
  return {
    map: { ok: true, root, topLevelMarker, topLevelMarkers, sites, messages: messageList, memberCount },
    hasPlainKeys,
  };
}

function scanMessages(
  bytes: Uint8Array,
  at: number,
  depth: number,
  sites: BlockSite[],
  ends: number[],
): number {
  if (bytes[at] !== OPEN_BRACKET) return skipValue(bytes, at, depth);
  return walkArray(bytes, at, depth, (index, messageAt) => {
    const end = scanMessage(bytes, messageAt, depth, index, sites);
    ends.push(end);
    return end;
  });
}

function scanMessage(
  bytes: Uint8Array,
  messageAt: number,
  depth: number,
  index: number,
  sites: BlockSite[],
): number {
  if (bytes[messageAt] !== OPEN_BRACE) return skipValue(bytes, messageAt, depth + 1);
  let blocks: BlockSite[] = [];
  const end = walkObject(bytes, messageAt, depth + 1, (keyStart, keyEnd, valueAt) =>
    matchKey(bytes, keyStart, keyEnd, CONTENT_ONLY) === null
      ? skipValue(bytes, valueAt, depth + 2)
      : scanContent(bytes, valueAt, depth + 2, ['messages', index, 'content'], (blocks = [])),
  );
  for (const block of blocks) sites.push(block);
  return end;
}

/** A `system` or a `content`: plain text, or an array of blocks. */
function scanContent(
  bytes: Uint8Array,
  at: number,
  depth: number,
  path: BodyPath,
  sites: BlockSite[],
): number {
  if (bytes[at] !== QUOTE) return scanBlocks(bytes, at, depth, path, sites);
  const end = skipString(bytes, at);
  sites.push({
    path,
    span: { start: at, end },
    form: 'string',
    markers: [],
    nestedMarkers: [],
    hasNullMarker: false,
  });
  return end;
}

function scanBlocks(
  bytes: Uint8Array,
  at: number,
  depth: number,
  path: BodyPath,
  sites: BlockSite[],
): number {
  if (bytes[at] !== OPEN_BRACKET) return skipValue(bytes, at, depth);
  return walkArray(bytes, at, depth, (index, blockAt) =>
    bytes[blockAt] === OPEN_BRACE
      ? scanBlock(bytes, blockAt, depth + 1, [...path, index], sites)
      : skipValue(bytes, blockAt, depth + 1),
  );
}

function scanBlock(bytes: Uint8Array, at: number, depth: number, path: BodyPath, sites: BlockSite[]): number {
  const markers: MemberSite[] = [];
  let inContent: MemberSite[] = [];
  let inSource: MemberSite[] = [];
  const inside = depth + 1;
  const end = walkObject(bytes, at, depth, (keyStart, keyEnd, valueAt) => {
    switch (matchKey(bytes, keyStart, keyEnd, BLOCK_KEYS)) {
      case 'cache_control':
        return scanMarker(bytes, keyStart, valueAt, inside, markers);
      case 'content':
        return scanInnerBlocks(bytes, valueAt, inside, (inContent = []));
      case 'source':
        return scanSource(bytes, valueAt, inside, (inSource = []));
      default:
        return skipValue(bytes, valueAt, inside);
    }
  });
  const nestedMarkers = inContent.concat(inSource);
  const hasNullMarker = markers.some((marker) => marker.isNull);
  sites.push({ path, span: { start: at, end }, form: 'object', markers, nestedMarkers, hasNullMarker });
  return end;
}

/** The `source` of a document; a repeated `content` in it counts once, by its last value. */
function scanSource(bytes: Uint8Array, at: number, depth: number, markers: MemberSite[]): number {
  if (bytes[at] !== OPEN_BRACE) return skipValue(bytes, at, depth);
  return walkObject(bytes, at, depth, (keyStart, keyEnd, valueAt) => {
    if (matchKey(bytes, keyStart, keyEnd, CONTENT_ONLY) === null) return skipValue(bytes, valueAt, depth + 1);
    markers.length = 0;
    return scanInnerBlocks(bytes, valueAt, depth + 1, markers);
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

function scanMarker(
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
