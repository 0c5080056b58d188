import { describe, expect, it } from 'vitest';
import { findDivergence, type Divergence } from './divergence.ts';
import type { JsonObject } from './json.ts';
import { chainPrefixes, readPrompt, type Prompt } from './prompt/prompt.ts';

const BODY: JsonObject = {
  model: 'claude-opus-5-5',
  tools: [{ name: 'a' }, { name: 'b' }],
  system: [
    { type: 'text', text: 's1' },
    { type: 'text', text: 's2' },
  ],
  messages: [
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'two' },
    { role: 'user', content: 'three' },
  ],
};
const SEARCH = { type: 'web_search_20250305', name: 'web_search' };

function compare(earlier: JsonObject, later: JsonObject): Divergence | null {
  const read = (body: JsonObject): [Prompt, ReturnType<typeof chainPrefixes>] => {
    const prompt = readPrompt(body);
    const partition = prompt.model.facts.id;
    return [
      prompt,
      chainPrefixes(prompt, {
        partition,
        hash: (text) => JSON.stringify(text).slice(-4000),
        countTokens: () => 10,
      }),
    ];
  };
  return findDivergence(...read(earlier), ...read(later));
}

const change = (members: JsonObject): Divergence | null => compare(BODY, { ...BODY, ...members });

describe('findDivergence', () => {
  it('finds none where the later prompt equals, extends or stops inside the earlier one', () => {
    const messages = BODY['messages'] as readonly JsonObject[];
    const longer = [...messages, { role: 'assistant', content: 'four' }];
    expect(change({})).toBeNull();
    expect(change({ messages: longer })).toBeNull();
    expect(change({ messages: messages.slice(0, 1) })).toBeNull();
    expect(change({ messages: [] })).toBeNull();
    expect(compare({}, BODY)).toBeNull();
    expect(compare(BODY, {})).toBeNull();
  });

  it('does not mind markers and forms', () => {
    const system = [
      { type: 'text', text: 's1', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 's2' },
    ];
    expect(change({ system, cache_control: { type: 'ephemeral' } })).toBeNull();
  });

  it('names another model', () => {
    expect(change({ model: 'claude-opus-5' })).toMatchObject({
      reason: 'model_changed',
      sharedBlocks: 0,
      sharedTokens: 0,
      level: 'tools',
    });
  });

  it('names changed tools', () => {
    expect(change({ tools: [{ name: 'a' }, { name: 'c' }] })).toEqual({
      reason: 'tools_changed',
      sharedBlocks: 1,
      sharedTokens: 10,
      level: 'tools',
      earlierPath: ['tools', 1],
      laterPath: ['tools', 1],
    });
  });

  it('names a changed system', () => {
    expect(change({ system: 's1' })).toMatchObject({
      reason: 'system_changed',
      sharedBlocks: 3,
      level: 'system',
    });
    const system = [
      { type: 'text', text: 's1' },
      { type: 'text', text: 'new' },
    ];
    expect(change({ system })).toMatchObject({ sharedTokens: 30, laterPath: ['system', 1] });
  });

  it('names changed messages', () => {
    const messages = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'TWO' },
    ];
    expect(change({ messages })).toEqual({
      reason: 'messages_changed',
      sharedBlocks: 5,
      sharedTokens: 50,
      level: 'messages',
      earlierPath: ['messages', 1, 'content'],
      laterPath: ['messages', 1, 'content'],
    });
  });

  it('counts a block that came or went as a change of its own level', () => {
    expect(change({ tools: [{ name: 'a' }] })).toMatchObject({
      reason: 'tools_changed',
      level: 'tools',
      sharedBlocks: 1,
      earlierPath: ['tools', 1],
      laterPath: ['system', 0],
    });
    expect(change({ tools: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] })).toMatchObject({
      reason: 'tools_changed',
      level: 'tools',
    });
    expect(change({ system: [] })).toMatchObject({ reason: 'system_changed', level: 'system' });
  });

  it.each([
    ['speed', { speed: 'fast' }, 'system', ['system', 0]],
    ['tool_choice', { tool_choice: { type: 'none' } }, 'messages', ['messages', 0, 'content']],
    ['effort', { output_config: { effort: 'low' } }, 'messages', ['messages', 0, 'content']],
  ])('tells a changed setting from a changed block: %s', (_name, members, level, laterPath) => {
    expect(change(members)).toMatchObject({ reason: 'parameters_changed', level, laterPath });
  });

  it('names web search as the tool that it is, and the level that it costs', () => {
    const earlier = BODY['tools'] as readonly JsonObject[];
    for (const tools of [
      [...earlier, SEARCH],
      [SEARCH, ...earlier],
    ]) {
      expect(change({ tools })).toMatchObject({ reason: 'tools_changed', level: 'system', sharedBlocks: 3 });
      expect(compare({ ...BODY, tools }, BODY)).toMatchObject({ reason: 'tools_changed', level: 'system' });
    }
    const withSearch = { ...BODY, tools: [SEARCH, ...earlier] };
    expect(compare(withSearch, { ...withSearch, system: 'new' })).toMatchObject({
      reason: 'system_changed',
      sharedBlocks: 3,
    });
  });
});
