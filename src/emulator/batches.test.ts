import { beforeEach, describe, expect, test } from 'vitest';

import { createBatches, type BatchService, type ShownBatch } from './batches.ts';
import { manualClock } from './clock.ts';
import { createService, type IncomingRequest } from './service.ts';

const URL_BASE = 'http://127.0.0.1:1';
const DAY_MS = 86_400_000;
let batches: BatchService;

beforeEach(() => {
  const formatTime = (timeMs: number): string => `t${timeMs}`;
  const service = createService(
    { tokenizer: 'words', ttftMs: 0, slackMs: 0, ttlScale: 1, seed: 1, binding: 'off', formatTime },
    manualClock(),
  );
  batches = createBatches(service, formatTime);
});

function request(body: unknown, workspace = 'w'): IncomingRequest {
  return { body, workspace, betas: [], beginAfterMs: null };
}

function item(custom_id: unknown, params: object = {}): object {
  const hello = { model: 'claude-opus-5-5', max_tokens: 8, messages: [{ role: 'user', content: 'hello' }] };
  return { custom_id, params: { ...hello, ...params } };
}

function create(requests: unknown, workspace = 'w', nowMs = 0): ShownBatch {
  const outcome = batches.create(request({ requests }, workspace), nowMs, URL_BASE);
  if ('error' in outcome) throw new Error(outcome.error.message);
  return outcome.body as ShownBatch;
}

function linesOf(id: string, workspace = 'w'): readonly { custom_id: string; result: { type: string } }[] {
  const results = batches.results(id, workspace);
  if ('error' in results) throw new Error(results.error.message);
  return results.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe('a batch', () => {
  test('has ended when it is made', () => {
    const batch = create([item('a'), item('b')], 'w', 5);
    expect(batch).toEqual({
      id: expect.stringMatching(/^msgbatch_01/),
      type: 'message_batch',
      processing_status: 'ended',
      request_counts: { processing: 0, succeeded: 2, errored: 0, canceled: 0, expired: 0 },
      created_at: 't5',
      ended_at: 't5',
      expires_at: `t${5 + DAY_MS}`,
      archived_at: null,
      cancel_initiated_at: null,
      results_url: `${URL_BASE}/v1/messages/batches/${batch.id}/results`,
    });
    expect(batches.get(batch.id, 'w', URL_BASE)).toEqual({ body: batch });
  });

  test('answers each request by itself, in order', () => {
    const { id, ...batch } = create([
      item('a'),
      item('b', { max_tokens: 0 }),
      item('c', { messages: 7 }),
      item('d'),
    ]);
    expect(batch).toMatchObject({ request_counts: { succeeded: 2, errored: 2 } });
    expect(linesOf(id).map(({ custom_id, result }) => [custom_id, result.type])).toEqual([
      ['a', 'succeeded'],
      ['b', 'errored'],
      ['c', 'errored'],
      ['d', 'succeeded'],
    ]);
    expect(linesOf(id)[0]?.result).toMatchObject({
      message: { usage: { input_tokens: 1, service_tier: 'batch' } },
    });
    expect(linesOf(id)[1]?.result).toMatchObject({
      error: { type: 'error', error: { type: 'invalid_request_error' } },
    });
  });

  test('is seen by its workspace alone', () => {
    const { id } = create([item('a')]);
    expect(batches.get(id, 'other', URL_BASE)).toMatchObject({ error: { status: 404 } });
    expect(batches.results(id, 'other')).toMatchObject({ error: { status: 404 } });
    expect(batches.remove(id, 'other')).toMatchObject({ error: { status: 404 } });
    expect(batches.list('other', URL_BASE)).toEqual([]);
  });

  test('is gone when it was removed, or all are', () => {
    const first = create([item('a')]);
    const second = create([item('a')]);
    expect(batches.list('w', URL_BASE)).toEqual([second, first]);
    expect(batches.remove(first.id, 'w')).toEqual({ body: { id: first.id, type: 'message_batch_deleted' } });
    expect(batches.remove(first.id, 'w')).toMatchObject({ error: { status: 404, type: 'not_found_error' } });
    batches.reset();
    expect(batches.list('w', URL_BASE)).toEqual([]);
  });

  test('makes room for newer ones', () => {
    const oldest = create([item('a')]);
    for (let count = 0; count < 1_000; count += 1) create([item('a')]);
    expect(batches.list('w', URL_BASE)).toHaveLength(1_000);
    expect(batches.get(oldest.id, 'w', URL_BASE)).toMatchObject({ error: { status: 404 } });
  });
});

test.each([
  ['no object', 7, 'requests: at least one request is required'],
  ['no requests', {}, 'requests: at least one request is required'],
  ['an empty list', { requests: [] }, 'requests: at least one request is required'],
  ['a request that is none', { requests: [7] }, 'requests.0.custom_id: Input should be a valid string'],
  [
    'an id that is none',
    { requests: [item('a'), item(7)] },
    'requests.1.custom_id: Input should be a valid string',
  ],
  ['no parameters', { requests: [{ custom_id: 'a' }] }, 'requests.0.params: Input should be an object'],
  [
    'an id twice',
    { requests: [item('a'), item('b'), item('a')] },
    'requests.2.custom_id: must be unique within the batch',
  ],
  [
    'too many',
    { requests: Array.from({ length: 100_001 }, () => 7) },
    'requests: at most 100000 are allowed',
  ],
])('refuses %s', (_what, body, message) => {
  const outcome = batches.create(request(body), 0, URL_BASE);
  expect(outcome).toEqual({ error: { status: 400, type: 'invalid_request_error', message } });
  expect(batches.list('w', URL_BASE)).toEqual([]);
});
