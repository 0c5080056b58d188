import type Anthropic from '@anthropic-ai/sdk';
import { NotFoundError } from '@anthropic-ai/sdk';
import type { ModelInfo } from '@anthropic-ai/sdk/resources';
import type {
  BatchCreateParams,
  DeletedMessageBatch,
  MessageBatch,
  MessageBatchIndividualResponse,
} from '@anthropic-ai/sdk/resources/messages/batches';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { defaultCatalogue } from '../../src/core/index.ts';
import { ROUTES, startServers, words, type Servers } from './servers.ts';
import { checkBatch, checkBatchResult, checkDeletedBatch, checkModel } from './shapes.ts';

const MODEL = 'claude-haiku-5-5';
let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());

function item(custom_id: string, content: string, max_tokens = 64): BatchCreateParams.Request {
  return { custom_id, params: { model: MODEL, max_tokens, messages: [{ role: 'user', content }] } };
}

function markedItem(custom_id: string): BatchCreateParams.Request {
  const text = {
    type: 'text' as const,
    text: words(600),
    cache_control: { type: 'ephemeral' as const, ttl: '1h' as const },
  };
  const { params } = item(custom_id, '');
  return {
    custom_id,
    params: { ...params, system: [text], messages: [{ role: 'user', content: custom_id }] },
  };
}

async function collect(client: Anthropic, id: string): Promise<MessageBatchIndividualResponse[]> {
  const results: MessageBatchIndividualResponse[] = [];
  for await (const result of await client.messages.batches.results(id)) results.push(result);
  return results;
}

describe.each(ROUTES)('batches of the SDK against the %s', (route) => {
  let client: Anthropic;
  beforeAll(() => {
    client = servers.client(route);
  });

  test('are made, shown, listed, read and deleted', async () => {
    const created: MessageBatch = await client.messages.batches.create({
      requests: [item('first', 'one'), item('second', 'one two')],
    });
    checkBatch(created);
    expect(created).toMatchObject({
      processing_status: 'ended',
      request_counts: { succeeded: 2, errored: 0 },
    });
    expect(await client.messages.batches.retrieve(created.id)).toEqual(created);
    expect((await client.messages.batches.list()).data).toEqual([created]);

    const results = await collect(client, created.id);
    for (const result of results) checkBatchResult(result);
    expect(results.map(({ custom_id }) => custom_id)).toEqual(['first', 'second']);
    const usages = results.map(({ result }) => (result.type === 'succeeded' ? result.message.usage : null));
    expect(usages).toMatchObject([{ input_tokens: 1, service_tier: 'batch' }, { input_tokens: 2 }]);

    const deleted: DeletedMessageBatch = await client.messages.batches.delete(created.id);
    checkDeletedBatch(deleted);
    expect(deleted.id).toBe(created.id);
    await expect(client.messages.batches.retrieve(created.id)).rejects.toBeInstanceOf(NotFoundError);
    expect((await client.messages.batches.list()).data).toEqual([]);
  });

  test('report a request that is refused beside those that are not', async () => {
    const { id, request_counts } = await client.messages.batches.create({
      requests: [item('warm', 'one', 0), item('fine', 'one')],
    });
    expect(request_counts).toMatchObject({ succeeded: 1, errored: 1 });
    const [warm, fine] = await collect(client, id);
    checkBatchResult(warm!);
    expect(warm?.result).toMatchObject({
      type: 'errored',
      error: {
        type: 'error',
        error: { type: 'invalid_request_error', message: expect.stringContaining('in a batch') },
      },
    });
    expect(fine?.result.type).toBe('succeeded');
  });

  test('share the cache among themselves and with requests outside', async () => {
    const { id } = await client.messages.batches.create({
      requests: [markedItem('first'), markedItem('second')],
    });
    const results = await collect(client, id);
    const usages = results.map(({ result }) => (result.type === 'succeeded' ? result.message.usage : null));
    expect(usages).toMatchObject([{ cache_creation_input_tokens: 600 }, { cache_read_input_tokens: 600 }]);
    const outside = await client.messages.create(markedItem('third').params);
    expect(outside.usage.cache_read_input_tokens).toBe(600);
  });

  test('can be cancelled, although they have ended', async () => {
    const { id } = await client.messages.batches.create({ requests: [item('only', 'one')] });
    expect((await client.messages.batches.cancel(id)).processing_status).toBe('ended');
  });

  test('belong to the key that made them', async () => {
    const { id } = await client.messages.batches.create({ requests: [item('only', 'one')] });
    const other = servers.client(route, { apiKey: 'sk-ant-other' });
    await expect(other.messages.batches.retrieve(id)).rejects.toMatchObject({
      status: 404,
      type: 'not_found_error',
    });
    await expect(other.messages.batches.delete(id)).rejects.toMatchObject({ status: 404 });
    expect((await other.messages.batches.list()).data).toEqual([]);
  });

  test('are listed in pages, newest first', async () => {
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      ids.unshift((await client.messages.batches.create({ requests: [item(name, 'one')] })).id);
    }
    const page = await client.messages.batches.list({ limit: 2 });
    expect(page).toMatchObject({ has_more: true, first_id: ids[0], last_id: ids[1] });
    const listed: string[] = [];
    for await (const { id } of page) listed.push(id);
    expect(listed).toEqual(ids);
    const before = await client.messages.batches.list({ limit: 2, before_id: ids[3]! });
    expect(before.data.map(({ id }) => id)).toEqual(ids.slice(1, 3));
    expect(before.has_more).toBe(true);
  });

  test.each([
    [[], 'requests: at least one request is required'],
    [[item('same', 'one'), item('same', 'one')], 'requests.1.custom_id: must be unique within the batch'],
  ])('are refused when malformed: %#', async (requests, message) => {
    await expect(client.messages.batches.create({ requests })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining(message),
    });
  });
});

describe.each(ROUTES)('models of the SDK against the %s', (route) => {
  let client: Anthropic;
  beforeAll(() => {
    client = servers.client(route);
  });

  test('are listed, whole and in pages', async () => {
    const all: ModelInfo[] = (await client.models.list()).data;
    for (const model of all) checkModel(model);
    expect(all.map(({ id }) => id)).toEqual(defaultCatalogue.map(({ id }) => id));
    const paged: string[] = [];
    for await (const { id } of client.models.list({ limit: 5 })) paged.push(id);
    expect(paged).toEqual(all.map(({ id }) => id));
  });

  test('are shown by id and by alias', async () => {
    const model: ModelInfo = await client.models.retrieve('claude-opus-5-5');
    checkModel(model);
    expect(model).toMatchObject({ id: 'claude-opus-5-5', display_name: 'Claude Opus 5.5', line: 'opus' });
    expect((await client.models.retrieve('claude-haiku-4-5-20251001')).id).toBe('claude-haiku-4-5');
  });

  test.each(['claude-nobody-1', '%E0%A4%A'])('are missed with a 404: %s', async (id) => {
    await expect(client.models.retrieve(id)).rejects.toMatchObject({ status: 404, type: 'not_found_error' });
  });
});
