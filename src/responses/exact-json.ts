/** What newer versions of the language know, and its library declarations do not yet. */
interface NewerJson {
  parse(
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

const newer: NewerJson = JSON as unknown as NewerJson;

/** Parses JSON so that `JSON.stringify` writes each number as it was spelled: a large id is not rounded on its way. */
export function parseExactly(text: string): unknown {
  return newer.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? newer.rawJSON(source)
      : value,
  );
}
