/** A body of a coding agent's conversation: tools, a system prompt, and turns of text, calls and what they found. */
export interface ConversationShape {
  readonly bytes: number;
  readonly blocks: number;
  /** `first`: messages stand before system and tools, and the client marks system and last message, as Claude Code does. */
  readonly order: 'last' | 'first';
  /** `ascii`: without a letter outside of it; `python`: as its `json.dumps` writes, with spaces and such letters as escapes. */
  readonly spelling: 'compact' | 'ascii' | 'python';
  readonly seed: number;
}

/** Turn N and turn N + 1 of one conversation; the later has the size asked for. */
export interface Turns {
  readonly before: Buffer;
  readonly after: Buffer;
}

const TOOLS = 20;
const SYSTEM_BLOCKS = 3;
const MARKER = { type: 'ephemeral' };

/** Pieces of what such conversations are made of; JSON escapes the quotes, tabs and line ends, UTF-8 the rest. */
const PIECES: readonly string[] = [
  'The parcel left the warehouse on Tuesday and the carrier expects it before noon. ',
  'I will look at how the retry is scheduled before changing anything. ',
  'The test "keeps the order of members" fails: expected 3, received 4.\n',
  "import { readFile } from 'node:fs/promises';\n",
  '  if (entry === undefined || entry.expiresMs <= nowMs) {\n    return null;\n  }\n',
  '\tconst total = rows.reduce((sum, { amount }) => sum + amount, 0);\n',
  '   214→  readonly #known = new Map<string, number>();\n',
  'src/orders/schedule.ts:88: error TS2345: Argument of type "string" is not assignable.\n',
  'Größe und Übertragung stimmen – laut Protokoll fehlt nur noch die Prüfung. ',
  '## Steps\n\n1. Run the migration.\n2. Check `orders.status`.\n3. Say what changed.\n\n',
  'commit 4f1c2ab90d7e63b5 Author: Ana Lópeż <ana@example.com>\n',
  '{"level":"warn","path":"/v1/orders","ms":184,"status":503}\n',
];

/** Numbers from 0 up to and without `below`, the same ones for one seed. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed * 2 + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
}

/** Makes texts that no other text repeats. */
function textsFrom(seed: number): (length: number) => string {
  const next = numbersFrom(seed);
  return (length) => {
    let text = `Note ${next(1e6)}. `;
    while (text.length < length)
      text += next(5) === 0 ? `${next(1e5)} ` : (PIECES[next(PIECES.length)] ?? '');
    return text.slice(0, Math.max(1, length));
  };
}

type TextMaker = (length: number) => string;

function makeTools(text: TextMaker): readonly object[] {
  return Array.from({ length: TOOLS }, (_, index) => ({
    name: `tool_${index}`,
    description: text(700),
    input_schema: {
      type: 'object',
      properties: { path: { type: 'string', description: text(60) }, limit: { type: 'integer' } },
      required: ['path'],
    },
  }));
}

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: readonly object[];
}

/** One step of an agent, three blocks: what it says, what it calls, and what that finds. */
function makeStep(index: number, size: number, text: TextMaker): readonly Message[] {
  const id = `toolu_${String(index).padStart(12, '0')}`;
  const call = {
    type: 'tool_use',
    id,
    name: `tool_${index % TOOLS}`,
    input: {
      path: `/srv/app/src/file-${index}.ts`,
      old_string: text(size * 0.2),
      new_string: text(size * 0.2),
    },
  };
  const result = { type: 'tool_result', tool_use_id: id, content: text(size * 0.5) };
  return [
    { role: 'assistant', content: [{ type: 'text', text: text(size * 0.1) }, call] },
    { role: 'user', content: [result] },
  ];
}

function mark(blocks: readonly object[]): readonly object[] {
  return blocks.map((block, index) =>
    index === blocks.length - 1 ? { ...block, cache_control: MARKER } : block,
  );
}

function toBody(
  messages: readonly Message[],
  system: readonly object[],
  tools: readonly object[],
  order: ConversationShape['order'],
): Buffer {
  const head = { model: 'claude-sonnet-5-5', max_tokens: 8192 };
  if (order === 'last') return Buffer.from(JSON.stringify({ ...head, system, tools, messages }));
  const newest = messages.at(-1);
  const marked = newest ? [...messages.slice(0, -1), { ...newest, content: mark(newest.content) }] : messages;
  return Buffer.from(
    JSON.stringify({ model: head.model, messages: marked, system: mark(system), tools, max_tokens: 8192 }),
  );
}

const NOT_ASCII = /[\u0080-\uffff]/g;

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A value with a space after each comma and colon. */
function writeSpaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeSpaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, member]) => `${JSON.stringify(key)}: ${writeSpaced(member)}`,
  );
  return `{${members.join(', ')}}`;
}

function spell(body: Buffer, spelling: ConversationShape['spelling']): Buffer {
  if (spelling === 'compact') return body;
  const text = body.toString();
  if (spelling === 'ascii') return Buffer.from(text.replace(NOT_ASCII, 'x'));
  return Buffer.from(writeSpaced(JSON.parse(text)).replace(NOT_ASCII, escapeUnit));
}

/** Two turns that follow each other, of a body within a few per cent of its size and exactly its number of blocks. */
export function makeTurns({ bytes, blocks, order, spelling, seed }: ConversationShape): Turns {
  const text = textsFrom(seed);
  const tools = makeTools(text);
  const system = Array.from({ length: SYSTEM_BLOCKS }, () => ({ type: 'text', text: text(2500) }));
  const fixedBytes = JSON.stringify([tools, system]).length;
  const inMessages = blocks - TOOLS - SYSTEM_BLOCKS;
  const steps = Math.floor((inMessages - 1) / 3);
  // What frames a step, and what escapes and letters of two bytes add.
  const stepSize = Math.max(40, ((bytes - fixedBytes) / steps - 260) / 1.07);
  const asked = Array.from({ length: inMessages - steps * 3 }, () => ({ type: 'text', text: text(200) }));
  const messages: Message[] = [{ role: 'user', content: asked }];
  for (let index = 0; index < steps; index += 1) messages.push(...makeStep(index, stepSize, text));
  return {
    before: spell(toBody(messages.slice(0, -2), system, tools, order), spelling),
    after: spell(toBody(messages, system, tools, order), spelling),
  };
}
