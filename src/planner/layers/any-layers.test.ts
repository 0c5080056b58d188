import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPrompt, type JsonObject } from '../../core/index.ts';
import { layers, type Layer, type LayeredPrompt, type LayersOptions } from '../index.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const text = fc.constantFrom('x', 'It is 10:31. Be brief.', 'a\nb 17\nc', 'word '.repeat(3_000));
const marker = fc.constantFrom({}, {}, {}, { cache_control: { type: 'ephemeral' } }, { cache_control: null });
const block = fc
  .oneof(
    text.map((value) => ({ type: 'text', text: value })),
    fc.constantFrom<object>(
      { type: 'text', text: '' },
      { type: 'thinking', thinking: 'hm', signature: 's' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'eA==' } },
      { type: 'tool_result', tool_use_id: 'a', content: 'done' },
      { type: 'tool_use', id: 'a', name: 'a', input: {} },
      { type: 'hologram' },
    ),
  )
  .chain((value) => marker.map((more) => ({ ...value, ...more })));
const content = fc.oneof(text, fc.array(block, { maxLength: 3 }));
const message = fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content });
const tool = fc
  .record({ name: fc.constantFrom('a', 'b', 'c'), defer_loading: fc.boolean() }, { requiredKeys: ['name'] })
  .map((own) => ({ ...own, input_schema: { type: 'object', properties: {} } }));
const held = fc.oneof(
  fc.array(tool, { maxLength: 3 }).map((tools) => ({ tools })),
  content.map((system) => ({ system })),
  content.map((documents) => ({ documents })),
  fc.oneof(text, fc.array(message, { maxLength: 3 })).map((messages) => ({ messages })),
);
const traits = fc.record(
  {
    changes: fc.constantFrom<Layer['changes']>('never', 'daily', 'hourly', 'per-session', 'per-request', 9e6),
    tokens: fc.nat(20_000),
    requestsPerHour: fc.nat(50),
  },
  { requiredKeys: ['changes'] },
);
const declaration = fc
  .array(fc.tuple(held, traits), { maxLength: 6 })
  .map((list) => list.map(([own, more], index): Layer => ({ ...own, ...more, name: `layer ${index}` })));
const setting: fc.Arbitrary<LayersOptions> = fc.record({
  model: fc.constantFrom('claude-opus-5-5', 'claude-haiku-4-5', 'claude-sonnet-5', 'unheard-of'),
  requestsPerHour: fc.nat(500),
  order: fc.constantFrom<NonNullable<LayersOptions['order']>>('stable-first', 'cheapest', 'declared'),
  moveVolatile: fc.boolean(),
  stableTools: fc.boolean(),
});

function withoutMarker(value: JsonObject): string {
  const { cache_control: _marker, ...bare } = value;
  return JSON.stringify(bare);
}

const asBlocks = (value: unknown): readonly JsonObject[] =>
  typeof value === 'string'
    ? value === ''
      ? []
      : [{ type: 'text', text: value }]
    : ((value ?? []) as readonly JsonObject[]);

/** Every block of a level, whatever its order. */
function blocksOf(parts: readonly JsonObject[], names: readonly string[]): readonly string[] {
  return parts
    .flatMap((part) =>
      names.flatMap((name) => {
        const value = part[name];
        if (name !== 'messages' || typeof value === 'string') return asBlocks(value);
        return asBlocks(value).flatMap((each) => asBlocks(each['content']));
      }),
    )
    .map(withoutMarker)
    .toSorted();
}

function breakpointsOf(prompt: LayeredPrompt, model: string): readonly string[] {
  const read = readPrompt({ model, ...prompt.request });
  expect(read.markerProblem).toBe(null);
  return read.breakpoints.map(({ blockIndex, ttl }) => `${read.blocks[blockIndex]?.path.join('.')} ${ttl}`);
}

describe('whatever is declared', () => {
  it('the request is lawful, has the markers of its plan, and all blocks and no others', () => {
    fc.assert(
      fc.property(declaration, setting, (declared, options) => {
        const before = JSON.stringify(declared);
        const builder = layers(options);
        const prompt = builder.build(declared);
        expect(JSON.stringify(declared)).toBe(before);

        const planned = prompt.plan.breakpoints.map(({ path, ttl }) => `${path} ${ttl}`);
        expect(breakpointsOf(prompt, prompt.plan.model)).toEqual(planned);
        expect(prompt.plan.expected.costUsd).toBeLessThanOrEqual(prompt.plan.expected.withoutCachingUsd);

        const given = declared as unknown as readonly JsonObject[];
        const built = [prompt.request as JsonObject];
        const sameTools = blocksOf(built, ['tools']).join('\n') === blocksOf(given, ['tools']).join('\n');
        expect(sameTools || options.stableTools === true).toBe(true);
        expect(blocksOf(built, ['system'])).toEqual(blocksOf(given, ['system']));
        expect(blocksOf(built, ['messages'])).toEqual(blocksOf(given, ['messages', 'documents']));

        const again = builder.build(declared);
        expect(again).toEqual(prompt);
      }),
      { numRuns },
    );
  });
});
