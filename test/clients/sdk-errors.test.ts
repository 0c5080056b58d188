import type Anthropic from '@anthropic-ai/sdk';
import {
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import type { MessageCreateParamsNonStreaming, TextBlockParam } from '@anthropic-ai/sdk/resources';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { recordingMiddleware, ROUTES, startServers, words, type Servers } from './servers.ts';

let servers: Servers;

beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());
beforeEach(() => servers.reset());

type Body = Record<string, unknown>;

const hello = {
  model: 'claude-opus-5-5',
  max_tokens: 64,
  messages: [{ role: 'user' as const, content: 'hello' }],
};

function asParams(body: Body): MessageCreateParamsNonStreaming {
  return { ...hello, ...body };
}

function marker(ttl?: string): object {
  return { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) };
}

function text(ttl?: string): TextBlockParam {
  return { type: 'text', text: 'hello', cache_control: marker(ttl) as { type: 'ephemeral' } };
}

function asks(...content: unknown[]): Body {
  return { messages: [{ role: 'user', content }] };
}

const ORDER =
  "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.";
const MISMATCH =
  "Top-level cache_control has ttl='1h' but the target block already has cache_control with ttl='5m'. When both are specified on the same block, they must have matching TTLs.";
const tool = { name: 'find', input_schema: { type: 'object' } };

/** Spec 1.5 and 1.6: what is sent, and how the refusal reads. */
const MARKER_RULES: readonly (readonly [rule: string, body: Body, message: string])[] = [
  [
    'five markers',
    asks(text(), text(), text(), text(), text()),
    'A maximum of 4 blocks with cache_control may be provided. Found 5.',
  ],
  [
    'four markers and the automatic one',
    { ...asks(text(), text(), text(), text()), cache_control: marker() },
    'A maximum of 4 blocks with cache_control may be provided. Found 5.',
  ],
  [
    '1h after 5m in messages',
    asks(text('5m'), text('1h')),
    `messages.0.content.1.cache_control.ttl: ${ORDER}`,
  ],
  ['1h after 5m in system', { system: [text(), text('1h')] }, `system.1.cache_control.ttl: ${ORDER}`],
  [
    '1h after 5m among tools',
    {
      tools: [
        { ...tool, cache_control: marker() },
        { ...tool, name: 'keep', cache_control: marker('1h') },
      ],
    },
    `tools.1.cache_control.ttl: ${ORDER}`,
  ],
  [
    '5m tools before 1h system',
    { tools: [{ ...tool, cache_control: marker() }], system: [text('1h')] },
    ORDER,
  ],
  ['automatic 1h after 5m', { system: [text('5m')], cache_control: marker('1h') }, `cache_control: ${ORDER}`],
  ['automatic and explicit TTL differ', { ...asks(text('5m')), cache_control: marker('1h') }, MISMATCH],
  [
    'a TTL that does not exist',
    asks(text('2h')),
    "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
  ],
  [
    'a TTL that does not exist, in system',
    { system: [text('2h')] },
    "system.0.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
  ],
  [
    'an empty text',
    asks({ type: 'text', text: '', cache_control: marker() }),
    'messages.0.content.0.text: cache_control cannot be set for empty text blocks',
  ],
  [
    'thinking',
    {
      messages: [
        { role: 'user', content: 'hello' },
        {
          role: 'assistant',
          content: [{ type: 'thinking', thinking: 'hm', signature: 's', cache_control: marker() }],
        },
      ],
    },
    'messages.1.content.0.thinking.cache_control: Extra inputs are not permitted',
  ],
  [
    'a deferred tool',
    { tools: [{ ...tool, defer_loading: true, cache_control: marker() }] },
    'tools.0: cache_control cannot be set on a tool with defer_loading',
  ],
  [
    'a block inside a result that is not the last',
    asks({ type: 'tool_result', tool_use_id: 't', content: [text(), { type: 'text', text: 'last' }] }),
    'messages.0.content.0.content.0.cache_control: cache_control is only allowed on the last block',
  ],
  [
    'a citation',
    asks({ type: 'text', text: 'hello', citations: [{ type: 'char_location', cache_control: marker() }] }),
    'Extra inputs are not permitted',
  ],
];

describe.each(ROUTES)('errors of the SDK against the %s', (route) => {
  let client: Anthropic;
  beforeAll(() => {
    client = servers.client(route);
  });

  describe('400', () => {
    test.each(MARKER_RULES)('for %s', async (_rule, body, message) => {
      const failure: unknown = await client.messages.create(asParams(body)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(BadRequestError);
      expect(failure).toMatchObject({
        type: 'invalid_request_error',
        requestID: expect.stringMatching(/^req_/),
        error: { type: 'error', request_id: expect.stringMatching(/^req_/) },
      });
      const { error } = failure as { error: { error: { message: string } } };
      expect(
        error.error.message.slice(0, message.length) === message || error.error.message.endsWith(message),
      ).toBe(true);
      const { max_tokens: _, ...counted } = asParams(body);
      await expect(client.messages.countTokens(counted)).rejects.toMatchObject({
        error: { error: { message: error.error.message } },
      });
    });

    test('is as long-lived as the client, and stops nothing after it', async () => {
      await expect(client.messages.create(asParams(asks(text('2h'))))).rejects.toBeInstanceOf(
        BadRequestError,
      );
      expect((await client.messages.create(hello)).stop_reason).toBe('end_turn');
    });

    test.each([
      ['messages.0.content', { messages: [{ role: 'user', content: 7 }] }],
      ['messages.0.role', { messages: [{ role: 'robot', content: 'hello' }] }],
      ['messages.0.content.0.text.text', asks({ type: 'text' })],
      ['max_tokens', { max_tokens: 'many' }],
    ])('names the place: %s', async (place, body) => {
      await expect(client.messages.create(asParams(body))).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining(`${place}: `),
      });
    });

    test.each([
      ['stream', { stream: true }],
      ['thinking', { thinking: { type: 'enabled', budget_tokens: 1024 } }],
      ['output_config', { output_config: { format: { type: 'json_schema', schema: {} } } }],
      ['tool_choice', { tools: [tool], tool_choice: { type: 'any' } }],
    ])('for max_tokens 0 with %s', async (_name, body) => {
      const request = client.messages.create(asParams({ ...body, max_tokens: 0 }));
      await expect(request).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining('max_tokens: 0'),
      });
    });
  });

  test('404 for a path that does not exist', async () => {
    await expect(client.get('/v1/nothing')).rejects.toBeInstanceOf(NotFoundError);
  });

  test('529 and 500 reach the caller with their types', async () => {
    await servers.script({ status: 529 }, { status: 500 });
    await expect(client.messages.create(hello)).rejects.toMatchObject({
      status: 529,
      type: 'overloaded_error',
    });
    await expect(client.messages.create(hello)).rejects.toBeInstanceOf(InternalServerError);
    expect((await servers.state()).entries).toEqual([]);
  });

  test('429 with retry-after is retried by the SDK after just that time', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const { middleware, recorded } = recordingMiddleware();
    const patient = servers.client(route, { middleware: [middleware], maxRetries: 2 });
    await servers.script(
      { status: 429, retryAfterS: 0.017 },
      { status: 429, retryAfterS: 0.019 },
      { text: 'At last.' },
    );
    const message = await patient.messages.create(hello);
    expect(message.content).toMatchObject([{ text: 'At last.' }]);
    expect(recorded.map(({ status }) => status)).toEqual([429, 429, 200]);
    const waits = timers.mock.calls.map(([, delayMs]) => delayMs);
    timers.mockRestore();
    expect(waits).toContain(17);
    expect(waits).toContain(19);
  });

  test('429 without retries left is an error with the header', async () => {
    await servers.script({ status: 429, retryAfterS: 12, message: 'Slow down.' });
    const failure: unknown = await client.messages.create(hello).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RateLimitError);
    expect((failure as RateLimitError).headers.get('retry-after')).toBe('12');
    expect((failure as RateLimitError).message).toContain('Slow down.');
  });

  test('an answer that is cut off is a connection error, streamed or not', async () => {
    await servers.script({ cutAfterBytes: 40 }, { text: words(50), cutAfterBytes: 900 });
    await expect(client.messages.create(hello)).rejects.toThrow('terminated');
    const stream = client.messages.stream(hello);
    await expect(stream.finalMessage()).rejects.toThrow('terminated');
    expect((await client.messages.create(hello)).stop_reason).toBe('end_turn');
  });

  describe('aborting', () => {
    const marked: MessageCreateParamsNonStreaming = {
      ...hello,
      system: [{ type: 'text', text: words(600), cache_control: { type: 'ephemeral' } }],
    };

    test('before the response begins leaves nothing in the cache', async () => {
      const abort = new AbortController();
      const headers = { 'x-emulator-begin-after-ms': '5000' };
      const request = client.messages.create(marked, { signal: abort.signal, headers });
      await vi.waitFor(async () => expect(await servers.state()).toMatchObject({ inFlight: 1 }));
      abort.abort();
      await expect(request).rejects.toBeInstanceOf(APIUserAbortError);
      await vi.waitFor(async () => expect(await servers.state()).toMatchObject({ inFlight: 0, entries: [] }));
      const next = await client.messages.create(marked);
      expect(next.usage.cache_creation_input_tokens).toBe(route === 'emulator' ? 600 : 601);
    });

    test('in the middle of a stream ends it, and what was written stays', async () => {
      await servers.script({ stallMs: 600_000 });
      const stream = client.messages.stream(marked);
      await new Promise((resolve) => stream.once('streamEvent', resolve));
      stream.abort();
      await expect(stream.finalMessage()).rejects.toBeInstanceOf(APIUserAbortError);
      expect(stream.aborted).toBe(true);
      expect((await client.messages.create(marked)).usage.cache_read_input_tokens).toBeGreaterThanOrEqual(
        600,
      );
    });
  });
});

test('a gateway without an upstream says so in the form that the SDK reads', async () => {
  const alone = await startServers();
  await alone.closeEmulator();
  const request = alone.client('gateway').messages.create(hello);
  await expect(request).rejects.toMatchObject({
    status: 502,
    type: 'api_error',
    message: expect.stringContaining(`cannot reach ${alone.emulatorUrl}`),
  });
  await alone.close();
});
