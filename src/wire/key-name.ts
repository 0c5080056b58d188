import { decodeString, hasBackslash, hasBytesAt } from './json-bytes.ts';

/** A member name to look for, prepared once so that comparing allocates nothing. */
export interface KeyName<Text extends string = string> {
  readonly text: Text;
  readonly bytes: Uint8Array;
}

/** Prepares a member name for `matchKey`. Only for names without characters that JSON must escape. */
export function keyName<Text extends string>(text: Text): KeyName<Text> {
  return { text, bytes: Buffer.from(text) };
}

/**
 * Which of `names` the member name literal in `[keyStart, keyEnd)` (quotes included) spells, or null.
 * An escaped spelling (`"\u006dessages"`) counts.
 */
export function matchKey<Text extends string>(
  bytes: Uint8Array,
  keyStart: number,
  keyEnd: number,
  names: readonly KeyName<Text>[],
): Text | null {
  const rawLength = keyEnd - keyStart - 2;
  for (const name of names) {
    if (rawLength === name.bytes.length && hasBytesAt(bytes, keyStart + 1, name.bytes)) return name.text;
  }
  if (!hasBackslash(bytes, keyStart, keyEnd)) return null;
  const decoded = decodeString(bytes, keyStart, keyEnd);
  return names.find((name) => name.text === decoded)?.text ?? null;
}
