import { describe, expect, it, vi } from 'vitest';

import { createTestEngine } from '../../test/support/engine.ts';
import { longRequest, messageEvents } from '../../test/support/messages.ts';
import { createSender, messageAnswer } from '../../test/support/sending.ts';
import { cachewrightFetch, type CachewrightFetch } from './index.ts';

const EVENTS = messageEvents({ input: 3, read: 900 }).map((event) => Buffer.from(event));

/** A streamed answer whose events are made only when they are asked for. */
interface Source {
  readonly response: Response;
  made: number;
  cancelled: unknown;
  fail(error: Error): void;
}

function createSource(events: readonly Uint8Array[] = EVENTS): Source {
  let failNow: (error: Error) => void = () => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        failNow = (error) => controller.error(error);
      },
      pull(controller) {
        const event = events[source.made];
        source.made += 1;
        if (event) controller.enqueue(event);
        else controller.close();
      },
      cancel(reason) {
        source.cancelled = reason;
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { 'content-type': 'text/event-stream', 'request-id': 'req_1', 'content-encoding': 'gzip' };
  const source: Source = {
    response: new Response(body, { status: 200, statusText: 'Fine', headers }),
    made: 0,
    cancelled: undefined,
    fail: (error) => failNow(error),
  };
  return source;
}

async function ask(response: Response): Promise<{ response: Response; fetch: CachewrightFetch }> {
  const fetch = cachewrightFetch({ engine: createTestEngine(), fetch: createSender(() => response).fetch });
  const body = JSON.stringify(longRequest({ stream: true }));
  return { fetch, response: await fetch('https://api.example/v1/messages', { method: 'POST', body }) };
}

describe('a streamed answer', () => {
  it('comes with its status, headers and chunks, and is billed at its end', async () => {
    const source = createSource();
    Object.defineProperty(source.response, 'url', { value: 'https://api.example/v1/messages' });
    const { response, fetch } = await ask(source.response);
    const { status, statusText, url, redirected, type, ok } = response;
    expect({ status, statusText, url, redirected, type, ok }).toEqual({
      status: 200,
      statusText: 'Fine',
      url: 'https://api.example/v1/messages',
      redirected: false,
      type: 'default',
      ok: true,
    });
    expect(response.headers.get('request-id')).toBe('req_1');
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body ?? []) {
      // The very same memory: nothing was copied, joined or cut.
      expect(chunk).toBe(EVENTS[chunks.length]);
      expect(source.made).toBe(chunks.length + 1);
      expect((await fetch.summary()).requests).toBe(0);
      chunks.push(chunk);
    }
    expect(chunks).toHaveLength(EVENTS.length);
    expect(await fetch.records(1)).toMatchObject([
      { usage: { uncachedTokens: 3, readTokens: 900, outputTokens: 7 }, isPartial: false, error: null },
    ]);
  });

  it('is made no faster than it is read', async () => {
    const source = createSource();
    const { response } = await ask(source.response);
    await vi.waitFor(() => expect(source.made).toBe(0));
    const reader = response.body?.getReader();
    await reader?.read();
    await new Promise(setImmediate);
    expect(source.made).toBe(1);
    await reader?.cancel('enough');
    expect(source).toMatchObject({ made: 1, cancelled: 'enough' });
  });

  it('that nobody wants is cancelled, before it is read and after', async () => {
    const unread = createSource();
    const first = await ask(unread.response);
    await first.response.body?.cancel('unwanted');
    expect(unread).toMatchObject({ made: 0, cancelled: 'unwanted' });
    expect(await first.fetch.records(1)).toMatchObject([{ error: 'client_left', usage: null }]);

    const left = createSource();
    const second = await ask(left.response);
    for await (const _ of second.response.body ?? []) break;
    expect(left.made).toBe(1);
    expect(left.cancelled).not.toBe('unwanted');
    expect(await second.fetch.records(1)).toMatchObject([
      { error: 'client_left', isPartial: true, usage: { readTokens: 900 } },
    ]);
  });

  it.each([
    [
      'broken off',
      new TypeError('terminated', { cause: new Error('other side closed') }),
      'other side closed',
    ],
    ['aborted', new DOMException('This operation was aborted', 'AbortError'), 'client_left'],
  ])('that is %s fails with the very same error', async (_how, failure, told) => {
    const source = createSource();
    const { response, fetch } = await ask(source.response);
    const reader = response.body?.getReader();
    await reader?.read();
    source.fail(failure);
    await expect(reader?.read()).rejects.toBe(failure);
    expect(await fetch.records(1)).toMatchObject([
      { error: told, isPartial: true, usage: { readTokens: 900 } },
    ]);
  });

  it('can be read twice after a clone, and is billed once', async () => {
    const { response, fetch } = await ask(createSource().response);
    const copy = response.clone();
    const [text, again] = await Promise.all([response.text(), copy.text()]);
    expect(text).toBe(Buffer.concat(EVENTS).toString());
    expect(again).toBe(text);
    expect((await fetch.summary()).requests).toBe(1);
  });
});

describe('an answer that cannot be watched', () => {
  it('has no body', async () => {
    const empty = new Response(null, { status: 204 });
    const { response, fetch } = await ask(empty);
    expect(response).toBe(empty);
    expect(await fetch.records(1)).toMatchObject([{ status: 204, usage: null }]);
  });

  it('has a body of another kind, as some fetch for Node give it', async () => {
    const odd = messageAnswer();
    Object.defineProperty(odd, 'body', { value: { pipe: () => undefined } });
    const { response, fetch } = await ask(odd);
    expect(response).toBe(odd);
    expect((await fetch.summary()).requests).toBe(1);
  });

  it('has a status that no answer may be made with', async () => {
    const odd = messageAnswer();
    Object.defineProperty(odd, 'status', { value: 600 });
    const { response, fetch } = await ask(odd);
    expect(response).toBe(odd);
    expect(await response.json()).toMatchObject({ id: 'msg_test' });
    expect(fetch.counters().failedSteps).toBe(1);
    expect(await fetch.records(1)).toMatchObject([{ status: 600, usage: null }]);
  });
});
