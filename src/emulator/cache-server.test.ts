import { beforeEach, describe, expect, test } from 'vitest';

import { defaultCacheRules, hasKeyOrder, scaleTtls, type JsonObject } from '../core/index.ts';
import { parseBody } from '../wire/index.ts';
import {
  createCacheServer,
  sumPasses,
  withMessages,
  type BillableRequest,
  type CacheServer,
} from './cache-server.ts';

const MODEL = 'claude-opus-5-5';
const MINUTE_MS = 60_000;
const marker = { type: 'ephemeral' };
let cache: CacheServer;

beforeEach(() => {
  cache = createCacheServer('words', defaultCacheRules);
});

function words(count: number): string {
  return Array.from({ length: count }, (_, index) => `w${index}`).join(' ');
}

function marked(count: number, more: JsonObject = {}): JsonObject {
  return { type: 'text', text: words(count), cache_control: marker, ...more };
}

function body(...content: JsonObject[]): JsonObject {
  return { model: MODEL, max_tokens: 8, messages: [{ role: 'user', content }] };
}

function request(ofBody: JsonObject, more: Partial<BillableRequest> = {}): BillableRequest {
  const plain = {
    workspace: 'w',
    isBatch: false,
    betas: [],
    startMs: 0,
    readyMs: 0,
    answer: [],
    scripted: null,
  };
  return { ...plain, body: ofBody, ...more };
}

/** Read, written for 5m, written for 1h, uncached. */
function bill(ofBody: JsonObject, more: Partial<BillableRequest> = {}): readonly number[] {
  const sum = sumPasses(cache.bill(request(ofBody, more)).passes);
  return [sum.readTokens, sum.write5mTokens, sum.write1hTokens, sum.uncachedTokens];
}

function shown(nowMs = 0): readonly (readonly unknown[])[] {
  return cache.entries(nowMs).map(({ tokens, ttl, readyMs, expiresMs }) => [tokens, ttl, readyMs, expiresMs]);
}

describe('billing', () => {
  test('follows the model of core: written, read, expired', () => {
    const prompt = body(marked(600), { type: 'text', text: 'and more' });
    expect(bill(prompt)).toEqual([0, 600, 0, 2]);
    expect(bill(prompt, { startMs: MINUTE_MS, readyMs: MINUTE_MS })).toEqual([600, 0, 0, 2]);
    expect(shown()).toEqual([[600, '5m', 0, 6 * MINUTE_MS]]);
    expect(bill(prompt, { startMs: 6 * MINUTE_MS, readyMs: 6 * MINUTE_MS })).toEqual([0, 600, 0, 2]);
  });

  test('keeps workspaces and models apart', () => {
    const prompt = body(marked(600));
    bill(prompt);
    expect(bill(prompt, { workspace: 'other' })).toEqual([0, 600, 0, 0]);
    expect(bill({ ...prompt, model: 'claude-opus-5' })).toEqual([0, 600, 0, 0]);
    expect(cache.entries(0).map(({ workspace, model }) => [workspace, model])).toEqual(
      expect.arrayContaining([
        ['w', MODEL],
        ['other', MODEL],
        ['w', 'claude-opus-5'],
      ]),
    );
  });

  test('reads nothing before the writing response has begun', () => {
    const prompt = body(marked(600));
    bill(prompt, { readyMs: 500 });
    expect(bill(prompt, { startMs: 499, readyMs: 999 })).toEqual([0, 600, 0, 0]);
    expect(bill(prompt, { startMs: 500, readyMs: 999 })).toEqual([600, 0, 0, 0]);
  });

  test('divides TTLs and adds slack', () => {
    cache = createCacheServer('words', { ...scaleTtls(defaultCacheRules, 1_000), slackMs: 50 });
    const prompt = body(marked(600));
    bill(prompt);
    expect(shown()).toEqual([[600, '5m', 0, 350]]);
    expect(bill(prompt, { startMs: 349, readyMs: 349 })).toEqual([600, 0, 0, 0]);
    expect(bill(prompt, { startMs: 1_000, readyMs: 1_000 })).toEqual([0, 600, 0, 0]);
  });

  test('sweeps what has expired while requests come', () => {
    bill(body(marked(600)));
    for (let index = 0; index < 300; index += 1)
      bill(body({ type: 'text', text: 'x' }), { startMs: 10 * MINUTE_MS });
    expect(shown()).toEqual([]);
  });

  test('as if evicted writes everything again, and only that', () => {
    const shared = marked(600);
    const prompt = body(shared, marked(100));
    const other = body(shared, marked(200));
    bill(prompt);
    expect(bill(other)).toEqual([600, 200, 0, 0]);
    expect(bill(prompt, { scripted: 'as-if-evicted' })).toEqual([0, 700, 0, 0]);
    expect(bill(prompt)).toEqual([700, 0, 0, 0]);
    expect(bill(other)).toEqual([800, 0, 0, 0]);
  });
});

describe('withdrawing', () => {
  const call = { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } };
  const result = { type: 'web_search_tool_result', tool_use_id: 's', content: [] };

  test('undoes what a request wrote, and nothing that was there', () => {
    const before = body(marked(600));
    bill(before);
    const { written } = cache.bill(request(body(marked(600), marked(100)), { startMs: 10, readyMs: 99 }));
    expect(written).toHaveLength(1);
    cache.withdraw(written);
    expect(shown()).toEqual([[600, '5m', 0, 10 + 5 * MINUTE_MS]]);
  });

  test('of one of two that wrote the same leaves the other', () => {
    const prompt = body(marked(600));
    const { written } = cache.bill(request(prompt, { readyMs: 50 }));
    cache.bill(request(prompt, { readyMs: 50 }));
    cache.withdraw(written);
    expect(shown()).toEqual([[600, '5m', 50, 5 * MINUTE_MS]]);
  });

  test('undoes every pass of a request with server tools', () => {
    const { passes, written } = cache.bill(
      request(body(marked(600)), { readyMs: 700, answer: [call, result] }),
    );
    expect(passes).toHaveLength(2);
    expect(shown()).toHaveLength(2);
    cache.withdraw(written);
    expect(shown()).toEqual([]);
  });
});

describe('server tools', () => {
  const call = { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'two words' } };
  const result = {
    type: 'web_search_tool_result',
    tool_use_id: 's',
    content: [{ title: 'three more words' }],
  };
  const text = { type: 'text', text: 'done' };

  function passesOf(ofBody: JsonObject, answer: readonly JsonObject[]): readonly (readonly number[])[] {
    const { passes } = cache.bill(request(ofBody, { answer }));
    return passes.map((pass) => [
      pass.readTokens,
      pass.write5mTokens,
      pass.write1hTokens,
      pass.uncachedTokens,
    ]);
  }

  test('are followed by a pass each, with a 5m breakpoint of the service', () => {
    const prompt = body(marked(600, { cache_control: { type: 'ephemeral', ttl: '1h' } }));
    expect(passesOf(prompt, [call, result, call, result, text])).toEqual([
      [0, 0, 600, 0],
      [600, 6, 0, 0],
      [606, 6, 0, 0],
    ]);
    expect(shown().map(([tokens, ttl]) => [tokens, ttl])).toEqual(
      expect.arrayContaining([
        [600, '1h'],
        [606, '5m'],
        [612, '5m'],
      ]),
    );
  });

  test('get no breakpoint where the request has none', () => {
    expect(passesOf(body({ type: 'text', text: words(600) }), [call, result])).toEqual([
      [0, 0, 0, 600],
      [0, 0, 0, 606],
    ]);
    expect(shown()).toEqual([]);
  });

  test('leave entries that the next turn reads', () => {
    const prompt = body(marked(600));
    passesOf(prompt, [call, result, text]);
    const next = {
      ...prompt,
      messages: [
        ...(prompt['messages'] as []),
        { role: 'assistant', content: [call, result, text] },
        { role: 'user', content: [marked(10)] },
      ],
    };
    expect(bill(next)).toEqual([606, 11, 0, 0]);
  });

  test('read what the first pass wrote, where key order needs a note', () => {
    const source = JSON.stringify({
      ...body(marked(600)),
      tools: [{ name: 't', input_schema: { properties: { b: 1, a: 2 } } }],
    });
    const parsed = parseBody(Buffer.from(source.replace('"b":1,"a":2', '"2":{},"1":{}')));
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(hasKeyOrder(parsed.value)).toBe(true);
    expect(passesOf(parsed.value, [call, result])).toEqual([
      [0, 601, 0, 0],
      [601, 6, 0, 0],
    ]);
  });
});

describe('counting', () => {
  test('is the whole prompt, without a trace', () => {
    expect(cache.count({ ...body(marked(600)), system: 'one two', tools: [{ name: 'three' }] })).toBe(603);
    expect(shown()).toEqual([]);
  });

  test('adds for tools what the service adds, unless words are counted', () => {
    const prompt = body({ type: 'text', text: 'hello' });
    const tools = { ...prompt, tools: [{ name: 'find', input_schema: { type: 'object' } }] };
    expect(cache.count(tools) - cache.count(prompt)).toBe(1);
    const estimating = createCacheServer('estimate', defaultCacheRules);
    expect(estimating.count(tools) - estimating.count(prompt)).toBeGreaterThan(286);
    const { uncachedTokens } = sumPasses(estimating.bill(request(tools)).passes);
    expect(estimating.count(tools)).toBe(uncachedTokens);
  });
});

test('reset empties the cache', () => {
  bill(body(marked(600)));
  cache.reset();
  expect(shown()).toEqual([]);
});

test('withMessages changes the messages alone, notes kept', () => {
  const parsed = parseBody(Buffer.from('{"messages":[],"x":{"2":0,"1":0}}'));
  if (!parsed.ok) throw new Error(parsed.reason);
  const copy = withMessages(parsed.value, [7]);
  expect(copy).toEqual({ messages: [7], x: { 1: 0, 2: 0 } });
  expect(parsed.value).toEqual({ messages: [], x: { 1: 0, 2: 0 } });
  expect(hasKeyOrder(copy)).toBe(true);
  expect(hasKeyOrder(withMessages({ messages: [] }, []))).toBe(false);
});
