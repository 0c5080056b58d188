import {
  builtInTool,
  customTool,
  deferredTool,
  document,
  image,
  searchResult,
  serverToolBlocks,
  text,
  thinking,
  toolResult,
  toolUse,
} from './conversation-blocks.ts';
import { fillWords, type Random } from './random.ts';
import type { JsonObject } from './reference-json.ts';
import { countWords } from './reference-words.ts';
import { factsOf } from './reference-models.ts';

/** One message in array form; `members` are further members of the message. */
export interface Turn {
  role: 'user' | 'assistant' | 'system';
  blocks: JsonObject[];
  members?: JsonObject;
}

/** A conversation a client holds, without any markers. */
export interface Conversation {
  model: string;
  workspace: string;
  tools: JsonObject[];
  system: JsonObject[];
  turns: Turn[];
  /** Further members of the request body. */
  settings: JsonObject;
  /** How likely an assistant turn begins with thinking. */
  thinkingChance: number;
}

function callIds(count: number, random: Random): string[] {
  return Array.from({ length: count }, () => `toolu_${random.int(0, 999_999_999)}`);
}

function assistantStart(conversation: Conversation, random: Random): JsonObject[] {
  return random.chance(conversation.thinkingChance) ? [thinking(random)] : [];
}

function growByChat(conversation: Conversation, random: Random): void {
  conversation.turns.push({
    role: 'assistant',
    blocks: [...assistantStart(conversation, random), text(random)],
  });
  conversation.turns.push({ role: 'user', blocks: [text(random)] });
}

/** A run of parallel calls and their results, often about as wide as the look-back window or wider. */
function growByTools(conversation: Conversation, random: Random): void {
  const width = random.weighted([
    [6, random.int(1, 3)],
    [3, random.int(15, 45)],
    [1, random.int(18, 21)],
  ]);
  const ids = callIds(width, random);
  const intro = random.chance(0.5) ? [text(random, 1, 8)] : [];
  conversation.turns.push({
    role: 'assistant',
    blocks: [...assistantStart(conversation, random), ...intro, ...ids.map((id) => toolUse(random, id))],
  });
  const comment = random.chance(0.2) ? [text(random, 1, 8)] : [];
  conversation.turns.push({ role: 'user', blocks: [...ids.map((id) => toolResult(random, id)), ...comment] });
}

/** Calls with text in between: as many positions as blocks, since no run collapses. */
function growByInterleaving(conversation: Conversation, random: Random): void {
  const pairs = random.int(7, 12);
  const ids = callIds(pairs, random);
  const blocks = ids.flatMap((id) => [text(random, 1, 4), toolUse(random, id)]);
  conversation.turns.push({
    role: 'assistant',
    blocks: [...assistantStart(conversation, random), ...blocks],
  });
  conversation.turns.push({ role: 'user', blocks: ids.map((id) => toolResult(random, id)) });
}

/** 18 to 21 new positions: 19 are within the look-back window of a marker at the end, 20 are not (spec 2.2). */
function growByManyBlocks(conversation: Conversation, random: Random): void {
  const positions = random.int(18, 21);
  const texts = (count: number): JsonObject[] => Array.from({ length: count }, () => text(random, 1, 4));
  if (random.chance(0.5)) {
    conversation.turns.push(
      { role: 'assistant', blocks: [text(random)] },
      { role: 'user', blocks: texts(positions - 1) },
    );
    return;
  }
  const ids = callIds(random.int(1, 12), random);
  conversation.turns.push({ role: 'assistant', blocks: ids.map((id) => toolUse(random, id)) });
  conversation.turns.push({
    role: 'user',
    blocks: [...ids.map((id) => toolResult(random, id)), ...texts(positions - 2)],
  });
}

function growByRichContent(conversation: Conversation, random: Random): void {
  const rich = random.pick([document, image, searchResult])(random);
  conversation.turns.push({
    role: 'assistant',
    blocks: [...assistantStart(conversation, random), text(random)],
  });
  conversation.turns.push({
    role: 'user',
    blocks: random.chance(0.3) ? [text(random), rich] : [rich, text(random)],
  });
}

function growBySystemMessage(conversation: Conversation, random: Random): void {
  growByChat(conversation, random);
  const members = random.weighted<JsonObject | undefined>([
    [3, undefined],
    [2, { output_config: { effort: random.pick(['low', 'high']) } }],
    [3, { clear_at: 'next_user_message' }],
  ]);
  conversation.turns.push({
    role: 'system',
    blocks: [text(random)],
    ...(members === undefined ? {} : { members }),
  });
}

function growBySplitTurn(conversation: Conversation, random: Random): void {
  growByChat(conversation, random);
  conversation.turns.push({ role: 'user', blocks: [text(random), text(random)] });
}

function growByServerTool(conversation: Conversation, random: Random): void {
  conversation.turns.push({
    role: 'assistant',
    blocks: [...assistantStart(conversation, random), ...serverToolBlocks(random)],
  });
  conversation.turns.push({ role: 'user', blocks: [text(random)] });
}

function growByEmptyText(conversation: Conversation, random: Random): void {
  growByChat(conversation, random);
  const empty = { type: 'text', text: '' };
  conversation.turns.at(-1)!.blocks.splice(random.int(0, 1), 0, empty);
}

/** Adds what a client adds between two requests. */
export function growConversation(conversation: Conversation, random: Random): void {
  random.weighted([
    [5, growByChat],
    [5, growByTools],
    [1, growByInterleaving],
    [1.5, growByManyBlocks],
    [2, growByRichContent],
    [1, growBySystemMessage],
    [0.7, growBySplitTurn],
    [0.5, growByServerTool],
    [0.5, growByEmptyText],
  ])(conversation, random);
}

function fillToMinimum(conversation: Conversation, random: Random): void {
  const { minCacheableTokens } = factsOf(conversation.model);
  const before = [
    ...conversation.tools.filter((tool) => tool['defer_loading'] !== true),
    ...conversation.system,
  ];
  const target =
    minCacheableTokens +
    random.weighted([
      [2, -1],
      [2, 0],
      [2, 1],
      [3, random.int(2, 400)],
    ]);
  const missing = target - countWords(before);
  if (missing <= 0) return;
  const filler = fillWords(random, missing);
  const tool = conversation.tools.findLast(
    (candidate) => typeof candidate['description'] === 'string' && candidate['defer_loading'] !== true,
  );
  if (tool !== undefined && random.chance(0.4))
    tool['description'] = `${String(tool['description'])} ${filler}`;
  else conversation.system.push({ type: 'text', text: filler });
}

/** A new conversation with its first user turn, often with tools, or tools and system, right at the model's minimum. */
export function startConversation(model: string, workspace: string, random: Random): Conversation {
  const conversation: Conversation = {
    model,
    workspace,
    tools: Array.from({ length: random.int(0, 5) }, (_, index) => customTool(random, `tool_${index}`)),
    system: Array.from({ length: random.int(0, 2) }, () => text(random)),
    turns: [{ role: 'user', blocks: [text(random)] }],
    settings: {},
    thinkingChance: random.pick([0, 0.4, 0.9]),
  };
  if (random.chance(0.2)) conversation.tools.push(builtInTool(random));
  if (random.chance(0.25))
    conversation.tools.splice(random.int(0, conversation.tools.length), 0, deferredTool(random));
  if (random.chance(0.75)) fillToMinimum(conversation, random);
  else
    conversation.turns[0]!.blocks.push({
      type: 'text',
      text: fillWords(random, factsOf(model).minCacheableTokens - random.int(-50, 50)),
    });
  return conversation;
}
