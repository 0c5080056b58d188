import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { estimateBlock } from './index.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const PIECES = [
  'The parcel left the warehouse on Tuesday and the carrier expects it before noon. ',
  'if (entry === undefined || entry.expiresMs <= nowMs) return null;\n',
  '{"level":"warn","path":"/v1/orders","ms":184,"status":503}\n',
  'Größe und Übertragung stimmen – laut Protokoll fehlt nur noch die Prüfung. ',
  '订单已经发出，仓库正在处理。',
  '4f1c2ab90d7e63b5 ',
];

function tokensOf(text: string, reading: 'whole' | 'sampled'): number {
  return estimateBlock({ type: 'text', text }, 'classic', reading).tokens;
}

const mixed = (pieces: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...PIECES), { minLength: pieces, maxLength: pieces }).map((all) => all.join(''));

describe('a text that is sampled', () => {
  it('of up to a thousand characters is read as a whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1024 }), mixed(8), (random, text) => {
        for (const each of [random, text]) expect(tokensOf(each, 'sampled')).toBe(tokensOf(each, 'whole'));
      }),
      { numRuns },
    );
  });

  it.each(PIECES)('of one kind is what it is as a whole, within 3 %%: %s', (piece) => {
    const text = piece.repeat(1 + Math.floor(20_000 / piece.length));
    expect(Math.abs(tokensOf(text, 'sampled') / tokensOf(text, 'whole') - 1)).toBeLessThan(0.03);
  });

  it('of many kinds is near it', () => {
    fc.assert(
      fc.property(mixed(600), (text) => {
        expect(Math.abs(tokensOf(text, 'sampled') / tokensOf(text, 'whole') - 1)).toBeLessThan(0.12);
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it.each([
    ['one letter', 'a'.repeat(200_000)],
    ['base64', Buffer.from(Array.from({ length: 60_000 }, (_, at) => (at * 7919) & 255)).toString('base64')],
    ['halves of characters', '\ud83d'.repeat(50_000)],
    ['no space at all', 'ab/'.repeat(30_000)],
    ['line ends', '\n'.repeat(30_000)],
  ])('comes to its end: %s', (_what, text) => {
    const [sampled, whole] = [tokensOf(text, 'sampled'), tokensOf(text, 'whole')];
    expect(Math.abs(sampled / whole - 1)).toBeLessThan(0.1);
  });
});
