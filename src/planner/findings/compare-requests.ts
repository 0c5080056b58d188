import { pathText, type Block } from '../../core/index.ts';
import { compareTexts, utf8Bytes, type TextChange, type VolatileKind } from '../layers/compare-text.ts';
import { readLeaves, type TextLeaf } from '../layers/text-leaves.ts';
import { commonEnd, commonStart } from './common-text.ts';
import type { ChangedRange, TrafficFindingCode } from './finding.ts';
import { isMuch } from './judge-change.ts';
import { isSameBlock, sharedBehind } from './shared-behind.ts';
import { compareTools } from './tool-changes.ts';
import { tokensOf, tokensUpTo, type WatchedRequest } from './watched-request.ts';

/** Why a request stops being like another, and what of it could have been read all the same. */
export interface RequestChange {
  readonly code: TrafficFindingCode;
  readonly path: string;
  readonly ranges: readonly ChangedRange[];
  readonly moved: readonly string[];
  /** Index of the first block that differs. */
  readonly index: number;
  /** Tokens at and behind the change that both requests have. */
  readonly lostTokens: number;
  /** Is it a thing that programs write by themselves, so that two requests that differ only in it are meant to be alike? */
  readonly isMechanical: boolean;
}

/** Where more of a text changes than this, and than half of it, it is another text, whatever it consists of. */
const MECHANICAL_CHARS_MAX = 256;
/** A text of which less than this is left is another text. */
const EDITED_SHARE_MIN = 0.5;
/** Pieces told of one text. */
const RANGES_MAX = 4;
/** Around a change so much is looked at to tell what it is part of. */
const CONTEXT_CHARS = 80;
/** Where more than this lies between the first and the last change, probes must say that the texts are alike, */
const PROBED_CHARS = 512;
/** as many and as long as this; */
const PROBES = 5;
const PROBE_CHARS = 24;
/** and more than this is not compared piece by piece. */
const COMPARED_CHARS_MAX = 50_000;

interface EditedBlock {
  /** The first string that changed; empty for another value. */
  readonly path: string;
  readonly text: string;
  readonly changes: readonly TextChange[];
  readonly isMechanical: boolean;
  /** Share of the block's text that stayed, 0 to 1. */
  readonly keptShare: number;
}

/** A string's path: `system.0.text`, or `system` for one that stands for a block. */
function leafPath(block: Block, leaf: TextLeaf): string {
  return pathText(block.isString ? block.path : [...block.path, ...leaf.path.slice(1)]);
}

/** Is some piece of the one in the other? Cheap, and wrong only where almost nothing is shared. */
function areAlike(before: string, after: string): boolean {
  const step = (after.length - PROBE_CHARS) / (PROBES - 1);
  for (let probe = 0; probe < PROBES; probe += 1) {
    const from = Math.floor(probe * step);
    if (before.includes(after.slice(from, from + PROBE_CHARS))) return true;
  }
  return false;
}

function changesOf(before: string, after: string): readonly TextChange[] {
  const most = Math.min(before.length, after.length);
  const start = commonStart(before, after);
  const end = commonEnd(before, after, most - start);
  const from = Math.max(0, start - CONTEXT_CHARS);
  const behind = Math.max(0, end - CONTEXT_CHARS);
  const earlier = before.slice(from, before.length - behind);
  const later = after.slice(from, after.length - behind);
  const longest = Math.max(earlier.length, later.length);
  const isCompared = longest <= PROBED_CHARS || (longest <= COMPARED_CHARS_MAX && areAlike(earlier, later));
  if (!isCompared) return [{ kind: 'text', start, end: after.length - end }];
  return compareTexts(earlier, later).map((change) => ({
    ...change,
    start: change.start + from,
    end: change.end + from,
  }));
}

const MECHANICAL: ReadonlySet<VolatileKind> = new Set<VolatileKind>(['date', 'id', 'counter', 'order']);

/** What changed in a block that kept its shape; null where it is another block. */
function compareBlocks(before: Block, after: Block): EditedBlock | null {
  if (before.level !== after.level || before.type !== after.type || before.role !== after.role) return null;
  const earlier = readLeaves([before.value]);
  const later = readLeaves([after.value]);
  const isSameShape =
    earlier.length === later.length &&
    later.every((leaf, at) => pathText(leaf.path) === pathText(earlier[at]?.path ?? []));
  const first = later.findIndex((leaf, at) => leaf.text !== earlier[at]?.text);
  const leaf = later[first];
  if (!isSameShape || !leaf) return null;
  const changes = later.map((each, at) =>
    each.text === earlier[at]?.text ? [] : changesOf(earlier[at]?.text ?? '', each.text),
  );
  const chars = later.reduce((sum, { text }) => sum + text.length, 0);
  const changed = changes.flat().reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    path: leafPath(after, leaf),
    text: leaf.isString ? leaf.text : '',
    changes: changes[first] ?? [],
    isMechanical:
      changes.flat().every(({ kind }) => MECHANICAL.has(kind)) &&
      (changed <= MECHANICAL_CHARS_MAX || changed <= chars / 2),
    keptShare: chars === 0 ? 0 : 1 - changed / chars,
  };
}

/** Index of the first block that is not the same in both; null where one goes on from the other. */
function firstChange(before: WatchedRequest, after: WatchedRequest): number | null {
  const shorter = Math.min(before.blocks.length, after.blocks.length);
  for (let index = 0; index < shorter; index += 1) {
    if (!isSameBlock(before, index, after, index)) return index;
  }
  return null;
}

/** Settings are hashed where a level begins: from there on equal blocks have other prefixes (spec 6). */
function settingsChange(before: WatchedRequest, after: WatchedRequest, until: number): RequestChange | null {
  const index = before.prefixIds.findIndex((id, at) => at < until && id !== after.prefixIds[at]);
  if (index < 0) return null;
  const lostTokens = tokensUpTo(after, until - 1) - tokensUpTo(after, index - 1);
  const path = after.blocks[index]?.level ?? 'messages';
  return { ...NOTHING_TOLD, code: 'settings-changed', path, index, lostTokens, isMechanical: true };
}

const NOTHING_TOLD = { ranges: [], moved: [] } as const;

function rangesOf({ text, changes }: EditedBlock): readonly ChangedRange[] {
  if (text === '') return [];
  return changes.slice(0, RANGES_MAX).map(({ kind, start, end }) => ({
    kind,
    startByte: utf8Bytes(text, start),
    endByte: utf8Bytes(text, end),
  }));
}

function editChange(
  before: WatchedRequest,
  after: WatchedRequest,
  from: { readonly before: number; readonly after: number },
  index: number,
): RequestChange | null {
  const a = before.blocks[from.before];
  const b = after.blocks[from.after];
  const behind = sharedBehind(before, after, index + (from.after === index ? 1 : 0));
  // Texts are compared only where it could matter how much of them is the same.
  const isWorth = isMuch(behind + tokensOf(after, from.after), after);
  const edited = a && b && isWorth ? compareBlocks(a, b) : null;
  if (!edited || (!edited.isMechanical && edited.keptShare < EDITED_SHARE_MIN)) return null;
  const { path, isMechanical, keptShare } = edited;
  const ranges = rangesOf(edited);
  const lostTokens = Math.floor(behind + tokensOf(after, from.after) * keptShare);
  return { code: 'volatile-text', path, ranges, moved: [], index, lostTokens, isMechanical };
}

function toolsChange(before: WatchedRequest, after: WatchedRequest, index: number): RequestChange | null {
  const tools = compareTools(before, after);
  if (!tools) return null;
  const edit = tools.edited && editChange(before, after, tools.edited, index);
  if (edit) return edit;
  const lostTokens = sharedBehind(before, after, index);
  const isMechanical = tools.code !== 'tools-changed';
  const path = tools.code === 'tool-keys' ? (tools.moved[0] ?? 'tools') : 'tools';
  const moved = tools.code === 'tool-order' ? tools.moved : [];
  return { code: tools.code, path, ranges: [], moved, index, lostTokens, isMechanical };
}

/** Is the change that the service itself takes thinking out of turns that are over (spec 7.2)? */
function isThinkingGone(before: WatchedRequest, index: number): boolean {
  const type = before.blocks[index]?.type;
  return type === 'thinking' || type === 'redacted_thinking';
}

/**
 * Where a request stops being like an earlier one, what sort of change that is, and how much stands behind it that both
 * have. null where nothing differs but the end.
 */
export function compareRequests(before: WatchedRequest, after: WatchedRequest): RequestChange | null {
  const index = firstChange(before, after);
  const settings = settingsChange(
    before,
    after,
    index ?? Math.min(before.blocks.length, after.blocks.length),
  );
  if (settings) return settings;
  if (index === null || isThinkingGone(before, index)) return null;
  const levels = [before.blocks[index]?.level, after.blocks[index]?.level];
  if (levels.includes('tools')) return toolsChange(before, after, index);
  const edit = editChange(before, after, { before: index, after: index }, index);
  if (edit) return edit;
  const level = levels.includes('system') ? 'system' : 'messages';
  const path = pathText(after.blocks[index]?.path ?? [level]);
  const lostTokens = sharedBehind(before, after, index);
  return { ...NOTHING_TOLD, code: `${level}-changed`, path, index, lostTokens, isMechanical: false };
}
