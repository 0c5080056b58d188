import { describe, expect, test } from 'vitest';

import { createScriptQueue, scriptedError, type ScriptEntry } from './script.ts';

describe('the queue', () => {
  test('gives entries in the order in which they came, then none', () => {
    const queue = createScriptQueue();
    expect(queue.append({ text: 'one' })).toBeNull();
    expect(queue.append([{ text: 'two' }, {}, { status: 529 }])).toBeNull();
    expect(queue.append([])).toBeNull();
    expect(queue.size).toBe(4);
    expect([1, 2, 3, 4, 5].map(() => queue.take())).toEqual([
      { text: 'one' },
      { text: 'two' },
      {},
      { status: 529 },
      null,
    ]);
  });

  test('is emptied', () => {
    const queue = createScriptQueue();
    queue.append({ text: 'one' });
    queue.clear();
    expect([queue.size, queue.take()]).toEqual([0, null]);
  });

  test.each([
    ['no object', 'text', /^script /],
    ['null', null, /^script /],
    ['a member that nobody knows', { txt: 'one' }, /txt/],
    ['a text that is none', { text: 7 }, /^script 0\.text: /],
    ['a block without type', { content: [{ text: 'one' }] }, /^script 0\.content\.0\.type: /],
    ['a status that is no error', { status: 200 }, /^script 0\.status: /],
    ['a cut before the beginning', { cutAfterBytes: -1 }, /^script 0\.cutAfterBytes: /],
    ['a usage that does not exist', { usage: 'free' }, /^script 0\.usage: /],
    ['one bad entry among good ones', [{ text: 'one' }, { stallMs: 'long' }], /^script 1\.stallMs: /],
  ])('refuses %s, whole', (_what, value, message) => {
    const queue = createScriptQueue();
    expect(queue.append(value)).toMatch(message);
    expect(queue.size).toBe(0);
  });

  test('has an end', () => {
    const queue = createScriptQueue();
    const many = Array.from({ length: 100_000 }, (): ScriptEntry => ({}));
    expect(queue.append(many)).toBeNull();
    expect(queue.append({})).toMatch(/at most 100000/);
  });
});

describe('scriptedError', () => {
  test('is null for an entry without status', () => {
    expect(scriptedError({ text: 'one', retryAfterS: 1 })).toBeNull();
  });

  test.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
    [422, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [503, 'api_error'],
    [529, 'overloaded_error'],
  ])('names the type that belongs to %i', (status, type) => {
    expect(scriptedError({ status })).toEqual({ status, type, message: `scripted ${type}` });
  });

  test('says what the script says', () => {
    expect(scriptedError({ status: 500, error: 'odd_error', message: 'Odd.', retryAfterS: 0.5 })).toEqual({
      status: 500,
      type: 'odd_error',
      message: 'Odd.',
      retryAfterS: 0.5,
    });
  });
});
