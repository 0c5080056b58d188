import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PLATFORMS } from '../catalogue/platforms.ts';
import { extendCatalogue, defaultCatalogue } from '../catalogue/resolve.ts';
import type { PrefixChain } from '../cache/cache-step.ts';
import type { JsonObject } from '../json.ts';
import { KEY_ORDER } from './canonical.ts';
import { chainPrefixes, readPrompt, toCacheRequest, type Prompt } from './prompt.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const MODEL = 'claude-opus-5-5';
const MARKER = { type: 'ephemeral' };

/** Prefixes that tell their whole history: equal exactly where every text hashed so far is equal. */
function chain(prompt: Prompt): PrefixChain {
  return chainPrefixes(prompt, {
    partition: 'p',
    hash: (content) => JSON.stringify(content),
    countTokens: (block) => block.content.length,
  });
}

/** As `chain`, with a short hash, so that it does not grow with every block. */
function shortChain(prompt: Prompt): PrefixChain {
  const hash = (content: string): string =>
    [...content]
      .reduce((sum, unit) => Math.imul(sum ^ (unit.codePointAt(0) ?? 0), 0x01000193) >>> 0, 7)
      .toString(36);
  return chainPrefixes(prompt, { partition: 'p', hash, countTokens: () => 1 });
}

const lastPrefix = (body: JsonObject): string | undefined => chain(readPrompt(body)).prefixIds.at(-1);
const user = (...content: readonly unknown[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const canonicals = (body: JsonObject): readonly string[] =>
  readPrompt(body).blocks.map((block) => `${block.label}|${block.content}`);

describe('readPrompt', () => {
  it('gives blocks without markers, at any place that a marker may have', () => {
    const inner = { type: 'text', text: 'x', cache_control: MARKER };
    const { blocks } = readPrompt({
      tools: [{ name: 't', cache_control: MARKER }],
      ...user(
        { cache_control: MARKER, type: 'tool_result', content: [{ type: 'text', text: 'w' }, inner] },
        { type: 'document', title: 'd', source: { type: 'content', content: [inner] } },
        {
          type: 'tool_result',
          content: [{ type: 'document', source: { content: [inner], type: 'content' } }],
        },
      ),
    });
    expect(JSON.stringify(blocks.map((block) => block.value))).toBe(
      JSON.stringify([
        { name: 't' },
        {
          type: 'tool_result',
          content: [
            { type: 'text', text: 'w' },
            { type: 'text', text: 'x' },
          ],
        },
        { type: 'document', title: 'd', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
        {
          type: 'tool_result',
          content: [
            { type: 'document', source: { content: [{ type: 'text', text: 'x' }], type: 'content' } },
          ],
        },
      ]),
    );
  });

  it('leaves data of the user that is called cache_control alone', () => {
    const call = { type: 'tool_use', id: '1', name: 't', input: { cache_control: MARKER } };
    expect(readPrompt(user(call)).blocks[0]?.value).toEqual(call);
  });

  it('does not change the body', () => {
    const body = {
      ...user({ type: 'tool_result', content: [{ type: 'text', text: 'x', cache_control: MARKER }] }),
    };
    const before = JSON.stringify(body);
    readPrompt(body);
    expect(JSON.stringify(body)).toBe(before);
  });

  it('leaves deferred tools out, and says so of no other', () => {
    const tools = [{ name: 'a', defer_loading: true }, { name: 'b' }, { name: 'c', defer_loading: 'true' }];
    expect(readPrompt({ tools }).blocks.map((block) => block.value['name'])).toEqual(['b', 'c']);
  });

  it('places breakpoints on the blocks that are left', () => {
    const body = {
      model: 'claude-sonnet-4-5',
      tools: [{ name: 'deferred', defer_loading: true }],
      messages: [
        { role: 'user', content: 'q' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 't' },
            { type: 'text', text: 'a' },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: 'r', cache_control: MARKER }] },
      ],
    };
    const { blocks, breakpoints } = readPrompt(body);
    expect(blocks.map((block) => block.type)).toEqual(['text', 'text', 'text']);
    expect(breakpoints).toEqual([{ blockIndex: 2, ttl: '5m', origin: 'explicit' }]);
  });

  it('gives breakpoints in block order, the automatic one among them', () => {
    const marked = (text: string): JsonObject => ({ type: 'text', text, cache_control: MARKER });
    const body = { cache_control: MARKER, system: [marked('s')], ...user(marked('a'), { type: 'image' }) };
    expect(readPrompt(body).breakpoints.map(({ blockIndex, origin }) => [blockIndex, origin])).toEqual([
      [0, 'explicit'],
      [1, 'explicit'],
      [2, 'automatic'],
    ]);
  });

  it('asks the given catalogue, and calls an unknown model what it takes it for', () => {
    const catalogue = extendCatalogue(defaultCatalogue, [{ id: MODEL, minCacheableTokens: 7 }]);
    expect(readPrompt({ model: MODEL }, { catalogue }).model.facts.minCacheableTokens).toBe(7);
    expect(readPrompt({ model: 7 }).model.kind).toBe('unknown');
    expect(readPrompt({}).model.note).toContain('claude-sonnet-5-5');
  });
});

describe('string and array forms (spec 1.3)', () => {
  const forms = fc.record({
    texts: fc.array(fc.string(), { minLength: 1, maxLength: 5 }),
    system: fc.string(),
  });

  it('are one prefix, in system, in messages and in tool results', () => {
    fc.assert(
      fc.property(forms, ({ texts, system }) => {
        const array = (text: string): readonly JsonObject[] => [{ type: 'text', text }];
        const body = (form: (text: string) => unknown): JsonObject => ({
          model: MODEL,
          system: form(system),
          messages: texts.flatMap((text) => [
            { role: 'user', content: form(text) },
            { role: 'assistant', content: [{ type: 'tool_use', id: '1', name: 't', input: {} }] },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: '1', content: form(text) }] },
          ]),
        });
        expect(canonicals(body((text) => text))).toEqual(canonicals(body(array)));
      }),
      { numRuns: Math.ceil(100 * effort) },
    );
  });

  it('keep the place of a tool result content among its keys', () => {
    const result = (content: unknown): JsonObject => user({ type: 'tool_result', content, tool_use_id: '1' });
    expect(canonicals(result('x'))).toEqual(canonicals(result([{ type: 'text', text: 'x' }])));
    expect(canonicals(result('x'))).not.toEqual(
      canonicals(user({ type: 'tool_result', tool_use_id: '1', content: 'x' })),
    );
  });

  it('are not one with another type, role or level', () => {
    const forms: readonly JsonObject[] = [
      user({ type: 'text', text: 'x' }),
      user({ type: 'text', text: 'x', citations: [] }),
      user({ type: 'text', text: 'X' }),
      user({ text: 'x', type: 'text' }),
      { messages: [{ role: 'assistant', content: 'x' }] },
      { messages: [{ role: 'system', content: 'x' }] },
      { system: 'x' },
      { tools: [{ type: 'text', text: 'x' }] },
    ];
    expect(new Set(forms.map((body) => lastPrefix(body))).size).toBe(forms.length);
  });
});

describe('key order of the source (spec 1.3)', () => {
  const call = (order: readonly string[]): JsonObject => {
    const input = Object.defineProperty({ '1': 'a', '2': 'b' }, KEY_ORDER, { value: order });
    const body = { model: MODEL, ...user({ type: 'tool_use', id: '1', name: 't', input }) };
    return Object.defineProperty(body, KEY_ORDER, { value: Object.keys(body) });
  };

  it('counts even where JavaScript would sort the keys', () => {
    expect(lastPrefix(call(['1', '2']))).not.toBe(lastPrefix(call(['2', '1'])));
    expect(lastPrefix(call(['2', '1']))).toBe(lastPrefix(call(['2', '1'])));
  });

  it('survives taking a marker away', () => {
    const block = (members: JsonObject, order: readonly string[]): JsonObject => {
      const value = Object.defineProperty({ type: 'document', '1': 'a', ...members }, KEY_ORDER, {
        value: order,
      });
      const body = user(value);
      return Object.defineProperty(body, KEY_ORDER, { value: Object.keys(body) });
    };
    const marked = block({ cache_control: MARKER }, ['type', 'cache_control', '1']);
    expect(canonicals(marked)).toEqual(canonicals(block({}, ['type', '1'])));
  });
});

describe('chainPrefixes', () => {
  it('is as long as the prompt, cumulative and never decreasing', () => {
    const { prefixIds, cumulativeTokens, positions } = shortChain(
      readPrompt({
        tools: [{ name: 't' }],
        system: 's',
        ...user({ type: 'tool_use' }, { type: 'tool_use' }),
      }),
    );
    expect([prefixIds.length, cumulativeTokens, positions]).toEqual([4, [1, 2, 3, 4], [0, 1, 2, 2]]);
  });

  it('is empty for an empty prompt', () => {
    const empty = chain(readPrompt({}));
    expect([empty.prefixIds, empty.cumulativeTokens, empty.positions]).toEqual([[], [], []]);
    expect(toCacheRequest(readPrompt({}), empty).breakpoints).toEqual([]);
  });

  it('keeps partitions apart from the first block on', () => {
    const prompt = readPrompt(user('x', { type: 'text', text: 'y' }));
    const of = (partition: string): string | undefined =>
      chainPrefixes(prompt, { partition, hash: (content) => content, countTokens: () => 1 }).prefixIds[0];
    expect(of('a')).not.toBe(of('b'));
  });

  it('mixes settings in even where their level has no blocks', () => {
    const only = (members: JsonObject): string | undefined =>
      lastPrefix({ ...user({ type: 'image' }), ...members });
    expect(only({ speed: 'fast' })).not.toBe(only({}));
    const tools = (members: JsonObject): string | undefined =>
      lastPrefix({ tools: [{ name: 't' }], ...members });
    expect(tools({ speed: 'fast', tool_choice: { type: 'any' } })).toBe(tools({}));
  });

  it('gives a tool that is rendered into system the prefix before it', () => {
    const { prefixIds } = chain(
      readPrompt({ tools: [{ name: 't' }, { type: 'web_search_20250305' }, { name: 'u' }] }),
    );
    expect(prefixIds[1]).toBe(prefixIds[0]);
    expect(prefixIds[2]).not.toBe(prefixIds[1]);
    const without = chain(readPrompt({ tools: [{ name: 't' }, { name: 'u' }] }));
    expect(without.prefixIds[1]).toBe(prefixIds[2]);
  });

  it('collapses runs where the platform does', () => {
    const prompt = readPrompt(user({ type: 'tool_result' }, { type: 'tool_result' }));
    const options = { partition: '', hash: (content: string) => content, countTokens: () => 1 };
    expect(chainPrefixes(prompt, options).positions).toEqual([0, 0]);
    expect(chainPrefixes(prompt, { ...options, platform: PLATFORMS.bedrock }).positions).toEqual([0, 1]);
  });

  it('changes from the changed block on and nowhere before', () => {
    const texts = fc.array(fc.constantFrom<string>('a', 'b', ''), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(texts, fc.nat(), (list, at) => {
        const index = at % list.length;
        const body = (values: readonly string[]): JsonObject => ({
          model: MODEL,
          ...user(...values.map((text) => ({ type: 'text', text }))),
        });
        const before = shortChain(readPrompt(body(list))).prefixIds;
        const after = shortChain(readPrompt(body(list.with(index, 'changed')))).prefixIds;
        const isSame = before.map((id, place) => id === after[place]);
        expect(isSame).toEqual(list.map((_, place) => place < index));
      }),
      { numRuns: Math.ceil(100 * effort) },
    );
  });
});
