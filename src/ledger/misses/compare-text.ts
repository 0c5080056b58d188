/** Texts of which less than this is the same are different texts, not one that was edited. */
const EDITED_SHARE_MIN = 0.5;
/** Where the ends say too little, so many pieces of this length are looked for. */
const PROBES = 16;
const PROBE_CHARS = 24;

/** Where two texts differ. */
export interface TextDifference {
  /** UTF-8 bytes of the later text that differ: from, and before. */
  readonly byteRange: readonly [number, number];
  /** Is the later one the earlier one, edited? */
  readonly isEdit: boolean;
}

function sharedStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  while (same < most && a.charCodeAt(same) === b.charCodeAt(same)) same += 1;
  // Never between the halves of a character.
  return isLowHalf(b, same) || isLowHalf(a, same) ? same - 1 : same;
}

function sharedEnd(a: string, b: string, most: number): number {
  let same = 0;
  while (same < most && a.charCodeAt(a.length - same - 1) === b.charCodeAt(b.length - same - 1)) same += 1;
  return same > 0 && isLowHalf(b, b.length - same) ? same - 1 : same;
}

function isLowHalf(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    // Each half of a pair counts two of the four.
    else bytes += unit >= 0xd800 && unit <= 0xdfff ? 2 : 3;
  }
  return bytes;
}

/** Share of pieces of the later text that the earlier one has as well. */
function probedShare(before: string, after: string): number {
  if (after.length < PROBE_CHARS * 2) return 0;
  const step = (after.length - PROBE_CHARS) / (PROBES - 1);
  let found = 0;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const from = Math.floor(probe * step);
    if (before.includes(after.slice(from, from + PROBE_CHARS))) found += 1;
  }
  return found / PROBES;
}

/**
 * Compares what a block said with what it says now.
 *
 * @example compareTexts('It is Monday.', 'It is Friday.') // { byteRange: [6, 9], isEdit: true }
 */
export function compareTexts(before: string, after: string): TextDifference {
  const longest = Math.max(before.length, after.length);
  const start = sharedStart(before, after);
  const end = sharedEnd(before, after, Math.min(before.length, after.length) - start);
  const from = utf8Length(after.slice(0, start));
  const to = from + utf8Length(after.slice(start, after.length - end));
  const share = longest === 0 ? 1 : (start + end) / longest;
  const isEdit = share >= EDITED_SHARE_MIN || probedShare(before, after) >= EDITED_SHARE_MIN;
  return { byteRange: [from, to], isEdit };
}
