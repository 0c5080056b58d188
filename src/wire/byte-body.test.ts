import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readPrompt, type JsonObject } from '../core/index.ts';
import { toByteBody, type ByteBody } from './byte-body.ts';
import { scanBodyAndKeys } from './scan-body.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? '1');

function read(bytes: Buffer): ByteBody | null {
  const scanned = scanBodyAndKeys(bytes);
  return 'map' in scanned ? toByteBody(bytes, scanned) : null;
}

/** The only block of a body with this one. */
function blockOf(text: string): ByteBody['blocks'][number] | undefined {
  return read(Buffer.from(`{"messages":[{"role":"user","content":[${text}]}]}`))?.blocks[0];
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    'a "word"',
    'line\nline\ttab\r\b\f\\ / \u001b[0m \u007f \u2028',
    'é 日本 😀',
    '\ud800',
    'x'.repeat(300),
  ),
);
const data = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' });
const inner = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({
    type: fc.constant('text'),
    text,
    cache_control: fc.constantFrom({ type: 'ephemeral' }, null, 'x'),
  }),
  fc.constant({ type: 'image', source: { type: 'url', url: 'u' } }),
);
const block = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({ type: fc.constant('text'), text, citations: fc.constantFrom(null, [], [{ cited_text: 'a' }]) }),
  fc.record({ text, type: fc.constant('text') }),
  fc.record({
    type: fc.constant('text'),
    text,
    cache_control: fc.constantFrom({ type: 'ephemeral', ttl: '1h' }, null),
  }),
  fc.record({ type: fc.constant('tool_use'), id: text, name: text, input: data }),
  fc.record({
    type: fc.constant('tool_result'),
    tool_use_id: text,
    content: fc.oneof(text, fc.array(inner)),
  }),
  fc.record({
    content: text,
    is_error: fc.boolean(),
    type: fc.constantFrom('tool_result', 'mcp_tool_result'),
  }),
  fc.record({ type: fc.constant('thinking'), thinking: text, signature: text }),
  fc.record({
    type: fc.constantFrom('image', 'document'),
    source: fc.constant({ type: 'content', content: [{ type: 'image' }] }),
    citations: fc.constant({ enabled: true }),
  }),
  fc.record({ type: data, text: data, content: data }),
);
const tool = fc.oneof(
  fc.record({ name: text, description: text, input_schema: data }),
  fc.record({ name: text, defer_loading: fc.constantFrom(true, false, null) }),
  fc.constantFrom({ type: 'web_search_20250305', name: 'w' }, { type: 'bash_20250124', name: 'b' }),
);
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'assistant', 'größer', 7), content: fc.array(block) }),
  fc.record({ role: fc.constantFrom('user', 'assistant'), content: text }),
  fc.record({
    content: fc.array(block),
    role: fc.constant('system'),
    clear_at: fc.constant('next_user_message'),
  }),
  fc.record({ role: fc.constant('user'), content: text, output_config: fc.constant({ effort: 'low' }) }),
);
const body = fc.record(
  {
    model: fc.constantFrom('claude-opus-5-5', 'claude-haiku-4-5'),
    thinking: fc.constantFrom({ type: 'disabled' }, { type: 'enabled', budget_tokens: 2048 }),
    system: fc.oneof(text, fc.array(block)),
    tools: fc.array(tool),
    messages: fc.array(message),
  },
  { requiredKeys: ['messages'] },
);
/** The same value written otherwise, or now and then another value. */
const respelling = fc.constantFrom<readonly [RegExp, string]>(
  [/,/g, ', '],
  [/:/, ' :'],
  [/a/, '\\u0061'],
  [/\//g, '\\/'],
  [/\\n/, '\\u000a'],
  [/\\u001b/, '\\u001B'],
  [/([1-9]\d*)([,}\]])/, '$1.0$2'],
  [/0([,}\]])/, '-0$1'],
  [/([1-9])([,}\]])/g, '$1e0$2'],
  [/[\u007f-\uffff]/g, 'escape'],
  [/[[{,:]/g, '$& \r\n\t'],
  [/"text":"/, '"text":"","text":"'],
  [/"role":"user"/, '"role":"assistant","role":"user"'],
  [/^\{/, '{"system":"first",'],
);

/** As Python's `json.dumps` writes what is not ASCII. */
function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function show(value: JsonObject, blocks: ByteBody['blocks'] | null): unknown {
  const { blocks: found, ...rest } = readPrompt(value, { blocks });
  return {
    ...rest,
    blocks: found.map(({ level, path, type, role, label, canCarryMarker, content, value: own }) => [
      [level, path, type, role, label, canCarryMarker, content],
      JSON.stringify(own),
    ]),
  };
}

describe('a body left in its bytes', () => {
  it('is the prompt that its value is, however it is written', () => {
    let plain = 0;
    fc.assert(
      fc.property(body, fc.array(respelling, { maxLength: 2 }), (value, respellings) => {
        const written = respellings.reduce(
          (json, [from, to]) => (to === 'escape' ? json.replace(from, escapeUnit) : json.replace(from, to)),
          JSON.stringify(value),
        );
        const bytes = Buffer.from(written);
        const found = read(bytes);
        if (!found) return;
        const parsed = JSON.parse(written) as JsonObject;
        expect(show(found.value, found.blocks)).toEqual(show(parsed, null));
        expect(JSON.stringify(found.value)).toBe(JSON.stringify(parsed));
        for (const { plain: content } of found.blocks) {
          if (!content) continue;
          plain += 1;
          const target = Buffer.alloc(content.length + 2);
          expect(content.copyTo(target, 1)).toBe(content.length + 1);
          expect(target.toString('utf8', 1, content.length + 1)).toBe(content.toText());
        }
      }),
      { numRuns: 300 * effort },
    );
    expect(plain).toBeGreaterThan(300);
  });

  it.each([
    '{"type":"text","text":"a \\"word\\"\\n\\u001b é 😀"}',
    '{"text":"a","type":"text","citations":null}',
    '{"type":"tool_use","id":"t","name":"n","input":{"b":1,"a":[-1.5,1e-7,true,null,{}]}}',
    '{"type":"tool_result","tool_use_id":"t","content":"","is_error":false}',
    '{"type":"thinking","thinking":"","signature":"s"}',
    '{"type":"tool_use","input":{"a":{"a":1,"b":[{"a":1},{"a":1}]},"b":{"a":1},"input":1}}',
    `{"input":{${Array.from({ length: 60 }, (_, at) => `"k${at}":${at}`).join()}}}`,
  ])('hashes from its bytes: %s', (written) => {
    expect(blockOf(written)?.plain).not.toBeNull();
  });

  it.each([
    ['white space', '{"type":"text", "text":"a"}'],
    ['white space at the end', '{"type":"text","text":"a" }'],
    ['white space in a list', '{"type":"tool_use","input":[ ]}'],
    ['a slash that is escaped', '{"type":"text","text":"\\/"}'],
    ['a letter that is escaped', '{"type":"text","text":"\\u0061"}'],
    ['half a character', '{"type":"text","text":"\\ud800"}'],
    ['a line end in digits', '{"type":"text","text":"\\u000a"}'],
    ['capital digits', '{"type":"text","text":"\\u001B"}'],
    ['a number with an exponent', '{"type":"tool_use","input":1e2}'],
    ['a number with a point for nothing', '{"type":"tool_use","input":1.0}'],
    ['minus nothing', '{"type":"tool_use","input":-0}'],
    ['more digits than a number holds', '{"type":"tool_use","input":12345678901234567890}'],
    ['a list of nothing', '{"type":"tool_result","content":[]}'],
    [
      'a list of texts',
      '{"type":"tool_result","content":[{"type":"text", "text":"a"},{"text":"b","type":"text"}]}',
    ],
    ['a text as a result', '{"content": "a\\/", "type":"tool_result","is_error" : true}'],
    ['a pair of halves', '{"type":"text","text":"\\ud83d\\ude00\\uD83D\\uDE00"}'],
    ['halves that are no pair', '{"type":"text","text":"\\ude00\\ud83d\\ud83d\\ude00\\ud83dx\\ud83d\\n"}'],
    [
      'marks that stay escapes',
      '{"type":"text","text":"\\u0022\\u005C\\u0008\\u0009\\u000C\\u000d\\u001F\\u007F\\u2028é"}',
    ],
    ['an escape between others that stays', '{"type":"text","text":"\\u007f\\u0000\\u007f"}'],
    ['a number beyond all', '{"type":"tool_use","input":[1e999,-1E999]}'],
    ['many pieces', `{"type":"tool_use","input":[${'1.50, '.repeat(300)}"${'ab\\u00e9'.repeat(200)}"]}`],
  ])('rewrites %s', (_what, written) => {
    const value = JSON.parse(written) as JsonObject;
    const found = blockOf(written);
    expect(found?.plain).not.toBeNull();
    const texts = [{ type: 'text', text: value['content'] }];
    const own = typeof value['content'] === 'string' ? { ...value, content: texts } : value;
    expect(found?.plain?.toText()).toBe(JSON.stringify(own));
    expect(found?.plain?.length).toBe(Buffer.byteLength(JSON.stringify(own)));
    expect(found?.value).toEqual(value);
  });

  it.each([
    ['a member twice', '{"type":"text","text":"a","text":"b"}'],
    ['a member twice further in', '{"type":"tool_use","input":{"a":[{"bc":1,"d":2,"bc":3}]}}'],
    ['more members than are compared', `{"input":{${'"a":1,'.repeat(64)}"b":1}}`],
    ['a marker', '{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}'],
    ['a marker of null', '{"type":"text","text":"a","cache_control":null}'],
    ['a number that grows when it is written anew', '{"type":"tool_use","input":1e20}'],
    ['a list in what is no result', '{"type":"text","text":"a","content":[]}'],
    ['a list of images', '{"type":"tool_result","content":[{"type":"image"}]}'],
    ['a list of empty texts', '{"type":"tool_result","content":[{"type":"text","text":""}]}'],
    [
      'a list of marked texts',
      '{"type":"tool_result","content":[{"type":"text","text":"a","cache_control":null}]}',
    ],
    [
      'a list of texts with more to them',
      '{"type":"tool_result","content":[{"type":"text","text":"a","citations":[]}]}',
    ],
    ['a list of strings', '{"type":"tool_result","content":["a"]}'],
    ['a content that is an object', '{"type":"tool_result","content":{"type":"text","text":"a"}}'],
    ['an image', '{"type":"image"}'],
    ['a source', '{"type":"document","source":{}}'],
    ['citations', '{"type":"text","text":"a","citations":[]}'],
    ['an empty text', '{"type":"text","text":""}'],
    ['a type that is none', '{"type":1}'],
  ])('works the content out of the value: %s', (_what, written) => {
    expect(blockOf(written)?.plain).toBeNull();
    expect(blockOf(written)?.value).toEqual(JSON.parse(written));
  });

  it.each([
    ['a member of the root twice', '{"messages":[],"model":"a","model":"b"}'],
    ['a name that JavaScript moves', '{"messages":[{"role":"user","content":[{"input":{"b":1,"1":2}}]}]}'],
    ['a name with an escape', '{"messages":[{"role":"user","content":[{"inp\\u0075t":1}]}]}'],
    ['bytes that are no UTF-8', Buffer.from('7b226d65737361676573223a5b22ff225d7d', 'hex')],
  ])('is parsed as a whole with %s', (_what, written) => {
    expect(read(Buffer.from(written))).toBeNull();
  });

  it('gives a block its value alone, and the body its value when asked for', () => {
    const written =
      '{"system":"s","messages":[{"role":"user","content":"hi"},{"role":"user","name":1,"content":"x"}]}';
    const found = read(Buffer.from(written));
    expect(found?.head).toEqual({ system: 0, messages: 0 });
    expect(found?.blocks.map((each) => each.value)).toEqual(
      ['s', 'hi', 'x'].map((each) => ({ type: 'text', text: each })),
    );
    expect(found?.blocks.map((each) => each.message)).toEqual([
      null,
      { role: 'user' },
      { role: 'user', name: 1, content: 'x' },
    ]);
    expect(found?.value).toEqual(JSON.parse(written));
    expect(found?.value['messages']).toBe(found?.value['messages']);
  });
});
