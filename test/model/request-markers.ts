import type { Conversation } from './conversation.ts';
import type { Random } from './random.ts';
import { isObject, objectsIn, type JsonObject } from './reference-json.ts';
import { canCarryMarker, innerBlocks, type Ttl } from './reference-markers.ts';

/** How a client places its markers; a conversation mostly keeps to one. */
export type MarkerStyle =
  | 'agent'
  | 'last'
  | 'automatic'
  | 'automaticAndSystem'
  | 'automaticAndAgent'
  | 'system'
  | 'spread'
  | 'nested'
  | 'none'
  | 'chaos'
  | 'forbidden';

/** Which TTLs a client asks for. */
export type TtlStyle = '5m' | '1h' | 'mixed';

/** The marker for a TTL in one of the spellings that mean it. */
function spellMarker(ttl: Ttl, random: Random): JsonObject {
  if (ttl === '1h')
    return random.chance(0.2) ? { ttl: '1h', type: 'ephemeral' } : { type: 'ephemeral', ttl: '1h' };
  return random.chance(0.6) ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: '5m' };
}

interface Slots {
  tools: JsonObject[];
  system: JsonObject[];
  messages: JsonObject[];
  /** All of the above in processing order. */
  all: JsonObject[];
}

/** Everything that may carry a marker (spec 1.4, 1.5). */
function slotsOf(conversation: Conversation): Slots {
  const tools = conversation.tools.filter((tool) => tool['defer_loading'] !== true);
  const system = conversation.system.filter(canCarryMarker);
  const turns = conversation.turns.filter((turn) => turn.members?.['clear_at'] === undefined);
  const messages = turns.flatMap((turn) => turn.blocks).filter(canCarryMarker);
  return { tools, system, messages, all: [...tools, ...system, ...messages] };
}

function lastOf(conversation: Conversation, turnsBack: number): JsonObject | undefined {
  const users = conversation.turns.filter((turn) => turn.role === 'user');
  return users.at(-turnsBack)?.blocks.findLast(canCarryMarker);
}

function markAll(blocks: readonly (JsonObject | undefined)[], ttls: readonly Ttl[], random: Random): void {
  for (const [index, block] of blocks.entries()) {
    if (block !== undefined) block['cache_control'] = spellMarker(ttls[index] ?? '5m', random);
  }
}

function orderedTtls(style: TtlStyle, count: number, random: Random): Ttl[] {
  if (style !== 'mixed') return Array.from({ length: count }, () => style);
  const first5m = random.int(0, count);
  return Array.from({ length: count }, (_, index) => (index < first5m ? '1h' : '5m'));
}

function pickInOrder(slots: readonly JsonObject[], count: number, random: Random): JsonObject[] {
  const chosen = new Set(Array.from({ length: count }, () => random.pick(slots)));
  return slots.filter((slot) => chosen.has(slot));
}

/** A compatibility marker inside a tool result or a document: good on the last inner block, refused elsewhere (spec 1.5). */
function markNested(conversation: Conversation, ttl: Ttl, random: Random): void {
  const parents = slotsOf(conversation).messages.filter((block) => innerBlocks(block).some(canCarryMarker));
  if (parents.length === 0) return;
  const parent = random.chance(0.5) ? parents.at(-1)! : random.pick(parents);
  const inner = innerBlocks(parent).filter(canCarryMarker);
  const chosen = random.chance(0.85) ? inner.at(-1)! : random.pick(inner);
  const marked = (random.chance(0.5) ? innerBlocks(chosen).findLast(canCarryMarker) : undefined) ?? chosen;
  marked['cache_control'] = spellMarker(ttl, random);
  if (random.chance(0.35)) parent['cache_control'] = spellMarker(random.pick(['5m', '1h']), random);
}

const BAD_MARKERS: readonly unknown[] = [
  { type: 'ephemeral', ttl: '2h' },
  { type: 'ephemeral', ttl: 300 },
  { type: 'persistent' },
  { ttl: '5m' },
  'ephemeral',
  [],
  7,
  true,
];

/** One thing the API refuses (spec 1.5, 1.6), where the conversation has a place for it. */
function markForbidden(conversation: Conversation, random: Random): void {
  const good = spellMarker(random.pick(['5m', '1h']), random);
  const blocks = conversation.turns.flatMap((turn) => turn.blocks);
  const thinking = blocks.filter((block) => String(block['type']).endsWith('thinking'));
  const empty = blocks.filter((block) => block['type'] === 'text' && block['text'] === '');
  const deferred = conversation.tools.filter((tool) => tool['defer_loading'] === true);
  const scoped = conversation.turns
    .filter((turn) => turn.members?.['clear_at'] !== undefined)
    .flatMap((turn) => turn.blocks);
  const toolsets = conversation.tools.flatMap((tool) =>
    isObject(tool['configs']) ? Object.values(tool['configs']).filter(isObject) : [],
  );
  const subBlocks = blocks
    .filter((block) => /search_result$|search_tool_result$/u.test(String(block['type'])))
    .flatMap((block) => objectsIn(block['content']));
  const victims = [thinking, empty, deferred, scoped, toolsets, subBlocks].filter((list) => list.length > 0);
  if (victims.length > 0 && random.chance(0.75)) random.pick(random.pick(victims))['cache_control'] = good;
  else random.pick(slotsOf(conversation).all)['cache_control'] = random.pick(BAD_MARKERS);
}

function markAgent(conversation: Conversation, ttlStyle: TtlStyle, random: Random): void {
  const { tools, system } = slotsOf(conversation);
  const places = [tools.at(-1), system.at(-1), lastOf(conversation, 2), lastOf(conversation, 1)];
  markAll(places, orderedTtls(ttlStyle, places.length, random), random);
}

/** Marks a conversation in place and returns the top-level marker, if there is one. */
type Placer = (conversation: Conversation, ttlStyle: TtlStyle, random: Random) => unknown;

function pickTtl(style: TtlStyle, random: Random): Ttl {
  return style === 'mixed' ? random.pick(['5m', '1h']) : style;
}

function markSpread(conversation: Conversation, ttlStyle: TtlStyle, random: Random): void {
  const chosen = pickInOrder(slotsOf(conversation).all, random.int(1, 4), random);
  markAll(chosen, orderedTtls(ttlStyle, chosen.length, random), random);
}

/** Up to six markers with TTLs in any order: now right, now wrong. */
function markAtRandom(conversation: Conversation, random: Random): void {
  for (const slot of pickInOrder(slotsOf(conversation).all, random.int(1, 6), random))
    slot['cache_control'] = spellMarker(random.pick(['5m', '5m', '1h']), random);
  if (random.chance(0.3)) markNested(conversation, random.pick(['5m', '1h']), random);
}

const PLACERS: Readonly<Record<MarkerStyle, Placer>> = {
  agent: markAgent,
  last: (conversation, ttlStyle, random) =>
    markAll([lastOf(conversation, random.chance(0.9) ? 1 : 2)], [pickTtl(ttlStyle, random)], random),
  automatic: (_conversation, ttlStyle, random) => spellMarker(pickTtl(ttlStyle, random), random),
  automaticAndSystem: (conversation, ttlStyle, random) => {
    markAll([slotsOf(conversation).system.at(-1)], [ttlStyle === '5m' ? '5m' : '1h'], random);
    return spellMarker(ttlStyle === '1h' ? '1h' : '5m', random);
  },
  automaticAndAgent: (conversation, ttlStyle, random) => {
    markAgent(conversation, ttlStyle, random);
    return spellMarker(random.chance(0.8) ? '5m' : '1h', random);
  },
  system: (conversation, ttlStyle, random) => {
    const { system, tools } = slotsOf(conversation);
    markAll([system.at(-1) ?? tools.at(-1)], [pickTtl(ttlStyle, random)], random);
  },
  spread: markSpread,
  nested: (conversation, ttlStyle, random) => {
    markNested(conversation, pickTtl(ttlStyle, random), random);
    return random.chance(0.2) ? spellMarker(pickTtl(ttlStyle, random), random) : undefined;
  },
  chaos: (conversation, _ttlStyle, random) => {
    markAtRandom(conversation, random);
    return random.chance(0.5) ? spellMarker(random.pick(['5m', '1h']), random) : undefined;
  },
  forbidden: (conversation, _ttlStyle, random) => {
    markForbidden(conversation, random);
    return random.chance(0.1) ? random.pick(BAD_MARKERS) : undefined;
  },
  none: () => undefined,
};

/**
 * Places markers on a copy of a conversation and returns the top-level marker, if the style has one. `last` and
 * `agent` mark user turns, so that the next request, which has grown beyond them, finds what this one wrote.
 */
export function placeMarkers(
  conversation: Conversation,
  style: MarkerStyle,
  ttlStyle: TtlStyle,
  random: Random,
): unknown {
  return PLACERS[style](conversation, ttlStyle, random);
}
