/**
 * One byte per UTF-16 code unit: which kind of character it is for the token estimator. A table instead of
 * comparisons or regular expressions keeps the scan at one load per character, whatever the text.
 */
export const KIND = {
  /** Control characters and whatever has no kind of its own: private use, unassigned. */
  unknown: 0,
  lower: 1,
  upper: 2,
  /** Letters of the extended Latin blocks: part of a word, dearer than ASCII letters. */
  accented: 3,
  digit: 4,
  /** Space, tab and the other horizontal spaces. */
  space: 5,
  newline: 6,
  /** `" { } [ ] :`, the marks JSON is made of. */
  jsonPunct: 7,
  /** Operators, which prose hardly uses. */
  codePunct: 8,
  /** `/ -`: punctuation that also occurs inside base64, UUIDs and paths. */
  joinPunct: 9,
  /** `+ = _`: marks of code, and parts of base64 as well. */
  joinOperator: 10,
  /** The remaining ASCII punctuation. */
  plainPunct: 11,
  /** Dashes, curly quotes, ellipsis. */
  typographic: 12,
  /** Arrows, mathematics, currency, dingbats. */
  symbol: 13,
  /** Half of a character outside the basic plane (emoji mostly); lone halves too. */
  surrogate: 14,
  /** Joiners and variation selectors, invisible and yet billed. */
  joiner: 15,
  han: 16,
  kana: 17,
  hangul: 18,
  cjkPunct: 19,
  cyrillic: 20,
  greek: 21,
  /** Hebrew, Arabic and Syriac. */
  semitic: 22,
  /** Indic, South-East Asian, Georgian, Ethiopic and all other scripts. */
  otherScript: 23,
} as const;

type Range = readonly [from: number, to: number, kind: number];

/** Later ranges overwrite earlier ones; what no range names is `unknown`. */
const RANGES: readonly Range[] = [
  [0x0021, 0x007e, KIND.plainPunct],
  [0x0030, 0x0039, KIND.digit],
  [0x0041, 0x005a, KIND.upper],
  [0x0061, 0x007a, KIND.lower],
  [0x00a1, 0x00bf, KIND.symbol],
  [0x00c0, 0x024f, KIND.accented],
  [0x00d7, 0x00d7, KIND.symbol],
  [0x00f7, 0x00f7, KIND.symbol],
  [0x0250, 0x036f, KIND.otherScript],
  [0x0370, 0x03ff, KIND.greek],
  [0x0400, 0x052f, KIND.cyrillic],
  [0x0530, 0x058f, KIND.otherScript],
  [0x0590, 0x08ff, KIND.semitic],
  [0x0900, 0x1dff, KIND.otherScript],
  [0x1100, 0x11ff, KIND.hangul],
  [0x1e00, 0x1eff, KIND.accented],
  [0x1f00, 0x1fff, KIND.greek],
  [0x2000, 0x200a, KIND.space],
  [0x200b, 0x200f, KIND.joiner],
  [0x2010, 0x2027, KIND.typographic],
  [0x2028, 0x2029, KIND.newline],
  [0x202f, 0x202f, KIND.space],
  [0x2030, 0x2bff, KIND.symbol],
  [0x2c00, 0x2dff, KIND.otherScript],
  [0x2e00, 0x2e7f, KIND.symbol],
  [0x2e80, 0x2fff, KIND.han],
  [0x3000, 0x303f, KIND.cjkPunct],
  [0x3005, 0x3007, KIND.han],
  [0x3040, 0x30ff, KIND.kana],
  [0x3100, 0x312f, KIND.kana],
  [0x3130, 0x318f, KIND.hangul],
  [0x3190, 0x33ff, KIND.cjkPunct],
  [0x3400, 0x9fff, KIND.han],
  [0xa000, 0xabff, KIND.otherScript],
  [0xac00, 0xd7ff, KIND.hangul],
  [0xd800, 0xdfff, KIND.surrogate],
  [0xf900, 0xfaff, KIND.han],
  [0xfb00, 0xfdff, KIND.semitic],
  [0xfe00, 0xfe0f, KIND.joiner],
  [0xfe10, 0xfe6f, KIND.cjkPunct],
  [0xfe70, 0xfefe, KIND.semitic],
  [0xfeff, 0xfeff, KIND.joiner],
  [0xff00, 0xff60, KIND.cjkPunct],
  [0xff61, 0xff9f, KIND.kana],
  [0xffa0, 0xffee, KIND.hangul],
];

const SINGLES: readonly (readonly [characters: string, kind: number])[] = [
  [' \t\u000b\u000c\u00a0', KIND.space],
  ['\n\r', KIND.newline],
  ['"{}[]:', KIND.jsonPunct],
  [';&$\\<>|', KIND.codePunct],
  ['/-', KIND.joinPunct],
  ['+=_', KIND.joinOperator],
];

function buildKindTable(): Uint8Array {
  const table = new Uint8Array(0x10000);
  for (const [from, to, kind] of RANGES) table.fill(kind, from, to + 1);
  for (const [characters, kind] of SINGLES) {
    for (let index = 0; index < characters.length; index += 1) table[characters.charCodeAt(index)] = kind;
  }
  return table;
}

const KIND_OF_CODE = /* @__PURE__ */ buildKindTable();

/** Kind of the code unit at `position`, which must lie inside `text`. */
export function kindAt(text: string, position: number): number {
  return KIND_OF_CODE[text.charCodeAt(position)] ?? KIND.unknown;
}
