import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';

import {
  cachedFetch,
  responseCache,
  type CachedAnswer,
  type ResponseCache,
} from '../../src/responses/index.ts';
import { messageEvents } from '../support/messages.ts';
import {
  createUpstream,
  HEADERS,
  jsonAnswer,
  numberedEvents,
  plainAnswer,
  request,
  textOf,
} from './upstream.ts';

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

async function* slowly(
  events: readonly string[],
  from: number,
  wait: Promise<void>,
  then?: Error,
): AsyncGenerator<Uint8Array> {
  for (const event of events.slice(0, from)) yield Buffer.from(event);
  await wait;
  if (then) throw then;
  for (const event of events.slice(from)) yield Buffer.from(event);
}

const sseHeaders = { 'content-type': 'text/event-stream' };

function finalText(text: string): string {
  return text.includes('event:')
    ? [...text.matchAll(/"text_delta","text":"([^"]*)"/g)].map((match) => match[1]).join('')
    : String((JSON.parse(text) as { content: { text: string }[] }).content[0]?.text);
}

describe('requests that are the same at one time', () => {
  const ask = (
    cache: ResponseCache,
    send: ReturnType<typeof createUpstream>['send'],
    isStream: boolean,
    signal?: AbortSignal,
  ): Promise<CachedAnswer> =>
    cache.answer(
      { body: request({ stream: isStream }), headers: HEADERS, ...(signal ? { signal } : {}) },
      send,
    );

  it.each([true, false])(
    'are sent once, 200 of them in both forms, where the first streams: %s',
    async (isFirstStream) => {
      const hold = gate();
      const upstream = createUpstream(async (asked) => {
        await hold.opened;
        return plainAnswer(asked);
      });
      const cache = responseCache();
      const answers = Array.from({ length: 200 }, async (_, index) => {
        const isStream = (index % 2 === 0) === isFirstStream;
        const answer = await ask(cache, upstream.send, isStream);
        const text = await textOf(answer.body);
        expect(text.startsWith('event:')).toBe(isStream);
        return { text: finalText(text), kind: answer.served.kind };
      });
      await settle();
      hold.open();
      const given = await Promise.all(answers);
      expect(upstream.asked).toHaveLength(1);
      expect(new Set(given.map(({ text }) => text))).toEqual(new Set(['Answer 1.']));
      expect(given.filter(({ kind }) => kind === 'collapsed').length).toBe(199);
      expect(cache.summary()).toMatchObject({ requests: 200, misses: 1, collapsed: 199, stored: 1 });
    },
  );

  it('lets a follower see the stream as it comes', async () => {
    const hold = gate();
    const upstream = createUpstream(() => ({
      status: 200,
      headers: sseHeaders,
      body: slowly(messageEvents(), 3, hold.opened),
    }));
    const cache = responseCache();
    await ask(cache, upstream.send, true);
    const follower = await ask(cache, upstream.send, true);
    expect(follower.headers['cache-status']).toBe('cachewright; collapsed');
    const chunks = follower.body[Symbol.asyncIterator]();
    const early = [await chunks.next(), await chunks.next(), await chunks.next()];
    expect(early.map(({ value }) => Buffer.from(value as Uint8Array).toString())).toEqual(
      messageEvents().slice(0, 3),
    );
    hold.open();
    const rest = [await chunks.next(), await chunks.next(), await chunks.next(), await chunks.next()];
    expect(rest.at(-1)?.done).toBe(true);
  });

  it('go on when the one who asked first leaves in the middle of the stream', async () => {
    const hold = gate();
    const upstream = createUpstream(() => ({
      status: 200,
      headers: sseHeaders,
      body: slowly(numberedEvents(1), 3, hold.opened),
    }));
    const cache = responseCache();
    const leader = await ask(cache, upstream.send, true);
    const leading = leader.body[Symbol.asyncIterator]();
    await leading.next();
    const followers = [await ask(cache, upstream.send, true), ask(cache, upstream.send, false)];
    await settle();
    await leading.return?.();
    hold.open();
    const texts = await Promise.all(
      followers.map(async (each) => finalText(await textOf((await each).body))),
    );
    expect(texts).toEqual(['Answer 1.', 'Answer 1.']);
    expect(upstream.asked).toHaveLength(1);
    expect(upstream.asked[0]?.signal.aborted).toBe(true);
    expect((await ask(cache, upstream.send, true)).served.kind).toBe('hit');
  });

  it('are let go upstream when nobody wants the answer any more, and nothing is kept', async () => {
    const hold = gate();
    const upstream = createUpstream(() => ({
      status: 200,
      headers: sseHeaders,
      body: slowly(messageEvents(), 3, hold.opened),
    }));
    const cache = responseCache();
    const leader = await ask(cache, upstream.send, true);
    const leading = leader.body[Symbol.asyncIterator]();
    await leading.next();
    await leading.return?.();
    expect(upstream.asked[0]?.signal.aborted).toBe(true);
    hold.open();
    await settle();
    expect(cache.summary()).toMatchObject({ stored: 0, memory: { entries: 0 } });
    expect((await ask(cache, upstream.send, true)).served.kind).toBe('miss');
  });

  it('let a caller who gives up before the answer begins go at once', async () => {
    const hold = gate();
    const upstream = createUpstream(async (asked) => {
      await hold.opened;
      return plainAnswer(asked);
    });
    const cache = responseCache();
    const leaving = new AbortController();
    const first = ask(cache, upstream.send, false, leaving.signal);
    const second = ask(cache, upstream.send, false);
    await settle();
    leaving.abort();
    await expect(first).rejects.toThrow(/abort/);
    expect(upstream.asked[0]?.signal.aborted).toBe(false);
    hold.open();
    expect(finalText(await textOf((await second).body))).toBe('Answer 1.');
  });

  it('promote one of the others when the first fails, and go alone when that fails too', async () => {
    for (const failures of [1, 2]) {
      const hold = gate();
      const upstream = createUpstream(async (asked) => {
        await hold.opened;
        if (asked.number <= failures) throw new Error('connection reset');
        return plainAnswer(asked);
      });
      const cache = responseCache();
      const answers = Array.from({ length: 10 }, () =>
        ask(cache, upstream.send, false).then(({ body }) => textOf(body)),
      );
      await settle();
      hold.open();
      const given = await Promise.allSettled(answers);
      expect(given.filter(({ status }) => status === 'rejected')).toHaveLength(failures);
      expect(upstream.asked).toHaveLength(failures === 1 ? 2 : 10);
    }
  });

  it('give a complete answer or the break itself when the upstream breaks off in the stream, and keep nothing partial', async () => {
    const hold = gate();
    const broken = new Error('socket hang up');
    const upstream = createUpstream((asked) =>
      asked.number === 1
        ? { status: 200, headers: sseHeaders, body: slowly(numberedEvents(1), 3, hold.opened, broken) }
        : plainAnswer(asked),
    );
    const cache = responseCache();
    const answers = Array.from({ length: 20 }, (_, index) =>
      ask(cache, upstream.send, index % 2 === 0).then(({ body }) => textOf(body)),
    );
    await settle();
    hold.open();
    const given = await Promise.allSettled(answers);
    const told = given.map((each) =>
      each.status === 'rejected' ? (each.reason as unknown) : finalText(each.value),
    );
    expect(told.filter((_, index) => index % 2 === 0)).toEqual(Array.from({ length: 10 }, () => broken));
    expect(told.filter((_, index) => index % 2 === 1)).toEqual(Array.from({ length: 10 }, () => 'Answer 2.'));
    expect(upstream.asked).toHaveLength(2);
    expect(finalText(await textOf((await ask(cache, upstream.send, true)).body))).toBe('Answer 2.');
  });

  it("share the upstream's own error, and do not keep it", async () => {
    const hold = gate();
    const upstream = createUpstream(async () => {
      await hold.opened;
      return jsonAnswer('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 529);
    });
    const cache = responseCache();
    const answers = Array.from({ length: 20 }, (_, index) => ask(cache, upstream.send, index % 2 === 0));
    await settle();
    hold.open();
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(529);
      expect(await textOf(answer.body)).toContain('overloaded_error');
    }
    expect(upstream.asked).toHaveLength(1);
    expect(cache.summary().stored).toBe(0);
  });

  it('are not kept, and all the same given whole, when the answer is too long', async () => {
    const long = numberedEvents(1).map((event) => event.replace('Answer', 'x'.repeat(50_000)));
    const hold = gate();
    const upstream = createUpstream(() => ({
      status: 200,
      headers: sseHeaders,
      body: slowly(long, 1, hold.opened),
    }));
    const cache = responseCache({ entryBytesMax: 10_000 });
    const answers = [true, true, false].map(async (isStream) =>
      textOf((await ask(cache, upstream.send, isStream)).body),
    );
    await settle();
    hold.open();
    const [first, second, json] = await Promise.all(answers);
    expect(first).toBe(long.join(''));
    expect(second).toBe(long.join(''));
    expect(finalText(json ?? '')).toHaveLength(50_003);
    expect(cache.summary()).toMatchObject({ stored: 0 });
  });
});

describe('the official SDK through cachedFetch', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  const content = [
    { type: 'thinking', thinking: 'Let me see.', signature: 'c2ln' },
    { type: 'text', text: 'Grüße — 你好 🎉' },
    { type: 'tool_use', id: 'toolu_1', name: 'look', input: { deep: { list: [1, 2.5, 'a"b'] }, é: null } },
  ];
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content,
    stop_reason: 'tool_use',
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: {
      input_tokens: 3,
      output_tokens: 9,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
      service_tier: 'standard',
    },
  };

  async function serve(): Promise<{ url: string; calls: () => number }> {
    const { encodeSseEvent, messageToSseEvents } = await import('../../src/wire/index.ts');
    let calls = 0;
    const answer = (body: string, response: ServerResponse): void => {
      calls += 1;
      if ((JSON.parse(body) as { stream?: boolean }).stream !== true) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message));
        return;
      }
      response.writeHead(200, sseHeaders);
      for (const { event, data } of messageToSseEvents(message as never))
        response.write(encodeSseEvent(event, data));
      response.end();
    };
    const server = createServer((incoming, response) => {
      let body = '';
      incoming
        .on('data', (chunk: Buffer) => (body += chunk.toString()))
        .on('end', () => answer(body, response));
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
  }

  const params = {
    model: 'claude-opus-5-5',
    max_tokens: 100,
    temperature: 0,
    messages: [{ role: 'user' as const, content: 'Hi' }],
  };

  it.each(['stream', 'json'] as const)(
    'gives equal events and equal final messages, first asked by %s',
    async (first) => {
      const { url, calls } = await serve();
      const client = new Anthropic({
        apiKey: 'sk-test',
        baseURL: url,
        fetch: cachedFetch(responseCache()),
        maxRetries: 0,
      });
      const plain = new Anthropic({ apiKey: 'sk-test', baseURL: url, maxRetries: 0 });
      const stream = async (by: Anthropic): Promise<{ events: unknown[]; final: unknown }> => {
        const events: unknown[] = [];
        const running = by.messages
          .stream(params)
          .on('streamEvent', (event) => events.push(structuredClone(event)));
        return { final: JSON.parse(JSON.stringify(await running.finalMessage())), events };
      };
      const expected = await stream(plain);
      const before = calls();
      if (first === 'json') await client.messages.create(params);
      const streams = [await stream(client), await stream(client)];
      const json: unknown = JSON.parse(JSON.stringify(await client.messages.create(params)));
      expect(calls() - before).toBe(1);
      for (const { final, events } of streams) {
        expect(final).toEqual(expected.final);
        expect(events).toEqual(expected.events);
      }
      expect((json as { content: unknown }).content).toEqual(
        (expected.final as { content: unknown }).content,
      );
      expect(json).toMatchObject({ stop_reason: 'tool_use', usage: message.usage, id: 'msg_1' });
    },
  );
});
