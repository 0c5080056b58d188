import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { estimateBlock, readPrompt, resolveModel } from '../core/index.ts';
import { blockCounter, countWords, TOKENIZERS } from './tokenizers.ts';

const { facts } = resolveModel('claude-opus-5-5');
const runs = { numRuns: Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };

describe('words', () => {
  test.each([
    ['a text', { type: 'text', text: ' one  two\tthree\n' }, 3],
    ['white space alone', { type: 'text', text: ' \n ' }, 0],
    [
      'the skipped members, at any depth',
      { type: 'a b', id: 'c d', x: [{ tool_use_id: 'e f', cache_control: { g: 'h' } }] },
      0,
    ],
    [
      'signature, name, media_type and title',
      { signature: 'a', name: 'b', media_type: 'c', title: 'd e' },
      5,
    ],
    ['values, not keys', { input: { 'two words': 'one', nested: { deep: ['two', 'three four'] } } }, 4],
    ['numbers, booleans and null as nothing', { a: 1, b: true, c: null, d: ['x'] }, 1],
    ['an image as 100', { type: 'image', source: { type: 'url', url: 'https://e.org/a b' } }, 100],
    [
      'a base64 document as 100',
      { type: 'document', source: { type: 'base64', data: 'x' }, title: 'one two' },
      100,
    ],
    [
      'a text document by its words',
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a b' } },
      3,
    ],
    [
      'images inside a result',
      { type: 'tool_result', content: [{ type: 'image' }, { type: 'text', text: 'a' }] },
      101,
    ],
  ])('count %s', (_what, value, count) => {
    expect(countWords(value)).toBe(count);
  });

  test('add up over blocks, in whole numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.stringMatching(/^[a-z]{1,5}$/))), (texts) => {
        const blocks = texts.map((words) => ({ type: 'text', text: words.join(' ') }));
        const sum = blocks.reduce((total, block) => total + countWords(block), 0);
        expect(countWords(blocks)).toBe(sum);
        expect(sum).toBe(texts.flat().length);
      }),
      runs,
    );
  });

  test('take any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const count = countWords(value);
        expect(Number.isInteger(count) && count >= 0).toBe(true);
      }),
      runs,
    );
  });
});

describe('estimate', () => {
  test('is the estimate of core for the generation of the model', () => {
    const block = { type: 'text', text: 'The quick brown fox jumps over the lazy dog.' };
    expect(TOKENIZERS.estimate(block, facts)).toBe(estimateBlock(block, facts.tokenizer).tokens);
  });
});

test('blockCounter counts a block by its value, markers left out', () => {
  const marked = { type: 'text', text: 'one two', cache_control: { type: 'ephemeral' } };
  const { blocks } = readPrompt({ model: facts.id, messages: [{ role: 'user', content: [marked] }] });
  expect(blocks.map(blockCounter(TOKENIZERS.words, facts))).toEqual([2]);
});
