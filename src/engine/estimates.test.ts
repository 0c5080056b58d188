import { describe, expect, it } from 'vitest';

import { readPrompt, type JsonObject, type RawBlock } from '../core/index.ts';
import { createBodyReader } from '../wire/index.ts';
import { createEstimateMemory, estimatePrompt, type EstimateOptions } from './estimates.ts';

const SENTENCES = [
  'The parcel left the warehouse on Tuesday. ',
  'if (entry === undefined) return null;\n',
  '{"level":"warn","status":503}\n',
];

/** A conversation whose texts differ in kind and length. */
function conversation(steps: number, systemSentences = 50): JsonObject {
  const fill = (index: number, times: number): string => (SENTENCES[index % 3] ?? '').repeat(times);
  const messages = Array.from({ length: steps }, (_, index) => [
    {
      role: 'assistant',
      content: [
        { type: 'text', text: fill(index, 1 + (index % 5)) },
        {
          type: 'tool_use',
          id: `t${index}`,
          name: 'read',
          input: { path: fill(index + 1, 1 + (index % 7)) },
        },
      ],
    },
    {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: `t${index}`, content: fill(index, 5 + (index % 11)) }],
    },
  ]);
  return { model: 'claude-opus-5-5', system: fill(0, systemSentences), messages: messages.flat() };
}

/** Tokens of each block, and of the whole. */
function estimate(
  body: JsonObject,
  options: EstimateOptions,
  blocks: readonly RawBlock[] | null = null,
): { tokens: readonly number[]; raw: number } {
  const prompt = readPrompt(body, { blocks });
  const made = estimatePrompt(prompt, {}, createEstimateMemory(options));
  const tokens = prompt.blocks.map((block, index) => made.next(block, `prefix ${index}`));
  return { tokens, raw: made.rawTokens() };
}

describe('a sampled estimate', () => {
  it('of a short conversation is the estimate itself', () => {
    const body = conversation(20);
    expect(JSON.stringify(body).length).toBeGreaterThan(10_000);
    expect(estimate(body, { isSampled: true })).toEqual(estimate(body, {}));
  });

  it.each([60, 100, 200, 500])('of a long one, %i steps, is close to it in sum', (steps) => {
    const body = conversation(steps);
    const [sampled, whole] = [estimate(body, { isSampled: true }), estimate(body, {})];
    expect(sampled.raw / whole.raw).toBeGreaterThan(0.95);
    expect(sampled.raw / whole.raw).toBeLessThan(1.05);
    expect(sampled.tokens).not.toEqual(whole.tokens);
  });

  it('of a conversation that grows long stays what it was for what is known', () => {
    const reader = createBodyReader();
    const tokensOf = (steps: number): readonly number[] => {
      const read = reader.read(Buffer.from(JSON.stringify(conversation(steps))));
      if (!read.ok) throw new Error(read.reason);
      return estimate(conversation(steps), { isSampled: true }, read.blocks).tokens;
    };
    let before = tokensOf(30);
    for (let steps = 40; steps < 120; steps += 10) {
      const after = tokensOf(steps);
      expect(after.slice(0, before.length)).toEqual(before);
      before = after;
    }
  });

  it('of many tools is close to it in sum, and reads the tools of the service itself', () => {
    const tools = Array.from({ length: 80 }, (_, index) => ({
      name: `tool_${index}`,
      description: (SENTENCES[index % 3] ?? '').repeat(5 + (index % 13)),
      input_schema: { type: 'object', properties: { path: { type: 'string' } } },
    }));
    const body = {
      model: 'claude-opus-5-5',
      tools: [...tools, { type: 'bash_20250124', name: 'bash' }],
      messages: [],
    };
    const [sampled, whole] = [estimate(body, { isSampled: true }), estimate(body, {})];
    expect(Math.abs(sampled.raw / whole.raw - 1)).toBeLessThan(0.05);
    expect(sampled.tokens).not.toEqual(whole.tokens);
    expect(sampled.tokens.at(-1)).toBe(whole.tokens.at(-1));
  });

  it('is near the same for blocks in their bytes', () => {
    const body = conversation(500);
    const read = createBodyReader().read(Buffer.from(JSON.stringify(body)));
    if (!read.ok) throw new Error(read.reason);
    const [bytes, values] = [read.blocks, null].map((blocks) => estimate(body, { isSampled: true }, blocks));
    expect(Math.abs((bytes?.raw ?? 0) / (values?.raw ?? 0) - 1)).toBeLessThan(0.01);
  });

  it('reads every image, however much else there is', () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
    const result = { type: 'tool_result', tool_use_id: 't', content: [image] };
    const long = conversation(500);
    const messages = Array.isArray(long['messages']) ? long['messages'] : [];
    const body = { ...long, messages: [...messages, { role: 'user', content: [image, result] }] };
    const last = (options: EstimateOptions): readonly number[] => estimate(body, options).tokens.slice(-2);
    expect(last({ isSampled: true })).toEqual(last({}));
  });

  it('remembers what it gave for a block', () => {
    const prompt = readPrompt(conversation(500));
    const memory = createEstimateMemory({ isSampled: true });
    const run = (): readonly number[] => {
      const made = estimatePrompt(prompt, {}, memory);
      return prompt.blocks.map((block, index) => made.next(block, `prefix ${index}`));
    };
    expect(run()).toEqual(run());
  });
});
