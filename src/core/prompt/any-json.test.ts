import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObject, type JsonObject } from '../json.ts';
import { readMarkers } from './markers.ts';
import { chainPrefixes, readPrompt, toCacheRequest, type Prompt } from './prompt.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);

/** Names that the rules look at, and names that objects are touchy about. */
const NAMES = [
  'type text content source cache_control ttl citations enabled configs role defer_loading clear_at name tool',
  'output_config effort format tool_choice thinking context_management edits keep container skills speed 1',
  'toString valueOf toJSON __proto__ constructor length',
].flatMap((line) => line.split(' '));

const MEMBERS = [
  'model tools system messages cache_control thinking output_config tool_choice container context_management',
  'speed output_format __proto__ toString',
].flatMap((line) => line.split(' '));

/** Values that the rules look for, and values that are none of them. */
const VALUES: readonly unknown[] = [
  ...[
    'text thinking redacted_thinking tool_result tool_use document image ephemeral 5m 1h user system assistant',
    'next_user_message tool_addition tool_definition enabled clear_thinking_20251015 all web_search_20250305 fast',
  ].flatMap((line) => line.split(' ')),
  '',
  '\ud83d',
  0,
  -1,
  1e308,
  true,
  false,
  null,
];

const writeObject = (members: readonly (readonly [string, string])[]): string =>
  `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;

/** JSON texts, so that `__proto__` and repeated members come as they come from outside. */
const oddJson: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(...VALUES).map((value) => JSON.stringify(value)),
    fc.array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 5 }).map(writeObject),
    // Chance alone would seldom make something near to a marker.
    fc
      .tuple(tie('value'), tie('value'))
      .map(([type, ttl]) => `{"cache_control":{"type":${type},"ttl":${ttl}}}`),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
  ),
})).value;

const oddBodies: fc.Arbitrary<JsonObject> = fc
  .record({
    members: fc.array(fc.tuple(fc.constantFrom(...MEMBERS), oddJson), { maxLength: 6 }),
    blocks: fc.array(oddJson, { maxLength: 4 }),
    role: oddJson,
  })
  .map(({ members, blocks, role }) => {
    const list = `[${blocks.join(',')}]`;
    const messages = `[{"role":${role},"content":${list}},{"role":"user","content":${list}}]`;
    const text = writeObject([['tools', list], ['messages', messages], ...members]);
    return JSON.parse(text) as JsonObject;
  });

/** Prefixes with a hash that is short and good enough to tell them apart here. */
function prefixesOf(prompt: Prompt): readonly string[] {
  const hash = (content: string): string =>
    Array.from(content)
      .reduce((sum, unit) => Math.imul(sum ^ (unit.codePointAt(0) ?? 0), 0x01000193) >>> 0, 7)
      .toString(36);
  const chain = chainPrefixes(prompt, { partition: 'p', hash, countTokens: () => 1 });
  return toCacheRequest(prompt, chain).prefixIds;
}

function readEverything(body: JsonObject): void {
  const prompt = readPrompt(body);
  expect(prefixesOf(prompt)).toHaveLength(prompt.blocks.length);
  expect(prompt.markerProblem !== null).toBe('problem' in readMarkers(body));
  expect(prompt.blocks.every((block) => typeof block.type === 'string' && isObject(block.value))).toBe(true);
  const carriers = prompt.breakpoints.map(({ blockIndex }) => prompt.blocks[blockIndex]?.canCarryMarker);
  expect(carriers.every(Boolean)).toBe(true);
}

describe('any JSON object for a body', () => {
  it('never fails', () => {
    fc.assert(fc.property(oddBodies, readEverything), { numRuns: Math.ceil(400 * effort) });
  });

  it('never fails on members of no meaning either', () => {
    const bodies = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(fc.property(bodies, readEverything), { numRuns: Math.ceil(50 * effort) });
  });

  it('reads a body the same when it is written and parsed again', () => {
    fc.assert(
      fc.property(oddBodies, (body) => {
        const again = JSON.parse(JSON.stringify(body)) as JsonObject;
        expect(prefixesOf(readPrompt(again))).toEqual(prefixesOf(readPrompt(body)));
      }),
      { numRuns: Math.ceil(100 * effort) },
    );
  });

  it('never fails on what is nested as deep as wire lets through', () => {
    const nest = (open: string, close: string): JsonObject => {
      const marker = '{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}';
      const block = `${open.repeat(500)}${marker}${close.repeat(500)}`;
      return JSON.parse(`{"messages":[{"role":"user","content":[${block}]}]}`) as JsonObject;
    };
    readEverything(nest('{"type":"tool_result","content":[', ']}'));
    readEverything(nest('{"type":"document","source":{"content":[', ']}}'));
    readEverything(nest('{"type":"search_result","content":', '}'));
  });
});
