/** What sort of text changed: a pattern that programs write by themselves, the order of the same parts, or any other text. */
export type VolatileKind = 'date' | 'id' | 'counter' | 'order' | 'text';

/** A stretch of a text that differs from the text before, as UTF-16 indices into the later one, the end exclusive. */
export interface TextChange {
  readonly kind: VolatileKind;
  readonly start: number;
  readonly end: number;
}

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\\.?';
const WEEKDAY = '(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?';
// Between the time and AM or PM, Node writes a narrow space that does not break.
const CLOCK = '\\d{1,2}:\\d{2}(?::\\d{2}(?:[.,]\\d{1,9})?)?(?:[ \\u00a0\\u202f]?[AaPp]\\.?[Mm]\\b)?';
/** A day and a year with a word between them: the names of months in other languages. */
const DAY_WORD_YEAR = '\\d{1,2}\\.? (?:de )?\\p{L}{3,12}\\.?,? (?:de )?\\d{4}';

/** Text that programs put into prompts by themselves, the more particular pattern first. */
const PATTERN = new RegExp(
  [
    '(?<uuid>\\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\b)',
    `(?<date>\\b\\d{4}-\\d{2}-\\d{2}(?:[T ]${CLOCK}(?:Z|[+-]\\d{2}:?\\d{2})?)?|\\b\\d{1,2}[./]\\d{1,2}[./]\\d{2,4}\\b` +
      `|\\b${MONTH} \\d{1,2}(?:st|nd|rd|th)?(?:,? \\d{4})?\\b|\\b\\d{1,2}\\.? ${MONTH}(?:,? \\d{4})?\\b|\\b${DAY_WORD_YEAR}\\b` +
      `|\\b${WEEKDAY}\\b|\\b${CLOCK}\\b|\\b1\\d{9}(?:\\d{3})?\\b)`,
    '(?<id>\\b(?=[A-Za-z_-]{0,63}\\d)(?=[0-9_-]{0,63}[A-Za-z])[A-Za-z0-9_-]{6,64}\\b)',
    // With thousands, decimals or the parts of a version.
    '(?<counter>\\b\\d{1,20}(?:[.,]\\d{1,20}){0,6}\\b)',
  ].join('|'),
  'gu',
);

interface Found {
  readonly kind: VolatileKind;
  readonly start: number;
  readonly text: string;
}

function findPatterns(text: string): readonly Found[] {
  return [...text.matchAll(PATTERN)].map((match) => {
    const groups = match.groups ?? {};
    const kind = groups['date'] !== undefined ? 'date' : groups['counter'] === undefined ? 'id' : 'counter';
    return { kind, start: match.index, text: match[0] };
  });
}

/** The text with everything of a volatile pattern left out: equal for two texts that differ in nothing else. */
export function maskPatterns(text: string): string {
  return text.replace(PATTERN, '\u0000');
}

/** Lines and sentences; joined again they are the text. None ends inside `22. November 2026`. */
export function splitUnits(text: string): readonly string[] {
  return text.split(/(?<=[.!?][ \t])(?=\p{Lu})(?!\p{L}{3,12}\.? \d{4}\b)|(?<=\n)/u);
}

function sameParts(before: readonly string[], after: readonly string[]): boolean {
  if (before.length < 2 || before.length !== after.length) return false;
  const sorted = after.toSorted();
  return before.toSorted().every((part, index) => part === sorted[index]);
}

/** The stretch between what two texts begin and end with in common. */
function trimmed(before: string, after: string, offset: number, kind: VolatileKind): TextChange {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < shorter - start && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return { kind, start: offset + start, end: offset + after.length - tail };
}

const words = (text: string): readonly string[] =>
  text.split(/[\s,;{}[\]()]+/u).filter((word) => word !== '');

/** What changed inside one line or sentence. */
function compareUnit(before: string, after: string, offset: number): readonly TextChange[] {
  if (maskPatterns(before) !== maskPatterns(after)) {
    return [trimmed(before, after, offset, sameParts(words(before), words(after)) ? 'order' : 'text')];
  }
  const earlier = findPatterns(before);
  return findPatterns(after).flatMap(({ kind, start, text }, index) =>
    earlier[index]?.text === text ? [] : [{ kind, start: offset + start, end: offset + start + text.length }],
  );
}

/**
 * Where a text differs from the text before it, and what sort of text that is. Empty for equal texts.
 *
 * @example compareTexts('Now: 10:31', 'Now: 10:32') // [{ kind: 'date', start: 5, end: 10 }]
 */
export function compareTexts(before: string, after: string): readonly TextChange[] {
  if (before === after) return [];
  const earlier = splitUnits(before);
  const later = splitUnits(after);
  if (sameParts(earlier, later)) return [trimmed(before, after, 0, 'order')];
  const isSameButPatterns = maskPatterns(before) === maskPatterns(after);
  // Members of JSON over several lines: commas stand elsewhere, so that the lines are not the same ones.
  if (!isSameButPatterns && sameParts(words(before), words(after)))
    return [trimmed(before, after, 0, 'order')];
  if (earlier.length !== later.length) return [trimmed(before, after, 0, 'text')];
  let offset = 0;
  return later.flatMap((unit, index) => {
    const at = offset;
    offset += unit.length;
    const old = earlier[index] ?? '';
    return old === unit ? [] : compareUnit(old, unit, at);
  });
}

/** UTF-8 bytes of the first UTF-16 units of a text; core and planner have no encoder. */
export function utf8Bytes(text: string, units: number): number {
  let bytes = 0;
  for (let index = 0; index < units && index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    // Either half of a surrogate pair is two of the four bytes of its character.
    const isHalf = code >= 0xd800 && code <= 0xdfff;
    bytes += code < 0x80 ? 1 : code < 0x800 || isHalf ? 2 : 3;
  }
  return bytes;
}
