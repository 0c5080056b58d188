import { describe, expect, expectTypeOf, test } from 'vitest';

import { resolveModel, type JsonObject } from '../core/index.ts';
import { seededRandom } from '../runtime/index.ts';
import {
  composeAnswer,
  composeContainer,
  composeMessage,
  composeUsage,
  DEFAULT_TEXT,
  type WireUsageAnswer,
} from './answer.ts';
import type { ScriptEntry } from './script.ts';
import { TOKENIZERS } from './tokenizers.ts';

const body: JsonObject = { model: 'claude-opus-5-5', max_tokens: 100 };
const { facts } = resolveModel('claude-opus-5-5');

function compose(entry: ScriptEntry | null, more: JsonObject = {}) {
  return composeAnswer(entry, { ...body, ...more }, seededRandom(1));
}

describe('composeAnswer', () => {
  test('says the default text without a script, cut to max_tokens words', () => {
    expect(compose(null)).toEqual({
      content: [{ type: 'text', text: DEFAULT_TEXT, citations: null }],
      stopReason: 'end_turn',
    });
    const cut = compose(null, { max_tokens: 3 });
    expect(cut).toEqual({
      content: [{ type: 'text', text: 'Hello from the', citations: null }],
      stopReason: 'max_tokens',
    });
    expect(compose({ stallMs: 1 }).content[0]?.['text']).toBe(DEFAULT_TEXT);
  });

  test('says nothing to a pre-warm, whatever is scripted', () => {
    expect(compose({ text: 'loud' }, { max_tokens: 0 })).toEqual({ content: [], stopReason: 'max_tokens' });
  });

  test('takes scripted text and content, the content first', () => {
    expect(compose({ text: 'short' }).content).toEqual([{ type: 'text', text: 'short', citations: null }]);
    const content = [{ type: 'text', text: 'this', citations: [] }];
    expect(compose({ text: 'not this', content }).content).toEqual(content);
  });

  test.each([
    [{ text: 'a' }, 'end_turn'],
    [{ content: [{ type: 'tool_use', name: 'a' }] }, 'tool_use'],
    [{ content: [{ type: 'server_tool_use', name: 'web_search' }] }, 'end_turn'],
    [{ content: [{ type: 'tool_use', name: 'a' }], stop_reason: 'max_tokens' }, 'max_tokens'],
    [{ text: 'a', stop_reason: 'refusal' }, 'refusal'],
  ])('stops as the answer does: %j', (entry, stopReason) => {
    expect(compose(entry).stopReason).toBe(stopReason);
  });

  test('completes blocks with what the API always sends', () => {
    const { content } = compose({
      content: [
        { type: 'thinking', thinking: 'hm' },
        { type: 'redacted_thinking' },
        { type: 'server_tool_use', name: 'web_search' },
        { type: 'web_search_tool_result', content: [] },
        { type: 'code_execution_tool_result', content: {} },
        { type: 'tool_use', name: 'a' },
        { type: 'hologram', beams: 7 },
      ],
    });
    const caller = { type: 'direct' };
    const id = content[2]?.['id'];
    expect(content).toEqual([
      { type: 'thinking', thinking: 'hm', signature: expect.stringMatching(/^sig_01\w{48}$/) },
      { type: 'redacted_thinking', data: expect.stringMatching(/^sig_01\w{48}$/) },
      {
        type: 'server_tool_use',
        name: 'web_search',
        input: {},
        caller,
        id: expect.stringMatching(/^srvtoolu_01/),
      },
      { type: 'web_search_tool_result', content: [], tool_use_id: id, caller },
      { type: 'code_execution_tool_result', content: {}, tool_use_id: id },
      { type: 'tool_use', name: 'a', input: {}, caller, id: expect.stringMatching(/^toolu_01/) },
      { type: 'hologram', beams: 7 },
    ]);
  });

  test('leaves what the script says as it is', () => {
    const content = [
      { type: 'thinking', thinking: 'hm', signature: 'mine' },
      { type: 'tool_use', id: 'toolu_mine', name: 'a', input: { b: 1 }, caller: { type: 'other' } },
      { type: 'web_search_tool_result', tool_use_id: 'mine', content: [], caller: null },
    ];
    expect(compose({ content }).content).toEqual(content);
  });

  test('gives the same ids for the same seed', () => {
    const entry = {
      content: [
        { type: 'tool_use', name: 'a' },
        { type: 'thinking', thinking: 'hm' },
      ],
    };
    const ids = (seed: number) => composeAnswer(entry, body, seededRandom(seed)).content;
    expect(ids(7)).toEqual(ids(7));
    expect(ids(7)).not.toEqual(ids(8));
  });
});

describe('usage', () => {
  const counters = { readTokens: 1, write5mTokens: 2, write1hTokens: 4, uncachedTokens: 8 };
  const content = [
    { type: 'thinking', thinking: 'one two', signature: 's' },
    { type: 'server_tool_use', name: 'web_search', input: { query: 'three' } },
    { type: 'web_search_tool_result', content: [{ title: 'not counted' }] },
    { type: 'text', text: 'four five' },
  ];
  const input = {
    answer: { content, stopReason: 'end_turn' },
    body,
    model: facts,
    countBlock: TOKENIZERS.words,
    isBatch: false,
  };

  test('has a number in every counter', () => {
    type Counters = {
      [
        Name in keyof WireUsageAnswer as Name extends `${string}_tokens` ? Name : never
      ]: WireUsageAnswer[Name];
    };
    expectTypeOf<Counters[keyof Counters]>().toEqualTypeOf<number>();
    expectTypeOf<
      WireUsageAnswer['cache_creation'][keyof WireUsageAnswer['cache_creation']]
    >().toEqualTypeOf<number>();
    expectTypeOf<WireUsageAnswer['output_tokens_details']['thinking_tokens']>().toEqualTypeOf<number>();
    expectTypeOf<Required<WireUsageAnswer>>().toEqualTypeOf<WireUsageAnswer>();
  });

  test('tells counters, thinking and searches apart', () => {
    expect(composeUsage({ ...input, counters })).toEqual({
      input_tokens: 8,
      cache_creation_input_tokens: 6,
      cache_read_input_tokens: 1,
      cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 4 },
      // Results are what the server brings, not what the model writes.
      output_tokens: 3 + 2 + 2,
      output_tokens_details: { thinking_tokens: 3 },
      server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
      service_tier: 'standard',
      inference_geo: 'global',
      speed: 'standard',
    });
  });

  test('says how the request was served', () => {
    const special = {
      ...input,
      counters,
      isBatch: true,
      body: { ...body, speed: 'fast', inference_geo: 'us' },
    };
    expect(composeUsage(special)).toMatchObject({
      service_tier: 'batch',
      speed: 'fast',
      inference_geo: 'us',
    });
    const plain = { ...input, counters, answer: { content: [], stopReason: 'end_turn' } };
    expect(composeUsage(plain)).toMatchObject({ server_tool_use: null, output_tokens: 0 });
  });

  test('sums passes, and starts a stream with the first', () => {
    const passes = [counters, { readTokens: 14, write5mTokens: 3, write1hTokens: 0, uncachedTokens: 0 }];
    const parts = { ...input, passes, id: 'msg_01', diagnostics: null, container: null };
    const { message, startUsage } = composeMessage(parts);
    expect(message.usage).toMatchObject({
      input_tokens: 8,
      cache_creation_input_tokens: 9,
      cache_read_input_tokens: 15,
    });
    expect(startUsage).toMatchObject({
      input_tokens: 8,
      cache_creation_input_tokens: 6,
      cache_read_input_tokens: 1,
    });
    expect(startUsage.output_tokens).toBe(1);
    expect(message).toMatchObject({
      id: 'msg_01',
      model: 'claude-opus-5-5',
      stop_reason: 'end_turn',
      stop_details: null,
    });
  });
});

describe('composeContainer', () => {
  const contain = (container: unknown) => composeContainer({ container }, seededRandom(1), 'then');

  test.each([undefined, null, 7, []])('is null when none is asked for: %j', (container) => {
    expect(contain(container)).toBeNull();
  });

  test('keeps an id, or makes one, and shows skills', () => {
    expect(contain('container_mine')).toEqual({ id: 'container_mine', expires_at: 'then', skills: null });
    expect(contain({ id: 'container_mine' })).toEqual({
      id: 'container_mine',
      expires_at: 'then',
      skills: null,
    });
    const skills = [
      { type: 'anthropic', skill_id: 'pdf' },
      { type: 'custom', skill_id: 's', version: '3' },
    ];
    expect(contain({ skills })).toEqual({
      id: expect.stringMatching(/^container_01/),
      expires_at: 'then',
      skills: [{ type: 'anthropic', skill_id: 'pdf', version: 'latest' }, skills[1]],
    });
  });
});
