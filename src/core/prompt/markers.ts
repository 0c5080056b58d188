import { BREAKPOINTS_MAX, type Ttl } from '../cache/rules.ts';
import { isObject, stringMember, type JsonObject } from '../json.ts';
import {
  innerBlocks,
  isThinkingType,
  pathText,
  readRawBlocks,
  type BlockPath,
  type RawBlock,
} from './raw-blocks.ts';

/** Why a set of markers is refused; `message` reads like the API's own (spec 1.6), which is not contractual. */
export interface MarkerProblem {
  readonly path: BlockPath;
  readonly message: string;
}

/** A marker as read from a place: its TTL, or the reason that it is malformed. */
export type MarkerReading = { readonly ttl: Ttl } | { readonly problem: MarkerProblem };

const EXTRA_INPUTS = 'Extra inputs are not permitted';

/** A tag for a sentence: never fails, where `String` does on an object with a member `toString`. */
function showTag(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')).slice(0, 40);
}

function readMarker(value: unknown, path: BlockPath, kind: string): MarkerReading | null {
  if (value === undefined || value === null) return null;
  const refuse = (at: string, message: string): MarkerReading => {
    const where = [pathText(path), kind].filter((part) => part !== '').join('.');
    return {
      problem: { path, message: `${where === '' ? '' : `${where}.`}cache_control${at}: ${message}` },
    };
  };
  if (!isObject(value)) return refuse('', 'Input should be a valid dictionary or object');
  if (value['type'] !== 'ephemeral') {
    return refuse('', `Input tag '${showTag(value['type'])}' does not match the expected tag 'ephemeral'`);
  }
  const ttl = value['ttl'] === undefined ? '5m' : value['ttl'];
  if (ttl !== '5m' && ttl !== '1h') return refuse('.ephemeral.ttl', "Input should be '5m' or '1h'");
  return { ttl };
}

/** Is this a tool that stays out of the prefix until it is loaded (spec 6)? */
export function isDeferred(block: RawBlock): boolean {
  return block.level === 'tools' && !block.plain && block.value['defer_loading'] === true;
}

/** A system message that only lasts until the next user message (spec 1.5, 2.5). */
export function isTurnScoped(block: RawBlock): boolean {
  return block.role === 'system' && block.message?.['clear_at'] === 'next_user_message';
}

/** A text block without a single character (spec 1.5). */
function isEmptyText(value: JsonObject): boolean {
  return value['type'] === 'text' && value['text'] === '';
}

/** Block types that are documented to carry a marker, betas included (spec 1.4); others may learn to. */
const DOCUMENTED_CARRIERS: ReadonlySet<string> = new Set([
  'text',
  'image',
  'document',
  'search_result',
  'tool_use',
  'tool_result',
  'server_tool_use',
  'web_search_tool_result',
  'web_fetch_tool_result',
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
  'text_editor_code_execution_tool_result',
  'tool_search_tool_result',
  'tool_reference',
  'container_upload',
  'browser_state',
  'compaction',
  'mcp_tool_use',
  'mcp_tool_result',
  'advisor_tool_result',
  'tool_addition',
  'tool_removal',
]);

/** Is it documented that a block of this type may carry a marker? Every type of tool may. */
export function isDocumentedCarrier(block: RawBlock): boolean {
  return block.level === 'tools' || DOCUMENTED_CARRIERS.has(block.type);
}

/** May a breakpoint stand on this block at all (spec 1.4, 1.5, 2.4)? */
export function canCarryMarker(block: RawBlock): boolean {
  if (isThinkingType(block.type) || isTurnScoped(block)) return false;
  return block.plain !== null || (!isEmptyText(block.value) && !isDeferred(block));
}

/** The sentence for a marker on a block that may not carry one, null where it may (spec 1.5). */
function refusalOf(value: JsonObject, type: string, path: BlockPath): MarkerProblem | null {
  if (isThinkingType(type))
    return { path, message: `${pathText(path)}.${type}.cache_control: ${EXTRA_INPUTS}` };
  if (isEmptyText(value)) {
    return { path, message: `${pathText(path)}.text: cache_control cannot be set for empty text blocks` };
  }
  return null;
}

function blockRefusal(block: RawBlock): MarkerProblem | null {
  const place = pathText(block.path);
  if (isDeferred(block)) {
    return {
      path: block.path,
      message: `${place}: cache_control cannot be set on a tool with defer_loading`,
    };
  }
  if (isTurnScoped(block)) {
    return {
      path: block.path,
      message: `${place}: cache_control cannot be set on a turn-scoped system message`,
    };
  }
  return refusalOf(block.value, block.type, block.path);
}

/** Results nest a list in an object in a list at the most. */
const SUB_BLOCK_DEPTH_MAX = 4;

/** Where the first marker in or below a value stands, as text behind a dot; null when there is none. */
function findMarkerIn(value: unknown, depth: number): string | null {
  if (typeof value !== 'object' || value === null) return null;
  if (isObject(value) && (value['cache_control'] ?? null) !== null) return '.cache_control';
  if (depth === 0) return null;
  for (const [name, member] of Object.entries(value)) {
    const found = findMarkerIn(member, depth - 1);
    if (found !== null) return `.${name}${found}`;
  }
  return null;
}

/** Members that may hold parts that are no blocks. */
const SUB_BLOCK_MEMBERS = ['citations', 'content', 'configs'] as const;
const PARENT_SUB_BLOCK_MEMBERS = ['citations'] as const;

/** Markers on parts that are no blocks of their own: citations, items of results, members of a toolset (spec 1.5). */
function subBlockProblem(value: JsonObject, path: BlockPath): MarkerProblem | null {
  const isParent = innerBlocks(value, path) !== null;
  for (const name of isParent ? PARENT_SUB_BLOCK_MEMBERS : SUB_BLOCK_MEMBERS) {
    const found = findMarkerIn(value[name], SUB_BLOCK_DEPTH_MAX);
    if (found !== null) return { path, message: `${pathText(path)}.${name}${found}: ${EXTRA_INPUTS}` };
  }
  return null;
}

/**
 * The marker of a block that may have been put on the last block inside it: it moves to the parent, and
 * on any other inner block it is an error (spec 1.5). The parent's own marker comes first.
 */
function readNested(value: JsonObject, type: string, path: BlockPath, depth: number): MarkerReading | null {
  const own = readMarker(value['cache_control'], path, type);
  if (own && 'problem' in own) return own;
  const subProblem = subBlockProblem(value, path);
  if (subProblem) return { problem: subProblem };
  const moved = depth > 0 ? readInner(value, path, depth - 1) : null;
  return moved && 'problem' in moved ? moved : (own ?? moved);
}

/** The marker on the last block inside a block; one on any other block inside, or on one that can carry none, is an error. */
function readInner(value: JsonObject, path: BlockPath, depth: number): MarkerReading | null {
  const inner = innerBlocks(value, path);
  if (!inner) return null;
  for (const [index, item] of inner.items.entries()) {
    if (!isObject(item)) continue;
    const itemPath = [...inner.path, index];
    const itemType = stringMember(item, 'type') ?? '';
    const reading = readNested(item, itemType, itemPath, depth);
    if (!reading) continue;
    if ('problem' in reading) return reading;
    const refusal = refusalOf(item, itemType, itemPath);
    if (refusal) return { problem: refusal };
    if (index === inner.items.length - 1) return reading;
    const message = `${pathText(itemPath)}.cache_control: cache_control is only allowed on the last block of ${pathText(inner.path)}; set it on the parent block`;
    return { problem: { path: itemPath, message } };
  }
  return null;
}

/** Nothing nests deeper: a tool result may hold a document, which may hold blocks. */
export const NESTING_MAX = 3;

/** A block's marker after moving (spec 1.5): its TTL, null without one, or what is wrong with it. */
function readBlockMarker(block: RawBlock): MarkerReading | null {
  const { worked } = block;
  if (block.plain) return null;
  if (worked.marker === undefined) worked.marker = readOwnMarker(block);
  return worked.marker;
}

function readOwnMarker(block: RawBlock): MarkerReading | null {
  if (block.isString) return null;
  // The API names the type in a place inside messages, not in `system` (spec 1.6) nor for a custom tool.
  const kind = block.level === 'system' || block.type === 'custom' ? '' : block.type;
  const reading = readNested(block.value, kind, block.path, NESTING_MAX);
  if (!reading || 'problem' in reading) return reading;
  const refusal = blockRefusal(block);
  return refusal ? { problem: refusal } : reading;
}

/** The markers of a body: one for each block that has one, and the top-level one. */
export interface BodyMarkers {
  readonly explicit: readonly { readonly block: RawBlock; readonly ttl: Ttl }[];
  /** TTL of the top-level marker, automatic caching (spec 2.4); null without one. */
  readonly automatic: Ttl | null;
  /** The block that the top-level marker lands on; null when there is none to land on. */
  readonly automaticTarget: RawBlock | null;
}

/**
 * Reads and judges all markers of a body, in the order of checks of spec 1.6. `blocks` are those of
 * `readRawBlocks`, for callers who have read them already.
 */
export function readMarkers(
  body: JsonObject,
  blocks: Iterable<RawBlock> = readRawBlocks(body),
): BodyMarkers | { readonly problem: MarkerProblem } {
  const explicit: { block: RawBlock; ttl: Ttl }[] = [];
  let automaticTarget: RawBlock | null = null;
  for (const block of blocks) {
    const reading = readBlockMarker(block);
    if (reading && 'problem' in reading) return reading;
    if (reading) explicit.push({ block, ttl: reading.ttl });
    if (canCarryMarker(block)) automaticTarget = block;
  }
  const top = readMarker(body['cache_control'], [], '');
  if (top && 'problem' in top) return top;
  const automatic = top?.ttl ?? null;
  const markers: BodyMarkers = { explicit, automatic, automaticTarget: automatic ? automaticTarget : null };
  const problem = checkTogether(markers);
  return problem ? { problem } : markers;
}

const ORDER_NOTE =
  "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.";

/** Spec 1.6: count, order, automatic against explicit, automatic after 5m; in this order. */
function checkTogether(markers: BodyMarkers): MarkerProblem | null {
  const { explicit, automatic, automaticTarget } = markers;
  const count = explicit.length + (automatic ? 1 : 0);
  if (count > BREAKPOINTS_MAX) {
    const message = `A maximum of ${BREAKPOINTS_MAX} blocks with cache_control may be provided. Found ${count}.`;
    return { path: [], message };
  }
  const first5m = explicit.findIndex((marker) => marker.ttl === '5m');
  const offender =
    first5m < 0 ? undefined : explicit.find((marker, index) => index > first5m && marker.ttl === '1h');
  if (offender) {
    const { path } = offender.block;
    return { path, message: `${pathText(path)}.cache_control.ttl: ${ORDER_NOTE}` };
  }
  if (!automatic) return null;
  const onTarget = explicit.find(
    (marker) => automaticTarget && pathText(marker.block.path) === pathText(automaticTarget.path),
  );
  if (onTarget && onTarget.ttl !== automatic) {
    const message = `Top-level cache_control has ttl='${automatic}' but the target block already has cache_control with ttl='${onTarget.ttl}'. When both are specified on the same block, they must have matching TTLs.`;
    return { path: [], message };
  }
  return automatic === '1h' && first5m >= 0 ? { path: [], message: `cache_control: ${ORDER_NOTE}` } : null;
}
