import { builtInTool, customTool, deferredTool, text } from './conversation-blocks.ts';
import type { Conversation } from './conversation.ts';
import { fillWords, type Random } from './random.ts';
import { isObject, memberOf, type JsonObject } from './reference-json.ts';
import { factsOf } from './reference-models.ts';

function editText(blocks: readonly JsonObject[], random: Random): void {
  const texts = blocks.filter((block) => block['type'] === 'text' && block['text'] !== '');
  if (texts.length > 0) random.pick(texts)['text'] = fillWords(random, random.int(1, 60));
}

function editHistory(conversation: Conversation, random: Random): void {
  editText(random.pick(conversation.turns).blocks, random);
}

/** Turns an input's keys round: equal as a set, a different prompt. */
function reorderInput(conversation: Conversation, random: Random): void {
  const calls = conversation.turns
    .flatMap((turn) => turn.blocks)
    .filter((block) => block['type'] === 'tool_use');
  if (calls.length === 0) return;
  const call = random.pick(calls);
  if (isObject(call['input'])) call['input'] = Object.fromEntries(Object.entries(call['input']).toReversed());
}

function swapBlocks(conversation: Conversation, random: Random): void {
  const turn = random.pick(conversation.turns);
  if (turn.blocks.length > 1) turn.blocks.push(turn.blocks.shift()!);
}

function rewind(conversation: Conversation, random: Random): void {
  const kept = random.int(1, conversation.turns.length);
  conversation.turns.length = kept;
}

/** Two neighbouring messages of one role become one, or one becomes two: the same turn to the API. */
function splitOrJoin(conversation: Conversation, random: Random): void {
  const { turns } = conversation;
  const joinable = turns.findIndex(
    (turn, index) => index > 0 && turn.role !== 'system' && turns[index - 1]!.role === turn.role,
  );
  if (joinable > 0) {
    turns[joinable - 1]!.blocks.push(...turns[joinable]!.blocks);
    turns.splice(joinable, 1);
    return;
  }
  const index = random.int(0, turns.length - 1);
  const turn = turns[index]!;
  if (turn.role === 'system' || turn.blocks.length < 2) return;
  turns.splice(index + 1, 0, {
    role: turn.role,
    blocks: turn.blocks.splice(random.int(1, turn.blocks.length - 1)),
  });
}

function changeTools(conversation: Conversation, random: Random): void {
  const { tools } = conversation;
  const place = random.int(0, tools.length);
  random.pick([
    () => tools.splice(place, 0, customTool(random, `tool_${random.int(0, 9)}`)),
    () => tools.splice(place, 0, deferredTool(random)),
    () => tools.splice(place, 0, deferredTool(random)),
    () => tools.splice(place, 0, builtInTool(random)),
    () => tools.splice(place, 1),
    () => tools.reverse(),
  ])();
}

/** Web search switched on or off, at the end of the tools or among them. */
function toggleWebSearch(conversation: Conversation, random: Random): void {
  const { tools } = conversation;
  const place = tools.findIndex((tool) => String(tool['type']).startsWith('web_'));
  if (place >= 0) tools.splice(place, 1);
  else
    tools.splice(random.chance(0.5) ? tools.length : random.int(0, tools.length), 0, {
      type: 'web_search_20250305',
      name: 'web_search',
    });
}

function changeSystem(conversation: Conversation, random: Random): void {
  if (random.chance(0.5)) conversation.system.push(text(random));
  else editText(conversation.system, random);
}

/** The same words said by someone else. */
function changeRole(conversation: Conversation, random: Random): void {
  const turn = random.pick(conversation.turns.slice(-3));
  if (turn.blocks.every((block) => block['type'] === 'text'))
    turn.role = turn.role === 'user' ? 'assistant' : 'user';
  if (turn.members !== undefined) delete turn.members;
}

/** Effort asked for by a system message is part of that message (spec 2.5). */
function changeMessageEffort(conversation: Conversation, random: Random): void {
  const turn = conversation.turns.findLast(
    ({ role, members }) => role === 'system' && members?.['clear_at'] === undefined,
  );
  if (turn !== undefined) turn.members = { output_config: { effort: random.pick(['low', 'medium', 'max']) } };
}

function setOutputConfig(settings: JsonObject, member: string, value: unknown): void {
  const config = isObject(settings['output_config']) ? settings['output_config'] : {};
  settings['output_config'] = { ...config, [member]: value };
}

function changeThinking(settings: JsonObject, random: Random): void {
  settings['thinking'] = random.pick<JsonObject>([
    { type: 'disabled' },
    { type: 'adaptive' },
    { type: 'adaptive', display: 'omitted' },
    { type: 'enabled', budget_tokens: 2048 },
    { type: 'enabled', budget_tokens: 4096 },
  ]);
}

function changeToolChoice(settings: JsonObject, random: Random): void {
  settings['tool_choice'] = random.pick<JsonObject>([
    { type: 'auto' },
    { type: 'auto', disable_parallel_tool_use: false },
    { type: 'auto', disable_parallel_tool_use: true },
    { type: 'any' },
    { type: 'none' },
    { type: 'tool', name: 'tool_0' },
  ]);
}

const KEEP_THINKING: JsonObject = { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] };

const FORMAT: JsonObject = {
  type: 'json_schema',
  schema: { type: 'object', properties: { answer: { type: 'string' } } },
};

/** Turns one of the request's parameters: some shape the prompt at a level, some do not at all. */
function changeSetting({ settings }: Conversation, random: Random): void {
  random.weighted<() => void>([
    [3, () => changeThinking(settings, random)],
    [3, () => changeToolChoice(settings, random)],
    [3, () => setOutputConfig(settings, 'effort', random.pick(['low', 'medium', 'high']))],
    [
      1,
      () =>
        setOutputConfig(settings, 'task_budget', { type: 'tokens', total: random.pick([20_000, 50_000]) }),
    ],
    [1, () => setOutputConfig(settings, 'format', FORMAT)],
    [1, () => (settings['speed'] = random.pick(['fast', 'standard']))],
    [
      1,
      () =>
        (settings['container'] = {
          id: 'container_1',
          skills: [{ type: 'anthropic', skill_id: random.pick(['pdf', 'xlsx']), version: 'latest' }],
        }),
    ],
    [1, () => (settings['container'] = { id: `container_${random.int(0, 9)}` })],
    [1, () => (settings['context_management'] = KEEP_THINKING)],
    [1, () => (settings['temperature'] = random.pick([0.5, 1]))],
    [1, () => (settings['metadata'] = { user_id: `user_${random.int(0, 9)}` })],
    [1, () => (settings['stop_sequences'] = ['stop'])],
    [1, () => (settings['service_tier'] = 'standard_only')],
  ])();
}

/** Spells out what leaving it out means, which changes nothing (spec 6). */
function spellOutDefault({ settings, model }: Conversation, random: Random): void {
  const { defaultThinking, defaultEffort } = factsOf(model);
  random.pick<() => void>([
    () => (settings['thinking'] ??= { type: defaultThinking }),
    () => setOutputConfig(settings, 'effort', memberOf(settings['output_config'], 'effort') ?? defaultEffort),
    () => (settings['tool_choice'] ??= { type: 'auto' }),
    () => (settings['speed'] ??= 'standard'),
  ])();
}

function dropSetting({ settings }: Conversation, random: Random): void {
  const names = Object.keys(settings);
  if (names.length > 0) delete settings[random.pick(names)];
}

/** Changes something a client should rather have left alone; what it costs depends on the level. */
export function editConversation(conversation: Conversation, random: Random): void {
  random.weighted([
    [2, editHistory],
    [1, reorderInput],
    [1, swapBlocks],
    [2, rewind],
    [2, splitOrJoin],
    [2, changeTools],
    [1, toggleWebSearch],
    [1, changeSystem],
    [6, changeSetting],
    [3, dropSetting],
  ])(conversation, random);
}

/** Changes one small thing of a request that has just been sent, so that exactly this thing decides what is read. */
export function makeTwin(conversation: Conversation, random: Random): Conversation {
  const twin = structuredClone(conversation);
  random.weighted([
    [5, changeSetting],
    [3, spellOutDefault],
    [2, toggleWebSearch],
    [1, changeTools],
    [1, splitOrJoin],
    [1, reorderInput],
    [1, changeRole],
    [1, changeMessageEffort],
  ])(twin, random);
  return twin;
}
