import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { estimateBlock, readPrompt, type JsonObject } from '../core/index.ts';
import { worstInputTokens } from './worst-tokens.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

function worstOf(body: JsonObject): number {
  const whole = { model: 'claude-sonnet-5-5', ...body };
  return worstInputTokens(whole, readPrompt(whole));
}

const ofUser = (...content: readonly JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });

describe('worstInputTokens', () => {
  it('is never below the upper end of an estimate, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (text, times) => {
          const block = { type: 'text', text: text.repeat(times) };
          expect(worstOf(ofUser(block))).toBeGreaterThanOrEqual(estimateBlock(block, 'modern').high);
        },
      ),
      { numRuns },
    );
  });

  it('does not take the bytes of a picture for text', () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(2_000_000) };
    const image = { type: 'image', source };
    expect(worstOf(ofUser(image))).toBeLessThan(20_000);
    expect(worstOf(ofUser({ type: 'tool_result', tool_use_id: '1', content: [image] }))).toBeLessThan(20_000);
    expect(
      worstOf(ofUser({ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } })),
    ).toBeLessThan(20_000);
  });

  it.each([
    [
      'a document elsewhere',
      ofUser({ type: 'document', source: { type: 'url', url: 'https://example.com' } }),
    ],
    [
      'one in a tool result',
      ofUser({
        type: 'tool_result',
        tool_use_id: '1',
        content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }],
      }),
    ],
    ['tools of other servers', { mcp_servers: [{ type: 'url', url: 'https://example.com' }], system: 'a' }],
    ['skills', { container: { skills: [{ skill_id: 'pdf' }] }, system: 'a' }],
  ])('has no bound for %s', (_name, body) => {
    expect(worstOf(body)).toBe(Number.POSITIVE_INFINITY);
  });

  it('has one where lists of such things are empty', () => {
    expect(worstOf({ mcp_servers: [], container: { skills: [] }, system: 'a' })).toBeLessThan(3000);
  });
});
