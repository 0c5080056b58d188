import type { JsonObject, RawBlock } from '../core/index.ts';
import { createBodyMemory } from './body-memory.ts';
import { ByteBody, toByteBody } from './byte-body.ts';
import { canBeExtended, extendBody } from './extend-body.ts';
import { parseBody, parseScanned } from './parse-body.ts';
import { scanBodyAndKeys, type BodyMap, type ScannedBody } from './scan-body.ts';

/** A body's value and where its blocks are. */
export type ReadBody =
  | {
      readonly ok: true;
      /** Tools, system and messages in it are parsed when they are asked for. */
      readonly value: JsonObject;
      readonly map: BodyMap;
      /** The blocks, as `readPrompt` takes them, each parsed when it is asked for; null where the body was parsed at once. */
      readonly blocks: readonly RawBlock[] | null;
    }
  | { readonly ok: false; readonly reason: string };

/** Reads bodies, and remembers them: a conversation sends all but its tail again and again. */
export interface BodyReader {
  /**
   * As `parseBody` and `scanBody` together would. Blocks of messages that an earlier body began with as well are the same
   * objects as then. The bytes are kept, and must not be written to.
   */
  read(bytes: Buffer): ReadBody;
}

/** What a reader may remember. */
export interface BodyReaderLimits {
  /** Bytes of whole bodies. @default 32 MiB */
  readonly bodyBytesMax?: number;
}

const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** A body is kept when so much of its messages is new, in bytes and as a share of it: the next is then read from further on. */
const NEW_BYTES = 2048;
const NEW_SHARE = 0.04;

function readWhole(bytes: Buffer, { map, hasPlainKeys }: ScannedBody): ReadBody {
  const parsed = hasPlainKeys ? parseScanned(bytes) : parseBody(bytes);
  return parsed.ok
    ? { ok: true, value: parsed.value, map, blocks: null }
    : { ok: false, reason: parsed.reason };
}

/** A body to keep: a caller's bytes may be a small part of a large buffer. */
function withOwnBytes(body: ByteBody): ByteBody {
  const { rewrites, head, map, isMostlyPlain, blocks } = body;
  return new ByteBody({ bytes: Buffer.from(body.bytes), rewrites, head, map, isMostlyPlain }, blocks);
}

function toReadBody({ value, map, blocks }: ByteBody): ReadBody {
  return { ok: true, value, map, blocks };
}

/** A reader that remembers nothing yet. */
export function createBodyReader(limits: BodyReaderLimits = {}): BodyReader {
  const bodies = createBodyMemory(limits.bodyBytesMax ?? BODY_BYTES_MAX);
  return {
    read(bytes) {
      const known = bodies.find(bytes);
      const extended = known && extendBody(bytes, known);
      if (extended) {
        const { body, newBytes } = extended;
        const isMuchNew = newBytes > NEW_BYTES && newBytes > bytes.length * NEW_SHARE;
        if (isMuchNew) bodies.add(withOwnBytes(body));
        return toReadBody(body);
      }
      const scanned = scanBodyAndKeys(bytes);
      if (!('map' in scanned)) return { ok: false, reason: scanned.reason };
      const body = toByteBody(bytes, scanned);
      if (!body) return readWhole(bytes, scanned);
      if (canBeExtended(body)) bodies.add(body);
      return toReadBody(body);
    },
  };
}
