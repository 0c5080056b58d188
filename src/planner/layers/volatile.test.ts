import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layers, type Layer, type LayeredPrompt, type LayersOptions } from '../index.ts';
import { compareTexts, splitUnits, utf8Bytes } from './compare-text.ts';
import { createLayerWatch } from './watch-layers.ts';
import { readLayers } from './read-layers.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MODEL = 'claude-sonnet-5';
const handbook = 'Answer in one sentence. Always be polite.\n'.repeat(200);

/** Builds one prompt after another with the same builder. */
function buildAll(
  prompts: readonly (readonly Layer[])[],
  options: Partial<LayersOptions> = {},
): readonly LayeredPrompt[] {
  const builder = layers({ model: MODEL, requestsPerHour: 120, ...options });
  return prompts.map((declared) => builder.build(declared));
}

const system = (text: string, changes: Layer['changes'] = 'never'): readonly Layer[] => [
  { name: 'rules', changes, system: text },
  { name: 'question', changes: 'per-request', messages: 'Why?' },
];

/** `kind bytes` of what was found in the last of several builds of one system text. */
function found(texts: readonly string[], changes: Layer['changes'] = 'never'): readonly string[] {
  const last = buildAll(texts.map((text) => system(text, changes))).at(-1);
  return (last?.findings ?? []).map(({ code, place, sentence }) => {
    const what = /: (.*) is not what it was/.exec(sentence)?.[1] ?? '';
    return `${code} ${what} ${place?.path} ${place?.startByte}-${place?.endByte}`;
  });
}

describe('volatile text', () => {
  it.each([
    ['a date or time', '2026-11-22', '2026-11-23'],
    ['a date or time', '2026-11-22T10:31:05.123Z', '2026-11-22T10:31:09.001Z'],
    ['a date or time', '22 November 2026', '23 November 2026'],
    ['a date or time', 'Nov 22, 2026', 'Nov 23, 2026'],
    ['a date or time', '22.11.2026', '23.11.2026'],
    ['a date or time', 'Sunday', 'Monday'],
    ['a date or time', 'Sun', 'Mon'],
    ['a date or time', '22. November 2026', '1. Dezember 2026'],
    ['a date or time', '22 de noviembre de 2026', '1 de diciembre de 2026'],
    ['a date or time', '10:31', '10:32'],
    ['a date or time', '9:59:59 AM', '12:00:01 PM'],
    ['a date or time', '1795000000', '1795000060'],
    ['an id', '0f8fad5b-d9cb-469f-a165-70867728950e', '7c9e6679-7425-40de-944b-e07fc1f90ae7'],
    ['an id', 'req_011CSHoEeqs5C35K2UUqR7Fy', 'req_011CSJ2bdMYyfsYBJYyLLQVp'],
    ['an id', 'a3f9c2e1', 'b4f9c2e7'],
    ['a number', '17', '18'],
    ['a number', '3.14', '2.71'],
    ['a number', '999', '12,000'],
    ['a number', '1.2.3', '1.10.0'],
  ])('that is %s is found with its bytes: %s', (what, before, after) => {
    const text = (value: string): string => `Größe: ${value} so far.\n${handbook}`;
    // Ö and ß are two bytes each.
    expect(found([text(before), text(after)])).toEqual([
      `volatile-text ${what} system.0.text 9-${9 + after.length}`,
    ]);
  });

  it('costs what re-writing its layer with every request costs', () => {
    const [, second] = buildAll([system(`At 10:31.\n${handbook}`), system(`At 10:32.\n${handbook}`)]);
    const { plan, findings } = second ?? buildAll([system('')])[0]!;
    const [rules] = plan.layers;
    const rate = 2e-6;
    // Read at 0.1 where it would have been stable; written at the TTL of its breakpoint instead.
    const write = plan.breakpoints[0]?.ttl === '1h' ? 2 : 1.25;
    expect(findings[0]?.costUsd).toBeCloseTo((write - 0.1) * rate * (rules?.tokens ?? 0), 5);
    expect(findings[0]?.sentence).toContain('declared never, changed in 100 % of the builds');
  });

  it('is no finding where it changes no more often than declared', () => {
    const texts = Array.from(
      { length: 200 },
      (_, index) => `Day ${index === 199 ? '2026-11-23' : '2026-11-22'}\n${handbook}`,
    );
    expect(found(texts, 'daily')).toEqual([]);
    expect(found(texts, 'never')).toHaveLength(1);
    expect(found(texts.slice(-2), 'per-request')).toEqual([]);
  });

  it('is not looked for where builds belong to different sessions', () => {
    const texts = [`Customer 17.\n${handbook}`, `Customer 18.\n${handbook}`, `Customer 19.\n${handbook}`];
    expect(found(texts, 'per-session')).toEqual([]);
    expect(found(texts, 'per-turn')).toEqual([]);
    const ofSession = texts.map((text): readonly Layer[] => [
      { name: 'customer', changes: 'daily', system: text, requestsPerHour: 10 },
    ]);
    expect(buildAll(ofSession).at(-1)?.findings).toEqual([]);
  });

  it('is told apart from another text, and from another order of the same', () => {
    expect(found([`Be kind.\n${handbook}`, `Be quick.\n${handbook}`])).toEqual([
      'changes-too-often its text system.0.text 3-8',
    ]);
    expect(found([`red, green, blue\n${handbook}`, `blue, red, green\n${handbook}`])).toEqual([
      'volatile-text the order of its parts system.0.text 0-16',
    ]);
    expect(found([`a\nb\n${handbook}`, `b\na\n${handbook}`])).toEqual([
      'volatile-text the order of its parts system.0.text 0-3',
    ]);
  });

  it('is found in JSON whose members come in another order, on one line or several', () => {
    for (const indent of [0, 2]) {
      const [before, after] = [
        { a: 1, b: [2], c: 'x' },
        { c: 'x', b: [2], a: 1 },
      ].map((members) => `${JSON.stringify(members, null, indent)}\n${handbook}`);
      const [finding] = found([before ?? '', after ?? '']);
      expect(finding).toContain('volatile-text the order of its parts system.0.text');
    }
  });

  it('is found in tools: a date in a description, the order of tools, the order of keys', () => {
    const tools = (list: readonly object[]): readonly Layer[] => [
      { name: 'tools', changes: 'never', tools: list, tokens: 2_000 },
    ];
    const a = { name: 'a', description: 'As of 2026-11-22.', input_schema: { x: 1, y: 2 } };
    const b = { name: 'b', input_schema: {} };
    const last = (...lists: readonly (readonly object[])[]): readonly unknown[] =>
      (buildAll(lists.map(tools)).at(-1)?.findings ?? []).map(({ code, sentence, place }) => [
        code,
        /: (.*) is not/.exec(sentence)?.[1],
        place?.path,
      ]);
    expect(last([a], [{ ...a, description: 'As of 2026-11-23.' }])).toEqual([
      ['volatile-text', 'a date or time', 'tools.0.description'],
    ]);
    expect(last([a, b], [b, a])).toEqual([['volatile-text', 'the order of its parts', undefined]]);
    expect(last([a], [{ ...a, input_schema: { y: 2, x: 1 } }])).toEqual([
      ['volatile-text', 'the order of its parts', undefined],
    ]);
    expect(last([a], [a, b])).toEqual([['changes-too-often', 'its text', undefined]]);
  });

  it('is not looked for in layers too long to be kept', () => {
    const [layer] = readLayers([{ name: 'a', changes: 'never', system: 'x'.repeat(4_000_001) }]).layers;
    const watch = createLayerWatch();
    watch.watch(layer!, 60);
    expect(watch.watch({ ...layer!, blocks: [] }, 60).changes).toEqual([]);
  });
});

describe('moved volatile text', () => {
  const at = (minute: number): string => `It is 10:${minute}. ${handbook}`;

  it('stands behind the last breakpoint, and the rest is the same from then on', () => {
    const prompts = buildAll(
      [31, 32, 33].map((minute) => system(at(minute))),
      { moveVolatile: true },
    );
    expect(prompts.map(({ request }) => request.system)).toEqual([
      [{ type: 'text', text: at(31), cache_control: { type: 'ephemeral', ttl: '1h' } }],
      ...[32, 33].map((minute) => [
        { type: 'text', text: handbook, cache_control: { type: 'ephemeral', ttl: '1h' } },
        { type: 'text', text: `It is 10:${minute}.` },
      ]),
    ]);
    expect(prompts.map(({ findings }) => findings.map(({ code }) => code))).toEqual([
      [],
      ['volatile-text', 'volatile-moved'],
      ['volatile-moved'],
    ]);
  });

  it('joins the last message where something in messages is cached', () => {
    const declared = (minute: number): readonly Layer[] => [
      { name: 'rules', changes: 'never', system: at(minute) },
      { name: 'book', changes: 'never', documents: 'A long book.', tokens: 5_000 },
      { name: 'question', changes: 'per-request', messages: 'Why?' },
    ];
    const [, second] = buildAll([declared(31), declared(32)], { moveVolatile: true });
    expect(second?.request.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'A long book.', cache_control: { type: 'ephemeral', ttl: '1h' } },
          { type: 'text', text: 'It is 10:32.' },
          { type: 'text', text: 'Why?' },
        ],
      },
    ]);
  });

  it('never becomes words of the assistant', () => {
    const declared = (minute: number): readonly Layer[] => [
      { name: 'rules', changes: 'never', system: at(minute) },
      {
        name: 'chat',
        changes: 'never',
        tokens: 9_000,
        messages: [
          { role: 'user', content: 'Why?' },
          { role: 'assistant', content: 'Because' },
        ],
      },
    ];
    const [, second] = buildAll([declared(31), declared(32)], { moveVolatile: true });
    expect(second?.request.system).toHaveLength(2);
    expect(second?.request.messages).toHaveLength(2);
  });

  it('is no number that somebody has edited once', () => {
    const refunds = (days: number): readonly Layer[] => system(`Refunds within ${days} days.\n${handbook}`);
    const prompts = buildAll([...Array.from({ length: 50 }, () => refunds(30)), refunds(14), refunds(14)], {
      moveVolatile: true,
    });
    expect(prompts.at(-2)?.findings.map(({ code }) => code)).toEqual(['volatile-text']);
    expect(prompts.at(-1)?.findings).toEqual([]);
    expect(prompts.at(-1)?.request.system).toHaveLength(1);
    // A day that changes once in so many builds is volatile all the same.
    const today = (day: number): readonly Layer[] => system(`It is 2026-11-${day}.\n${handbook}`);
    const dated = buildAll([...Array.from({ length: 50 }, () => today(22)), today(23), today(23)], {
      moveVolatile: true,
    });
    expect(dated.at(-1)?.request.system).toHaveLength(2);
  });

  it('is one item of a list and not all that look like it', () => {
    const list = (count: number): string => `- item 1\n- item 2\n- item ${count}\n${handbook}`;
    const [, second] = buildAll([system(list(7)), system(list(8))], { moveVolatile: true });
    expect(second?.request.system?.at(-1)).toEqual({ type: 'text', text: '- item 8' });
  });

  it('stays where all of its layer is volatile, and in tools', () => {
    const whole = buildAll([system('At 10:31.'), system('At 10:32.')], { moveVolatile: true });
    expect(whole[1]?.request.system).toEqual([{ type: 'text', text: 'At 10:32.' }]);
    const tools = (day: number): readonly Layer[] => [
      {
        name: 'tools',
        changes: 'never',
        tools: [{ name: 'a', description: `As of 2026-11-${day}` }],
        tokens: 2_000,
      },
    ];
    const [, second] = buildAll([tools(22), tools(23)], { moveVolatile: true });
    expect(second?.findings.map(({ code }) => code)).toEqual(['volatile-text']);
  });
});

describe('what was learned', () => {
  const at = (minute: number): readonly Layer[] => system(`It is 10:${minute}. Be kind.\n${handbook}`);

  it('is there again after a restart: the prompt is the same at once', () => {
    const options = { model: MODEL, requestsPerHour: 120, moveVolatile: true };
    const before = layers(options);
    for (const minute of [31, 32]) before.build(at(minute));
    const kept: unknown = JSON.parse(JSON.stringify(before.snapshot()));
    const after = layers(options);
    expect(after.restore(kept)).toBe(true);
    const [next, same] = [after.build(at(33)).request, before.build(at(33)).request];
    expect(next).toEqual(same);
    expect(after.snapshot()).toEqual(kept);
    after.build(at(34));
    before.build(at(34));
    // The first build after the restart had nothing to be compared with.
    expect(before.snapshot().layers[0]).toMatchObject({ builds: 3, changed: 1 });
    expect(after.snapshot().layers[0]).toMatchObject({ builds: 2, changed: 1 });
  });

  it('holds no text but of the lines that are moved, and there without what changes', () => {
    const builder = layers({ model: MODEL, requestsPerHour: 120, moveVolatile: true });
    for (const minute of [31, 32]) builder.build(at(minute));
    const [rules, ...others] = builder.snapshot().layers;
    expect(others).toEqual([]);
    expect(rules?.moved).toEqual(['0:0:It is \u0000. ']);
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['another version', { schema: 2, layers: [] }],
    ['no list', { schema: 1, layers: {} }],
    ['a layer without counts', { schema: 1, layers: [{ name: 'rules', moved: [] }] }],
    ['more changes than builds', { schema: 1, layers: [{ name: 'a', builds: 1, changed: 2, moved: [] }] }],
    ['lines that are none', { schema: 1, layers: [{ name: 'a', builds: 1, changed: 1, moved: [7] }] }],
  ])('is left alone where it is %s, and the builder begins anew', (_what, kept) => {
    const builder = layers({ model: MODEL, requestsPerHour: 120, moveVolatile: true });
    expect(builder.restore(kept)).toBe(false);
    expect(builder.snapshot()).toEqual({ schema: 1, layers: [] });
    expect(builder.build(at(31)).request.system).toHaveLength(1);
  });
});

describe('tools in a stable order', () => {
  const tool = (name: string, schema: object): object => ({ name, description: name, input_schema: schema });

  it('are the same request whatever order they came in, and what moved is told', () => {
    const one = [tool('b', { type: 'object', a: 1 }), tool('a', {}), { type: 'mcp_toolset', configs: {} }];
    const other = [one[2]!, tool('a', {}), tool('b', { a: 1, type: 'object' })];
    const declare = (tools: readonly object[]): readonly Layer[] => [
      { name: 'tools', changes: 'never', tools },
    ];
    const prompts = buildAll([declare(one), declare(other)], { stableTools: true });
    expect(JSON.stringify(prompts[0]?.request)).toBe(JSON.stringify(prompts[1]?.request));
    const told = prompts[0]?.findings.filter(({ code }) => code.endsWith('reordered'));
    expect(told?.map(({ sentence }) => sentence)).toEqual([
      'b: the keys of its schema were sorted',
      'tools sorted by name; moved: a (1 to 0), b (0 to 1)',
    ]);
    expect(prompts[1]?.findings.map(({ code }) => code)).not.toContain('keys-reordered');
  });

  it('keep their order and keys unless asked', () => {
    const tools = [tool('b', { type: 'object', a: 1 }), tool('a', {})];
    const [prompt] = buildAll([[{ name: 'tools', changes: 'never', tools }]]);
    expect(JSON.stringify(prompt?.request.tools)).toBe(JSON.stringify(tools));
  });
});

describe('comparing texts', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'B', ' ', '.', '\n', ',', '1', '2', ':', '-', 'é', '😀', '\ud800'),
    maxLength: 60,
  });

  it('finds nothing in equal texts, and something in all others', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const changes = compareTexts(before, after);
        expect(changes.length > 0).toBe(before !== after);
        for (const { start, end } of changes) {
          expect(0 <= start && start <= end && end <= after.length).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('tells every place that differs where the rest is the same', () => {
    fc.assert(
      fc.property(text, fc.nat(9_999), fc.nat(9_999), text, (head, one, two, tail) => {
        fc.pre(one !== two && !/\d$|[\w.:,-]$/u.test(head) && !/^[\w.:,-]/u.test(tail));
        const after = `${head}${two}${tail}`;
        const touched = compareTexts(`${head}${one}${tail}`, after);
        const isCovered = touched.some(
          ({ start, end }) => start <= head.length + String(two).length && end >= head.length,
        );
        expect(isCovered).toBe(true);
      }),
      { numRuns },
    );
  });

  it('splits into lines and sentences that are the text again, and counts bytes as UTF-8', () => {
    fc.assert(
      fc.property(text, (whole) => {
        expect(splitUnits(whole).join('')).toBe(whole);
        // No request can hold a lone half of a pair.
        const sendable = whole.replaceAll(/\p{Surrogate}/gu, '');
        expect(utf8Bytes(sendable, sendable.length)).toBe(Buffer.byteLength(sendable));
      }),
      { numRuns },
    );
  });

  it('takes time in proportion to the text', () => {
    for (const unit of ['1', 'a1', '-', '1:', 'a ', '1.', 'A. ']) {
      const long = unit.repeat(100_000);
      expect(compareTexts(long, `${long}x`).length).toBeGreaterThan(0);
    }
  });
});
