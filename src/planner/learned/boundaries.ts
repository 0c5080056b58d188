import type { LifeTables, ReuseChance, Table } from './life-tables.ts';
import type { Memory } from './memory.ts';
import type { PlaceName, PlannedRequest, TailKind } from './request.ts';
import { sizeClass, type ReuseClasses } from './reuse-classes.ts';
import { NONE, type Run, type Runs } from './runs.ts';

/** A place on a request's path where a breakpoint could pay. */
export class Boundary {
  /** Last block that a breakpoint there covers. */
  readonly index: number;
  readonly place: Exclude<PlaceName, 'read'>;
  readonly run: Run;
  readonly #around: Around;
  #classes: readonly Table[] | null = null;
  #chance: ReuseChance | null = null;

  constructor(index: number, place: Boundary['place'], run: Run, around: Around) {
    this.index = index;
    this.place = place;
    this.run = run;
    this.#around = around;
  }

  /** Tokens up to and including the block. */
  get tokens(): number {
    return this.#around.request.cumulativeTokens[this.index] ?? 0;
  }

  /** What learns from when the prefix is used again, the widest class first. Made when first asked for: most never are. */
  get classes(): readonly Table[] {
    this.#classes ??=
      this.place === 'tail'
        ? tailClasses(this.#around)
        : sharedClasses(this.place, this.run, this.#around.request.application, this.#around);
    return this.#classes;
  }

  /** The nearer half of `chance`, for those of which no more is asked. */
  get within5m(): number {
    return this.#chance?.within5m ?? this.#around.tables.chanceWithin5m(this.classes);
  }

  /** Share of uses that none has followed by each of the ages of a life table. */
  get survival(): readonly number[] {
    return this.#around.tables.survival(this.classes);
  }

  /** When the prefix will be used again, as far as is known. */
  get chance(): ReuseChance {
    const isDoubtful = this.place === 'tail' && this.#around.newest.tail !== 'plain';
    this.#chance ??= this.#around.tables.chance(this.classes, isDoubtful);
    return this.#chance;
  }
}

/** More boundaries than these are not weighed: the layers stay, and of the rest the longest prefixes. */
const BOUNDARIES_MAX = 12;

/** Turns after which a conversation is as good as any longer one. */
const TURNS_MAX = 3;
/** Uses after which a shared prefix is as popular as any more popular one, as a power of two. */
const POPULARITY_MAX = 6;

/** What is known of a request's newest part. */
interface Newest {
  readonly run: Run;
  /** Tokens that no request had before. */
  readonly freshTokens: number;
  readonly tail: TailKind;
  /** Requests that ended in its run before. */
  readonly turns: number;
}

/** What the boundaries of one request have in common. */
interface Around {
  readonly request: PlannedRequest;
  readonly newest: Newest;
  readonly classes: ReuseClasses;
  readonly tables: LifeTables;
  readonly runs: Runs;
}

/** @param knownLength blocks that were seen before */
export function aroundOf(
  { runs, classes, tables }: Memory,
  request: PlannedRequest,
  knownLength: number,
  last: Run,
): Around {
  const { cumulativeTokens, length } = request;
  const known = cumulativeTokens[knownLength - 1] ?? 0;
  const newest: Newest = {
    run: last,
    freshTokens: (cumulativeTokens[length - 1] ?? 0) - known,
    // What was seen before is not alone, whatever it looks like.
    tail: request.tail === 'lone' && knownLength > 0 ? 'plain' : request.tail,
    turns: runs.turns(last),
  };
  return { request, newest, classes, tables, runs };
}

/** Kinds of tails by name: put together once. */
const TAIL_KINDS: Readonly<Record<TailKind, Readonly<Record<PlannedRequest['newest'], string>>>> = {
  plain: { user: 'tail plain|user', tool: 'tail plain|tool' },
  lone: { user: 'tail lone|user', tool: 'tail lone|tool' },
  left: { user: 'tail left|user', tool: 'tail left|tool' },
};

function tailClasses({ request, newest, classes }: Around): readonly Table[] {
  const kind = TAIL_KINDS[newest.tail][request.newest];
  const turns = Math.min(TURNS_MAX, newest.turns);
  return classes.ofTail(kind, sizeClass(newest.freshTokens), turns, request.application);
}

/** Classes of what several requests share, the run's own among them. */
export function sharedClasses(
  place: PlaceName,
  run: Run,
  application: number,
  { classes, tables, runs }: Pick<Memory, 'classes' | 'tables' | 'runs'>,
): readonly Table[] {
  const own = runs.table(run);
  const isKnown = own !== NONE;
  // A place each: where tools stay and system prompts do not, neither may speak for the other.
  if (place !== 'shared') {
    const wide = [classes.get(place), classes.get(`${place}|${application}`)];
    return isKnown ? [...wide, own] : wide;
  }
  const popularity = isKnown ? Math.min(POPULARITY_MAX, sizeClass(1 + tables.judged(own, 0))) : 0;
  const shared = classes.ofShared(application, popularity);
  return isKnown ? [...shared, own] : shared;
}

/** The last block up to `end`, and behind `from`, on which a breakpoint may stand; -1 without one. */
function lastMarkable(request: PlannedRequest, from: number, end: number): number {
  let index = end;
  while (index > from && !request.canMark(index)) index -= 1;
  return index > from ? index : -1;
}

/** Runs of a path that are worth a look: an adversary may part a path at every block. */
function worthALook(path: readonly Run[], { request, runs }: Around): readonly Run[] {
  if (path.length <= BOUNDARIES_MAX) return path;
  const late = path.length - BOUNDARIES_MAX + request.layers.length;
  const isLayerEnd = (run: Run): boolean => request.layers.some(({ length }) => length === runs.endOf(run));
  return path.filter((run, order) => order >= late || isLayerEnd(run));
}

/** Places on a path, shortest prefix first; the last is the tail. */
export function findBoundaries(path: readonly Run[], around: Around): readonly Boundary[] {
  const { request, newest, runs } = around;
  const boundaries: Boundary[] = [];
  let from = -1;
  for (const run of worthALook(path, around)) {
    const isTail = run === newest.run;
    const end = isTail ? request.length - 1 : runs.endOf(run) - 1;
    const index = lastMarkable(request, from, end);
    if (index < 0) continue;
    const place = layerEndingAt(end + 1, request) ?? (isTail ? 'tail' : 'shared');
    boundaries.push(new Boundary(index, place, run, around));
    from = index;
  }
  return boundaries;
}

function layerEndingAt(end: number, { layers }: PlannedRequest): Boundary['place'] | null {
  for (const { place, length } of layers) if (length === end) return place;
  return null;
}
