import { isUtf8 } from 'node:buffer';

import type { JsonObject } from '../core/index.ts';
import { ByteBlock, type ParsedOnDemand } from './byte-block.ts';
import { decodeUtf8 } from './json-bytes.ts';
import { parseScanned } from './parse-body.ts';
import type { BodyMap, ScannedBody } from './scan-body.ts';

/** The members of the root that hold blocks, which are nearly all of a body. */
const PART_NAMES = ['tools', 'system', 'messages'] as const;

/** The share of plain blocks in a body from which on single blocks are parsed alone. */
const PLAIN_SHARE = 0.5;

/** Longer bodies are parsed at once, for a text has a longest length. */
const BYTES_MAX = 128 * 1024 * 1024;

/** A body that was read: what its root says besides blocks, and its blocks, each in its bytes. */
export interface ByteBody extends ParsedOnDemand {
  /** The root with a number in the place of tools, system and messages. */
  readonly head: JsonObject;
  readonly map: BodyMap;
  /** One for each of the map's sites. */
  readonly blocks: readonly ByteBlock[];
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

/** Adds to a root's value what is parsed only when somebody asks for it: tools, system and messages, all at once. */
export function withPartsOf(head: JsonObject, bytes: Buffer): JsonObject {
  const value: JsonObject = Object.fromEntries(Object.entries(head));
  const names = PART_NAMES.filter((name) => Object.hasOwn(head, name));
  const parse = (): JsonObject => {
    const parsed = parseScanned(bytes);
    const whole = parsed.ok ? parsed.value : {};
    for (const name of names)
      Object.defineProperty(value, name, {
        value: whole[name],
        enumerable: true,
        configurable: true,
        writable: true,
      });
    return whole;
  };
  for (const name of names)
    Object.defineProperty(value, name, { get: () => parse()[name], enumerable: true, configurable: true });
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
  const value = withPartsOf(head, bytes);
  const onDemand: ParsedOnDemand = { bytes, rewrites, value, isMostlyPlain: isMostlyPlain(map) };
  const blocks = map.sites.map((site) => new ByteBlock(onDemand, site, site.path));
  return { ...onDemand, head, map, blocks };
}
