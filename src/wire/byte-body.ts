import { isUtf8 } from 'node:buffer';

import type { JsonObject } from '../core/index.ts';
import { ByteBlock, type ParsedOnDemand } from './byte-block.ts';
import { decodeUtf8 } from './json-bytes.ts';
import { parseScanned } from './parse-body.ts';
import type { SpelledBytes } from './rewrite-bytes.ts';
import type { BodyMap, ScannedBody } from './scan-body.ts';

/** The members of the root that hold blocks, which are nearly all of a body. */
const PART_NAMES = ['tools', 'system', 'messages'] as const;

/** The share of plain blocks in a body from which on single blocks are parsed alone. */
const PLAIN_SHARE = 0.5;

/** Longer bodies are parsed at once, for a text has a longest length. */
const BYTES_MAX = 128 * 1024 * 1024;

/** What is known of a body that was read. */
export interface ByteBodyFacts extends SpelledBytes {
  /** The root with a number in the place of tools, system and messages. */
  readonly head: JsonObject;
  readonly map: BodyMap;
  readonly isMostlyPlain: boolean;
}

/** A body that was read: what its root says besides blocks, and its blocks, each in its bytes. */
export class ByteBody implements ByteBodyFacts, ParsedOnDemand {
  readonly bytes: Buffer;
  readonly rewrites: Int32Array;
  readonly head: JsonObject;
  readonly map: BodyMap;
  readonly isMostlyPlain: boolean;
  /** One for each of the map's sites. */
  readonly blocks: readonly ByteBlock[];
  #value: JsonObject | null = null;

  /** Without blocks it makes them from its own bytes. */
  constructor({ bytes, rewrites, head, map, isMostlyPlain }: ByteBodyFacts, blocks?: readonly ByteBlock[]) {
    this.bytes = bytes;
    this.rewrites = rewrites;
    this.head = head;
    this.map = map;
    this.isMostlyPlain = isMostlyPlain;
    this.blocks = blocks ?? map.sites.map((site) => new ByteBlock(this, site, site.path));
  }

  /** The root, of which what holds blocks is parsed when somebody asks for it: tools, system and messages, all at once. */
  get value(): JsonObject {
    return (this.#value ??= withPartsOf(this.head, this.bytes));
  }
}

/** The root with 0 in the place of what holds blocks: little is left to parse. */
function parseHead(bytes: Buffer, { root, parts }: BodyMap): JsonObject {
  let text = '';
  let from = root.start;
  for (const { start, end } of parts) {
    text += `${decodeUtf8(bytes, from, start)}0`;
    from = end;
  }
  return JSON.parse(text + decodeUtf8(bytes, from, root.end)) as JsonObject;
}

/** Where a root's bytes are found by its getters. It is no member: nothing that lists members shows it. */
const BYTES = Symbol('bytes');

/** Parses tools, system and messages of a root, all at once, and puts them in the place of its getters. */
function parseParts(root: { readonly [BYTES]: Buffer }): JsonObject {
  const parsed = parseScanned(root[BYTES]);
  const whole = parsed.ok ? parsed.value : {};
  for (const name of PART_NAMES) {
    if (!Object.hasOwn(root, name)) continue;
    const value = whole[name];
    Object.defineProperty(root, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return whole;
}

/**
 * Getters that all roots share. One of its own would give each root a hidden class of its own, which lives, with the bytes that
 * the getter holds, until the whole heap is collected.
 */
const GETTERS = PART_NAMES.map((name) => {
  const get = function (this: { readonly [BYTES]: Buffer }): unknown {
    return parseParts(this)[name];
  };
  return { name, property: { get, enumerable: true, configurable: true } };
});

/** Adds to a root's value what is parsed only when somebody asks for it: tools, system and messages, all at once. */
function withPartsOf(head: JsonObject, bytes: Buffer): JsonObject {
  const value: JsonObject = { ...head };
  Object.defineProperty(value, BYTES, { value: bytes });
  for (const { name, property } of GETTERS) {
    if (Object.hasOwn(head, name)) Object.defineProperty(value, name, property);
  }
  return value;
}

function isMostlyPlain({ sites, parts }: BodyMap): boolean {
  let plain = 0;
  for (const site of sites) if (site.plain) plain += site.span.end - site.span.start;
  const all = parts.reduce((sum, { start, end }) => sum + end - start, 0);
  return plain >= all * PLAIN_SHARE;
}

/**
 * A scanned body whose blocks are left in their bytes, which must not be written to. Null for one that has to be parsed as
 * a whole: with a member of the root twice, names that JavaScript orders anew or that are spelled with escapes, or bytes
 * that are no UTF-8.
 */
export function toByteBody(bytes: Buffer, { map, hasPlainKeys, rewrites }: ScannedBody): ByteBody | null {
  if (!hasPlainKeys || bytes.length > BYTES_MAX || !isUtf8(bytes)) return null;
  const head = parseHead(bytes, map);
  if (Object.keys(head).length !== map.memberCount) return null;
  return new ByteBody({ bytes, rewrites, head, map, isMostlyPlain: isMostlyPlain(map) });
}
