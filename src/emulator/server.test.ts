import { request as openRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { startEmulator, type EmulatorOptions, type RunningServer } from './index.ts';

let emulator: RunningServer;

async function restart(options: Partial<EmulatorOptions> = {}): Promise<void> {
  await emulator?.close(0);
  emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words', ...options });
}

beforeEach(() => restart());
afterEach(() => emulator.close(0));

/** What the tests look at in the answers of all paths; each answer has some of it. */
interface Seen {
  readonly id: string;
  readonly content: readonly [{ readonly text: string }];
  readonly usage: Record<'input_tokens' | 'cache_creation_input_tokens' | 'cache_read_input_tokens', number>;
  readonly diagnostics: { readonly cache_miss_reason: { readonly type: string } };
  readonly error: { readonly message: string };
  readonly nowMs: number;
  readonly inFlight: number;
  readonly entries: readonly unknown[];
  readonly data: readonly unknown[];
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly value: Seen;
}

interface Sending {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Sends a value as JSON, a string as it is. */
async function send(path: string, { method, body, headers = {}, signal }: Sending = {}): Promise<Reply> {
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const init = {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    ...(signal && { signal }),
  };
  const response = await fetch(emulator.url + path, { ...init, ...(text !== undefined && { body: text }) });
  const answer = await response.text();
  const isJson = response.headers.get('content-type')?.includes('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text: answer,
    value: JSON.parse(isJson && answer !== '' ? answer : '{}') as Seen,
  };
}

/** Sends headers that `fetch` keeps to itself; gives the status. */
function sendRaw(path: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = openRequest(emulator.url + path, { method, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

const hello = { model: 'claude-opus-5-5', max_tokens: 64, messages: [{ role: 'user', content: 'hello' }] };
const system = Array.from({ length: 600 }, (_, index) => `w${index}`).join(' ');
const marked = { ...hello, system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }] };

const create = (body: unknown = hello, more: Sending = {}): Promise<Reply> =>
  send('/v1/messages', { body, ...more });
const advance = (advanceMs: unknown): Promise<Reply> => send('/_emulator/clock', { body: { advanceMs } });
const script = (...entries: unknown[]): Promise<Reply> => send('/_emulator/script', { body: entries });
const reset = (): Promise<Reply> => send('/_emulator/reset', { method: 'POST' });
const entries = async (): Promise<Seen> => (await send('/_emulator/entries')).value;

function counters({ value }: Reply): readonly number[] {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = value.usage;
  return [cache_read_input_tokens, cache_creation_input_tokens, input_tokens];
}

describe('the clock', () => {
  test('begins at 0 and is moved by the millisecond', async () => {
    expect(await entries()).toEqual({ nowMs: 0, inFlight: 0, entries: [] });
    expect((await advance(1_500)).value).toEqual({ nowMs: 1_500 });
    expect((await advance(0)).value).toEqual({ nowMs: 1_500 });
    expect((await entries()).nowMs).toBe(1_500);
  });

  test.each([[-1], ['1'], [null], [undefined]])('is not moved by %j', async (advanceMs) => {
    expect(await advance(advanceMs)).toMatchObject({
      status: 400,
      value: { error: { type: 'invalid_request_error' } },
    });
    expect((await entries()).nowMs).toBe(0);
  });

  test('cannot be moved when it is real', async () => {
    await restart({ clock: 'real' });
    expect((await advance(1)).value.error.message).toMatch(/the clock is real/);
    expect((await entries()).nowMs).toBeGreaterThan(1_700_000_000_000);
  });

  test('lets entries expire exactly at their time', async () => {
    await create(marked);
    const written = {
      model: 'claude-opus-5-5',
      workspace: 'default',
      tokens: 600,
      ttl: '5m',
      readyMs: 0,
      expiresMs: 300_000,
    };
    expect((await entries()).entries).toEqual([written]);
    await advance(299_999);
    expect((await entries()).entries).toEqual([written]);
    await advance(1);
    expect((await entries()).entries).toEqual([]);
    expect(counters(await create(marked))).toEqual([0, 600, 1]);
  });

  test('honours --slack-ms and --ttl-scale', async () => {
    await restart({ slackMs: 40, ttlScale: 1_000 });
    await create(marked);
    expect((await entries()).entries).toMatchObject([{ expiresMs: 340 }]);
    await advance(339);
    expect(counters(await create(marked))).toEqual([600, 0, 1]);
  });
});

describe('the beginning of a response', () => {
  const later = { headers: { 'x-emulator-begin-after-ms': '700' } };

  test('comes when the clock has reached it, and entries with it', async () => {
    const waiting = create(marked, later);
    await vi.waitFor(async () => expect((await entries()).inFlight).toBe(1));
    expect((await entries()).entries).toMatchObject([{ readyMs: 700, expiresMs: 300_000 }]);
    expect(counters(await create(marked))).toEqual([0, 600, 1]);
    await advance(699);
    expect((await entries()).inFlight).toBe(1);
    await advance(1);
    expect((await waiting).status).toBe(200);
    expect((await entries()).inFlight).toBe(0);
  });

  test('is --ttft-ms after the arrival by default', async () => {
    await restart({ ttftMs: 250 });
    const waiting = create(marked);
    await vi.waitFor(async () => expect((await entries()).inFlight).toBe(1));
    expect((await entries()).entries).toMatchObject([{ readyMs: 250 }]);
    await advance(250);
    expect((await waiting).status).toBe(200);
  });

  test('that nobody waits for any more writes nothing', async () => {
    const abort = new AbortController();
    const waiting = create(marked, { ...later, signal: abort.signal });
    await vi.waitFor(async () => expect((await entries()).inFlight).toBe(1));
    abort.abort();
    await expect(waiting).rejects.toThrow('aborted');
    await vi.waitFor(async () => expect(await entries()).toMatchObject({ inFlight: 0, entries: [] }));
    await advance(700);
    expect(counters(await create(marked))).toEqual([0, 600, 1]);
  });

  test('is not put off by a header that is no number, nor under a real clock', async () => {
    expect((await create(hello, { headers: { 'x-emulator-begin-after-ms': 'soon' } })).status).toBe(200);
    await restart({ clock: 'real' });
    expect((await create(hello, { headers: { 'x-emulator-begin-after-ms': '86400000' } })).status).toBe(200);
  });

  test('of a JSON answer is put off by stallMs', async () => {
    await script({ stallMs: 300 });
    const waiting = create(marked);
    await vi.waitFor(async () => expect((await entries()).inFlight).toBe(1));
    expect((await entries()).entries).toMatchObject([{ readyMs: 300 }]);
    await advance(300);
    expect((await waiting).status).toBe(200);
  });
});

describe('the script', () => {
  test('is one entry or a list, taken by accepted requests alone', async () => {
    expect((await send('/_emulator/script', { body: { text: 'one' } })).value).toEqual({ ok: true });
    expect((await script({ text: 'two' }, { status: 529 })).value).toEqual({ ok: true });
    expect((await create({ ...hello, max_tokens: -1 })).status).toBe(400);
    await send('/v1/messages/count_tokens', { body: hello });
    await send('/v1/messages/batches', { body: { requests: [{ custom_id: 'a', params: hello }] } });
    expect((await create()).value.content[0].text).toBe('one');
    expect((await create()).value.content[0].text).toBe('two');
    expect((await create()).status).toBe(529);
    expect((await create()).value.content[0].text).toMatch(/no answer was scripted/);
  });

  test('may fail, with retry-after, and then bills nothing', async () => {
    await script({ status: 429, retryAfterS: 3, message: 'Slow down.' });
    const failed = await create(marked);
    expect(failed.headers.get('retry-after')).toBe('3');
    expect(failed.value).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Slow down.' },
      request_id: failed.headers.get('request-id'),
    });
    expect(counters(await create(marked))).toEqual([0, 600, 1]);
  });

  test('may bill as if the entries were lost', async () => {
    await create(marked);
    await script({}, { usage: 'as-if-evicted' });
    expect(counters(await create(marked))).toEqual([600, 0, 1]);
    expect(counters(await create(marked))).toEqual([0, 600, 1]);
    expect(counters(await create(marked))).toEqual([600, 0, 1]);
  });

  test('may keep and bill for five minutes what was to live for an hour', async () => {
    const cache_control = { type: 'ephemeral', ttl: '1h' };
    const hourly = { ...hello, system: [{ type: 'text', text: system, cache_control }] };
    await script({ usage: 'hour-as-5m' });
    expect((await create(hourly)).value.usage).toMatchObject({
      cache_creation: { ephemeral_5m_input_tokens: 600, ephemeral_1h_input_tokens: 0 },
    });
  });

  test('may cut JSON and streams', async () => {
    await script({ cutAfterBytes: 30 }, { cutAfterBytes: 300 });
    await expect(create()).rejects.toThrow('terminated');
    await expect(create({ ...hello, stream: true })).rejects.toThrow('terminated');
    expect((await create()).status).toBe(200);
  });

  test('is refused when malformed, whole', async () => {
    expect((await script({ text: 'one' }, { txt: 'two' })).status).toBe(400);
    expect((await create()).value.content[0].text).toMatch(/no answer was scripted/);
  });

  test('is emptied by reset, and so are entries, batches and fingerprints', async () => {
    const { value: first } = await create({ ...marked, diagnostics: { previous_message_id: null } });
    await send('/v1/messages/batches', { body: { requests: [{ custom_id: 'a', params: hello }] } });
    await script({ text: 'never said' });
    await advance(5);
    expect((await reset()).value).toEqual({ nowMs: 5 });
    expect(await entries()).toEqual({ nowMs: 5, inFlight: 0, entries: [] });
    expect((await send('/v1/messages/batches')).value.data).toEqual([]);
    const { value: next } = await create({ ...marked, diagnostics: { previous_message_id: first.id } });
    expect(next.content[0].text).toMatch(/no answer was scripted/);
    expect(next.diagnostics.cache_miss_reason.type).toBe('previous_message_not_found');
  });
});

describe('control', () => {
  const paths = ['/_emulator/entries', '/_emulator/reset', '/_emulator/clock', '/_emulator/script'];

  test.each(paths)('%s is closed to pages of other sites', async (path) => {
    const { port } = emulator;
    const method = path.endsWith('entries') ? 'GET' : 'POST';
    expect(await sendRaw(path, { host: `evil.example:${port}` }, method)).toBe(403);
    expect(await sendRaw(path, { host: `127.0.0.1:${port}`, origin: 'https://evil.example' }, method)).toBe(
      403,
    );
    expect(await sendRaw(path, { host: `127.0.0.1:${port}`, origin: 'null' }, method)).toBe(403);
    expect(
      await sendRaw(path, { host: `localhost:${port}`, origin: `http://localhost:${port}` }, method),
    ).not.toBe(403);
  });

  test('changes nothing by a GET, which a link or an image can send', async () => {
    await create(marked);
    for (const path of paths.slice(1)) expect(await send(path)).toMatchObject({ status: 405 });
    expect((await send('/_emulator/entries', { method: 'POST' })).status).toBe(405);
    expect((await entries()).entries).toHaveLength(1);
  });

  test.each(['', '{', 'advanceMs=1'])('refuses a body that is no JSON: %j', async (body) => {
    for (const path of ['/_emulator/clock', '/_emulator/script']) {
      expect(await send(path, { method: 'POST', body })).toMatchObject({
        status: 400,
        value: {
          error: { type: 'invalid_request_error', message: expect.stringContaining('not valid JSON') },
        },
      });
    }
  });

  test('has no other path', async () => {
    expect((await send('/_emulator/stop', { method: 'POST' })).status).toBe(404);
  });
});

describe('the API', () => {
  test.each(['', 'hello', '[]', '{"model":', '{"a":1}{"a":1}', '\u{feff}{}', '{"a":}'])(
    'refuses a body that is no JSON object: %j',
    async (body) => {
      for (const path of ['/v1/messages', '/v1/messages/count_tokens', '/v1/messages/batches']) {
        expect(await send(path, { method: 'POST', body })).toMatchObject({
          status: 400,
          value: {
            type: 'error',
            error: { type: 'invalid_request_error', message: expect.stringContaining('not valid JSON') },
          },
        });
      }
    },
  );

  test('refuses what is longer than 32 MiB, declared or not', async () => {
    const mebibyte = 'x'.repeat(1 << 20);
    const declared = await create(mebibyte.repeat(33));
    expect(declared).toMatchObject({ status: 413, value: { error: { type: 'request_too_large' } } });
    const status = await new Promise((resolve, reject) => {
      const outgoing = openRequest(
        `${emulator.url}/v1/messages`,
        { method: 'POST', agent: false },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      outgoing.once('error', reject);
      for (let sent = 0; sent <= 32; sent += 1) outgoing.write(mebibyte);
      outgoing.end();
    });
    expect(status).toBe(413);
    expect((await create()).status).toBe(200);
  });

  test('takes any query, any key, and betas', async () => {
    const reply = await send('/v1/messages?beta=true', {
      body: hello,
      headers: { 'anthropic-beta': 'a, b' },
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('request-id')).toMatch(/^req_01/);
  });

  test('keeps caches of keys and workspaces apart', async () => {
    const by = async (headers: Record<string, string>) => counters(await create(marked, { headers }))[0];
    expect(await by({ 'x-api-key': 'one' })).toBe(0);
    expect(await by({ 'x-api-key': 'two' })).toBe(0);
    expect(await by({ authorization: 'Bearer one' })).toBe(600);
    expect(await by({ 'x-api-key': 'two', 'anthropic-workspace-id': 'one' })).toBe(600);
    expect(await by({})).toBe(0);
  });

  test('answers what clients ask before they begin', async () => {
    for (const path of ['/', '/api/hello']) {
      expect((await send(path, { method: 'HEAD' })).status).toBe(200);
      expect((await send(path)).value).toEqual({ emulator: 'cachewright' });
    }
  });

  test.each([
    ['GET', '/v1/messages'],
    ['POST', '/v1/models'],
    ['GET', '/v1/models/claude-nobody'],
    ['GET', '/v1/models/%'],
    ['GET', '/v1/messages/batches/msgbatch_0'],
    ['GET', '/v1/messages/batches/msgbatch_0/results'],
    ['DELETE', '/v1/messages/batches/msgbatch_0'],
    ['GET', '/elsewhere'],
  ])('does not know %s %s', async (method, path) => {
    expect(await send(path, { method })).toMatchObject({
      status: 404,
      value: { error: { type: 'not_found_error' } },
    });
  });
});

test('the same seed gives the same answers, another seed other ids', async () => {
  const answers = async (seed: number): Promise<unknown[]> => {
    await restart({ seed });
    await script({
      content: [
        { type: 'tool_use', name: 'find' },
        { type: 'thinking', thinking: 'hm' },
      ],
    });
    const replies = [await create(), await create(marked), await create({ ...hello, stream: true })];
    return replies.map(({ text, headers }) => [text, headers.get('request-id')]);
  };
  const first = await answers(7);
  expect(await answers(7)).toEqual(first);
  expect(await answers(8)).not.toEqual(first);
});

test('thinking is bound only under --binding strict', async () => {
  const thought = { type: 'thinking', thinking: 'hm', signature: 'foreign' };
  const replay = {
    ...hello,
    messages: [...hello.messages, { role: 'assistant', content: [thought] }, { role: 'user', content: 'on' }],
  };
  expect(counters(await create(replay))).toEqual([0, 0, 1 + 2 + 1]);
  await restart({ binding: 'strict' });
  expect(counters(await create(replay))).toEqual([0, 0, 1 + 1]);
  expect((await send('/v1/messages/count_tokens', { body: replay })).value).toEqual({ input_tokens: 2 });
});
