import { isObject, stringMember, type JsonObject } from '../json.ts';
import type { MarkerReading } from './markers.ts';
import type { Block } from './rendered-block.ts';

/** The three levels of a prompt, in rendering order (spec 1.1). */
export type Level = 'tools' | 'system' | 'messages';

/** Where a block stands in the body, e.g. `['messages', 2, 'content', 0]`; a string form ends at the string. */
export type BlockPath = readonly (string | number)[];

/** A block as it stands in the body, before any rule is applied. */
export interface RawBlock {
  readonly level: Level;
  readonly path: BlockPath;
  /** `type` of the block; a tool without one is `custom`. */
  readonly type: string;
  readonly role: string | null;
  /** The block itself; a string form is the text block that it stands for (spec 1.3). */
  readonly value: JsonObject;
  readonly isString: boolean;
  /** The message it belongs to, its content perhaps left out, and that message's index; null outside messages. */
  readonly message: JsonObject | null;
  readonly messageIndex: number;
  /** Where its content stands as it is hashed; null where that has to be worked out of `value`. */
  readonly plain: PlainContent | null;
  /** What was worked out of it already. */
  readonly worked: WorkedOut;
}

/**
 * The content of a block, read from bytes that are written as it is hashed already. Such a block holds nothing that a rule
 * looks for: no marker, no image, no citations, no blocks with rules of their own; a text is not empty. So it need not be
 * parsed.
 */
export interface PlainContent {
  /** Bytes of it. */
  readonly length: number;
  /** Copies it and returns where it ends. */
  copyTo(target: Uint8Array, at: number): number;
  toText(): string;
}

/**
 * What depends on a raw block alone, kept beside it: where the raw block is used again, for the next turn of its
 * conversation, so is this. Only speed depends on it; `prompt.ts` and `markers.ts` fill it in.
 */
export interface WorkedOut {
  block?: Block;
  marker?: MarkerReading | null;
}

/** A block of the model's own thinking, readable or not: it has rules of its own (spec 1.5, 7). */
export function isThinkingType(type: unknown): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

/** `messages.2.content.0`: as the API's error messages write a place. */
export function pathText(path: BlockPath): string {
  return path.join('.');
}

/** What is being read: a level, or the content of one message. */
interface Place {
  readonly level: Level;
  readonly path: BlockPath;
  readonly role: string | null;
  readonly message: JsonObject | null;
  readonly messageIndex: number;
}

function readContent(content: unknown, place: Place): readonly RawBlock[] {
  const { level, path, role, message, messageIndex } = place;
  const plain = null;
  if (typeof content === 'string') {
    const value = { type: 'text', text: content };
    const own = { level, path, type: 'text', role, value, isString: true, message, messageIndex };
    return [{ ...own, plain, worked: {} }];
  }
  const blocks: RawBlock[] = [];
  if (!Array.isArray(content)) return blocks;
  for (let index = 0; index < content.length; index += 1) {
    const value: unknown = content[index];
    if (!isObject(value)) continue;
    const type = stringMember(value, 'type') ?? (level === 'tools' ? 'custom' : '');
    const own = [...path, index];
    const isString = false;
    blocks.push({ level, path: own, type, role, value, isString, message, messageIndex, plain, worked: {} });
  }
  return blocks;
}

function appendAll(blocks: RawBlock[], more: readonly RawBlock[]): void {
  for (const block of more) blocks.push(block);
}

/**
 * Every block of a Messages body in rendering order: tools, system, messages (spec 1.1, 1.3). Takes any
 * value: what is not shaped like a block is passed over, for the API judges that, not us.
 */
export function readRawBlocks(body: JsonObject): readonly RawBlock[] {
  const blocks: RawBlock[] = [];
  const outside = { role: null, message: null, messageIndex: -1 };
  appendAll(blocks, readContent(asArray(body['tools']), { ...outside, level: 'tools', path: ['tools'] }));
  appendAll(blocks, readContent(body['system'], { ...outside, level: 'system', path: ['system'] }));
  const messages = asArray(body['messages']);
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index];
    if (isObject(message)) appendAll(blocks, readMessage(message, index));
  }
  return blocks;
}

function readMessage(message: JsonObject, messageIndex: number): readonly RawBlock[] {
  const path = ['messages', messageIndex, 'content'];
  const role = stringMember(message, 'role');
  return readContent(message['content'], { level: 'messages', path, role, message, messageIndex });
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The blocks inside a block that a marker may wrongly or formerly stand on (spec 1.5), with their place. */
export function innerBlocks(
  value: JsonObject,
  path: BlockPath,
): { items: readonly unknown[]; path: BlockPath } | null {
  const source = value['source'];
  if (value['type'] === 'tool_result' && Array.isArray(value['content'])) {
    return { items: value['content'], path: [...path, 'content'] };
  }
  if (value['type'] === 'document' && isObject(source) && Array.isArray(source['content'])) {
    return { items: source['content'], path: [...path, 'source', 'content'] };
  }
  return null;
}
