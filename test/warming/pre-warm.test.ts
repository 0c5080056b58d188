import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { JsonObject } from '../../src/core/index.ts';
import { warmer, type Warmer, type WarmerOptions } from '../../src/warming/index.ts';
import { MODEL, question, startEmulated, text, type Emulated } from './emulated.ts';

let emulated: Emulated;

beforeEach(async () => {
  emulated = await startEmulated();
});

afterEach(() => emulated.close());

function createWarmer(options: Partial<WarmerOptions> = {}): Warmer {
  const { send, clock, timers } = emulated;
  return warmer({ send, clock, timers, random: () => 0.5, ...options });
}

const tools = [{ name: 'look_up', description: text(300, 't'), input_schema: { type: 'object' } }];
const system = text(1000, 's');
const thinking = { type: 'adaptive' };
const schema = {
  type: 'json_schema',
  schema: { type: 'object', properties: {}, additionalProperties: false },
};

function markersOf(body: JsonObject | undefined): number {
  return JSON.stringify(body).split('"cache_control"').length - 1;
}

/** What the first user is billed after a warm-up of `body`, whose request is `asked`. */
async function coldUser(body: JsonObject, asked: object, options: Partial<WarmerOptions> = {}) {
  const report = await createWarmer(options).run([{ body: { model: MODEL, ...body } }]);
  await emulated.advance(1000);
  return { report, result: report.results[0], usage: await emulated.ask(asked), sent: emulated.sent.at(-1) };
}

describe('a cold first user', () => {
  const marked = [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }];

  it('reads tools and system that were warmed', async () => {
    const { result, usage, sent } = await coldUser(
      { tools, system },
      { tools, system: marked, messages: [question('where is it')] },
    );
    expect(result).toMatchObject({ status: 'wrote', tries: 1, ttl: '5m', warmUntilMs: 300_000 });
    expect(sent).toMatchObject({ max_tokens: 0, messages: [{ role: 'user' }] });
    expect(result?.tokens.outputTokens).toBe(0);
    expect(usage.cache_read_input_tokens).toBe(result?.tokens.write5mTokens ?? 0);
    expect(usage).toMatchObject({ cache_creation_input_tokens: 0, input_tokens: 3 });
  });

  it('reads through automatic caching too', async () => {
    const { usage } = await coldUser(
      { tools, system },
      { tools, system, cache_control: { type: 'ephemeral' }, messages: [question('where is it')] },
    );
    expect(usage.cache_read_input_tokens).toBeGreaterThan(1000);
    expect(usage.cache_creation_input_tokens).toBe(3);
  });

  it('reads a document in front of a question that was not warmed', async () => {
    const document = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: text(900, 'd') },
    };
    const ask = (words: string, marker?: object) => ({
      system,
      messages: [
        {
          role: 'user',
          content: [
            { ...document, ...marker },
            { type: 'text', text: words },
          ],
        },
      ],
    });
    const own = ask('another question', { cache_control: { type: 'ephemeral' } });
    const { usage, sent } = await coldUser(ask('summarise it'), own);
    expect(markersOf(sent)).toBe(3);
    expect(usage.cache_read_input_tokens).toBe(1901);
    expect(usage).toMatchObject({ cache_creation_input_tokens: 0, input_tokens: 2 });
  });

  it('reads an entry of an hour after half of it', async () => {
    const warming = createWarmer({ ttl: '1h' });
    const body = { model: MODEL, tools, system: marked };
    const report = await warming.run([{ body }]);
    expect(report.results[0]).toMatchObject({ status: 'wrote', ttl: '1h', warmUntilMs: 3_600_000 });
    expect(report.tokens.write5mTokens).toBe(0);
    await emulated.advance(1_800_000);
    const usage = await emulated.ask({ tools, system: marked, messages: [question('where')] });
    expect(usage.cache_creation_input_tokens).toBe(0);
    expect(usage.cache_read_input_tokens).toBeGreaterThan(1000);
  });

  it('is warmed by the same thinking and effort alone', async () => {
    const settings = { thinking, output_config: { effort: 'low' } };
    const messages = [
      {
        role: 'user',
        content: [{ type: 'text', text: text(900, 'm'), cache_control: { type: 'ephemeral' } }],
      },
    ];
    const { usage } = await coldUser({ messages, ...settings }, { messages, ...settings });
    expect(usage.cache_read_input_tokens).toBe(900);
    const other = await emulated.ask({ messages, thinking, output_config: { effort: 'high' } });
    expect(other.cache_read_input_tokens).toBe(0);
  });

  it('reads a conversation that ends with an answer', async () => {
    const history = [question(text(700, 'q')), { role: 'assistant', content: text(600, 'a') }];
    const { usage } = await coldUser(
      { messages: history },
      { cache_control: { type: 'ephemeral' }, messages: [...history, question('and then')] },
    );
    expect(usage.cache_read_input_tokens).toBe(1300);
  });
});

describe('what max_tokens: 0 excludes', () => {
  const marked = [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }];
  const messages = [
    { role: 'user', content: [{ type: 'text', text: text(900, 'm'), cache_control: { type: 'ephemeral' } }] },
  ];

  it('leaves streaming out, which is no part of the prefix', async () => {
    const { result, usage, sent } = await coldUser(
      { system: marked, stream: true },
      { system: marked, stream: false, messages },
    );
    expect(sent).not.toHaveProperty('stream');
    expect(result).toMatchObject({ status: 'wrote', reason: null });
    expect(usage.cache_read_input_tokens).toBe(1000);
  });

  it('leaves a forced tool choice out where it is no part of what is shared', async () => {
    const forced = { tool_choice: { type: 'tool', name: 'look_up' } };
    const body = { tools, system: marked, ...forced };
    const { result, usage, sent } = await coldUser(body, { ...body, messages: [question('where')] });
    expect(sent).toMatchObject({ max_tokens: 0 });
    expect(sent).not.toHaveProperty('tool_choice');
    expect(result?.reason).toBeNull();
    expect(usage.cache_read_input_tokens).toBe(result?.tokens.write5mTokens);
  });

  it.each([
    ['any', { tools, tool_choice: { type: 'any' } }],
    ['tool', { tools, tool_choice: { type: 'tool', name: 'look_up' } }],
    ['structured output', { output_config: { format: schema } }],
    ['structured output of old', { output_format: schema }],
  ])('pays for one token with %s', async (_name, settings) => {
    const { result, usage, sent } = await coldUser({ messages, ...settings }, { messages, ...settings });
    expect(sent).toMatchObject({ max_tokens: 1, ...settings });
    expect(result).toMatchObject({ status: 'wrote', reason: expect.stringContaining('max_tokens: 1') });
    expect(usage.cache_creation_input_tokens).toBe(0);
    expect(usage.cache_read_input_tokens).toBe(result?.tokens.write5mTokens);
  });

  it('refuses enabled thinking, unless as much output as it takes may be paid for', async () => {
    const enabled = { thinking: { type: 'enabled', budget_tokens: 1024 }, messages };
    const refused = await createWarmer().run([{ body: { model: MODEL, ...enabled } }]);
    expect(refused.results[0]).toMatchObject({
      status: 'refused',
      tries: 0,
      reason: expect.stringContaining('1025 tokens'),
    });
    const { result, usage, sent } = await coldUser(
      enabled,
      { ...enabled, max_tokens: 2000 },
      { fallback: 'any' },
    );
    expect(sent).toMatchObject({ max_tokens: 1025 });
    expect(result?.status).toBe('wrote');
    expect(usage.cache_read_input_tokens).toBe(900);
  });

  it('refuses compaction, which would write a summary', async () => {
    const report = await createWarmer({ fallback: 'any' }).run([
      { body: { model: MODEL, system: marked, compaction: {} } },
    ]);
    expect(report.results[0]).toMatchObject({
      status: 'refused',
      reason: expect.stringContaining('compaction'),
    });
    expect(emulated.sent).toEqual([]);
  });

  it('warms for batches by an ordinary request', async () => {
    const report = await createWarmer().run([{ body: { model: MODEL, system: marked }, isBatch: true }]);
    expect(report.results[0]).toMatchObject({ status: 'wrote', reason: expect.stringContaining('batches') });
    expect(emulated.sent[0]).toMatchObject({ max_tokens: 0 });
  });

  it('refuses all of them where no output may be paid for', async () => {
    const body = { model: MODEL, messages, output_config: { format: schema } };
    const report = await createWarmer({ fallback: 'none' }).run([{ body }]);
    expect(report.results[0]).toMatchObject({
      status: 'refused',
      reason: expect.stringContaining('structured output'),
    });
    expect(report.notWarm).toBe(1);
  });

  it('pays for a token where the service itself knows no max_tokens: 0', async () => {
    await emulated.script({
      status: 400,
      error: 'invalid_request_error',
      message: 'max_tokens: Input should be greater than 0',
    });
    const { result, sent } = await coldUser({ system: marked }, { system: marked, messages });
    expect(sent).toMatchObject({ max_tokens: 1 });
    expect(result).toMatchObject({
      status: 'wrote',
      tries: 2,
      reason: expect.stringContaining('refuses max_tokens: 0'),
    });
  });
});

describe('markers', () => {
  const block = (name: string, marker: object = {}): JsonObject => ({
    type: 'text',
    text: text(600, name),
    ...marker,
  });
  const hour = { cache_control: { type: 'ephemeral', ttl: '1h' } };
  const short = { cache_control: { type: 'ephemeral' } };

  it('keeps those of the client with their TTLs, and sends nothing behind the last', async () => {
    const body = {
      model: MODEL,
      system: [block('a', hour), block('b', short)],
      messages: [question(text(500, 'private'))],
    };
    await createWarmer().run([{ body }]);
    expect(emulated.sent[0]?.['system']).toEqual(body.system);
    expect(JSON.stringify(emulated.sent[0])).not.toContain('wprivate');
    const entries = await emulated.entries();
    expect(entries.map(({ tokens, ttl }) => `${tokens} for ${ttl}`).toSorted()).toEqual([
      '1200 for 5m',
      '600 for 1h',
    ]);
  });

  it('never has more than four', async () => {
    const four = ['a', 'b', 'c', 'd'].map((name) => block(name, short));
    const report = await createWarmer().run([
      { body: { model: MODEL, system: four, messages: [question('x')] } },
      {
        body: {
          model: MODEL,
          tools,
          system: four.slice(1),
          cache_control: { type: 'ephemeral' },
          messages: [question('x')],
        },
      },
      { body: { model: MODEL, system: [...four, block('e', short)] } },
    ]);
    expect(emulated.sent.map(markersOf)).toEqual([4, 4]);
    expect(report.results[2]).toMatchObject({
      status: 'refused',
      reason: expect.stringContaining('maximum of 4'),
    });
  });

  it('ends where the option says, whatever the client marks', async () => {
    const body = { model: MODEL, tools, system, messages: [{ role: 'user', content: [block('m', short)] }] };
    await createWarmer({ shared: 'system' }).run([{ body }]);
    expect(JSON.stringify(emulated.sent[0])).not.toContain('wmx');
    expect(emulated.sent[0]).toMatchObject({ system: [{ cache_control: { type: 'ephemeral' } }] });
  });

  it('does not cut what the shared part depends on', async () => {
    const cited = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
      citations: { enabled: true },
    };
    const body = {
      model: MODEL,
      system: [block('a', short), block('b', short)],
      messages: [{ role: 'user', content: [cited] }],
    };
    await createWarmer().run([{ body }]);
    expect(JSON.stringify(emulated.sent[0])).toContain('citations');
    const usage = await emulated.ask(body);
    expect(usage.cache_read_input_tokens).toBe(1200);
  });
});

describe('what the bill says', () => {
  const body = { model: MODEL, system };

  it('tells written from warm, and follows the life of the entry', async () => {
    const warming = createWarmer();
    const prompt = { id: 'handbook', body };
    expect((await warming.run([prompt])).counts.wrote).toBe(1);
    await emulated.advance(200_000);
    const again = await warming.run([prompt]);
    expect(again.results[0]).toMatchObject({ status: 'already-warm', warmUntilMs: 500_000 });
    expect(warming.warmUntilMs(prompt)).toBe(500_000);
    await emulated.advance(299_999);
    expect(warming.warm()).toHaveLength(1);
    await emulated.advance(1);
    expect(warming.warm()).toEqual([]);
    expect(warming.warmUntilMs(prompt)).toBeNull();
    expect((await warming.run([prompt])).counts.wrote).toBe(1);
  });

  it('renews an entry of an hour for an hour', async () => {
    const warming = createWarmer({ ttl: '1h' });
    await warming.run([{ body }]);
    await emulated.advance(1_800_000);
    const again = await warming.run([{ body }]);
    expect(again.results[0]).toMatchObject({ status: 'already-warm', ttl: '1h', warmUntilMs: 5_400_000 });
  });

  it('gives a duplicate the fate of the prompt with its prefix', async () => {
    await emulated.script({ status: 400, error: 'invalid_request_error' });
    const report = await createWarmer().run([{ id: 'first', body }, { body }]);
    expect(report).toMatchObject({ counts: { failed: 2, duplicate: 0 }, notWarm: 2, requests: 1 });
    expect(report.results[1]?.reason).toBe('its prefix is that of first');
  });

  it('does not send what is known to stay warm for long enough', async () => {
    const warming = createWarmer({ ttl: '1h' });
    await warming.run([{ body }]);
    const second = await warming.run([{ body }], { enoughMs: 3_600_000 });
    expect(second).toMatchObject({ requests: 0, counts: { 'still-warm': 1 }, notWarm: 0 });
    await emulated.advance(1);
    expect((await warming.run([{ body }], { enoughMs: 3_600_000 })).counts['already-warm']).toBe(1);
  });

  it('says what is too short, and does not pay where that is certain', async () => {
    const report = await createWarmer().run([
      { body: { model: MODEL, system: 'short' } },
      { body: { model: MODEL, system: text(400) } },
    ]);
    expect(report.results.map(({ status, tries }) => [status, tries])).toEqual([
      ['below-minimum', 0],
      ['below-minimum', 1],
    ]);
    expect(report.notWarm).toBe(0);
  });

  it('says when another request has warmed it', async () => {
    await emulated.ask({
      system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }],
      messages: [question('x')],
    });
    expect((await createWarmer().run([{ body }])).counts['already-warm']).toBe(1);
  });

  it('is what the preview expects', async () => {
    const ofTokens = await startEmulated('estimate');
    const { send, clock, timers } = ofTokens;
    const warming = warmer({ send, clock, timers });
    const prompts = ['a', 'b'].map((name) => ({
      body: { model: MODEL, tools, system, messages: [question(text(600, name))] },
    }));
    const preview = warming.preview([
      ...prompts,
      ...prompts,
      { body: { model: MODEL, system: 'short' } },
      { body: {} },
    ]);
    expect(preview.prompts.map(({ fate }) => fate)).toEqual([
      'send',
      'send',
      'duplicate',
      'duplicate',
      'below-minimum',
      'refused',
    ]);
    const report = await warming.run(prompts);
    expect(report.tokens.readTokens).toBeGreaterThan(1000);
    expect(preview).toMatchObject({ requests: 2, expectedPicoUsd: report.costPicoUsd });
    await ofTokens.close();
  });

  it('warms one prefix once, and a common beginning once', async () => {
    const documents = ['a', 'b', 'c'].map((name) => ({
      body: {
        model: MODEL,
        system,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text(600, name) } },
            ],
          },
        ],
      },
    }));
    const report = await createWarmer({ concurrency: 6 }).run([...documents, ...documents]);
    expect(report.counts).toMatchObject({ wrote: 3, duplicate: 3 });
    expect(report.tokens).toMatchObject({ write5mTokens: 1000 + 3 * 601, readTokens: 2000 });
  });
});
