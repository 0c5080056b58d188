import { describe, expect, it } from 'vitest';

import { chainPrefixes, readPrompt, type JsonObject } from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { createBodyReader, type BodyReader } from '../wire/index.ts';
import { createPromptMemory, type PromptMemory } from './prompt-memory.ts';

const LONG = 'a "sentence" that is repeated\nuntil it is long – Größe. '.repeat(10);

function body(...messages: readonly JsonObject[]): JsonObject {
  return { model: 'claude-opus-5-5', system: LONG, messages };
}

const options = { partition: 'p', hash: sha256Text, countTokens: () => 1 };

function prefixes(bytes: Buffer, memory: PromptMemory, reader: BodyReader): readonly string[] {
  const read = reader.read(bytes);
  if (!read.ok) throw new Error(read.reason);
  const extend = memory.extend.bind(memory);
  return chainPrefixes(readPrompt(read.value, { blocks: read.blocks }), { ...options, extend }).prefixIds;
}

/** Prefixes of a body as they are without any memory and any bytes. */
function plainly(value: JsonObject): readonly string[] {
  return chainPrefixes(readPrompt(value), options).prefixIds;
}

const compact = (value: JsonObject): Buffer => Buffer.from(JSON.stringify(value));
const spaced = (value: JsonObject): Buffer => Buffer.from(JSON.stringify(value, null, 1));

describe('createPromptMemory', () => {
  const text = { type: 'text', text: LONG };
  const marked = { ...text, cache_control: { type: 'ephemeral' } };
  const result = { type: 'tool_result', tool_use_id: 't', content: LONG };
  const call = { type: 'tool_use', id: 't', name: 'n', input: { b: [1, 2.5, -1e-7, { c: null }], a: LONG } };

  it('makes the prefixes that hashing the content makes, of bytes written in any way', () => {
    const [memory, reader] = [createPromptMemory(), createBodyReader()];
    const long = { role: 'user', content: 'x'.repeat(300_000) };
    const value = body(
      { role: 'user', content: LONG },
      { role: 'assistant', content: [text, call] },
      { role: 'user', content: [marked, result] },
      { role: 'größer', content: [result] },
      long,
    );
    for (const bytes of [compact(value), spaced(value), compact(value)])
      expect(prefixes(bytes, memory, reader)).toEqual(plainly(value));
  });

  it('gives one prefix for one prompt, as string or block, marked or not, in any memory', () => {
    const forms = [LONG, [text], [marked], [{ ...text }]].map((content) => body({ role: 'user', content }));
    const all = forms.map((form) => prefixes(compact(form), createPromptMemory(), createBodyReader()));
    expect(new Set(all.map((ids) => ids.join())).size).toBe(1);
  });

  it('gives one prefix for a result as text and as a list of it', () => {
    const forms = [result, { ...result, content: [text] }].map((block) =>
      body({ role: 'user', content: [block] }),
    );
    const [one, other] = forms.map((form) =>
      prefixes(compact(form), createPromptMemory(), createBodyReader()),
    );
    expect(one).toEqual(other);
  });

  it('tells texts apart that differ in one letter, short and long', () => {
    const [memory, reader] = [createPromptMemory(), createBodyReader()];
    for (const content of ['short', LONG]) {
      const one = prefixes(compact(body({ role: 'user', content })), memory, reader);
      const other = prefixes(compact(body({ role: 'user', content: `${content}!` })), memory, reader);
      expect(one[0]).toBe(other[0]);
      expect(one[1]).not.toBe(other[1]);
    }
  });

  it('is not misled by a message that stands elsewhere than before', () => {
    const [memory, reader] = [createPromptMemory(), createBodyReader()];
    const [one, other] = [
      { role: 'user', content: [marked] },
      { role: 'user', content: LONG },
    ];
    for (const value of [body(one, other), body(other, one), body(other, other, one), body(one)])
      expect(prefixes(compact(value), memory, reader)).toEqual(plainly(value));
  });

  it('is not misled by blocks that it knows where something else stands before them', () => {
    const [memory, reader] = [createPromptMemory(), createBodyReader()];
    const messages = Array.from({ length: 3 }, () => ({ role: 'user', content: [text, result] }));
    for (const system of ['one', 'other', 'one']) {
      const value = { model: 'claude-opus-5-5', messages, system };
      expect(prefixes(compact(value), memory, reader)).toEqual(plainly(value));
    }
  });

  it('hashes settings once, and more of them than it remembers', () => {
    const memory = createPromptMemory();
    for (let round = 0; round < 2500; round += 1)
      expect(memory.hashSettings(`settings ${round % 1500}`)).toBe(sha256Text(`settings ${round % 1500}`));
  });
});
