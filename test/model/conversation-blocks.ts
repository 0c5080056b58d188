import type { JsonObject } from './reference-json.ts';
import { fillWords, type Random } from './random.ts';

const IMAGE_SOURCES: readonly JsonObject[] = [
  { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
  { type: 'base64', media_type: 'image/jpeg', data: '/9j/4AAQSkZJRg==' },
  { type: 'url', url: 'https://example.com/picture.png' },
];

/** A text block of a few words, now and then of many. */
export function text(random: Random, low = 1, high = 40): JsonObject {
  const count = random.chance(0.1) ? random.int(100, 700) : random.int(low, high);
  return { type: 'text', text: fillWords(random, count) };
}

/** An image of one of three sources. */
export function image(random: Random): JsonObject {
  return { type: 'image', source: { ...random.pick(IMAGE_SOURCES) } };
}

/** Thinking, sometimes redacted. */
export function thinking(random: Random): JsonObject {
  if (random.chance(0.15)) return { type: 'redacted_thinking', data: fillWords(random, 1) };
  return {
    type: 'thinking',
    thinking: fillWords(random, random.int(3, 60)),
    signature: `sig${random.int(0, 9999)}`,
  };
}

/** A document of one of the four sources, sometimes with title, context and citations. */
export function document(random: Random): JsonObject {
  const source = random.pick<() => JsonObject>([
    () => ({ type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLjQK' }),
    () => ({ type: 'text', media_type: 'text/plain', data: fillWords(random, random.int(20, 300)) }),
    () => ({ type: 'content', content: innerContent(random, 0.15) }),
    () => ({ type: 'url', url: 'https://example.com/paper.pdf' }),
  ])();
  return {
    type: 'document',
    source,
    ...(random.chance(0.4) ? { title: fillWords(random, 3) } : {}),
    ...(random.chance(0.2) ? { context: fillWords(random, 6) } : {}),
    ...(random.chance(0.25) ? { citations: { enabled: random.chance(0.7) } } : {}),
  };
}

/** A search result with one to three inner texts. */
export function searchResult(random: Random): JsonObject {
  return {
    type: 'search_result',
    source: 'https://example.com/found',
    title: fillWords(random, 4),
    content: Array.from({ length: random.int(1, 3) }, () => text(random)),
    ...(random.chance(0.2) ? { citations: { enabled: true } } : {}),
  };
}

/** Inner blocks of a tool result or a content document: texts, now and then an image. */
function innerContent(random: Random, imageChance: number): JsonObject[] {
  return Array.from({ length: random.int(1, 3) }, () =>
    random.chance(imageChance) ? image(random) : text(random, 1, 12),
  );
}

/** A tool call; the order of its input's keys is part of the prompt. */
export function toolUse(random: Random, id: string): JsonObject {
  const input: JsonObject = {
    path: fillWords(random, random.int(1, 6)),
    limit: random.int(1, 99),
    nested: { id: 'not counted', note: 'one two' },
  };
  if (random.chance(0.05)) input['cache_control'] = { type: 'ephemeral', ttl: 'data of the user' };
  return { type: 'tool_use', id, name: `tool_${random.int(0, 5)}`, input };
}

/** The result of a tool call: string, blocks, a document, a reference, or nothing at all. */
export function toolResult(random: Random, id: string): JsonObject {
  const content = random.weighted<() => unknown>([
    [4, () => [text(random, 1, 15)]],
    [2, () => innerContent(random, 0.05)],
    [2, () => fillWords(random, random.int(1, 15))],
    [
      0.5,
      () => [
        text(random, 1, 5),
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } },
      ],
    ],
    [
      0.5,
      () => [
        text(random, 1, 5),
        { type: 'document', source: { type: 'content', content: innerContent(random, 0.1) } },
      ],
    ],
    [0.5, () => [{ type: 'tool_reference', tool_name: 'deferred_1' }]],
    [0.6, () => undefined],
  ])();
  return {
    type: 'tool_result',
    tool_use_id: id,
    ...(content === undefined ? {} : { content }),
    ...(random.chance(0.1) ? { is_error: true } : {}),
  };
}

/** A server tool's call and result with the text that follows, so that none of the two ends a turn. */
export function serverToolBlocks(random: Random): JsonObject[] {
  const id = `srvtoolu_${random.int(0, 9999)}`;
  const found = {
    type: 'web_search_result',
    url: 'https://example.com',
    title: fillWords(random, 3),
    encrypted_content: 'opaque',
  };
  return [
    { type: 'server_tool_use', id, name: 'web_search', input: { query: fillWords(random, 4) } },
    {
      type: 'web_search_tool_result',
      tool_use_id: id,
      content: [found, { ...found, title: fillWords(random, 2) }],
    },
    text(random),
  ];
}

/** A custom tool; properties called `id` and `type` have descriptions that do not count. */
export function customTool(random: Random, name: string): JsonObject {
  return {
    name,
    description: fillWords(random, random.int(3, 40)),
    input_schema: {
      type: 'object',
      properties: {
        path: { type: 'string', description: fillWords(random, random.int(1, 8)) },
        id: { type: 'string', description: 'these words are skipped' },
        type: { type: 'string', enum: ['a', 'b'] },
      },
      required: ['path', 'id'],
    },
  };
}

/** A tool of Anthropic's own, by type. */
export function builtInTool(random: Random): JsonObject {
  return random.pick<() => JsonObject>([
    () => ({ type: 'bash_20250124', name: 'bash' }),
    () => ({
      type: 'web_search_20250305',
      name: 'web_search',
      allowed_domains: ['example.com', 'example.org'].slice(0, random.int(1, 2)),
    }),
    () => ({ type: 'web_fetch_20250910', name: 'web_fetch', max_uses: 3 }),
    () => ({ type: 'computer_toolset_20260801', configs: { click: { enabled: true, hint: 'two words' } } }),
  ])();
}

/** A tool that is not in the prompt until it is found. */
export function deferredTool(random: Random): JsonObject {
  return { ...customTool(random, `deferred_${random.int(0, 3)}`), defer_loading: true };
}
