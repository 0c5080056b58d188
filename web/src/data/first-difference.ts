/** Where two bodies begin to differ. */
export interface Difference {
  /** Such as `tools.1.description`, in the order in which the service reads them. */
  readonly path: string;
  /** Bytes of the text at that path that are the same; null where it is no text, or not in both. */
  readonly sameBytes: number | null;
  /** What stands there, and a little before it; null where there is nothing. */
  readonly older: string | null;
  readonly newer: string | null;
}

/** What makes a prefix comes first, as the service reads it. */
const ORDER = ['model', 'tools', 'system', 'messages'];
const BEFORE = 30;
const SHOWN = 90;

type Json = Readonly<Record<string, unknown>> | readonly unknown[];

const isNested = (value: unknown): value is Json => typeof value === 'object' && value !== null;

function namesOf(one: Json, other: Json, isTop: boolean): readonly string[] {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const rank = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return isTop ? names.toSorted((a, b) => rank(a) - rank(b)) : names;
}

function shorten(text: string, from: number): string {
  const start = Math.max(0, from - BEFORE);
  const end = start + SHOWN;
  return `${start > 0 ? '…' : ''}${text.slice(start, end)}${end < text.length ? '…' : ''}`;
}

function show(value: unknown): string | null {
  return value === undefined ? null : shorten(JSON.stringify(value), 0);
}

function ofTexts(path: string, older: string, newer: string): Difference {
  let same = 0;
  while (same < older.length && same < newer.length && older[same] === newer[same]) same += 1;
  // A character of two units is not the same because its first one is.
  if (/[\uD800-\uDBFF]/.test(newer[same - 1] ?? '')) same -= 1;
  const sameBytes = new TextEncoder().encode(newer.slice(0, same)).length;
  return { path, sameBytes, older: shorten(older, same), newer: shorten(newer, same) };
}

function find(path: string, older: unknown, newer: unknown): Difference | null {
  if (older === newer) return null;
  if (isNested(older) && isNested(newer) && Array.isArray(older) === Array.isArray(newer)) {
    const [one, other] = [new Map(Object.entries(older)), new Map(Object.entries(newer))];
    for (const name of namesOf(older, newer, path === '')) {
      const found = find(path === '' ? name : `${path}.${name}`, one.get(name), other.get(name));
      if (found) return found;
    }
    return null;
  }
  if (typeof older === 'string' && typeof newer === 'string') return ofTexts(path, older, newer);
  return { path, sameBytes: null, older: show(older), newer: show(newer) };
}

/**
 * The first difference of two requests; null where there is none.
 *
 * @throws SyntaxError for what is no JSON.
 */
export function findDifference(older: string, newer: string): Difference | null {
  return find('', JSON.parse(older), JSON.parse(newer));
}
