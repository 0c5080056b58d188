import { demand, isObject, memberOf, objectsIn, type JsonObject } from './reference-json.ts';

/** How long an entry lives. */
export type Ttl = '5m' | '1h';

/** Blocks whose `input` is the user's own data: a member called `cache_control` in there is no marker. */
const CALL_TYPES: readonly unknown[] = ['tool_use', 'server_tool_use', 'mcp_tool_use'];

/** TTL asked for by a `cache_control` value, null when there is none. Refuses anything but spec 1.4's form. */
export function readMarker(value: unknown): Ttl | null {
  if (value === undefined || value === null) return null;
  demand(isObject(value), 'cache_control must be an object');
  demand(value['type'] === 'ephemeral', 'cache_control.type must be ephemeral');
  const ttl = value['ttl'] === undefined ? '5m' : value['ttl'];
  demand(ttl === '5m' || ttl === '1h', 'cache_control.ttl must be 5m or 1h');
  return ttl;
}

/** Thinking and empty text carry no marker (spec 1.5); automatic caching walks past them (spec 2.4). */
export function canCarryMarker(block: JsonObject): boolean {
  if (block['type'] === 'thinking' || block['type'] === 'redacted_thinking') return false;
  return !(block['type'] === 'text' && block['text'] === '');
}

/** The inner blocks whose last one may pass its marker to the parent: `tool_result.content`, `document.source.content` (spec 1.5). */
export function innerBlocks(block: JsonObject): JsonObject[] {
  if (block['type'] === 'tool_result') return objectsIn(block['content']);
  if (block['type'] === 'document') return objectsIn(memberOf(block['source'], 'content'));
  return [];
}

function hasMarkerBelow(value: unknown, passedOver: readonly JsonObject[]): boolean {
  if (Array.isArray(value)) return value.some((item) => hasMarkerBelow(item, passedOver));
  if (!isObject(value) || passedOver.includes(value)) return false;
  if ((value['cache_control'] ?? null) !== null) return true;
  return Object.values(value).some((member) => hasMarkerBelow(member, passedOver));
}

function checkSubBlocks(block: JsonObject, inner: readonly JsonObject[]): void {
  for (const [name, member] of Object.entries(block)) {
    if (name === 'cache_control' || (name === 'input' && CALL_TYPES.includes(block['type']))) continue;
    demand(!hasMarkerBelow(member, inner), `marker on a sub-block in ${name}`);
  }
}

/**
 * The one marker of a system or message block, or null (spec 1.5). A marker on the last inner block becomes the
 * parent's unless the parent has its own; any other marker below the block is refused. A document inside a tool
 * result passes its inner marker up twice; the spec does not say, this applies its rule to each level.
 */
export function markerOfBlock(block: JsonObject): Ttl | null {
  const own = readMarker(block['cache_control']);
  demand(own === null || canCarryMarker(block), `marker on ${String(block['type'])} that cannot carry one`);
  const inner = innerBlocks(block);
  checkSubBlocks(block, inner);
  const innerMarkers = inner.map(markerOfBlock);
  const last = innerMarkers.pop() ?? null;
  demand(
    innerMarkers.every((marker) => marker === null),
    'marker on an inner block that is not the last',
  );
  return own ?? last;
}

/** The marker of a tool definition, or null. Refused on a deferred tool and inside a toolset's `configs` (spec 1.5). */
export function markerOfTool(tool: JsonObject): Ttl | null {
  const marker = readMarker(tool['cache_control']);
  demand(marker === null || tool['defer_loading'] !== true, 'marker on a deferred tool');
  demand(!hasMarkerBelow(tool['configs'], []), 'marker inside the configs of a toolset');
  return marker;
}

/**
 * Applies the rules over all markers in processing order (spec 1.6): at most 4, the automatic one always counting;
 * no 1h after a 5m; automatic and explicit TTL equal on one block; no automatic 1h after any 5m.
 *
 * @param explicit TTLs in processing order
 * @param automatic TTL of the top-level marker, or null
 * @param onTarget explicit TTL on the block automatic caching lands on, or null
 */
export function checkMarkerSet(explicit: readonly Ttl[], automatic: Ttl | null, onTarget: Ttl | null): void {
  demand(explicit.length + (automatic === null ? 0 : 1) <= 4, 'more than 4 markers');
  const first5m = explicit.indexOf('5m');
  demand(first5m === -1 || !explicit.slice(first5m).includes('1h'), '1h marker after a 5m marker');
  if (automatic === null) return;
  demand(onTarget === null || onTarget === automatic, 'automatic and explicit TTL differ');
  demand(automatic === '5m' || first5m === -1, 'automatic 1h after a 5m marker');
}
