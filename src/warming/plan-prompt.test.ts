import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  BREAKPOINTS_MAX,
  chainPrefixes,
  defaultCatalogue,
  pathText,
  readMarkers,
  readPrompt,
  type JsonObject,
} from '../core/index.ts';
import { validateBody } from '../emulator/validate.ts';
import { parseBody } from '../wire/index.ts';
import { canonicalJson } from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { isTooShort, planPrompt, worstCost, type PlanContext, type SendablePrompt } from './plan-prompt.ts';

const numRuns = Math.ceil(300 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const context: PlanContext = { catalogue: defaultCatalogue, shared: null, ttl: null, fallback: 'any' };

function plan(body: JsonObject, given: Partial<PlanContext> = {}): SendablePrompt {
  const planned = planPrompt({ body }, 'id', { ...context, ...given });
  if ('refusal' in planned) throw new Error(planned.refusal.message);
  return planned;
}

/** Prefix hashes of a body by path, under the partition of the plan. */
function prefixesOf(body: JsonObject, partition: string): ReadonlyMap<string, string> {
  const prompt = readPrompt(body);
  const { prefixIds } = chainPrefixes(prompt, { partition, hash: sha256Text, countTokens: () => 1 });
  return new Map(
    prompt.blocks.map(({ path, isString }, index) => [
      `${pathText(path)}${isString ? '.0' : ''}`,
      prefixIds[index] ?? '',
    ]),
  );
}

const marker = fc.option(fc.constant({ cache_control: { type: 'ephemeral' } }), { nil: {}, freq: 4 });
const words = fc.constantFrom('a', 'b c', 'd e f', '2026');
const textBlock = fc
  .record({ text: words, more: marker })
  .map(({ text, more }) => ({ type: 'text', text, ...more }));
const documentBlock = fc
  .record({ text: words, hasCitations: fc.boolean(), more: marker })
  .map(({ text, hasCitations, more }) => ({
    type: 'document',
    source: { type: 'text', media_type: 'text/plain', data: text },
    ...(hasCitations && { citations: { enabled: true } }),
    ...more,
  }));
const imageBlock = fc.constant({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'aGk=' },
});
const userContent = fc.oneof(
  words,
  fc.array(fc.oneof(textBlock, documentBlock, imageBlock), { minLength: 1, maxLength: 4 }),
);
const thought = { type: 'thinking', thinking: 'hm', signature: 'x'.repeat(40) };

/** A turn of the user and its answer; some answers call two tools, whose results come with the next message. */
const turn = fc
  .record({
    asked: userContent,
    said: words,
    kind: fc.constantFrom('plain', 'thinking', 'tools'),
    more: marker,
  })
  .map(({ asked, said, kind, more }) => {
    const user = { role: 'user', content: asked };
    if (kind === 'plain') return [user, { role: 'assistant', content: said }];
    const text = { type: 'text', text: said, ...more };
    if (kind === 'thinking') return [user, { role: 'assistant', content: [thought, text] }];
    const calls = ['1', '2'].map((id) => ({ type: 'tool_use', id, name: 'look', input: {} }));
    const results = ['1', '2'].map((id) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: said,
      ...(id === '1' && more),
    }));
    return [
      user,
      { role: 'assistant', content: [text, ...calls] },
      { role: 'user', content: results },
      { role: 'assistant', content: said },
    ];
  });

const anyBody: fc.Arbitrary<JsonObject> = fc
  .record({
    model: fc.constantFrom('claude-sonnet-5-5', 'claude-haiku-4-5', 'claude-opus-4-6', 'claude-sonnet-4-5'),
    tools: fc.array(fc.record({ description: words, more: marker }), { maxLength: 2 }),
    system: fc.option(fc.oneof(words, fc.array(textBlock, { maxLength: 3 }))),
    turns: fc.array(turn, { maxLength: 3 }),
    last: fc.option(userContent),
    automatic: marker,
    settings: fc.record(
      {
        stream: fc.boolean(),
        thinking: fc.constantFrom(
          { type: 'adaptive' },
          { type: 'disabled' },
          { type: 'enabled', budget_tokens: 1024 },
        ),
        tool_choice: fc.constantFrom({ type: 'auto' }, { type: 'any' }, { type: 'tool', name: 'look' }),
        output_config: fc.constantFrom({ effort: 'low' }, { format: { type: 'json_schema', schema: {} } }),
        speed: fc.constantFrom('fast', 'standard'),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ model, tools, system, turns, last, automatic, settings }) => ({
    model,
    max_tokens: 5000,
    ...settings,
    ...automatic,
    tools: tools.map(({ description, more }, index) => ({
      name: `tool${index}`,
      description,
      input_schema: { type: 'object' },
      ...more,
    })),
    ...(system !== null && { system }),
    messages: [...turns.flat(), ...(last === null ? [] : [{ role: 'user', content: last }])],
  }));

/** What real requests look like that go on from a prompt: the next turn is the user's. */
function goOn(body: JsonObject): JsonObject {
  const messages = body['messages'] as readonly JsonObject[];
  const endsWithUser = messages.at(-1)?.['role'] === 'user';
  return endsWithUser ? body : { ...body, messages: [...messages, { role: 'user', content: 'next' }] };
}

/** What is wrong with the plan of a body; nothing where all is well. */
function findFaults(body: JsonObject, planned: SendablePrompt, given: PlanContext): readonly string[] {
  const sent = planned.form.body;
  const paths = planned.targets.map(({ path }) => path);
  const real = prefixesOf(goOn(body), planned.request.partition);
  const markers = readMarkers(body);
  const own = 'problem' in markers ? [] : markers.explicit.map(({ block }) => pathText(block.path));
  const keepsOwn = own.length > 0 && given.shared === null && body['cache_control'] === undefined;
  const count = JSON.stringify(sent).split('"cache_control"').length - 1;
  const last = (sent['messages'] as readonly JsonObject[]).at(-1);
  const checks: Readonly<Record<string, boolean>> = {
    'the API refuses it': validateBody(sent, 'messages') === null,
    'another max_tokens is sent': sent['max_tokens'] === planned.form.maxTokens,
    'there are too many markers': count <= BREAKPOINTS_MAX,
    'there are other markers': count === paths.length,
    'the top-level marker is left': !('cache_control' in sent),
    'it does not end with the user': last?.['role'] === 'user',
    'a prefix is none of real requests': planned.targets.every(
      ({ path }, index) => planned.prefixIds[index] === real.get(path),
    ),
    'a TTL is not the one of the option':
      given.ttl === null || planned.targets.every(({ ttl }) => ttl === given.ttl),
    "the client's markers are not kept": !keepsOwn || String(paths) === String(own),
  };
  return Object.keys(checks).filter((fault) => checks[fault] !== true);
}

describe('planPrompt', () => {
  it('makes a request that the API takes, which writes prefixes that real requests have', () => {
    let planned = 0;
    let cut = 0;
    const shared = fc.constantFrom('tools', 'system', 'messages', null);
    fc.assert(
      fc.property(anyBody, shared, fc.constantFrom('5m', '1h', null), (body, level, ttl) => {
        const given: PlanContext = { ...context, shared: level, ttl };
        const result = planPrompt({ body }, 'id', given);
        const isBad = 'problem' in readMarkers(body);
        const codes = isBad ? ['bad-markers'] : ['nothing-shared'];
        const isRefused = 'refusal' in result;
        const faults = isRefused
          ? [result.refusal.code].filter((code) => !codes.includes(code))
          : findFaults(body, result, given);
        expect(faults).toEqual([]);
        expect(isBad && !isRefused).toBe(false);
        if (isRefused) return;
        planned += 1;
        if (JSON.stringify(result.form.body).length < JSON.stringify(body).length) cut += 1;
      }),
      { numRuns },
    );
    expect(planned).toBeGreaterThan(numRuns / 5);
    expect(cut).toBeGreaterThan(0);
  });

  it('leaves the original as it was', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const before = JSON.stringify(body);
        planPrompt({ body }, 'id', { ...context, ttl: '1h' });
        expect(JSON.stringify(body)).toBe(before);
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it('adds no marker whose TTL would be out of order beside those of the client', () => {
    const { form, targets } = plan({
      model: 'claude-sonnet-5-5',
      cache_control: { type: 'ephemeral' },
      tools: [{ name: 'look', input_schema: { type: 'object' } }],
      system: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [{ role: 'user', content: 'b' }],
    });
    expect(validateBody(form.body, 'messages')).toBeNull();
    expect(targets.map(({ path, ttl }) => `${path} ${ttl}`)).toEqual([
      'system.0 1h',
      'messages.0.content.0 5m',
    ]);
  });

  it('keeps together the results of one turn of tool calls', () => {
    const results = ['1', '2'].map((id) => ({ type: 'tool_result', tool_use_id: id, content: 'x' }));
    const calls = ['1', '2'].map((id) => ({ type: 'tool_use', id, name: 'look', input: {} }));
    const marked = { ...results[0], cache_control: { type: 'ephemeral' } };
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: calls },
      { role: 'user', content: [marked, results[1], { type: 'text', text: 'and' }] },
      { role: 'assistant', content: 'later' },
      { role: 'user', content: 'last' },
    ];
    const { form } = plan({ model: 'claude-sonnet-5-5', messages });
    expect(form.body['messages']).toEqual(messages.slice(0, 3));
  });

  it('writes keys in the order of the source, new ones last', () => {
    const source =
      '{"model":"claude-sonnet-5-5","system":[{"type":"text","text":"a"}],"metadata":{"2":1,"1":2}}';
    const parsed = parseBody(Buffer.from(source));
    if (!parsed.ok) throw new Error(parsed.reason);
    const text = canonicalJson(plan(parsed.value).form.body, true);
    expect(text).toContain('"metadata":{"2":1,"1":2}');
    expect(text).toMatch(
      /^\{"model":.*"messages":\[\{"role":"user","content":"Warm-up\."\}\],"max_tokens":0\}$/,
    );
    expect(text).toContain('{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}');
  });

  it.each([
    ['no-model', { system: 'a' }],
    ['thread', { model: 'm', system: 'a', thread: { id: 't' } }],
    ['nothing-shared', { model: 'claude-sonnet-5-5', messages: [] }],
    [
      'bad-markers',
      { model: 'm', system: [{ type: 'text', text: '', cache_control: { type: 'ephemeral' } }] },
    ],
  ])('refuses %s', (code, body) => {
    expect(planPrompt({ body }, 'id', context)).toMatchObject({ refusal: { code } });
  });
});

describe('isTooShort', () => {
  const ofWords = (count: number): SendablePrompt =>
    plan({ model: 'claude-sonnet-5-5', system: 'word '.repeat(count) });

  it('gives up only what is too short even where the estimate is far off', () => {
    const near = ofWords(250);
    expect(near.prefix.high).toBeLessThan(512);
    expect(near.prefix.high).toBeGreaterThan(512 / 1.5);
    expect(isTooShort(near)).toBe(false);
    expect(isTooShort(ofWords(100))).toBe(true);
  });
});

describe('worstCost', () => {
  const body = { model: 'claude-sonnet-5-5', system: 'word '.repeat(1000) };

  it('is that of writing everything, for an hour where a marker says so, at the dearest place', () => {
    const short = plan(body);
    const dollars = 2n * 11n * BigInt(short.worstTokens);
    // 2 USD per million tokens, a tenth on top, 1.25 and 2 times for writing.
    expect(worstCost(short, 0, 0)).toBe((dollars * 125_000n * 10n) / 10n);
    expect(worstCost(plan(body, { ttl: '1h' }), 0, 0)).toBe(dollars * 200_000n);
    expect(worstCost(short, 100, 0)! - worstCost(short, 0, 0)!).toBe(100n * 11n * 1_000_000n);
  });

  it('cannot be told where the prompt lies elsewhere', () => {
    const source = { type: 'url', url: 'https://example.com/a.pdf' };
    const messages = [{ role: 'user', content: [{ type: 'document', source }] }];
    expect(worstCost(plan({ model: 'claude-sonnet-5-5', messages }), 0, 0)).toBeNull();
  });
});
