import type { Memory } from './memory.ts';
import { writeNews, type EntryNews, type Lesson, type News } from './news.ts';
import type { PlannedRequest } from './request.ts';
import { NONE, type Run } from './runs.ts';

/** What waits to be told at most; beyond, what is newest is not told. */
const TOLD_MAX = 5000;
/** Places on which others have something at most; beyond, the oldest go. */
const PLACES_MAX = 50_000;
/** Runs whose open uses others may answer at most. */
const OPEN_MAX = 50_000;
/** Most bytes that one entry, one use or one class of a lesson takes. */
const BYTES_PER_PART = 80;
/** An entry is told again when its life has grown by more than this share of it. */
const GROWN_SHARE = 0.2;

/** What another planner has on a block. */
interface Place {
  readonly isHour: boolean;
  readonly readyMs: number;
  readonly expiresMs: number;
}

/**
 * What planners of one fleet tell each other, so that a conversation may change gateways: entries written, prefixes used
 * again, and what uses taught. Approximate on purpose: what is lost or late costs a little money and nothing else.
 */
export class Neighbours {
  /** Entries and places to tell, by key: the latest of each. */
  #entries = new Map<number, EntryNews>();
  #uses = new Map<number, number>();
  #lessons: Lesson[] = [];
  /** Expiry last told, by key. */
  #toldMs = new Map<number, number>();
  readonly #places = new Map<number, Place>();
  readonly #openRuns = new Map<number, Run>();

  /** A use of a block was opened here: whoever sees the block next says so. */
  noteOpen(memory: Memory, run: Run, index: number, atMs: number): void {
    const key = keyAt(memory, run, index);
    keep(this.#openRuns, key, run, OPEN_MAX);
    if (this.#entries.has(key) || this.#entries.size >= TOLD_MAX) return;
    this.#entries.set(key, { key, isHour: false, readyMs: Infinity, expiresMs: atMs });
  }

  /** A block that others may wait for was used. */
  noteUse(key: number, atMs: number): void {
    if (this.#uses.size < TOLD_MAX) this.#uses.set(key, atMs);
  }

  /** An entry can be read from `readyMs` on. */
  noteEntry(key: number, isHour: boolean, readyMs: number, expiresMs: number): void {
    const life = expiresMs - readyMs;
    if (expiresMs - (this.#toldMs.get(key) ?? -Infinity) < life * GROWN_SHARE) return;
    if (this.#entries.size < TOLD_MAX) this.#entries.set(key, { key, isHour, readyMs, expiresMs });
  }

  /** Hears what uses teach from now on. */
  listen({ uses, classes }: Memory): void {
    uses.onLesson = (tables, span, isBack) => {
      const names = tables.flatMap((table) => classes.nameOf(table) ?? []);
      this.#noteLesson({ classes: names, span, isBack });
    };
  }

  #noteLesson(lesson: Lesson): void {
    if (lesson.classes.length > 0 && this.#lessons.length < TOLD_MAX) this.#lessons.push(lesson);
  }

  /** What was noted, in about so many bytes at most; what does not fit waits. Null when there is nothing. */
  tell(nowMs: number, maxBytes: number): Uint8Array | null {
    const news = this.#drain(maxBytes);
    return news && writeNews(news, nowMs);
  }

  #drain(maxBytes: number): News | null {
    let left = Math.floor(maxBytes / BYTES_PER_PART);
    const take = <Key, Value>(from: Map<Key, Value>): [Key, Value][] => {
      const taken = [...from].slice(0, Math.max(0, left));
      for (const [key] of taken) from.delete(key);
      left -= taken.length;
      return taken;
    };
    const entries = take(this.#entries).map(([, entry]) => entry);
    for (const { key, expiresMs } of entries) keep(this.#toldMs, key, expiresMs, PLACES_MAX);
    const uses = take(this.#uses).map(([key, atMs]) => ({ key, atMs }));
    const lessons: Lesson[] = [];
    for (const lesson of this.#lessons) {
      left -= lesson.classes.length;
      if (left < 0) break;
      lessons.push(lesson);
    }
    this.#lessons = this.#lessons.slice(lessons.length);
    return entries.length + uses.length + lessons.length === 0 ? null : { entries, uses, lessons };
  }

  /** Takes over what another planner told. */
  merge(memory: Memory, { entries, uses, lessons }: News): void {
    for (const { key, ...place } of entries) {
      const known = this.#places.get(key);
      // Where somebody waits for a use, that says nothing of the entry which is there.
      const isWaiting = place.readyMs === Infinity;
      if (!known || !isWaiting || known.expiresMs <= place.expiresMs)
        keep(this.#places, key, place, PLACES_MAX);
    }
    for (const { key } of uses) this.#answer(memory, key);
    for (const { classes, span, isBack } of lessons) {
      for (const name of classes) {
        const table = memory.classes.get(name);
        memory.tables.enter(table, span);
        memory.tables.leave(table, span, isBack);
      }
    }
  }

  #answer(memory: Memory, key: number): void {
    const run = this.#openRuns.get(key);
    if (run === undefined) return;
    this.#openRuns.delete(key);
    const { runs, uses } = memory;
    if (run >= runs.end || !runs.isThere(run) || runs.use(run) === NONE) return;
    // The run may be another by now.
    if (keyAt(memory, run, runs.useIndex(run)) === key) uses.answer(run);
  }

  /**
   * Looks on a request's path for what others have there: entries become ours, and others are told that a place which
   * they wait for was used.
   *
   * @returns how many blocks of the path others have seen, as far as they told
   */
  adopt(memory: Memory, path: readonly Run[], { keys, length, atMs }: PlannedRequest): number {
    if (this.#places.size === 0) return 0;
    let seenLength = 0;
    for (let index = length - 1; index >= 0; index -= 1) {
      const key = keys[index] ?? NaN;
      const place = this.#places.get(key);
      if (!place) continue;
      this.#places.delete(key);
      this.noteUse(key, atMs);
      seenLength = Math.max(seenLength, index + 1);
      const run = path.find((each) => index < memory.runs.endOf(each));
      if (run !== undefined && place.expiresMs > atMs && place.readyMs <= atMs)
        memory.entries.adopt(run, index, place.isHour, place.readyMs, place.expiresMs);
    }
    return seenLength;
  }
}

function keyAt({ runs }: Memory, run: Run, index: number): number {
  return runs.key(run, index - runs.start(run));
}

/** Puts a value in as the newest, and lets the oldest go where they are too many. */
function keep<Key, Value>(into: Map<Key, Value>, key: Key, value: Value, most: number): void {
  into.delete(key);
  into.set(key, value);
  if (into.size <= most) return;
  for (const oldest of into.keys()) {
    into.delete(oldest);
    return;
  }
}
