import type { Recorded } from '../../bench/money/play.ts';
import { seededRandom, type Random } from '../../src/runtime/index.ts';

const MARKER = { cache_control: { type: 'ephemeral' } };
const MODEL = 'claude-sonnet-5-5';
const WORDS =
  'the a of river stone letter when copper meadow asks for nine lanterns before winter and a garden opens its paper gate'.split(
    ' ',
  );

/** Prose of about so many tokens; the same source never repeats itself. */
function prose(random: Random, tokens: number): string {
  const words = Array.from({ length: tokens }, () => WORDS[Math.floor(random() * WORDS.length)] ?? '');
  return words.join(' ');
}

/** One kind of client, and the requests that it sends. */
export interface ClientShape {
  readonly name: string;
  /** Without markers, or with the ones that such a client would set. */
  readonly requests: (isMarked: boolean) => readonly Recorded[];
}

const START_MS = Date.parse('2026-11-05T10:00:00Z');

/** Requests half a minute apart, as a person or a tool takes. */
function timed(bodies: readonly Recorded['body'][]): readonly Recorded[] {
  return bodies.map((body, index) => ({
    body: { model: MODEL, max_tokens: 64, ...body },
    atMs: START_MS + index * 30_000,
  }));
}

function textBlock(text: string, isMarked: boolean): object {
  return { type: 'text', text, ...(isMarked ? MARKER : {}) };
}

/** A system as clients give it: a string, or one marked block. */
function systemOf(text: string, isMarked: boolean): unknown {
  return isMarked ? [textBlock(text, true)] : text;
}

/** A chat whose history grows: string system, string contents; marked, the top-level marker moves along. */
function chat(isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(11);
  const system = prose(random, 3_000);
  const history: object[] = [];
  const bodies: Recorded['body'][] = [];
  for (let turn = 0; turn < 10; turn += 1) {
    history.push({ role: 'user', content: prose(random, 60) });
    bodies.push({ system, messages: [...history], ...(isMarked ? MARKER : {}) });
    history.push({ role: 'assistant', content: prose(random, 150) });
  }
  return timed(bodies);
}

/** An agent at work: tools, system, and a tool result in every turn; marked, system and last block. */
function agent(isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(12);
  const tools = Array.from({ length: 12 }, (_, index) => ({
    name: `tool_${index}`,
    description: prose(random, 200),
    input_schema: {
      type: 'object',
      properties: { path: { type: 'string', description: prose(random, 20) } },
    },
  }));
  const system = systemOf(prose(random, 2_000), isMarked);
  const history: object[] = [{ role: 'user', content: prose(random, 200) }];
  const bodies: Recorded['body'][] = [];
  for (let turn = 0; turn < 14; turn += 1) {
    const id = `toolu_${turn}`;
    if (turn > 0) history.push(...toolTurn(random, id));
    bodies.push({ tools, system, messages: isMarked ? markLast(history) : [...history] });
  }
  return timed(bodies);
}

function toolTurn(random: Random, id: string): readonly object[] {
  const use = { type: 'tool_use', id, name: 'tool_3', input: { path: prose(random, 5) } };
  const result = { type: 'tool_result', tool_use_id: id, content: prose(random, 400) };
  return [
    { role: 'assistant', content: [textBlock(prose(random, 40), false), use] },
    { role: 'user', content: [result] },
  ];
}

/** The history with a marker on its last block; a string has no block to carry one. */
function markLast(history: readonly object[]): readonly object[] {
  const last = history.at(-1) as { role: string; content: string | readonly object[] };
  const blocks = typeof last.content === 'string' ? [textBlock(last.content, false)] : last.content;
  const content = blocks.map((block, index) =>
    index === blocks.length - 1 ? { ...block, ...MARKER } : block,
  );
  return [...history.slice(0, -1), { role: last.role, content }];
}

/** Questions on one document that stands in the system. */
function documentInSystem(isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(13);
  const role = textBlock(prose(random, 300), false);
  const document = textBlock(prose(random, 8_000), isMarked);
  return timed(
    Array.from({ length: 8 }, () => ({
      system: [role, document],
      messages: [{ role: 'user', content: prose(random, 30) }],
    })),
  );
}

/** Questions on one document that stands in the message, before the question. */
function documentInMessage(isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(14);
  const system = prose(random, 300);
  const document = textBlock(prose(random, 8_000), isMarked);
  return timed(
    Array.from({ length: 8 }, () => ({
      system,
      messages: [{ role: 'user', content: [document, textBlock(prose(random, 30), false)] }],
    })),
  );
}

/** Single questions that share a large system. */
function sharedSystem(isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(15);
  const system = systemOf(prose(random, 5_000), isMarked);
  return timed(
    Array.from({ length: 10 }, () => ({
      system,
      messages: [{ role: 'user', content: prose(random, 120) }],
    })),
  );
}

/** Single requests that share nothing; nobody marks those. */
function nothingShared(_isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(16);
  return timed(
    Array.from({ length: 8 }, () => ({ messages: [{ role: 'user', content: prose(random, 3_000) }] })),
  );
}

/** Single requests below the minimum of the model. */
function small(_isMarked: boolean): readonly Recorded[] {
  const random = seededRandom(17);
  return timed(
    Array.from({ length: 8 }, () => ({
      system: prose(random, 40),
      messages: [{ role: 'user', content: prose(random, 80) }],
    })),
  );
}

/** The kinds of clients that there are. */
export const SHAPES: readonly ClientShape[] = [
  { name: 'a chat with growing history and a string system', requests: chat },
  { name: 'an agent with tools', requests: agent },
  { name: 'questions on a document in the system', requests: documentInSystem },
  { name: 'questions on a document in the message', requests: documentInMessage },
  { name: 'single requests with a large system in common', requests: sharedSystem },
  { name: 'single requests with nothing in common', requests: nothingShared },
  { name: 'single requests below the minimum', requests: small },
];
