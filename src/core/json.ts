/** A JSON object as `JSON.parse` gives it: nothing is known of its members. */
export type JsonObject = { readonly [member: string]: unknown };

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member if it is a string, else null. */
export function stringMember(value: JsonObject, name: string): string | null {
  const member = value[name];
  return typeof member === 'string' ? member : null;
}
