import {
  JsonSyntaxError,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipValue,
  walkArray,
  walkDocument,
  walkObject,
  type Span,
} from './json-bytes.ts';
import { keyName, matchKey, type KeyName } from './key-name.ts';
import { nameAt, scanBlocks, scanContent, type BlockSite, type BodyPath, type Place } from './scan-block.ts';
import { scanMarker, type MemberSite } from './scan-inner.ts';

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
  /** The values of the root's `tools`, `system` and `messages`, in byte order. */
  readonly parts: readonly Span[];
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
const CACHE_CONTROL = keyName('cache_control');
const ROLE = keyName('role');
const MESSAGE_KEYS: readonly KeyName<'content' | 'role'>[] = [CONTENT, ROLE];
const ROLES: readonly KeyName[] = [keyName('user'), keyName('assistant'), keyName('system')];
const ROOT_KEYS: readonly KeyName<'tools' | 'system' | 'messages' | 'cache_control'>[] = [
  TOOLS,
  SYSTEM,
  MESSAGES,
  CACHE_CONTROL,
];

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
  /** Offsets of what `JSON.stringify` would write otherwise. */
  readonly rewrites: Int32Array;
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
  const parts: Span[] = [];
  const endPart = (start: number, end: number): number => {
    parts.push({ start, end });
    return end;
  };
  const { root, hasPlainKeys, rewrites } = walkDocument(bytes, (keyStart, keyEnd, at) => {
    memberCount += 1;
    // A repeated key starts its section anew: only the last value counts.
    switch (matchKey(bytes, keyStart, keyEnd, ROOT_KEYS)) {
      case 'tools':
        return endPart(
          at,
          scanBlocks(at, { bytes, depth: 1, path: ['tools'], message: null, sites: (tools = []) }),
        );
      case 'system':
        return endPart(
          at,
          scanContent(at, { bytes, depth: 1, path: ['system'], message: null, sites: (system = []) }),
        );
      case 'messages': {
        const ends: number[] = [];
        messageList = bytes[at] === OPEN_BRACKET ? { start: at, ends } : null;
        return endPart(at, scanMessages(at, { bytes, sites: (messages = []), ends }));
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
    map: {
      ok: true,
      root,
      topLevelMarker,
      topLevelMarkers,
      sites,
      messages: messageList,
      parts,
      memberCount,
    },
    hasPlainKeys,
    rewrites,
  };
}

/** Containers around a message, and around its members. */
const MESSAGE_DEPTH = 2;
const MEMBER_DEPTH = 3;

/** Where messages are looked for: the blocks in them, and where each ends. */
interface Messages {
  readonly bytes: Uint8Array;
  readonly sites: BlockSite[];
  readonly ends: number[];
}

function scanMessages(at: number, messages: Messages): number {
  const { bytes } = messages;
  if (bytes[at] !== OPEN_BRACKET) return skipValue(bytes, at, 1);
  return walkArray(bytes, at, 1, visitMessage, messages);
}

function visitMessage(index: number, at: number, messages: Messages): number {
  const end = scanMessage(index, at, messages);
  messages.ends.push(end);
  return end;
}

/** A message that is being read. */
interface OpenMessage extends Place {
  readonly message: { role: string | null; hasMore: boolean };
  /** Blocks before it. */
  readonly first: number;
  members: number;
}

function scanMessage(index: number, at: number, { bytes, sites }: Messages): number {
  if (bytes[at] !== OPEN_BRACE) return skipValue(bytes, at, MESSAGE_DEPTH);
  const message = { role: null, hasMore: false };
  const open: OpenMessage = {
    bytes,
    depth: MEMBER_DEPTH,
    path: ['messages', index, 'content'],
    message,
    sites,
    first: sites.length,
    members: 0,
  };
  const end = walkObject(bytes, at, MESSAGE_DEPTH, visitMember, open);
  // One content there is, or there were no block to ask.
  message.hasMore = open.members !== 2 || message.role === null;
  return end;
}

function visitMember(keyStart: number, keyEnd: number, valueAt: number, open: OpenMessage): number {
  const { bytes, depth, message, sites, first } = open;
  open.members += 1;
  const name = matchKey(bytes, keyStart, keyEnd, MESSAGE_KEYS);
  if (name === 'content') {
    // A repeated content means its last value.
    sites.length = first;
    return scanContent(valueAt, open);
  }
  const end = skipValue(bytes, valueAt, depth);
  if (name === 'role') message.role = bytes[valueAt] === QUOTE ? nameAt(bytes, valueAt, end, ROLES) : null;
  return end;
}
