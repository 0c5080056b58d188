import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { responseCache } from '../../src/responses/index.ts';
import { messageJson } from '../support/messages.ts';
import { createUpstream, HEADERS, jsonAnswer, textOf } from './upstream.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);

type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };
type Members = Readonly<Record<string, Json>>;

/** A request as the test holds it. */
interface Asking {
  readonly body: Members;
  readonly headers: Readonly<Record<string, string>>;
}

const block = (text: string): Members => ({ type: 'text', text, cache_control: { type: 'ephemeral' } });

const asking = fc.record({
  body: fc.record({
    model: fc.constantFrom('claude-opus-5-5', 'claude-sonnet-5-5'),
    max_tokens: fc.integer({ min: 1, max: 9 }),
    temperature: fc.constant(0),
    stream: fc.boolean(),
    top_p: fc.double({ min: 0, max: 1, noNaN: true }),
    system: fc.oneof(fc.string(), fc.array(fc.string().map(block), { maxLength: 3 })),
    tools: fc.array(
      fc.record({
        name: fc.string(),
        cache_control: fc.constant({ type: 'ephemeral' }),
        input_schema: fc.record({
          properties: fc.dictionary(fc.string(), fc.jsonValue()),
          cache_control: fc.jsonValue(),
        }),
      }),
      { maxLength: 2 },
    ),
    messages: fc.array(
      fc.record({
        role: fc.constantFrom('user', 'assistant'),
        content: fc.oneof(
          fc.string(),
          fc.array(
            fc.oneof(
              fc.string().map(block),
              fc.record({
                type: fc.constant('tool_use'),
                id: fc.string(),
                input: fc.dictionary(fc.string(), fc.jsonValue()),
              }),
              fc.record({
                type: fc.constant('tool_result'),
                content: fc.array(fc.string().map(block), { maxLength: 2 }),
              }),
            ),
            { maxLength: 3 },
          ),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    metadata: fc.record({ user_id: fc.string() }),
    service_tier: fc.constantFrom('auto', 'standard_only'),
    diagnostics: fc.jsonValue(),
    invented: fc.jsonValue(),
  }),
  headers: fc.constant(HEADERS),
}) as fc.Arbitrary<Asking>;

/** What may say the same in other bytes: order of members, white space, escapes, and what is left out by name. */
function respell(value: Json, random: () => number): string {
  const space = (): string =>
    random() < 0.2 ? ([' ', '\n', '\t', '\r\n'][Math.floor(random() * 4)] ?? '') : '';
  if (typeof value === 'string') return respellText(value, random);
  if (Array.isArray(value))
    return `[${space()}${value.map((each: Json) => respell(each, random)).join(`${space()},${space()}`)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => ({
    order: random(),
    name,
    member,
  }));
  const shuffled = members.toSorted((a, b) => a.order - b.order);
  const texts = shuffled.map(
    ({ name, member }) => `${respellText(name, random)}${space()}:${space()}${respell(member, random)}`,
  );
  return `{${space()}${texts.join(`${space()},`)}${space()}}`;
}

function respellText(text: string, random: () => number): string {
  const letters = Array.from({ length: text.length }, (_, at) => {
    const code = text.charCodeAt(at);
    return random() < 0.1
      ? `\\u${code.toString(16).padStart(4, '0')}`
      : JSON.stringify(text[at]).slice(1, -1);
  });
  // Halves of a pair must stay whole, or both be escapes.
  const literal = `"${letters.join('')}"`;
  return JSON.parse(Buffer.from(literal).toString()) === text ? literal : JSON.stringify(text);
}

/** Ways to ask the same in other words. */
const SAME: readonly ((from: Asking) => Asking)[] = [
  (from) => from,
  ({ body, headers }) => ({ body: { ...body, stream: body['stream'] !== true }, headers }),
  ({ body, headers }) => ({ body: { ...body, metadata: { user_id: 'another' } }, headers }),
  ({ body, headers }) => ({ body: { ...body, diagnostics: { previous_message_id: 'm' } }, headers }),
  ({ body, headers }) => ({ body: { ...body, service_tier: 'other' }, headers }),
  ({ body, headers }) => ({ body: { ...body, cache_control: { type: 'ephemeral', ttl: '1h' } }, headers }),
  ({ body, headers }) => ({ body: unmark(body), headers }),
  ({ body, headers }) => ({
    body,
    headers: { ...headers, 'User-Agent': 'x', 'x-stainless-retry-count': '2' },
  }),
];

/** Without the markers of blocks, by a walk of its own. */
function unmark(body: Members): Members {
  const bare = (blocks: Json | undefined): Json => {
    if (!Array.isArray(blocks)) return blocks ?? null;
    return blocks.map((each: Json) => {
      const { cache_control: _marker, ...rest } = each as Members;
      return 'content' in rest ? { ...rest, content: bare(rest['content']) } : rest;
    });
  };
  const messages = (body['messages'] as readonly Members[]).map((each) => ({
    ...each,
    content: bare(each['content']),
  }));
  return { ...body, system: bare(body['system']), tools: bare(body['tools']), messages };
}

const LEFT_OUT = new Set(['metadata', 'stream', 'diagnostics', 'service_tier', 'cache_control']);

/** Every place whose value may make another answer. */
function places(
  value: Json,
  path: readonly (string | number)[] = [],
): readonly (readonly (string | number)[])[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((each: Json, at) => places(each, [...path, at]))];
  if (typeof value !== 'object' || value === null) return [path];
  const isBody = path.length === 0;
  const isBlock =
    path.length > 0 &&
    typeof path.at(-1) === 'number' &&
    ['content', 'system', 'tools'].includes(String(path.at(-2))) &&
    !path.includes('input') &&
    !path.includes('input_schema') &&
    path[0] !== 'invented';
  const members = Object.entries(value).filter(([name]) =>
    isBody ? !LEFT_OUT.has(name) : !(isBlock && name === 'cache_control'),
  );
  return [path, ...members.flatMap(([name, member]) => places(member, [...path, name]))];
}

function changeAt(value: Json, path: readonly (string | number)[], change: (old: Json) => Json): Json {
  const [first, ...rest] = path;
  if (first === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((each: Json, at) => (at === first ? changeAt(each, rest, change) : each));
  const members = Object.entries(value as Members).map(
    ([name, member]) => [name, name === first ? changeAt(member, rest, change) : member] as const,
  );
  return Object.fromEntries(members);
}

function another(old: Json): Json {
  if (typeof old === 'string') return `${old}\u0301`;
  // Of a large number one more is the same.
  if (typeof old === 'number') return old === 0 ? 1 : -old;
  if (typeof old === 'boolean') return !old;
  if (old === null) return 'null';
  return Array.isArray(old) ? [...old, null] : { ...(old as Members), 'invented-member': 0 };
}

/** Who asks, and of which version of the API. */
const OTHER_HEADERS: readonly Readonly<Record<string, string>>[] = [
  { 'x-api-key': 'sk-other' },
  { 'X-Api-Key': 'sk-test ' },
  { authorization: 'Bearer sk-test' },
  { 'anthropic-workspace-id': 'wrkspc_2' },
  { 'x-cachewright-scope': 'team' },
  { 'anthropic-version': '2024-01-01' },
  { 'anthropic-beta': 'new-thing' },
  { 'anthropic-invented': '1' },
];

async function keyOf(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
  target?: string,
): Promise<string | null> {
  const answer = await cache.answer({ body, headers, ...(target ? { target } : {}) }, upstream.send);
  await textOf(answer.body);
  return answer.served.key;
}

const cache = responseCache({ memoryBytesMax: 4_000_000 });
const upstream = createUpstream(() => jsonAnswer());

describe('answers are shared', () => {
  it('by requests that say the same, in whatever bytes', async () => {
    const same = fc.asyncProperty(
      asking,
      fc.nat(SAME.length - 1),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (from, way, numbers) => {
        const random = (): number => numbers.next().value as number;
        const to = SAME[way]?.(from) ?? from;
        const key = await keyOf(JSON.stringify(from.body), from.headers);
        expect(key).not.toBeNull();
        expect(await keyOf(respell(to.body, random), to.headers)).toBe(key);
      },
    );
    await fc.assert(same, { numRuns: 300 * EFFORT });
  });

  it('never by requests that could be answered differently', async () => {
    const different = fc.asyncProperty(
      asking,
      fc.nat(),
      fc.option(fc.nat(OTHER_HEADERS.length - 1), { freq: 5 }),
      async (from, at, who) => {
        const key = await keyOf(JSON.stringify(from.body), from.headers);
        const all = places(from.body);
        const body =
          who === null ? (changeAt(from.body, all[at % all.length] ?? [], another) as Members) : from.body;
        const headers =
          who === null
            ? from.headers
            : { ...withoutNames(from.headers, OTHER_HEADERS[who] ?? {}), ...OTHER_HEADERS[who] };
        expect(await keyOf(JSON.stringify(body), headers)).not.toBe(key);
      },
    );
    await fc.assert(different, { numRuns: 500 * EFFORT });
  });

  it('so that everybody gets the answer to the own request', async () => {
    // The upstream answers with what was asked, who asked included.
    const echo = createUpstream(({ body, headers }) => {
      const said = JSON.stringify([
        body['model'],
        body['messages'],
        body['invented'],
        headers['x-api-key'],
        headers['anthropic-beta'],
      ]);
      return jsonAnswer(messageJson().replace('"Fine."', JSON.stringify(said)));
    });
    const shared = responseCache({ memoryBytesMax: 2_000_000 });
    const few = fc.record({
      model: fc.constantFrom('a', 'b'),
      temperature: fc.constant(0),
      messages: fc.array(
        fc.constantFrom(
          { role: 'user', content: 'x' },
          { role: 'user', content: 'y' },
          { role: 'user', content: [] },
        ),
        { maxLength: 2 },
      ),
      invented: fc.constantFrom(null, 0, '0', [], {}, false, ''),
    });
    const one = fc.tuple(few, fc.constantFrom('k1', 'k2'), fc.constantFrom('b1', 'b2', 'b1,b2'));
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 40 }), async (many) => {
        await Promise.all(
          many.map(async ([body, key, beta]) => {
            const headers = { 'x-api-key': key, 'anthropic-beta': beta };
            const answer = await shared.answer({ body: JSON.stringify(body), headers }, echo.send);
            const said = (JSON.parse(await textOf(answer.body)) as { content: { text: string }[] }).content[0]
              ?.text;
            expect(said).toBe(JSON.stringify([body.model, body.messages, body.invented, key, beta]));
          }),
        );
      }),
      { numRuns: 50 * EFFORT },
    );
    expect(shared.summary().hits.memory).toBeGreaterThan(0);
  });
});

function withoutNames(
  headers: Readonly<Record<string, string>>,
  names: Readonly<Record<string, string>>,
): Record<string, string> {
  const other = new Set(Object.keys(names).map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !other.has(name.toLowerCase())));
}

describe('bytes that look alike', () => {
  const body = (content: string): string =>
    `{"model":"m","temperature":0,"messages":[{"role":"user","content":${content}}]}`;
  it.each([
    ['numbers beyond what a float holds', '9007199254740992', '9007199254740993'],
    ['numbers of other spelling', '1', '1.0'],
    ['one letter composed and decomposed', '"\u00e9"', '"e\u0301"'],
    ['halves of pairs', '"\\ud800"', '"\\ud801"'],
    ['a half and what replaces it', '"\\ud800"', '"\ufffd"'],
    ['a text and its number', '"1"', '1'],
    ['null and nothing', '{"a":null}', '{}'],
    ['a backslash more', '"\\\\"', '"\\\\\\\\"'],
    ['a member of the prototype', '{"__proto__":1}', '{}'],
    ['an empty list and an empty object', '[]', '{}'],
    ['text that closes a string', '"a\\",\\"b"', '["a","b"]'],
  ])('%s are not shared', async (_name, a, b) => {
    expect(await keyOf(body(a), HEADERS)).not.toBeNull();
    expect(await keyOf(body(a), HEADERS)).not.toBe(await keyOf(body(b), HEADERS));
  });

  it('share where only order or escapes differ', async () => {
    expect(await keyOf(body('{"2":1,"1":"\\u00e9"}'), HEADERS)).toBe(
      await keyOf(body('{"1":"é","\\u0032":1}'), HEADERS),
    );
    const betas = (value: string): Promise<string | null> =>
      keyOf(body('"x"'), { ...HEADERS, 'anthropic-beta': value });
    expect(await betas('a, b')).toBe(await betas('b,a,a'));
  });

  it.each([
    ['a member twice', '{"a":1,"a":1}'],
    ['a member twice, once with an escape', '{"a":1,"\\u0061":2}'],
    ['more depth than anybody needs', `${'['.repeat(600)}${']'.repeat(600)}`],
  ])('%s: passed on', async (_name, content) => {
    expect(await keyOf(body(content), HEADERS)).toBeNull();
  });

  it('bytes that are not UTF-8, or begin with a mark, are passed on', async () => {
    const answerTo = async (bytes: Uint8Array): Promise<string | null> => {
      const answer = await cache.answer({ body: bytes, headers: HEADERS }, async () => jsonAnswer());
      return answer.served.reason;
    };
    expect(await answerTo(Buffer.from(body('"\u00ff"'), 'latin1'))).toBe('unreadable-body');
    expect(await answerTo(Buffer.from(`\ufeff${body('"x"')}`))).toBe('unreadable-body');
  });

  it('another path or query is another request', async () => {
    const text = body('"x"');
    const keys = await Promise.all(
      [undefined, '/v1/messages?beta=true', '/proxy/v1/messages'].map((target) =>
        keyOf(text, HEADERS, target),
      ),
    );
    expect(new Set(keys).size).toBe(3);
    expect(await keyOf(text, HEADERS, '/v1/messages/count_tokens')).toBeNull();
  });
});
