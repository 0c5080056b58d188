import { describe, expect, it } from 'vitest';
import { defaultOpenQuestions } from '../cache/rules.ts';
import { resolveModel } from '../catalogue/resolve.ts';
import type { JsonObject } from '../json.ts';
import { KEY_ORDER } from './canonical.ts';
import { readRawBlocks } from './raw-blocks.ts';
import { readSettingMixes, rendersInSystem, resolveThinking, type SettingMixes } from './settings.ts';

const NEWER = resolveModel('claude-opus-5-5').facts;
const OLDER = resolveModel('claude-opus-4-8').facts;

const mixes = (body: JsonObject, model = NEWER): SettingMixes =>
  readSettingMixes(body, model, [...readRawBlocks(body)], defaultOpenQuestions);

const user = (...content: readonly JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });

describe('resolveThinking', () => {
  it.each([
    [{}, NEWER, 'adaptive', null],
    [{}, OLDER, 'disabled', null],
    [{ thinking: null }, OLDER, 'disabled', null],
    [{ thinking: { type: 'enabled', budget_tokens: 1024 } }, OLDER, 'enabled', 1024],
    [{ thinking: { type: 'adaptive', budget_tokens: 1024 } }, OLDER, 'adaptive', null],
    [{ thinking: { type: 7, budget_tokens: 'x' } }, OLDER, 'disabled', null],
    [{ thinking: 'enabled' }, NEWER, 'adaptive', null],
  ])('%j', (body, model, mode, budgetTokens) => {
    expect(resolveThinking(body, model)).toEqual({ mode, budgetTokens });
  });
});

describe('readSettingMixes', () => {
  it('puts thinking and effort ahead of all for older models only', () => {
    const effort = { output_config: { effort: 'low' } };
    expect([mixes({}).root, mixes(effort).root]).toEqual(['', '']);
    expect(mixes(effort, OLDER).root).not.toBe(mixes({}, OLDER).root);
  });

  it.each([
    ['tool_choice', { tool_choice: { type: 'auto', disable_parallel_tool_use: false } }],
    ['effort', { output_config: { effort: 'medium' } }],
    ['thinking', { thinking: { type: 'adaptive', display: 'summarized' } }],
    ['speed', { speed: 'standard' }],
    [
      'null members',
      { tool_choice: null, output_config: null, speed: null, container: null, thinking: null },
    ],
    ['an empty list of skills', { container: { skills: [] } }],
    ['members of wrong types', { tool_choice: 'any', output_config: 'low', container: 'c', thinking: [] }],
  ])('takes a default for what it is: %s', (_name, body) => {
    expect(mixes(body)).toEqual(mixes({}));
  });

  it('sees an image in a tool result or a document, not in text or tool input', () => {
    const image = { type: 'image' };
    const plain = mixes({}).messages;
    const seen: readonly JsonObject[] = [
      image,
      { type: 'tool_result', content: [{ type: 'text' }, image] },
      { type: 'document', source: { type: 'content', content: [image] } },
      { type: 'tool_result', content: [{ type: 'document', source: { content: [image] } }] },
    ];
    for (const block of seen) expect(mixes(user(block)).messages).not.toBe(plain);
    expect(mixes(user({ type: 'tool_use', input: { content: [image] } })).messages).toBe(plain);
    expect(mixes(user({ type: 'text', text: 'image' })).messages).toBe(plain);
    expect(mixes({ tools: [{ type: 'image' }] }).messages).toBe(plain);
  });

  it('sees citations that are switched on, not those that an answer has', () => {
    const plain = mixes({}).system;
    expect(mixes(user({ type: 'document', citations: { enabled: true } })).system).not.toBe(plain);
    expect(mixes(user({ type: 'search_result', citations: { enabled: true } })).system).not.toBe(plain);
    expect(mixes(user({ type: 'document', citations: { enabled: false } })).system).toBe(plain);
    expect(mixes(user({ type: 'text', citations: [{ enabled: true }] })).system).toBe(plain);
  });

  it('renders web search and fetch into system, without their markers', () => {
    const tools = (members: JsonObject): JsonObject => ({
      tools: [{ type: 'web_search_20260209', name: 'web_search', ...members }],
    });
    expect(mixes(tools({})).system).not.toBe(mixes({}).system);
    expect(mixes(tools({ max_uses: 2 })).system).not.toBe(mixes(tools({})).system);
    expect(mixes(tools({ cache_control: { type: 'ephemeral' } })).system).toBe(mixes(tools({})).system);
    expect(mixes({ tools: [{ type: 'bash_20250124' }] })).toEqual(mixes({}));
  });

  it('keeps the order of keys in a format, even where JavaScript would not', () => {
    const format = (order: readonly string[]): JsonObject => {
      const schema = Object.defineProperty({ '1': {}, '2': {} }, KEY_ORDER, { value: order });
      const body = { output_config: { format: { type: 'json_schema', schema } } };
      return Object.defineProperty(body, KEY_ORDER, { value: Object.keys(body) });
    };
    expect(mixes(format(['1', '2'])).messages).not.toBe(mixes(format(['2', '1'])).messages);
  });

  it('reads the format in its older place too', () => {
    const format = { type: 'json_schema', schema: {} };
    expect(mixes({ output_format: format }).messages).toBe(mixes({ output_config: { format } }).messages);
  });
});

describe('rendersInSystem', () => {
  const of = (body: JsonObject): boolean => [...readRawBlocks(body)].some(rendersInSystem);

  it('is so for the web tools among the tools', () => {
    expect(of({ tools: [{ type: 'web_fetch_20250910' }] })).toBe(true);
    expect(of({ tools: [{ type: 'custom', name: 'web_search_20250305' }] })).toBe(false);
    expect(of(user({ type: 'web_search_tool_result' }))).toBe(false);
  });
});
