import type { Conversation } from './conversation.ts';
import type { Random } from './random.ts';
import type { JsonObject } from './reference-json.ts';
import { placeMarkers, type MarkerStyle, type TtlStyle } from './request-markers.ts';

function isPlainText(block: JsonObject | undefined): boolean {
  return block !== undefined && block['type'] === 'text' && Object.keys(block).length === 2;
}

/** A single unmarked text block may as well be sent as a string (spec 1.3). */
function chooseForm(blocks: JsonObject[], random: Random): unknown {
  return blocks.length === 1 && isPlainText(blocks[0]) && random.chance(0.5) ? blocks[0]!['text'] : blocks;
}

/** The same for a tool result; now and then an absent marker is spelled `null` (spec 1.4). */
function chooseBlockForm(block: JsonObject, random: Random): JsonObject {
  const content = block['content'];
  if (block['type'] === 'tool_result' && Array.isArray(content))
    block['content'] = chooseForm(content as JsonObject[], random);
  if (block['type'] === 'text' && block['text'] !== '' && random.chance(0.02))
    block['cache_control'] ??= null;
  return block;
}

function renderTurns(conversation: Conversation, random: Random): JsonObject[] {
  return conversation.turns.map((turn) => {
    const blocks = turn.blocks.map((block) => chooseBlockForm(block, random));
    return { role: turn.role, content: chooseForm(blocks, random), ...turn.members };
  });
}

function limits(random: Random): JsonObject {
  if (random.chance(0.07)) return { max_tokens: 0, ...(random.chance(0.15) ? { stream: true } : {}) };
  return { max_tokens: random.pick([16, 1024]), ...(random.chance(0.12) ? { stream: true } : {}) };
}

/** A Messages body for the conversation as it stands, with markers in the given style and strings or arrays at random. */
export function makeBody(
  conversation: Conversation,
  style: MarkerStyle,
  ttlStyle: TtlStyle,
  random: Random,
): JsonObject {
  const copy = structuredClone(conversation);
  const automatic = placeMarkers(copy, style, ttlStyle, random);
  const system = copy.system.map((block) => chooseBlockForm(block, random));
  return {
    model: copy.model,
    ...limits(random),
    ...copy.settings,
    ...(automatic === undefined ? {} : { cache_control: automatic }),
    ...(copy.tools.length > 0 || random.chance(0.2) ? { tools: copy.tools } : {}),
    ...(system.length > 0 ? { system: chooseForm(system, random) } : {}),
    messages: renderTurns(copy, random),
  };
}

const CORRUPTIONS: readonly ((body: JsonObject) => void)[] = [
  (body) => (body['messages'] = 'hello'),
  (body) => (body['messages'] = { role: 'user', content: 'hello' }),
  (body) => delete body['messages'],
  (body) => (body['messages'] = ['hello']),
  (body) => (body['messages'] = [{ role: 'user', content: 5 }]),
  (body) => (body['messages'] = [{ role: 'user', content: null }]),
  (body) => (body['messages'] = [{ role: 'user', content: ['text'] }]),
  (body) => (body['messages'] = [{ role: 'user', content: [{ text: 'no type' }] }]),
  (body) => (body['messages'] = [{ role: 'user', content: [{ type: 'text', text: 5 }] }]),
  (body) => (body['messages'] = [{ role: 'user', content: [{ type: 'text' }] }]),
  (body) => (body['messages'] = [{ role: 'robot', content: 'hello' }]),
  (body) => (body['messages'] = [{ content: 'hello' }]),
  (body) => (body['system'] = 5),
  (body) => (body['system'] = { type: 'text', text: 'not in a list' }),
  (body) => (body['system'] = ['text']),
  (body) => (body['tools'] = {}),
  (body) => (body['tools'] = ['tool']),
  (body) => delete body['model'],
  (body) => (body['model'] = 5),
  (body) => (body['cache_control'] = 'ephemeral'),
  (body) => (body['thinking'] = 'on'),
  (body) =>
    (body['messages'] = [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 5 }] }]),
];

/** Breaks a body's types so that it must be refused. */
export function corruptBody(body: JsonObject, random: Random): JsonObject {
  const copy = { ...body };
  random.pick(CORRUPTIONS)(copy);
  return copy;
}
