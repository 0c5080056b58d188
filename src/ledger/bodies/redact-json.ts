import { fileSpan, findDataUrls, isFile } from './attachments.ts';
import { findSecrets, isSecretMember, redacted } from './secrets.ts';
import { replaceSpans, type Span } from './spans.ts';

/** Finds in a text, besides what is known here, what else is not to be kept. */
export type FindMore = (text: string) => readonly Span[];

/** No credential that is known here is shorter with what tells it. */
const CHARACTERS_MIN = 7;

/** What is not to be kept of a text: secrets, files, and what is asked for besides. */
export function findInText(text: string, findMore: FindMore): readonly Span[] {
  if (text.length < CHARACTERS_MIN) return findMore(text);
  return [...findSecrets(text), ...findDataUrls(text), ...findMore(text)];
}

/** The same of the text of a member of that name; null: it has none. */
export function findInMember(name: string | null, text: string, findMore: FindMore): readonly Span[] {
  if (name !== null && isSecretMember(name, text))
    return [{ from: 0, to: text.length, by: redacted('secret') }];
  return isFile(text) ? [fileSpan(text)] : findInText(text, findMore);
}

/** Place of the quote that ends a string of JSON, or the end of the text. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at;
    while (before > from && text[before - 1] === '\\') before -= 1;
    if ((at - before) % 2 === 0) return at;
  }
  return text.length;
}

/** What a string of JSON says; what is malformed says what is written there. */
function decode(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

function findInString(name: string | null, raw: string, findMore: FindMore): readonly Span[] {
  if (!raw.includes('\\')) return findInMember(name, raw, findMore);
  const text = decode(raw);
  const spans = findInMember(name, text, findMore);
  if (spans.length === 0) return spans;
  // Escapes make places differ: it is written anew as a whole.
  return [{ from: 0, to: raw.length, by: JSON.stringify(replaceSpans(text, spans)).slice(1, -1) }];
}

/** Where the value begins whose name ends here; null: this string is no name. */
function valueAfter(text: string, end: number): number | null {
  const colon = /\s{0,64}:\s{0,64}/y;
  colon.lastIndex = end + 1;
  return colon.test(text) ? colon.lastIndex : null;
}

/**
 * What is not to be kept of a text of JSON, in places of that text: its strings are read with their escapes undone. It may
 * end in the middle.
 */
export function findInJson(text: string, findMore: FindMore): readonly Span[] {
  const found: Span[] = [];
  let name: { readonly text: string; readonly valueAt: number } | null = null;
  for (let quote = text.indexOf('"'); quote >= 0;) {
    const from = quote + 1;
    const end = endOfString(text, from);
    const raw = text.slice(from, end);
    const called: string | null = name?.valueAt === quote ? name.text : null;
    for (const span of findInString(called, raw, findMore))
      found.push({ from: from + span.from, to: from + span.to, by: span.by });
    const valueAt = valueAfter(text, end);
    name = valueAt === null ? null : { text: decode(raw), valueAt };
    quote = text.indexOf('"', end + 1);
  }
  return found;
}
