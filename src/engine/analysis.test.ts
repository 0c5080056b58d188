import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { longRequest, words } from '../../test/support/messages.ts';
import type { Analysis } from './analysis.ts';
import { analyseRequest, type EngineOptions } from './index.ts';

const MARKER = { type: 'ephemeral' };

function read(body: unknown, options: Partial<EngineOptions> = {}): Analysis {
  const found = analyseRequest(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), options);
  if ('skipReason' in found) throw new Error(found.skipReason);
  return found;
}

const skipReasonOf = (body: string | Buffer): unknown => analyseRequest(Buffer.from(body));

describe('what is skipped', () => {
  it.each([
    ['nothing', ''],
    ['a word', 'hello'],
    ['a list', '[]'],
    ['null', 'null'],
    ['half a body', '{"messages":['],
    ['two bodies', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
    ['what is nested deeper than any prompt', `{"a":${'['.repeat(600)}${']'.repeat(600)}}`],
  ])('is %s, as no JSON', (_what, body) => {
    expect(skipReasonOf(body)).toEqual({ skipReason: 'not_json' });
  });

  it('is a packed body, which is no JSON either', () => {
    expect(skipReasonOf(gzipSync('{}'))).toEqual({ skipReason: 'not_json' });
  });

  it('is a body with a thread', () => {
    expect(skipReasonOf(JSON.stringify(longRequest({ thread: { type: 'create' } })))).toEqual({
      skipReason: 'thread',
    });
    expect(skipReasonOf('{"thread":null,"thread":"x"}')).toEqual({ skipReason: 'thread' });
    expect(skipReasonOf('{"thr\\u0065ad":{}}')).toEqual({ skipReason: 'thread' });
  });
});

describe('an analysis', () => {
  it('plans a body and leaves its bytes alone', () => {
    const text = JSON.stringify(longRequest(), null, 1);
    const { plan, bytes } = read(text);
    expect(bytes.toString('utf8')).toBe(text);
    expect(plan.added.map(({ place }) => place)).toEqual(['system-end', 'tail']);
  });

  it('takes any object for a body', () => {
    for (const body of [
      '{}',
      '{"messages":5,"system":{},"tools":"x"}',
      '{"messages":[null,1,[]],"tools":[null]}',
      '{"model":7}',
    ]) {
      expect(read(body).plan.added).toEqual([]);
    }
  });

  it('does not plan on a block whose bytes hold a marker of null', () => {
    const system = [{ type: 'text', text: words(1_500), cache_control: null }];
    expect(read(longRequest({ system })).plan.added.map(({ place }) => place)).toEqual(['tail']);
  });

  it('counts what the service adds for tools toward the minimum', () => {
    const tools = [{ name: 'a', input_schema: {} }];
    // Some 300 tokens of text at the most: below 512 alone, above it with the 286 that tools add on this model.
    const system = words(70);
    const withTools = read({ model: 'claude-opus-5-5', tools, system, messages: [] });
    const without = read({ model: 'claude-opus-5-5', system, messages: [] });
    expect(without.plan.added).toEqual([]);
    expect(withTools.plan.added.map(({ place }) => place)).toEqual(['system-end']);
  });

  it('estimates no less for the whole than for any part', () => {
    const { chain, estimatedTokens } = read(longRequest());
    expect(chain.cumulativeTokens.toSorted((a, b) => a - b)).toEqual([...chain.cumulativeTokens]);
    expect(estimatedTokens).toBe(chain.cumulativeTokens.at(-1));
  });
});

describe('overriding', () => {
  const marked = longRequest({
    system: [
      { type: 'text', text: words(1_500), cache_control: MARKER },
      { type: 'text', text: 'end' },
    ],
    cache_control: MARKER,
  });
  const override = { placement: 'override' } as const;

  it("takes the client's markers out of what is planned on, and keeps what it meant", () => {
    const { bytes, plan, prompt, clientPrompt } = read(marked, override);
    expect(bytes.toString('utf8')).not.toContain('cache_control');
    expect(prompt.breakpoints).toEqual([]);
    expect(clientPrompt.breakpoints).toHaveLength(2);
    expect(plan.added.map(({ path }) => path.join('.'))).toEqual(['system.1', 'messages.0.content']);
  });

  it('leaves a set alone that the service would refuse', () => {
    const refused = JSON.stringify({ ...marked, cache_control: { type: 'forever' } });
    const { bytes, plan } = read(refused, override);
    expect(bytes.toString('utf8')).toBe(refused);
    expect(plan.added).toEqual([]);
  });
});
