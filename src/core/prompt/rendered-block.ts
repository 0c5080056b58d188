import type { PrefixId } from '../cache/state.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { TokenEstimate, TokenizerGeneration } from '../tokens/profiles.ts';
import { canonicalJson, withMember, withoutMember } from './canonical.ts';
import { canCarryMarker, isDocumentedCarrier, NESTING_MAX } from './markers.ts';
import { innerBlocks, type BlockPath, type Level, type PlainContent, type RawBlock } from './raw-blocks.ts';
import { rendersInSystem } from './settings.ts';

/** A block of the rendered prompt: a cache position, and what a breakpoint may stand on (spec 1.3). */
export interface Block {
  readonly level: Level;
  readonly path: BlockPath;
  readonly type: string;
  readonly role: string | null;
  /** The block without its markers; a string form is the text block that it stands for. */
  readonly value: JsonObject;
  readonly isString: boolean;
  /** No rule forbids a breakpoint here. */
  readonly canCarryMarker: boolean;
  /** A breakpoint here is documented to be accepted: where we may add one ourselves. */
  readonly isDocumentedCarrier: boolean;
  /** What goes into the prefix hash for it besides its content: level, role, settings of its message. */
  readonly label: string;
  /** What goes into the prefix hash of its content; empty for a block that is rendered elsewhere. */
  readonly content: string;
  /** The same content in bytes that have it, so that hashing it need not write it; null where they do not. */
  readonly plain: PlainContent | null;
  /** The prefix that last stood before it, and what it made of that, for whoever hashes to note. */
  link: PrefixLink | null;
  /** What its own text was taken for, for whoever estimates to note. */
  sized: BlockSize | null;
}

/** The tokens of a block by itself, for one tokenizer. */
export interface BlockSize {
  readonly generation: TokenizerGeneration;
  readonly estimate: TokenEstimate;
}

/** Two prefixes, one block apart. */
export interface PrefixLink {
  readonly before: PrefixId;
  readonly after: PrefixId;
}

/** The block without markers, its own and those inside it that move to it (spec 1.2, 1.5). */
function stripMarkers(value: JsonObject, path: BlockPath, depth: number = NESTING_MAX): JsonObject {
  let bare = 'cache_control' in value ? withoutMember(value, 'cache_control') : value;
  const inner = depth > 0 ? innerBlocks(value, path) : null;
  if (!inner?.items.some((item) => isObject(item) && hasMarkerInside(item, path, depth - 1))) return bare;
  const items = inner.items.map((item) => (isObject(item) ? stripMarkers(item, path, depth - 1) : item));
  if (inner.path.at(-2) === 'source') {
    const source = isObject(bare['source']) ? bare['source'] : {};
    bare = withMember(bare, 'source', withMember(source, 'content', items));
  } else {
    bare = withMember(bare, 'content', items);
  }
  return bare;
}

function hasMarkerInside(value: JsonObject, path: BlockPath, depth: number): boolean {
  if ('cache_control' in value) return true;
  const items = depth > 0 ? (innerBlocks(value, path)?.items ?? []) : [];
  return items.some((item) => isObject(item) && hasMarkerInside(item, path, depth - 1));
}

/** String and array forms of one text are one prefix (spec 1.3): both are written as the array form. Key order stays. */
function contentOf(value: JsonObject, sourceOrder: boolean): string {
  const own =
    value['type'] === 'tool_result' && typeof value['content'] === 'string'
      ? withMember(value, 'content', [{ type: 'text', text: value['content'] }])
      : value;
  return canonicalJson(own, sourceOrder);
}

/** Members of a message that are rendered with it, such as its own effort (spec 2.5, 7.5). */
function messageExtras(block: RawBlock, sourceOrder: boolean): string {
  const { message } = block;
  const isFirst = block.isString || block.path.at(-1) === 0;
  if (!message || !isFirst || message['output_config'] === undefined) return '';
  return canonicalJson(message['output_config'], sourceOrder);
}

/** The labels of a prompt's blocks: one text for all that have the same, which is then known by itself. */
export class Labels {
  readonly #byRole: Readonly<Record<Level, Map<string, string>>> = {
    tools: new Map(),
    system: new Map(),
    messages: new Map(),
  };

  get(level: Level, role: string, extras: string): string {
    const known = extras === '' ? this.#byRole[level].get(role) : undefined;
    if (known !== undefined) return known;
    const label = `${level}|${role}|${extras}`;
    if (extras === '') this.#byRole[level].set(role, label);
    return label;
  }
}

/** A block of which value and content are worked out when they are asked for: where it is hashed from bytes, hardly ever. */
class RenderedBlock implements Block {
  readonly level: Level;
  readonly path: BlockPath;
  readonly type: string;
  readonly role: string | null;
  readonly isString: boolean;
  readonly canCarryMarker: boolean;
  readonly isDocumentedCarrier: boolean;
  readonly label: string;
  readonly plain: PlainContent | null;
  link: PrefixLink | null = null;
  sized: BlockSize | null = null;
  readonly #raw: RawBlock;
  readonly #sourceOrder: boolean;
  #value: JsonObject | null = null;
  #content: string | null = null;

  constructor(raw: RawBlock, sourceOrder: boolean, labels: Labels) {
    this.level = raw.level;
    this.path = raw.path;
    this.type = raw.type;
    this.role = raw.role;
    this.isString = raw.isString;
    this.canCarryMarker = canCarryMarker(raw);
    this.isDocumentedCarrier = isDocumentedCarrier(raw);
    this.label = labels.get(raw.level, raw.role ?? '', messageExtras(raw, sourceOrder));
    // A tool that is rendered into the system prompt adds nothing to the tools level (spec 14.7).
    this.plain = rendersInSystem(raw) ? null : raw.plain;
    this.#raw = raw;
    this.#sourceOrder = sourceOrder;
  }

  get value(): JsonObject {
    return (this.#value ??= this.#raw.plain ? this.#raw.value : stripMarkers(this.#raw.value, []));
  }

  get content(): string {
    return (this.#content ??= this.plain?.toText() ?? this.#writeContent());
  }

  #writeContent(): string {
    return rendersInSystem(this.#raw) ? '' : contentOf(this.value, this.#sourceOrder);
  }
}

/** The block that is rendered of a raw one: the same object each time. */
export function toBlock(raw: RawBlock, sourceOrder: boolean, labels: Labels): Block {
  return (raw.worked.block ??= new RenderedBlock(raw, sourceOrder, labels));
}

/** Has the block a content where it stands, and not elsewhere? */
export function isHashed(block: Block): boolean {
  return block.plain !== null || block.content !== '';
}
