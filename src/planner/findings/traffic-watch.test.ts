import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { chainPrefixes, readPrompt } from '../../core/index.ts';
import { TrafficWatch } from './traffic-watch.ts';
import type { WatchedRequest } from './watched-request.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const LIFETIMES = { '5m': 300_000, '1h': 3_600_000 };
const RATES = { uncachedPicoUsd: 4, readPicoUsd: 1, write5mPicoUsd: 5, write1hPicoUsd: 8 };

/** A number for a text, as text; two texts rarely share one, and here that would do no harm. */
function hash(text: string): string {
  let mixed = 7;
  for (let at = 0; at < text.length; at += 1) mixed = (Math.imul(mixed, 31) + text.charCodeAt(at)) | 0;
  return `${mixed} ${text.length}`;
}

/** A request of four characters a token, nothing of which is read. */
function requestOf(body: Record<string, unknown>, atMs: number, scope = 'scope'): WatchedRequest {
  const prompt = readPrompt({ model: 'claude-opus-5-5', ...body });
  const countTokens = ({ content }: { content: string }): number => Math.ceil(content.length / 4);
  const { prefixIds, cumulativeTokens } = chainPrefixes(prompt, { partition: scope, hash, countTokens });
  return {
    scope,
    model: prompt.model.facts.id,
    atMs,
    blocks: prompt.blocks,
    prefixIds,
    cumulativeTokens,
    highTokens: cumulativeTokens.at(-1) ?? 0,
    minCacheableTokens: 512,
    readTokens: 0,
    client: { breakpoints: [], hitIndex: -1 },
    rates: RATES,
  };
}

const user = (content: string): object => ({ role: 'user', content });
const rules = 'Be brief and kind to whoever asks. '.repeat(200);

describe('what is held', () => {
  it('stays within the limit, whatever comes', () => {
    const watch = new TrafficWatch(LIFETIMES, { tokensMax: 20_000, openingsMax: 50 });
    for (let request = 0; request < 2000; request += 1) {
      const body = { system: `${request} ${rules}`, messages: [user(`Question ${request}`)] };
      watch.observe(requestOf(body, request * 1000, `scope ${request % 300}`));
      expect(watch.heldTokens).toBeLessThanOrEqual(20_000);
      expect(watch.heldTokens).toBeGreaterThan(0);
    }
  });
});

describe('what is found', () => {
  test('a change of one word is found where it is, in UTF-8 bytes', () => {
    const words = fc.stringMatching(/^[a-z]{3,8}$/);
    const before = fc.array(fc.constantFrom('alpha', 'beta', '\u00e9t\u00e9', '\u{1F600}'), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(before, fc.uniqueArray(words, { minLength: 4, maxLength: 4 }), (start, changing) => {
        const watch = new TrafficWatch(LIFETIMES);
        const head = start.map((word) => `${word} `).join('');
        changing.forEach((word, at) => {
          const system = `${head}<${word}> ${rules}`;
          watch.observe(requestOf({ system, messages: [user(`Question ${at}`)] }, at * 1000));
        });
        const [finding] = watch.findings();
        const from = new TextEncoder().encode(`${head}<`).length;
        const [range] = finding?.ranges ?? [];
        expect(finding).toMatchObject({ code: 'volatile-text', path: 'system', seen: 3, requests: 4 });
        expect(range?.startByte).toBeGreaterThanOrEqual(from);
        expect(range?.endByte).toBeLessThanOrEqual(from + (changing.at(-1)?.length ?? 0));
      }),
      { numRuns: Math.ceil(40 * EFFORT) },
    );
  });

  test('nothing in conversations that only grow', () => {
    const texts = fc.array(fc.string({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 5 }), (conversations) => {
        const watch = new TrafficWatch(LIFETIMES, { seenMin: 1 });
        let atMs = 0;
        for (const [number, conversation] of conversations.entries()) {
          const messages = conversation.map((text, at) => ({
            role: at % 2 === 0 ? 'user' : 'assistant',
            content: `${number} ${text}`,
          }));
          for (let length = 1; length <= messages.length; length += 2) {
            watch.observe(requestOf({ system: rules, messages: messages.slice(0, length) }, (atMs += 1000)));
          }
        }
        expect(watch.findings().filter(({ code }) => code !== 'below-minimum')).toEqual([]);
      }),
      { numRuns: Math.ceil(40 * EFFORT) },
    );
  });

  test('whatever the body is, nothing breaks, and no count is above its whole', () => {
    const block = fc.oneof(
      fc.record({ type: fc.constant('text'), text: fc.string() }),
      fc.record({ type: fc.constant('tool_use'), id: fc.string(), name: fc.string(), input: fc.object() }),
      fc.object(),
    );
    const content = fc.oneof(fc.string(), fc.array(block, { maxLength: 3 }));
    const body = fc.record(
      {
        tools: fc.array(
          fc.oneof(
            fc.record({ name: fc.constantFrom('a', 'b', 'c'), input_schema: fc.object() }),
            fc.object(),
          ),
          { maxLength: 4 },
        ),
        system: content,
        messages: fc.array(fc.record({ role: fc.constantFrom('user', 'assistant'), content }), {
          maxLength: 4,
        }),
        thinking: fc.constantFrom({ type: 'adaptive' }, { type: 'disabled' }),
      },
      { requiredKeys: ['messages'] },
    );
    fc.assert(
      fc.property(
        fc.array(body, { maxLength: 12 }),
        fc.array(fc.nat(11), { maxLength: 40 }),
        (bodies, order) => {
          const watch = new TrafficWatch(LIFETIMES, { seenMin: 1 });
          for (const [at, which] of order.entries()) {
            const chosen = bodies[which % Math.max(1, bodies.length)];
            if (chosen) watch.observe(requestOf(chosen, at * 100_000));
          }
          for (const { seen, requests, costPicoUsd } of watch.findings()) {
            expect(seen).toBeLessThanOrEqual(requests);
            expect(costPicoUsd).toBeGreaterThanOrEqual(0n);
          }
        },
      ),
      { numRuns: Math.ceil(100 * EFFORT) },
    );
  });
});
