import { AsyncLocalStorage } from 'node:async_hooks';

import Anthropic from '@anthropic-ai/sdk';
import {
  context,
  ROOT_CONTEXT,
  trace,
  type Attributes,
  type Context,
  type ContextManager,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { cachewright, cachewrightFetch, type CachewrightMiddleware } from '../../src/client/index.ts';
import { noTokens, totalInputTokens, toUsd } from '../../src/core/index.ts';
import { startEmulator, type RunningServer } from '../../src/emulator/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { startRecordingUpstream } from '../support/upstream.ts';

/** A span that can be read, as those of the SDK for traces can. */
class KeptSpan {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  isEnded = false;

  constructor(name: string, attributes: Attributes = {}) {
    this.name = name;
    this.attributes = { ...attributes };
  }

  spanContext() {
    return { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  }

  setAttribute(key: string, value: unknown): this {
    return this.setAttributes({ [key]: value });
  }

  setAttributes(attributes: object): this {
    if (!this.isEnded) Object.assign(this.attributes, attributes);
    return this;
  }

  isRecording(): boolean {
    return !this.isEnded;
  }

  end(): void {
    this.isEnded = true;
  }

  addEvent = (): this => this;
  addLink = (): this => this;
  addLinks = (): this => this;
  setStatus = (): this => this;
  updateName = (): this => this;
  recordException = (): void => undefined;
}

const spans: KeptSpan[] = [];

const tracer = {
  startSpan(name: string, options: { attributes?: Attributes } = {}) {
    const span = new KeptSpan(name, options.attributes);
    spans.push(span);
    return span;
  },
};

/** A context that follows awaits, as the context manager for Node does. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active = (): Context => this.#storage.getStore() ?? ROOT_CONTEXT;
  with: ContextManager['with'] = (given, run, receiver, ...args) =>
    this.#storage.run(given, () => run.apply(receiver as never, args));
  bind: ContextManager['bind'] = (_given, target) => target;
  enable = (): this => this;
  disable = (): this => this;
}

const cleanUp = new CleanUp();
let emulator: RunningServer;

beforeEach(async () => {
  spans.length = 0;
  context.setGlobalContextManager(new AsyncContexts());
  const provider = { getTracer: () => tracer as unknown as Tracer };
  trace.setGlobalTracerProvider(provider);
  emulator = cleanUp.add(await startEmulator({ port: 0 }));
});
afterEach(async () => {
  context.disable();
  trace.disable();
  await cleanUp.run();
});

const body = {
  model: 'claude-opus-5-5',
  max_tokens: 20,
  system: 'a long handbook '.repeat(2_000),
  messages: [{ role: 'user', content: 'hi' }],
} as const;

const params = body as unknown as Anthropic.MessageCreateParamsNonStreaming;

function clientWith(middleware: CachewrightMiddleware): Anthropic {
  return new Anthropic({ apiKey: 'k', baseURL: emulator.url, maxRetries: 0, middleware: [middleware] });
}

/** Runs something within a span, as an application does. */
async function within<Result>(span: KeptSpan, run: () => Promise<Result>): Promise<Result> {
  return context.with(trace.setSpan(context.active(), span as unknown as Span), run);
}

const usageNames = (span: KeptSpan | undefined): readonly string[] =>
  Object.keys(span?.attributes ?? {}).filter((name) => name.startsWith('gen_ai.usage.'));

/** What a span says of its only request. */
function noteOf(record: RequestRecord | undefined): object {
  if (!record?.cost || !record.savings) throw new Error('there is no bill');
  return {
    'cachewright.request_id': record.id,
    'cachewright.requests': 1,
    'cachewright.cost_usd': toUsd(record.cost.totalPicoUsd),
    'cachewright.saved_usd.no_caching': toUsd(record.savings.noCachingPicoUsd),
    'cachewright.saved_usd.client': toUsd(record.savings.clientPicoUsd),
    'cachewright.saved_usd.automatic': toUsd(record.savings.automaticPicoUsd),
  };
}

describe('the span of the SDK', () => {
  it.each(['whole', 'streamed'])(
    'gets what the call cost and saved, %s, and no second span',
    async (form) => {
      const caching = cachewright();
      const client = clientWith(caching);
      for (let count = 0; count < 2; count += 1) {
        if (form === 'whole') await client.messages.create(params);
        else await client.messages.stream(params).finalMessage();
      }
      expect(spans).toHaveLength(2);
      const [newest] = await caching.records(1);
      const second = spans[1]?.attributes;
      expect(second).toMatchObject(noteOf(newest));
      expect(spans[0]?.attributes['cachewright.saved_usd.no_caching']).toBeLessThan(0);
      // The SDK's own, once: input with what was read and written.
      const { usage } = newest ?? {};
      expect(usage?.readTokens).toBeGreaterThan(0);
      expect(second?.['gen_ai.usage.cache_read.input_tokens']).toBe(usage?.readTokens);
      expect(second?.['gen_ai.usage.input_tokens']).toBe(totalInputTokens(usage ?? noTokens));
      expect(spans[0]?.attributes['cachewright.miss_reasons']).toEqual(['never_written']);
    },
  );
});

describe('a span of the application', () => {
  const ask = (send: typeof fetch): Promise<Response> =>
    send(`${emulator.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'k', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify(body),
    });

  it('gets the sums of its calls, and the usage that nobody else notes', async () => {
    const send = cachewrightFetch();
    const span = new KeptSpan('GET /answer');
    await within(span, async () => {
      for (let count = 0; count < 3; count += 1) await (await ask(send)).text();
    });
    const records = await send.records(10);
    const sum = (pick: (record: (typeof records)[number]) => number | undefined): number =>
      records.reduce((total, record) => total + (pick(record) ?? 0), 0);
    expect(span.attributes).toMatchObject({
      'cachewright.requests': 3,
      'gen_ai.usage.cache_read.input_tokens': sum(({ usage }) => usage?.readTokens),
      'gen_ai.usage.cache_write.input_tokens': sum(({ usage }) => usage?.write5mTokens),
      'gen_ai.usage.output_tokens': sum(({ usage }) => usage?.outputTokens),
      'gen_ai.response.model': body.model,
    });
    const cost = records.reduce((total, record) => total + (record.cost?.totalPicoUsd ?? 0n), 0n);
    expect(span.attributes['cachewright.cost_usd']).toBe(toUsd(cost));
    expect(spans).toHaveLength(0);
  });

  it('of another instrumentation keeps its own usage', async () => {
    const span = new KeptSpan('chat', { 'gen_ai.system': 'anthropic' });
    await within(span, async () => (await ask(cachewrightFetch())).text());
    expect(usageNames(span)).toEqual([]);
    expect(span.attributes['cachewright.requests']).toBe(1);
  });

  it('that cannot be read gets no usage', async () => {
    const span = new KeptSpan('closed');
    const noted: Record<string, unknown> = {};
    const closed = Object.assign(Object.create(null), {
      isRecording: () => true,
      setAttributes: (attributes: object) => Object.assign(noted, attributes),
      spanContext: () => span.spanContext(),
    });
    await within(closed, async () => (await ask(cachewrightFetch())).text());
    expect(noted['cachewright.requests']).toBe(1);
    expect(Object.keys(noted).some((name) => name.startsWith('gen_ai.'))).toBe(false);
  });

  it('gets the older name where it is asked for, and nothing where that is', async () => {
    const older = new KeptSpan('older');
    await within(older, async () => (await ask(cachewrightFetch({ span: 'cache_creation' }))).text());
    expect(usageNames(older)).toContain('gen_ai.usage.cache_creation.input_tokens');
    expect(usageNames(older)).not.toContain('gen_ai.usage.cache_write.input_tokens');
    const none = new KeptSpan('none');
    await within(none, async () => (await ask(cachewrightFetch({ span: 'off' }))).text());
    expect(none.attributes).toEqual({});
  });

  it('that throws changes nothing for the caller', async () => {
    const broken = Object.assign(new KeptSpan('broken'), {
      setAttributes: () => {
        throw new Error('telemetry is down');
      },
    });
    const send = cachewrightFetch();
    const answer = await within(broken, async () => (await ask(send)).json());
    expect(answer).toMatchObject({ type: 'message' });
    expect((await send.summary()).requests).toBe(1);
  });

  it('gets what failed calls came to as well', async () => {
    const upstream = cleanUp.add(
      await startRecordingUpstream((response) => response.writeHead(529).end('{"type":"error"}')),
    );
    const span = new KeptSpan('job');
    const send = cachewrightFetch();
    await within(span, async () =>
      (await send(`${upstream.url}/v1/messages`, { method: 'POST', body: JSON.stringify(body) })).text(),
    );
    expect(span.attributes).toMatchObject({ 'cachewright.requests': 1, 'cachewright.cost_usd': 0 });
  });

  it('is left alone where no request was made in it', async () => {
    const span = new KeptSpan('idle');
    const send = cachewrightFetch();
    await within(span, async () => undefined);
    await (await ask(send)).text();
    expect(span.attributes).toEqual({});
  });
});
