/** A JSON object whose members have not been looked at yet. */
export type JsonObject = Record<string, unknown>;

/** A request the API answers with HTTP 400. The message is for the person reading a failed comparison, it is not compared. */
export class Refused extends Error {}

/** Throws {@link Refused} unless the condition holds. */
export function demand(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Refused(reason);
}

/** True for `{...}`, false for arrays, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of an array; an empty list for anything that is not an array. */
export function objectsIn(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The member of a value that may not even be an object. */
export function memberOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
