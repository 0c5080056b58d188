import type { BlockPath, JsonObject, Level, PlainContent, RawBlock, WorkedOut } from '../core/index.ts';
import { QUOTE, type Span } from './json-bytes.ts';
import { copyRewritten, type SpelledBytes } from './rewrite-bytes.ts';
import type { BlockSite, BodyPath, PlainSite } from './scan-block.ts';

/** A body as it is parsed for whoever asks for more than single blocks. */
export interface ParsedOnDemand extends SpelledBytes {
  /** The value of the whole body. */
  readonly value: JsonObject;
  /** Most of it need not be parsed at all, so that a block is better parsed alone. */
  readonly isMostlyPlain: boolean;
}

/** How a text block is written, and a result that is a text: as the list that it stands for (spec 1.3). */
const TEXT_OPENING = Buffer.from('{"type":"text","text":');
const RESULT_OPENING = Buffer.from('[{"type":"text","text":');
const RESULT_CLOSING = Buffer.from('}]');
const TEXT_CLOSING = Buffer.from('}');

/** The value at a path; undefined without. */
function valueAt(body: JsonObject, path: BodyPath): unknown {
  let at: unknown = body;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** The content of a plain block, put together from its bytes. */
class BytesContent implements PlainContent {
  readonly length: number;
  readonly #source: SpelledBytes;
  readonly #site: BlockSite;
  readonly #plain: PlainSite;
  /** The text that is written as more than it is. */
  readonly #text: Span | null;

  constructor(source: SpelledBytes, site: BlockSite, plain: PlainSite) {
    const { start, end } = site.span;
    const isString = source.bytes[start] === QUOTE;
    const { result } = plain;
    this.#source = source;
    this.#site = site;
    this.#plain = plain;
    this.#text = result
      ? { start: start + result.start, end: start + result.end }
      : isString
        ? site.span
        : null;
    const frame = this.#text ? this.#opening.length + this.#closing.length : 0;
    this.length = end - start - plain.savedBytes + frame;
  }

  get #opening(): Buffer {
    return this.#plain.result ? RESULT_OPENING : TEXT_OPENING;
  }

  get #closing(): Buffer {
    return this.#plain.result ? RESULT_CLOSING : TEXT_CLOSING;
  }

  #copySpan(start: number, end: number, target: Uint8Array, at: number): number {
    const { bytes, rewrites } = this.#source;
    if (rewrites.length > 0) return copyRewritten(this.#source, start, end, target, at);
    return at + bytes.copy(target, at, start, end);
  }

  copyTo(target: Uint8Array, at: number): number {
    const { start, end } = this.#site.span;
    const text = this.#text;
    if (text === null) return this.#copySpan(start, end, target, at);
    let to = this.#copySpan(start, text.start, target, at);
    target.set(this.#opening, to);
    to = this.#copySpan(text.start, text.end, target, to + this.#opening.length);
    target.set(this.#closing, to);
    return this.#copySpan(text.end, end, target, to + this.#closing.length);
  }

  toText(): string {
    const target = Buffer.allocUnsafe(this.length);
    return target.toString('utf8', 0, this.copyTo(target, 0));
  }
}

/** A block in its bytes: parsed when its value is asked for. The bytes must not be written to. */
export class ByteBlock implements RawBlock {
  readonly level: Level;
  readonly path: BlockPath;
  readonly role: string | null;
  readonly isString: boolean;
  readonly messageIndex: number;
  readonly plain: PlainContent | null;
  readonly worked: WorkedOut = {};
  readonly #site: BlockSite;
  readonly #body: ParsedOnDemand;
  #value: JsonObject | null = null;

  /** `path` is that of the block in the whole body, of which `body` may be the end alone. */
  constructor(body: ParsedOnDemand, site: BlockSite, path: BodyPath) {
    const [level, index] = path;
    this.level = level as Level;
    this.path = path;
    this.role = site.message?.role ?? null;
    this.isString = site.form === 'string';
    this.messageIndex = level === 'messages' && typeof index === 'number' ? index : -1;
    this.plain = site.plain ? new BytesContent(body, site, site.plain) : null;
    this.#site = site;
    this.#body = body;
  }

  get type(): string {
    return this.#site.plain?.type ?? this.#readType();
  }

  get value(): JsonObject {
    return (this.#value ??= this.#parse());
  }

  get message(): JsonObject | null {
    const { message, path } = this.#site;
    if (message === null) return null;
    if (!message.hasMore) return { role: message.role };
    return valueAt(this.#body.value, path.slice(0, 2)) as JsonObject;
  }

  #readType(): string {
    const type = this.value['type'];
    if (typeof type === 'string') return type;
    return this.level === 'tools' ? 'custom' : '';
  }

  #parse(): JsonObject {
    const value = this.#body.isMostlyPlain ? this.#parseAlone() : valueAt(this.#body.value, this.#site.path);
    return this.isString ? { type: 'text', text: value } : (value as JsonObject);
  }

  #parseAlone(): unknown {
    const { start, end } = this.#site.span;
    return JSON.parse(this.#body.bytes.toString('utf8', start, end));
  }
}
