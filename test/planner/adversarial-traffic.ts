import { seededRandom } from '../../src/runtime/index.ts';

/** The body of the request with a number. */
export type MakeBody = (request: number) => Record<string, unknown>;

/** Requests so far apart, in ms. */
export interface Traffic {
  readonly gapMs: number;
  readonly make: MakeBody;
}

export const MODEL = 'claude-opus-5-5';
const SECOND_MS = 1000;
/** When the requests begin, as they say themselves. */
const SAID_MS = 1_795_000_000_000;

const NOUNS = [
  'table',
  'report',
  'owner',
  'deadline',
  'change',
  'review',
  'export',
  'invoice',
  'ledger',
  'batch',
];
const VERBS = ['needs', 'follows', 'replaces', 'checks', 'names', 'closes', 'covers', 'delays'];

/** About so many words of prose, other for each seed. */
export function prose(words: number, seed: number): string {
  const random = seededRandom(seed + 1);
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  let text = '';
  for (let count = 0; count < words; count += 6)
    text += `The ${pick(NOUNS)} ${pick(VERBS)} the ${pick(NOUNS)} early. `;
  return text;
}

function shuffle<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

const user = (content: string): object => ({ role: 'user', content });

/** A question that no other request asks. */
const question = (request: number): object => user(`Question ${request}: ${prose(30, 7_000_000 + request)}`);

const tool = (number: number): Record<string, unknown> => ({
  name: `find_${NOUNS[number % NOUNS.length]}_${number}`,
  description: prose(60, number),
  input_schema: { type: 'object', properties: { name: { type: 'string' }, limit: { type: 'number' } } },
});

/** So many that hardly two requests begin with the same few in the same order: of fewer, some beginnings come back by chance. */
const MANY_TOOLS = Array.from({ length: 40 }, (_, number) => tool(number));
const TOOLS = Array.from({ length: 12 }, (_, number) => tool(number));
const RULES = prose(1200, 500);

/** A conversation of twenty turns, again and again another, with the settings of the turn. */
function conversation(settings: (turn: number) => Record<string, unknown>): MakeBody {
  return (request) => {
    const turn = request % 20;
    const number = Math.floor(request / 20);
    const messages = Array.from({ length: 2 * turn + 1 }, (_, at) => ({
      role: at % 2 === 0 ? 'user' : 'assistant',
      content: prose(90, 1000 * number + at),
    }));
    return { model: MODEL, max_tokens: 1, system: RULES, messages, ...settings(turn) };
  };
}

function asks(more: (request: number) => Record<string, unknown>): MakeBody {
  return (request) => ({ model: MODEL, max_tokens: 1, messages: [question(request)], ...more(request) });
}

/** The five kinds that the planner must not lose money on. */
export function adversaries(): Readonly<Record<string, Traffic>> {
  const random = seededRandom(13);
  return {
    'every request unique': {
      gapMs: 2 * SECOND_MS,
      make: asks((request) => ({ system: prose(900 + (request % 7) * 100, 10_000 + request) })),
    },
    'prefixes just beyond the hour': {
      gapMs: 3_601_000 / 12,
      make: asks((request) => ({ system: prose(1200, 600 + (request % 12)) })),
    },
    'the order of tools churns': {
      gapMs: 30 * SECOND_MS,
      make: asks(() => ({ tools: shuffle(MANY_TOOLS, random), system: RULES })),
    },
    'a timestamp first in the system prompt': {
      gapMs: 5 * SECOND_MS,
      make: asks((request) => ({
        system: `It is ${new Date(SAID_MS + request * 5000).toISOString()}.\n${RULES}`,
      })),
    },
    'distinct prefixes, ten a second': {
      gapMs: 100,
      make: asks((request) => ({ system: prose(700, 1_000_000 + request) })),
    },
  };
}

/** Traffic in which something else is wrong. */
export function culprits(): Readonly<Record<string, Traffic>> {
  const random = seededRandom(14);
  return {
    session: {
      gapMs: SECOND_MS,
      make: asks((request) => ({
        system: [
          { type: 'text', text: 'You help with reports.' },
          { type: 'text', text: `Session ${(request * 2_654_435_761).toString(16)}f0a3, be brief.` },
          { type: 'text', text: RULES },
        ],
      })),
    },
    schema: {
      gapMs: SECOND_MS,
      make: asks(() => {
        const names = Array.from({ length: 9 }, (_, at) => [`field_${at}`, { type: 'string' }] as const);
        const properties = Object.fromEntries(shuffle(names, random));
        const churned = { ...TOOLS[3], input_schema: { type: 'object', properties } };
        return { tools: TOOLS.with(3, churned), system: RULES };
      }),
    },
    tools: {
      gapMs: 5 * SECOND_MS,
      make: conversation((turn) => ({ tools: turn % 2 === 0 ? TOOLS : TOOLS.slice(0, 8) })),
    },
    system: {
      gapMs: 5 * SECOND_MS,
      make: conversation((turn) => ({
        system: [
          {
            type: 'text',
            text: turn % 2 === 0 ? 'Plan only, change nothing.' : 'Do what is planned, step by step.',
          },
          { type: 'text', text: RULES },
        ],
      })),
    },
    thinking: {
      gapMs: 5 * SECOND_MS,
      make: conversation((turn) => ({
        max_tokens: 2000,
        thinking: { type: turn % 2 === 0 ? 'adaptive' : 'disabled' },
      })),
    },
    short: { gapMs: SECOND_MS, make: asks(() => ({ model: 'claude-haiku-4-5', system: prose(1500, 3) })) },
    marker: {
      gapMs: SECOND_MS,
      make: (request) => ({
        model: MODEL,
        max_tokens: 1,
        system: [{ type: 'text', text: RULES, cache_control: { type: 'ephemeral' } }],
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: prose(600, 9000 + request), cache_control: { type: 'ephemeral' } },
            ],
          },
        ],
      }),
    },
    handbook: {
      gapMs: SECOND_MS,
      make: (request) => ({
        model: MODEL,
        max_tokens: 1,
        messages: [user(`Answer from this handbook.\n${RULES}\nThe question: ${prose(24, request)}`)],
      }),
    },
    late: { gapMs: 301_000 / 6, make: asks((request) => ({ system: prose(1200, 800 + (request % 6)) })) },
  };
}

/** Traffic in which nothing is wrong. */
export function harmless(): Readonly<Record<string, Traffic>> {
  const random = seededRandom(15);
  const order = Array.from({ length: 40 }, (_, at) => at);
  return {
    'chats, one after the other': { gapMs: 20 * SECOND_MS, make: conversation(() => ({})) },
    'chats without a system prompt': {
      gapMs: 20 * SECOND_MS,
      make: conversation(() => ({ system: undefined })),
    },
    'chats, eight at a time': {
      gapMs: 4 * SECOND_MS,
      make: (request) =>
        conversation(() => ({}))(
          (request % 8) * 20 + (Math.floor(request / 8) % 20) + 160 * Math.floor(request / 160),
        ),
    },
    agents: {
      gapMs: 6 * SECOND_MS,
      make: (request) => {
        const turn = request % 12;
        const run = Math.floor(request / 12);
        const steps = Array.from({ length: turn }, (_, step) => [
          {
            role: 'assistant',
            content: [
              { type: 'text', text: prose(20, 50_000 + run * 100 + step) },
              {
                type: 'tool_use',
                id: `toolu_${run}_${step}`,
                name: 'find_table_0',
                input: { name: `t${step}` },
              },
            ],
          },
          {
            role: 'user',
            content: [
              {
                type: 'tool_result',
                tool_use_id: `toolu_${run}_${step}`,
                content: prose(120, 60_000 + run * 100 + step),
              },
            ],
          },
        ]).flat();
        const messages = [user(prose(60, 40_000 + run)), ...steps];
        return { model: MODEL, max_tokens: 1, tools: TOOLS, system: RULES, messages };
      },
    },
    'documents found for each question': {
      gapMs: 4 * SECOND_MS,
      make: (request) => {
        const found = shuffle(order, random).slice(0, 5);
        const content = [
          ...found.map((at) => ({
            type: 'text',
            text: `Document ${at}, of 2026-03-0${1 + (at % 9)}.\n${prose(300, 70_000 + at)}`,
          })),
          { type: 'text', text: prose(24, 90_000 + request) },
        ];
        return { model: MODEL, max_tokens: 1, system: RULES, messages: [{ role: 'user', content }] };
      },
    },
    'documents in the system prompt': {
      gapMs: 4 * SECOND_MS,
      make: asks(() => ({
        system: [
          RULES,
          ...shuffle(order, random)
            .slice(0, 4)
            .map((at) => prose(300, 70_000 + at)),
        ].map((text) => ({
          type: 'text',
          text,
        })),
      })),
    },
    'thirty tenants': {
      gapMs: 4 * SECOND_MS,
      make: asks(() => ({ system: prose(900, 30_000 + Math.floor(random() * 30)) })),
    },
    'many applications with the same tools': {
      gapMs: 4 * SECOND_MS,
      make: asks(() => ({ tools: TOOLS, system: prose(900, 31_000 + Math.floor(random() * 10)) })),
    },
    'a system prompt that was edited once': {
      gapMs: 4 * SECOND_MS,
      make: asks((request) => ({ system: request < 60 ? RULES : `${RULES} Be brief.` })),
    },
    'a date that changes once a day': {
      gapMs: 600 * SECOND_MS,
      make: asks((request) => ({
        system: `Today is ${new Date(SAID_MS + request * 600_000).toISOString().slice(0, 10)}.\n${RULES}`,
      })),
    },
  };
}
