import { isObject, stringMember, type JsonObject } from '../json.ts';

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
  /** The message it belongs to, and that message's index; null outside messages. */
  readonly message: JsonObject | null;
  readonly messageIndex: number;
}

/** A block of the model's own thinking, readable or not: it has rules of its own (spec 1.5, 7). */
export function isThinkingType(type: unknown): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

/** `messages.2.content.0`: as the API's error messages write a place. */
export function pathText(path: BlockPath): string {
  return path.join('.');
}

/** The block that a text stands for (spec 1.3). */
export type ToTextBlock = (text: string) => JsonObject;

const plainTextBlock: ToTextBlock = (text) => ({ type: 'text', text });

/** What is being read: a level, or the content of one message. */
interface Place {
  readonly level: Level;
  readonly path: BlockPath;
  readonly role: string | null;
  readonly message: JsonObject | null;
  readonly messageIndex: number;
}

function readContent(content: unknown, place: Place, toTextBlock: ToTextBlock, blocks: RawBlock[]): void {
  const { level, path, role, message, messageIndex } = place;
  if (typeof content === 'string') {
    const value = toTextBlock(content);
    blocks.push({ level, path, type: 'text', role, value, isString: true, message, messageIndex });
    return;
  }
  if (!Array.isArray(content)) return;
  for (let index = 0; index < content.length; index += 1) {
    const value: unknown = content[index];
    if (!isObject(value)) continue;
    const type = stringMember(value, 'type') ?? (level === 'tools' ? 'custom' : '');
    const own = [...path, index];
    blocks.push({ level, path: own, type, role, value, isString: false, message, messageIndex });
  }
}

/**
 * Every block of a Messages body in rendering order: tools, system, messages (spec 1.1, 1.3). Takes any
 * value: what is not shaped like a block is passed over, for the API judges that, not us.
 */
export function readRawBlocks(
  body: JsonObject,
  toTextBlock: ToTextBlock = plainTextBlock,
): readonly RawBlock[] {
  const blocks: RawBlock[] = [];
  const outside = { role: null, message: null, messageIndex: -1 };
  const tools = { ...outside, level: 'tools', path: ['tools'] } as const;
  readContent(asArray(body['tools']), tools, toTextBlock, blocks);
  readContent(body['system'], { ...outside, level: 'system', path: ['system'] }, toTextBlock, blocks);
  for (const [messageIndex, message] of asArray(body['messages']).entries()) {
    if (!isObject(message)) continue;
    const place = {
      level: 'messages',
      path: ['messages', messageIndex, 'content'],
      role: stringMember(message, 'role'),
      message,
      messageIndex,
    } as const;
    readContent(message['content'], place, toTextBlock, blocks);
  }
  return blocks;
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
