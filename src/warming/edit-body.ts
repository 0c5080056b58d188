import { KEY_ORDER, isObject, type BlockPath, type JsonObject } from '../core/index.ts';

/** Notes the order of keys on a copy: the order that the source had, where JavaScript would change it (spec 1.3). */
function keepOrder(
  copy: JsonObject,
  source: JsonObject,
  change: (keys: readonly string[]) => readonly string[],
): JsonObject {
  const order = (source as { readonly [KEY_ORDER]?: readonly string[] })[KEY_ORDER];
  if (order) Object.defineProperty(copy, KEY_ORDER, { value: change(order) });
  return copy;
}

/** A copy with a member set: in its place where it is known, else behind all others. */
export function setMember(object: JsonObject, name: string, value: unknown): JsonObject {
  const copy: JsonObject = { ...object, [name]: value };
  return keepOrder(copy, object, (keys) => (keys.includes(name) ? keys : [...keys, name]));
}

/** A copy without some members. */
export function dropMembers(object: JsonObject, names: readonly string[]): JsonObject {
  if (!names.some((name) => name in object)) return object;
  const copy: JsonObject = Object.fromEntries(
    Object.entries(object).filter(([name]) => !names.includes(name)),
  );
  return keepOrder(copy, object, (keys) => keys.filter((key) => !names.includes(key)));
}

/**
 * A copy with the block at a path replaced. A block in string form, whose path ends at the string, becomes an array of
 * one block, which is the same prefix (spec 1.3).
 */
export function replaceBlock(
  body: JsonObject,
  path: BlockPath,
  isString: boolean,
  block: JsonObject,
): JsonObject {
  const value = replaceAt(body, path, isString ? [block] : block);
  return isObject(value) ? value : body;
}

function replaceAt(value: unknown, path: BlockPath, replacement: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return replacement;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return items.map((item, index) => (index === step ? replaceAt(item, rest, replacement) : item));
  }
  return isObject(value) ? setMember(value, String(step), replaceAt(value[step], rest, replacement)) : value;
}
