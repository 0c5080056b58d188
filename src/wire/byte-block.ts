import type { BlockPath, JsonObject, Level, PlainContent, RawBlock, WorkedOut } from '../core/index.ts';
import { QUOTE } from './json-bytes.ts';
import type { BlockSite, BodyPath } from './scan-block.ts';

/** A body as it is parsed for whoever asks for more than single blocks. */
export interface ParsedOnDemand {
  readonly bytes: Buffer;
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
  readonly #bytes: Buffer;
  /** What is copied of the block, where the text begins and ends that is written as more than it is. */
  readonly #start: number;
  readonly #textStart: number;
  readonly #textEnd: number;
  readonly #end: number;
  readonly #opening: Buffer;
  readonly #closing: Buffer;

  constructor(bytes: Buffer, { span, plain }: BlockSite) {
    const isString = bytes[span.start] === QUOTE;
    const text = plain?.result;
    this.#bytes = bytes;
    this.#start = span.start;
    this.#end = span.end;
    this.#textStart = span.start + (text?.start ?? 0);
    this.#textEnd = isString ? span.end : span.start + (text?.end ?? 0);
    this.#opening = isString ? TEXT_OPENING : RESULT_OPENING;
    this.#closing = isString ? TEXT_CLOSING : RESULT_CLOSING;
    this.length = span.end - span.start + (this.#isWrapped ? this.#opening.length + this.#closing.length : 0);
  }

  get #isWrapped(): boolean {
    return this.#textEnd > this.#textStart;
  }

  copyTo(target: Uint8Array, at: number): number {
    const bytes = this.#bytes;
    if (!this.#isWrapped) return at + bytes.copy(target, at, this.#start, this.#end);
    let end = at + bytes.copy(target, at, this.#start, this.#textStart);
    target.set(this.#opening, end);
    end += this.#opening.length;
    end += bytes.copy(target, end, this.#textStart, this.#textEnd);
    target.set(this.#closing, end);
    end += this.#closing.length;
    return end + bytes.copy(target, end, this.#textEnd, this.#end);
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
    this.plain = site.plain ? new BytesContent(body.bytes, site) : null;
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
