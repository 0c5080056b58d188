/**
 * How the document being read is spelled, beside what `JSON.stringify` writes for the same values. Places that it would write
 * otherwise and no longer are rewrites: white space, escapes, numbers. All others are departures, such as a name that an
 * object has twice.
 */

/** Rewrites noted of one document; more are departures. */
const REWRITES_MAX = 1 << 20;
const NONE = new Int32Array();
/** Room for them that is kept between documents. */
const ROOM = 1 << 12;

let departures = 0;
let rewrites = new Int32Array(ROOM);
let count = 0;
let savedBytes = 0;
/** Where the run of escapes ends that was noted last. */
let runEnd = 0;

/** Begins with a document. */
export function beginSpelling(): void {
  count = 0;
  savedBytes = 0;
  runEnd = 0;
}

/** Ends with the document: the offsets of its rewrites, ascending. */
export function endSpelling(): Int32Array {
  const taken = count === 0 ? NONE : rewrites.slice(0, count);
  if (rewrites.length > ROOM) rewrites = new Int32Array(ROOM);
  return taken;
}

/** The value at hand cannot be had by rewriting its bytes. */
export function noteDeparture(): void {
  departures += 1;
}

/** What begins at `at` is written in `saved` bytes less than it has. */
export function noteRewrite(at: number, saved: number): void {
  if (count === REWRITES_MAX) {
    noteDeparture();
    return;
  }
  if (count === rewrites.length) {
    const wider = new Int32Array(count * 2);
    wider.set(rewrites);
    rewrites = wider;
  }
  rewrites[count] = at;
  count += 1;
  savedBytes += saved;
}

/** An escape in `[at, end)` is written in `saved` bytes less; escapes that follow each other at once have one place. */
export function noteRun(at: number, end: number, saved: number): void {
  if (at === runEnd) savedBytes += saved;
  else noteRewrite(at, saved);
  runEnd = end;
}

/** Grows by every departure. */
export function countDepartures(): number {
  return departures;
}

/** Bytes that the rewrites so far save. */
export function countSavedBytes(): number {
  return savedBytes;
}
