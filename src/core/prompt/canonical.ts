import { isObject, type JsonObject } from '../json.ts';

/**
 * Under this symbol a parser may leave an object's key order as it was in the source, for
 * JavaScript moves integer-like keys to the front and key order is part of the prompt (spec 1.3).
 * The root of a body carries it whenever any object inside does.
 */
export const KEY_ORDER: unique symbol = Symbol('cachewright.keyOrder');

/** True when some object of this body needs its source key order restored. */
export function hasKeyOrder(body: object): boolean {
  return KEY_ORDER in body;
}

function keysOf(value: JsonObject): readonly string[] {
  return (value as { [KEY_ORDER]?: readonly string[] })[KEY_ORDER] ?? Object.keys(value);
}

function writeInSourceOrder(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeInSourceOrder).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const members = keysOf(value).map((key) => `${JSON.stringify(key)}:${writeInSourceOrder(value[key])}`);
  return `{${members.join(',')}}`;
}

/**
 * One text per JSON value, keeping key order and dropping what cannot matter to the prompt: white
 * space, escapes and the spelling of numbers (spec 1.3).
 */
export function canonicalJson(value: unknown, sourceOrder: boolean): string {
  return sourceOrder ? writeInSourceOrder(value) : (JSON.stringify(value) ?? 'null');
}

/** A copy without the given member, key order kept. */
export function withoutMember(value: JsonObject, name: string): JsonObject {
  const order = keysOf(value).filter((key) => key !== name);
  // Not by assignment, which takes a member `__proto__` for the prototype.
  const copy: JsonObject = Object.fromEntries(order.map((key) => [key, value[key]]));
  if (KEY_ORDER in value) Object.defineProperty(copy, KEY_ORDER, { value: order });
  return copy;
}

/** A copy with one member replaced in its place. */
export function withMember(value: JsonObject, name: string, member: unknown): JsonObject {
  const copy: Record<string, unknown> = { ...value, [name]: member };
  if (KEY_ORDER in value) Object.defineProperty(copy, KEY_ORDER, { value: keysOf(value) });
  return copy;
}
