import { fromAscii, toAscii } from './ascii.ts';
import { AGES_MS } from './life-tables.ts';
import { PlannerStateError } from './planner-state-error.ts';

/** An entry that another planner has written or renewed; with an expiry that is over, a place that it waits for. */
export interface EntryNews {
  readonly key: number;
  readonly isHour: boolean;
  readonly readyMs: number;
  readonly expiresMs: number;
}

/** What a use taught classes: in which span of age, and whether the next use came in it. */
export interface Lesson {
  readonly classes: readonly string[];
  readonly span: number;
  readonly isBack: boolean;
}

/** What one planner tells the others of its fleet. */
export interface News {
  readonly entries: readonly EntryNews[];
  readonly uses: readonly { readonly key: number; readonly atMs: number }[];
  readonly lessons: readonly Lesson[];
}

const VERSION = 1;
const NAME_LENGTH_MAX = 200;
const PARTS_MAX = 100_000;

/** News as bytes. Times are told as distances from `nowMs`, since the clocks of machines differ. */
export function writeNews({ entries, uses, lessons }: News, nowMs: number): Uint8Array {
  const away = (ms: number): number | null => (Number.isFinite(ms) ? Math.round(ms - nowMs) : null);
  const rows = {
    v: VERSION,
    e: entries.map(({ key, isHour, readyMs, expiresMs }) => [
      key,
      isHour ? 1 : 0,
      away(readyMs),
      away(expiresMs),
    ]),
    u: uses.map(({ key, atMs }) => [key, away(atMs)]),
    l: lessons.map(({ classes, span, isBack }) => [span, isBack ? 1 : 0, ...classes]),
  };
  return toAscii(rows);
}

type Row = readonly unknown[];

function isRows(value: unknown): value is readonly Row[] {
  return Array.isArray(value) && value.length <= PARTS_MAX && value.every((row) => Array.isArray(row));
}

function numberIn(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new PlannerStateError('what another planner told lacks a number');
}

function entryOf([key, isHour, readyMs, expiresMs]: Row, toldMs: number): EntryNews {
  return {
    key: numberIn(key),
    isHour: isHour === 1,
    readyMs: readyMs === null ? Infinity : toldMs + numberIn(readyMs),
    expiresMs: expiresMs === null ? -Infinity : toldMs + numberIn(expiresMs),
  };
}

function lessonOf([span, isBack, ...classes]: Row): Lesson {
  const names = classes.filter(
    (name): name is string => typeof name === 'string' && name.length <= NAME_LENGTH_MAX,
  );
  const age = numberIn(span);
  if (!Number.isInteger(age) || age < 0 || age >= AGES_MS.length || names.length < classes.length)
    throw new PlannerStateError('what another planner learned is of no age or class');
  return { classes: names, span: age, isBack: isBack === 1 };
}

/**
 * News from bytes.
 *
 * @param toldMs when it was told, by the clock of this machine
 * @throws PlannerStateError where it is something else, or of another version
 */
export function readNews(bytes: Uint8Array, toldMs: number): News {
  const value = fromAscii(bytes, 'what another planner told');
  if (typeof value !== 'object' || value === null || !('v' in value) || value.v !== VERSION)
    throw new PlannerStateError(`what another planner told is not of version ${VERSION}`);
  const { e, u, l } = value as { e?: unknown; u?: unknown; l?: unknown };
  if (!isRows(e) || !isRows(u) || !isRows(l))
    throw new PlannerStateError('what another planner told is incomplete');
  return {
    entries: e.map((row) => entryOf(row, toldMs)),
    uses: u.map(([key, atMs]) => ({ key: numberIn(key), atMs: toldMs + numberIn(atMs) })),
    lessons: l.map(lessonOf),
  };
}
