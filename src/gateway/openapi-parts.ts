/** A JSON Schema (2020-12), as OpenAPI 3.1 has them. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Members of an object; every one is there unless its name ends with `?`. */
export type Members = Readonly<Record<string, JsonSchema>>;

/** A text. */
export const text: JsonSchema = { type: 'string' };
/** A whole number. */
export const whole: JsonSchema = { type: 'integer' };
/** A number. */
export const decimal: JsonSchema = { type: 'number' };
/** Yes or no. */
export const flag: JsonSchema = { type: 'boolean' };
/** Money, exact. */
export const picoUsd: JsonSchema = {
  type: 'string',
  pattern: '^-?[0-9]+$',
  description: 'Pico-dollars (1 USD is 10^12), signed, as a decimal string: exact at any size.',
};
/** Money for reading. */
export const usd: JsonSchema = {
  type: 'number',
  description: 'Dollars for reading; sums belong to pico-dollars.',
};
/** A time. */
export const timeMs: JsonSchema = { type: 'number', description: 'Milliseconds since 1970 UTC.' };

/** One that may be null. */
export function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

/** A list. */
export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

/** One of some words. */
export function oneOf(...words: readonly string[]): JsonSchema {
  return { type: 'string', enum: words };
}

/** An object with these members. */
export function object(members: Members, description?: string): JsonSchema {
  const names = Object.keys(members);
  return {
    type: 'object',
    ...(description !== undefined && { description }),
    properties: Object.fromEntries(names.map((name) => [name.replace(/\?$/, ''), members[name]])),
    required: names.filter((name) => !name.endsWith('?')),
  };
}

/** One that stands under a name among the components. */
export function named(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** Tokens by what is paid for them. */
export const tokenCounts: Members = {
  uncachedTokens: whole,
  readTokens: whole,
  write5mTokens: whole,
  write1hTokens: whole,
  outputTokens: whole,
};
/** Numbers under names that are not known beforehand. */
export const counts: JsonSchema = { type: 'object', additionalProperties: { type: 'number' } };
