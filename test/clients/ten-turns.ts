import type Anthropic from '@anthropic-ai/sdk';
import type {
  ContentBlockParam,
  Message,
  MessageCreateParamsNonStreaming,
  MessageParam,
  Tool,
} from '@anthropic-ai/sdk/resources';

import { seededRandom, type Random } from '../../src/runtime/index.ts';

/** Ten questions; the answers to some begin with a tool call. */
const QUESTIONS = [
  'We want to move the quarterly report from the old warehouse to the new one. Where should we begin, and what is most likely to go wrong on the way?',
  'Please look up which tables the report reads at the moment, and tell me which of them have owners that are still with us.',
  'Two of those owners have left. What would you do with their tables before the move, given that finance reads them every Monday?',
  'Could you draft the message to finance? It should say what changes, when, and whom they can ask, in no more than five sentences.',
  'They ask whether the numbers of the last three quarters will change. Check the definition of net revenue in both warehouses.',
  'So the new one leaves out returns that are booked late. How large is the difference, and can we show both for a while?',
  'Good. Plan the work for the coming two weeks, with one person full time and another for two days a week.',
  'What should we measure to know that the move has worked, and for how long should the old report stay available?',
  'The person who works full time will be away for three days in the second week. Adjust the plan, please.',
  'Summarise what we have agreed, so that I can paste it into the ticket, and list the open questions at the end.',
] as const;

const SUBJECTS = [
  'A table',
  'A report',
  'An owner',
  'A deadline',
  'A definition',
  'A change',
  'A review',
  'An export',
];
const RULES = [
  'is recorded in the catalogue before anybody relies on it',
  'needs a second pair of eyes when money depends on it',
  'keeps its name for as long as something outside the team reads it',
  'is announced in writing to everyone whose work it touches',
  'is never deleted on the day on which it was replaced',
  'gets a date after which it may be forgotten',
];
const REASONS = [
  'because the people who ask about it later were not there when it was decided',
  'for the cost of a mistake is paid by somebody else',
  'unless the head of the team has said otherwise and written it down',
  'so that whoever is on duty can tell what is meant to happen',
];

function pick(items: readonly string[], random: Random): string {
  return items[Math.floor(random() * items.length)] ?? '';
}

/** A handbook for an assistant, as long as it must be: numbered rules as people write them. */
export function writeHandbook(isLongEnough: (text: string) => boolean): string {
  const random = seededRandom(10);
  let text = 'You help a team that looks after data. Answer briefly and plainly. The rules of the team:\n';
  for (let rule = 1; !isLongEnough(text); rule += 1) {
    text += `\n${rule}. ${pick(SUBJECTS, random)} ${pick(RULES, random)}, ${pick(REASONS, random)}.`;
  }
  return text;
}

function tool(name: string, description: string, field: string): Tool {
  const properties = {
    [field]: { type: 'string', description: `The ${field} to look for, spelled as in the catalogue.` },
  };
  return { name, description, input_schema: { type: 'object', properties, required: [field] } };
}

const TOOLS: readonly Tool[] = [
  tool(
    'find_tables',
    'Lists the tables that a report reads, with their owners and the time of the last change.',
    'report',
  ),
  tool(
    'read_definition',
    'Gives the definition of a measure in both warehouses, with the query behind each.',
    'measure',
  ),
  tool(
    'compare_numbers',
    'Compares a measure between the warehouses, quarter by quarter, for the last two years.',
    'measure',
  ),
  tool('create_ticket', 'Creates a ticket with a title and a text, and gives its number.', 'title'),
];

const CALLS = new Map([
  [1, { name: 'find_tables', input: { report: 'quarterly' } }],
  [4, { name: 'read_definition', input: { measure: 'net revenue' } }],
  [5, { name: 'compare_numbers', input: { measure: 'net revenue' } }],
]);

/** What the assistant says: some 60 words, different every time. */
function answerTo(turn: number): string {
  const random = seededRandom(100 + turn);
  const sentences = Array.from(
    { length: 4 },
    () => `${pick(SUBJECTS, random)} ${pick(RULES, random)}, ${pick(REASONS, random)}.`,
  );
  return `On point ${turn + 1}: ${sentences.join(' ')}`;
}

/** Where a conversation is held, and how. */
export interface ConversationSetting {
  readonly client: Anthropic;
  readonly model: string;
  readonly system: string;
  readonly isStream: boolean;
  /** Tells the model what to answer next. */
  readonly script: (entry: object) => Promise<void>;
  /** Time passes between two requests. */
  readonly pause: () => Promise<void>;
}

/** Holds the ten-turn conversation as a plain client does, without a single marker; gives every answer. */
export async function holdConversation(setting: ConversationSetting): Promise<readonly Message[]> {
  const { client, model, system, isStream } = setting;
  const messages: MessageParam[] = [];
  const answers: Message[] = [];
  const exchange = async (question: string | ContentBlockParam[], answer: object): Promise<Message> => {
    messages.push({ role: 'user', content: question });
    await setting.script(answer);
    const body: MessageCreateParamsNonStreaming = {
      model,
      max_tokens: 1_024,
      system,
      tools: [...TOOLS],
      messages,
    };
    const message = isStream
      ? await client.messages.stream(body).finalMessage()
      : await client.messages.create(body);
    messages.push({ role: 'assistant', content: message.content });
    answers.push(message);
    await setting.pause();
    return message;
  };
  for (const [turn, question] of QUESTIONS.entries()) {
    const call = CALLS.get(turn);
    if (!call) await exchange(question, { text: answerTo(turn) });
    else {
      const id = `toolu_turn_${turn}`;
      await exchange(question, { content: [{ type: 'tool_use', id, ...call }] });
      const found = JSON.stringify({ ...call.input, rows: [answerTo(turn + 20), turn] });
      await exchange([{ type: 'tool_result', tool_use_id: id, content: found }], { text: answerTo(turn) });
    }
  }
  return answers;
}
