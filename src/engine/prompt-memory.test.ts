import { describe, expect, it } from 'vitest';

import { chainPrefixes, readPrompt, type JsonObject } from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { createPromptMemory, type PromptMemory } from './prompt-memory.ts';

const LONG = 'a sentence that is repeated until it is long. '.repeat(10);

function body(...messages: readonly JsonObject[]): JsonObject {
  return { model: 'claude-opus-5-5', system: LONG, messages };
}

function prefixes(value: JsonObject, memory: PromptMemory): readonly string[] {
  const prompt = readPrompt(value, { memory });
  const extend = memory.extend.bind(memory);
  return chainPrefixes(prompt, { partition: 'p', hash: sha256Text, countTokens: () => 1, extend }).prefixIds;
}

describe('createPromptMemory', () => {
  const text = { type: 'text', text: LONG };
  const marked = { ...text, cache_control: { type: 'ephemeral' } };
  const result = { type: 'tool_result', tool_use_id: 't', content: LONG };

  it('changes no prompt: with it and without, used before or fresh', () => {
    const memory = createPromptMemory();
    const value = body({ role: 'user', content: LONG }, { role: 'user', content: [marked, result] });
    const plain = readPrompt(value);
    expect(readPrompt(value, { memory })).toEqual(plain);
    expect(readPrompt(value, { memory })).toEqual(plain);
  });

  it('gives one prefix for one prompt, as string or block, marked or not, in any memory', () => {
    const memory = createPromptMemory();
    const forms = [LONG, [text], [marked], [{ ...text }]].map((content) => body({ role: 'user', content }));
    const all = forms.map((form) => prefixes(form, memory));
    expect(new Set(all.map((ids) => ids.join())).size).toBe(1);
    expect(prefixes(forms[0] ?? {}, createPromptMemory())).toEqual(all[0]);
  });

  it('tells texts apart that differ in one letter, short and long', () => {
    const memory = createPromptMemory();
    for (const content of ['short', LONG]) {
      const one = prefixes(body({ role: 'user', content }), memory);
      const other = prefixes(body({ role: 'user', content: `${content}!` }), memory);
      expect(one[0]).toBe(other[0]);
      expect(one[1]).not.toBe(other[1]);
    }
  });

  it('is not misled by a message that stands elsewhere than before', () => {
    const memory = createPromptMemory();
    const [one, other] = [
      { role: 'user', content: [marked] },
      { role: 'user', content: LONG },
    ];
    for (const value of [body(one, other), body(other, one), body(other, other, one), body(one)]) {
      expect(readPrompt(value, { memory })).toEqual(readPrompt(value));
      expect(prefixes(value, memory)).toEqual(prefixes(value, createPromptMemory()));
    }
  });

  it('gives the same object for the same text', () => {
    const memory = createPromptMemory();
    expect(memory.textBlock(LONG)).toBe(memory.textBlock(LONG.slice(0)));
    expect(memory.textBlock('')).toEqual({ type: 'text', text: '' });
  });
});
