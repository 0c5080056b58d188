import type { Level } from '../../core/index.ts';
import type { MissEvidence, MissReason } from '../record.ts';
import { nothingKnown } from '../record.ts';
import { describeToolChange, type ToolNames } from './changed-tools.ts';
import type { TextDifference } from './compare-text.ts';
import { compareSettings } from './settings.ts';
import { lengthOf, levelOfPart, tokensBefore, type PromptOutline, type SeenRequest } from './seen-prompt.ts';

/** What keeps a prompt from reading what an earlier one left, from a part on. */
export interface Obstacle {
  readonly part: number;
  readonly reason: MissReason;
  readonly evidence: MissEvidence;
}

/** How a prompt stands to an earlier one. */
export interface Relation {
  readonly earlier: SeenRequest;
  /** Parts at the beginning that say the same in both. */
  readonly shared: number;
  /** Up to here, in parts of the later one, the earlier one had this, or something that this is in the place of. */
  readonly end: number;
  /** By part; none where the later one goes on from the earlier one. */
  readonly obstacles: readonly Obstacle[];
  /** Does it only begin like the earlier one, and then say something else? */
  readonly isOther: boolean;
}

/**
 * Compares the text of a part with what stood there in the earlier request; null where it is not known any more, or where
 * nothing else says that the two requests belong together and enough such guesses have been made.
 */
export type CompareParts = (
  earlier: SeenRequest,
  earlierPart: number,
  laterPart: number,
  isGuess: boolean,
) => TextDifference | null;

/** Path of a part as it was sent, such as `messages.4.content.2`. */
export type PathOfPart = (part: number) => string;

/** What a comparison draws on besides the two prompts. */
export interface Comparison {
  readonly nowMs: number;
  readonly compareParts: CompareParts;
  readonly pathOfPart: PathOfPart;
  /** Was it the model's own thinking, which the service takes out of turns that are over (spec 7.2)? */
  readonly wasThinking: (earlier: SeenRequest, earlierPart: number) => boolean;
  /** Names of both prompts' tools; null where those of the earlier one are not known any more. */
  readonly toolNames: (earlier: SeenRequest) => ToolNames | null;
}

/** Fewer tokens that are the same behind a change may be so by chance. */
const SAME_TOKENS_MIN = 64;
/** So much of what stands in the place of the earlier prompt must be the same, for the one to be the other changed. */
const SAME_SHARE_MIN = 0.5;

const LEVELS: readonly Level[] = ['tools', 'system', 'messages'];

/** Where a level begins and ends, in parts. */
function spanOf(outline: PromptOutline, level: Level): readonly [number, number] {
  const { systemStart, messagesStart } = outline;
  if (level === 'tools') return [0, systemStart];
  return level === 'system' ? [systemStart, messagesStart] : [messagesStart, lengthOf(outline)];
}

function sharedParts(before: PromptOutline, after: PromptOutline): number {
  const most = Math.min(lengthOf(before), lengthOf(after));
  let shared = 0;
  while (shared < most && before.contentIds[shared] === after.contentIds[shared]) shared += 1;
  return shared;
}

/** A place at which a level stops being the same. */
interface Change {
  readonly level: Level;
  readonly earlierPart: number;
  readonly laterPart: number;
  /** Has the later one a part of this level there, and the earlier one too? */
  readonly isThere: boolean;
}

/** Where a level differs from what was cached of it; null where it is the same, or goes on from it. */
function changeIn(level: Level, earlier: SeenRequest, after: PromptOutline): Change | null {
  const cachedEnd = earlier.cached?.parts ?? 0;
  const [start, wholeEnd] = spanOf(earlier.prompt, level);
  const [laterStart, laterEnd] = spanOf(after, level);
  const end = Math.min(wholeEnd, cachedEnd);
  // What stands behind the last cached part of it cannot have been lost.
  const isCut = cachedEnd <= wholeEnd;
  let at = 0;
  while (
    start + at < end &&
    laterStart + at < laterEnd &&
    earlier.prompt.contentIds[start + at] === after.contentIds[laterStart + at]
  )
    at += 1;
  const hasRest = start + at < end;
  const hasNew = laterStart + at < laterEnd;
  if (!hasRest && (isCut || !hasNew)) return null;
  // A conversation that is taken up at an earlier turn has changed nothing.
  if (level === 'messages' && !hasNew) return null;
  return { level, earlierPart: start + at, laterPart: laterStart + at, isThere: hasRest && hasNew };
}

/** Texts of which one is so many times as long as the other are not compared. */
const SIZE_FACTOR_MAX = 3;

function haveLikeSizes(
  earlier: PromptOutline,
  earlierPart: number,
  later: PromptOutline,
  laterPart: number,
): boolean {
  const size = (outline: PromptOutline, part: number): number =>
    tokensBefore(outline, part + 1) - tokensBefore(outline, part);
  const [a, b] = [size(earlier, earlierPart), size(later, laterPart)];
  return a <= b * SIZE_FACTOR_MAX && b <= a * SIZE_FACTOR_MAX;
}

/** How the texts differ at changes, by part of the later prompt. */
function differencesAt(
  changes: readonly Change[],
  earlier: SeenRequest,
  after: PromptOutline,
  compareParts: CompareParts,
  isGuess: boolean,
): ReadonlyMap<number, TextDifference> {
  const found = new Map<number, TextDifference>();
  for (const { earlierPart, laterPart, isThere } of changes) {
    if (!isThere || (isGuess && !haveLikeSizes(earlier.prompt, earlierPart, after, laterPart))) continue;
    const difference = compareParts(earlier, earlierPart, laterPart, isGuess);
    if (difference) found.set(laterPart, difference);
  }
  return found;
}

/** End of what is in the place of the earlier prompt: of the last part before which most is the same, or edited. */
function endInPlace(
  earlier: SeenRequest,
  after: PromptOutline,
  shared: number,
  edited: ReadonlySet<number>,
): number {
  const { contentIds } = earlier.prompt;
  const left = new Map<number, number>();
  for (let part = shared; part < (earlier.cached?.parts ?? 0); part += 1) {
    const id = contentIds[part] ?? -1;
    left.set(id, (left.get(id) ?? 0) + 1);
  }
  // What took the place of the first part that differs is not counted: it may be as long as all the rest.
  const first = contentIds[shared] === undefined || edited.has(shared) ? shared : shared + 1;
  const startTokens = tokensBefore(after, first);
  let sameTokens = 0;
  let end = shared;
  for (let part = shared; part < lengthOf(after); part += 1) {
    const id = after.contentIds[part] ?? -1;
    const count = left.get(id) ?? 0;
    if (count === 0 && !edited.has(part)) continue;
    left.set(id, count - 1);
    const until = tokensBefore(after, part + 1);
    sameTokens += until - tokensBefore(after, part);
    if (sameTokens >= SAME_TOKENS_MIN && sameTokens >= (until - startTokens) * SAME_SHARE_MIN) end = part + 1;
  }
  return end;
}

const CONTENT_REASONS: Readonly<Record<Level, MissReason>> = {
  tools: 'tools_changed',
  system: 'system_changed',
  messages: 'messages_changed',
};

function contentObstacle(
  { level, earlierPart, laterPart }: Change,
  difference: TextDifference | undefined,
  earlier: SeenRequest,
  after: PromptOutline,
  { nowMs, pathOfPart, toolNames, wasThinking }: Comparison,
): Obstacle {
  const [start] = spanOf(earlier.prompt, level);
  const isThere = laterPart < lengthOf(after) && levelOfPart(after, laterPart) === level;
  const isThinking = wasThinking(earlier, earlierPart);
  const toolsDetail =
    level === 'tools' ? describeToolChange(earlier.prompt, after, toolNames(earlier)) : null;
  const isEdited = toolsDetail === null || toolsDetail.includes('edited');
  return {
    part: laterPart,
    reason: CONTENT_REASONS[level],
    evidence: {
      ...nothingKnown,
      detail: toolsDetail ?? (isThinking ? 'thinking_removed' : null),
      level,
      // A part that was taken away from the end stands nowhere: told is where it stood.
      path: isThere ? pathOfPart(laterPart) : `${level}.${earlierPart - start}`,
      // What stands there now because others moved was not edited.
      byteRange: isEdited ? (difference?.byteRange ?? null) : null,
      previousId: earlier.id,
      ageMs: nowMs - earlier.atMs,
    },
  };
}

/** Settings that differ, each from where the first level begins that it loses. */
function settingObstacles(
  earlier: SeenRequest,
  after: PromptOutline,
  { nowMs }: Comparison,
): readonly Obstacle[] {
  const changed = compareSettings(earlier.prompt.settings, after.settings);
  return [...changed].map(([level, names]) => ({
    part: spanOf(after, level)[0],
    reason: 'parameters_changed',
    evidence: {
      ...nothingKnown,
      detail: names.join(','),
      level,
      previousId: earlier.id,
      ageMs: nowMs - earlier.atMs,
    },
  }));
}

/** Another model, or another cache for another reason: nothing at all can be read from it. */
function keyObstacle(earlier: SeenRequest, after: PromptOutline, { nowMs }: Comparison): Obstacle | null {
  const { prompt, id: previousId, atMs } = earlier;
  if (prompt.partition === after.partition) return null;
  const isModel = prompt.model !== after.model;
  return {
    part: 0,
    reason: isModel ? 'model_changed' : 'parameters_changed',
    evidence: {
      ...nothingKnown,
      detail: isModel ? prompt.model : 'cache_key',
      previousId,
      ageMs: nowMs - atMs,
    },
  };
}

/** Obstacles in order; of two at one part the first stays, which is the one that is rendered earlier. */
function inOrder(obstacles: readonly Obstacle[], end: number): readonly Obstacle[] {
  const ordered = obstacles.filter(({ part }) => part < end).toSorted((a, b) => a.part - b.part);
  return ordered.filter((obstacle, index) => ordered[index - 1]?.part !== obstacle.part);
}

/**
 * Compares a prompt with an earlier one of the same scope; null where they have nothing in common.
 *
 * 1. Parts that say the same at the beginning of both are shared.
 * 2. Where the rest of what the earlier one had in the cache comes again behind a change, or the part that changed is
 *    the earlier one edited, the later one is in its place: the change is an obstacle.
 * 3. Otherwise it is another prompt that begins alike, and what stands behind the beginning is new.
 */
export function relate(earlier: SeenRequest, after: PromptOutline, comparison: Comparison): Relation | null {
  const shared = sharedParts(earlier.prompt, after);
  const cachedEnd = earlier.cached?.parts ?? 0;
  const isContinued = shared >= cachedEnd || shared === lengthOf(after);
  const key = keyObstacle(earlier, after, comparison);
  const settings = key ? [key] : settingObstacles(earlier, after, comparison);
  if (isContinued) {
    if (shared === 0) return null;
    return { earlier, shared, end: shared, obstacles: inOrder(settings, shared), isOther: false };
  }
  const changes = LEVELS.flatMap((level) => changeIn(level, earlier, after) ?? []);
  const isGuess = endInPlace(earlier, after, shared, new Set()) === shared;
  const differences = differencesAt(changes, earlier, after, comparison.compareParts, isGuess);
  const edited = new Set([...differences].flatMap(([part, { isEdit }]) => (isEdit ? [part] : [])));
  const end = isGuess && edited.size === 0 ? shared : endInPlace(earlier, after, shared, edited);
  if (end === shared) {
    // Nothing of it ended where the two part, so neither its model nor its settings kept anything from being read.
    return shared === 0 || key ? null : { earlier, shared, end: shared, obstacles: [], isOther: true };
  }
  const contents = changes.map((change) =>
    contentObstacle(change, differences.get(change.laterPart), earlier, after, comparison),
  );
  const obstacles = key ? [key] : inOrder([...settings, ...contents], end);
  return { earlier, shared, end, obstacles, isOther: false };
}
