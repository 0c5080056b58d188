import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  contentRegistry,
  type ContentRegistry,
  type SmartLayer,
  type SmartRequest,
} from '../../src/content/index.ts';
import { noTokens } from '../../src/core/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';
import { costUnits, markersOf, MODEL, startEmulated, text, usdUnits, type Emulated } from './emulated.ts';

const MINUTE_MS = 60_000;

let emulated: Emulated;
let store: Store;
let registry: ContentRegistry;

beforeEach(async () => {
  emulated = await startEmulated();
  store = createMemoryStore({ clock: emulated });
  registry = contentRegistry({ store, clock: emulated });
});
afterEach(() => emulated.close());

/** Versions of the contents of a prompt. */
interface Versions {
  readonly tools: number;
  readonly rules: number;
  readonly handbook: number;
}

const TOOL_WORDS = 700;

function layersOf({ tools, rules, handbook }: Versions, question = 'what now'): readonly SmartLayer[] {
  const tool = { name: 'search', description: text(TOOL_WORDS - 1, tools), input_schema: {} };
  return [
    { name: 'tools', tools: [tool], changes: 'weekly', tokens: TOOL_WORDS },
    { name: 'rules', system: text(1_000, rules), changes: 'daily', tokens: 1_000 },
    { name: 'handbook', documents: text(3_000, handbook), changes: 'hourly', tokens: 3_000 },
    { name: 'question', messages: question, tokens: question.split(' ').length },
  ];
}

function ask(versions: Versions, question?: string): Promise<SmartRequest> {
  return registry.smartRequest({
    prompt: 'support',
    model: MODEL,
    requestsPerHour: 60,
    layers: layersOf(versions, question),
  });
}

const FIRST: Versions = { tools: 1, rules: 1, handbook: 1 };

describe('a smart request', () => {
  it('is marked on its first use, unchanged, changed and aged alike', async () => {
    await registry.register({ name: 'rules', content: text(1_000, 1), maxAgeMs: 30 * MINUTE_MS });
    const statuses: unknown[] = [];
    const markers: unknown[] = [];
    for (const step of [FIRST, FIRST, { ...FIRST, handbook: 2 }, { ...FIRST, handbook: 2 }]) {
      const smart = await ask(step);
      statuses.push(Object.values(smart.contents).map(({ status }) => status));
      markers.push(markersOf(smart.request));
      await emulated.advance(15 * MINUTE_MS);
    }
    expect(statuses).toEqual([
      ['new', 'unchanged', 'new'],
      ['unchanged', 'unchanged', 'unchanged'],
      ['unchanged', 'aged', 'changed'],
      ['unchanged', 'unchanged', 'unchanged'],
    ]);
    expect(new Set(markers.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(markers[0]).toEqual(['tools.0', 'system.0', 'messages.0.content.0']);
  });

  it('is billed as it forecasts, whatever changes and whenever', async () => {
    const versions = fc.integer({ min: 1, max: 2 });
    const steps = fc.array(
      fc.record({
        tools: versions,
        rules: versions,
        handbook: versions,
        waitMs: fc.constantFrom(0, MINUTE_MS, 4 * MINUTE_MS, 6 * MINUTE_MS, 59 * MINUTE_MS, 61 * MINUTE_MS),
        questionWords: fc.integer({ min: 1, max: 9 }),
        isSent: fc.boolean(),
      }),
      { minLength: 2, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        await emulated.close();
        emulated = await startEmulated();
        registry = contentRegistry({ clock: emulated });
        for (const { waitMs, questionWords, isSent, ...step } of list) {
          await emulated.advance(waitMs);
          const smart = await ask(step, text(questionWords));
          const { costUsd: _cost, ...forecast } = smart.forecast;
          const billed = isSent ? await emulated.send(smart.request) : { ...noTokens, ...forecast };
          expect({ ...noTokens, ...forecast }).toEqual(billed);
          if (!isSent) await smart.withdraw();
        }
      }),
      { numRuns: Math.ceil(15 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) },
    );
  });

  it('takes stored content, loads it when it is aged, and keeps its cache when it comes back the same', async () => {
    const pages = [text(2_000, 1), text(2_000, 1), text(2_000, 2)];
    await registry.register({ name: 'page', maxAgeMs: 2 * MINUTE_MS, load: () => pages.shift() ?? '' });
    const seen: unknown[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const smart = await registry.smartRequest({
        prompt: 'stored',
        model: MODEL,
        requestsPerHour: 60,
        layers: [
          { name: 'page', stored: 'system', changes: 'hourly' },
          { name: 'question', messages: `question ${turn}` },
        ],
      });
      const { readTokens } = await emulated.send(smart.request);
      seen.push([smart.contents['page']?.status, readTokens]);
      await emulated.advance(MINUTE_MS);
    }
    expect(seen).toEqual([
      ['unchanged', 0],
      ['unchanged', 2_000],
      ['aged', 2_000],
      ['unchanged', 2_000],
      ['changed', 0],
    ]);
  });

  it('measures how often contents change and how many requests there are', async () => {
    const findings: unknown[] = [];
    const layers = (turn: number): readonly SmartLayer[] => [
      { name: 'rules', system: text(1_000) },
      { name: 'news', system: text(1_000, Math.floor(turn / 10)) },
      { name: 'question', messages: `question ${turn}` },
    ];
    let last: SmartRequest | null = null;
    for (let turn = 0; turn < 200; turn += 1) {
      last = await registry.smartRequest({ prompt: 'measured', model: MODEL, layers: layers(turn) });
      findings.push(last.findings.some(({ code }) => code === 'rate-assumed'));
      await emulated.advance(MINUTE_MS);
    }
    // Two hundred minutes and twenty versions; a day and a change are assumed beforehand.
    const news = last?.contents['news']?.changeIntervalMs ?? 0;
    expect(news / (60 * MINUTE_MS)).toBeCloseTo((24 + 199 / 60) / 20, 1);
    expect(last?.contents['rules']?.changeIntervalMs).toBeGreaterThan(19 * news);
    expect(findings.indexOf(false)).toBeGreaterThan(4);
    expect(findings.indexOf(false)).toBeLessThan(12);
    expect(last?.plan.layers.map(({ name }) => name)).toEqual(['rules', 'news', 'question']);
  });

  it('is good although the store fails, and says so', async () => {
    await ask(FIRST);
    await registry.use('page', text(1_000));
    const mixed = (): Promise<SmartRequest> =>
      registry.smartRequest({
        prompt: 'support',
        model: MODEL,
        requestsPerHour: 60,
        layers: [{ name: 'page', stored: 'system', changes: 'daily' }, ...layersOf(FIRST)],
      });
    await mixed();
    await store.close();
    const smart = await mixed();
    expect(markersOf(smart.request)).not.toEqual([]);
    expect(smart.problems).toHaveLength(6);
    expect(await emulated.send(smart.request)).toMatchObject({ readTokens: 0 });
    await smart.withdraw();
  });

  it('keeps a content that is not registered out of the registry, and one of another name under that', async () => {
    const smart = await registry.smartRequest({
      prompt: 'users',
      model: MODEL,
      requestsPerHour: 60,
      layers: [
        { name: 'secret', content: null, system: text(600), changes: 'daily' },
        { name: 'user', content: 'user/7', system: text(600), changes: 'hourly' },
        { name: 'question', messages: 'why' },
      ],
    });
    expect(await registry.names()).toEqual(['user/7']);
    expect(Object.keys(smart.contents)).toEqual(['user']);
    expect(await registry.dependants('user/7')).toEqual([
      { prompt: 'users', model: MODEL, layer: 'user', level: 'system', usedMs: emulated.nowMs() },
    ]);
  });

  it('says which layer makes no sense', async () => {
    const layers = [{ name: 'odd' }] as unknown as readonly SmartLayer[];
    await expect(registry.smartRequest({ prompt: 'p', model: MODEL, layers })).rejects.toThrow('"odd"');
  });

  it('begins anew where the record of a prompt is corrupt', async () => {
    await ask(FIRST);
    await store.put(`prompt/support/${MODEL}`, new TextEncoder().encode('[]'));
    const smart = await ask(FIRST);
    expect(smart.forecast.readTokens).toBe(0);
    expect(smart.problems).toEqual([]);
    expect(await store.list('corrupt/')).toHaveLength(1);
  });

  it('follows a bounded number of entries', async () => {
    for (let turn = 0; turn < 100; turn += 1)
      await registry.smartRequest({
        prompt: 'many',
        model: MODEL,
        requestsPerHour: 600,
        layers: [
          { name: 'rules', system: text(1_000), changes: 'never' },
          { name: 'user', content: `user/${turn}`, system: text(1_000, turn), changes: 'hourly' },
          { name: 'question', messages: 'why' },
        ],
      });
    const [record] = await store.list('prompt/');
    expect(record?.sizeBytes).toBeLessThan(64 * 1024);
    const [prompt] = (await registry.previewEdit('rules', 'shorter')).prompts;
    expect([prompt?.lost.length, prompt?.isComplete]).toEqual([64, false]);
  });
});

describe('the preview of an edit', () => {
  const units = (usd: number): number => usdUnits(usd, emulated.nowMs());

  async function send(versions: Versions): Promise<number> {
    return costUnits(await emulated.send((await ask(versions)).request), emulated.nowMs());
  }

  it('says which bytes, whom it concerns and which live prefixes are lost', async () => {
    await send(FIRST);
    await emulated.advance(MINUTE_MS);
    const preview = await registry.previewEdit('rules', text(1_000, 2));
    expect(preview).toMatchObject({ status: 'changed', lostPrefixes: 2 });
    expect(preview.change).toMatchObject({ startByte: 2, before: expect.stringMatching(/^1 w08 w15/) });
    expect(preview.prompts).toMatchObject([
      {
        prompt: 'support',
        model: MODEL,
        layer: 'rules',
        level: 'system',
        isComplete: true,
        next: { readTokens: TOOL_WORDS },
        lost: [
          { layer: 'handbook', tokens: 4_700, idleMs: MINUTE_MS },
          { layer: 'rules', tokens: 1_700, idleMs: MINUTE_MS },
        ],
      },
    ]);
    expect(await registry.previewEdit('rules', text(1_000, 1))).toMatchObject({
      status: 'unchanged',
      prompts: [],
    });
    // Nothing was changed by looking.
    expect((await registry.use('rules')).content).toBe(text(1_000, 1));
  });

  it('says what the next request will be billed, with the edit and without', async () => {
    await send(FIRST);
    await emulated.advance(MINUTE_MS);
    const [prompt] = (await registry.previewEdit('rules', text(1_000, 2))).prompts;
    const edited = await send({ ...FIRST, rules: 2 });
    const unedited = await send(FIRST);
    expect(units(prompt?.next.editedUsd ?? 0)).toBeCloseTo(edited, 6);
    expect(units(prompt?.next.uneditedUsd ?? 0)).toBeCloseTo(unedited, 6);
    expect(units(prompt?.rewriteUsd ?? 0)).toBeCloseTo(edited - unedited, 6);
  });

  it('agrees with the bill after any history of the three contents', async () => {
    const versions = fc.integer({ min: 1, max: 3 });
    const edits = fc.array(
      fc.record({
        name: fc.constantFrom('rules' as const, 'handbook' as const),
        version: versions,
        waitMs: fc.constantFrom(0, MINUTE_MS, 4 * MINUTE_MS, 6 * MINUTE_MS, 50 * MINUTE_MS, 61 * MINUTE_MS),
      }),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(edits, async (list) => {
        await emulated.close();
        emulated = await startEmulated();
        registry = contentRegistry({ clock: emulated });
        let current = FIRST;
        await send(current);
        for (const { name, version, waitMs } of list) {
          await emulated.advance(waitMs);
          const words = name === 'rules' ? 1_000 : 3_000;
          const preview = await registry.previewEdit(name, text(words, version));
          const isEdit = version !== current[name];
          expect(preview.status).toBe(isEdit ? 'changed' : 'unchanged');
          current = { ...current, [name]: version };
          const billed = await send(current);
          const previewed = isEdit ? units(preview.prompts[0]?.next.editedUsd ?? 0) : billed;
          expect(previewed).toBeCloseTo(billed, 6);
        }
      }),
      { numRuns: Math.ceil(15 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) },
    );
  });

  it('knows that an edit back to a version whose entries are alive loses little', async () => {
    await send(FIRST);
    await emulated.advance(MINUTE_MS);
    await send({ ...FIRST, handbook: 2 });
    await emulated.advance(MINUTE_MS);
    const back = await registry.previewEdit('handbook', text(3_000, 1));
    const away = await registry.previewEdit('handbook', text(3_000, 3));
    expect(back.prompts[0]?.next.readTokens).toBe(4_700);
    expect(back.rewriteUsd).toBe(0);
    expect(away.rewriteUsd).toBeGreaterThan(0);
    const billed = await send(FIRST);
    expect(units(back.prompts[0]?.next.editedUsd ?? 0)).toBeCloseTo(billed, 6);
  });

  it('loses nothing where nothing is alive any more', async () => {
    await send(FIRST);
    await emulated.advance(120 * MINUTE_MS);
    const preview = await registry.previewEdit('rules', text(1_000, 2));
    expect(preview).toMatchObject({ lostPrefixes: 0, rewriteUsd: 0 });
  });

  it('says what breakpoints further on would save', async () => {
    await send(FIRST);
    await emulated.advance(MINUTE_MS);
    const words = text(3_000, 1).split(' ');
    const edited = [...words.slice(0, 2_700), 'x99', ...words.slice(2_701)].join(' ');
    const [prompt] = (await registry.previewEdit('handbook', edited)).prompts;
    const [later, ...others] = prompt?.laterBreakpoints ?? [];
    expect(others).toEqual([]);
    expect(later).toMatchObject({ place: 'inside-layer', layer: 'handbook', atByte: 10_800 });
    expect(later?.prefixTokens).toBeCloseTo(1_700 + 2_700, -1);
    // 2,700 tokens would be read, not written: 1.25 - 0.1 (5m) or 2 - 0.1 (1h) of the input price each.
    expect(units(later?.savesUsd ?? 0) / 2_700).toSatisfy((each: number) => each > 1.1 && each < 2);
    expect(prompt?.savesPerRequestUsd).toBeGreaterThan(0);
    expect(prompt?.paysAfterRequests).toBeLessThanOrEqual(2);
  });

  it('says that a breakpoint before the edited layer is missing', async () => {
    const layers = (handbook: number): readonly SmartLayer[] => [
      { name: 'rules', system: text(1_000), changes: 'daily' },
      { name: 'handbook', system: text(1_000, handbook), changes: 'never' },
      { name: 'question', messages: 'why' },
    ];
    const smart = await registry.smartRequest({
      prompt: 'p',
      model: MODEL,
      requestsPerHour: 60,
      layers: layers(1),
    });
    // The handbook is declared more stable than the rules, so it comes first and nothing ends before it but the start.
    expect(smart.plan.layers.map(({ name }) => name)).toEqual(['handbook', 'rules', 'question']);
    const [prompt] = (await registry.previewEdit('handbook', 'new')).prompts;
    expect(prompt?.laterBreakpoints).toEqual([]);
    expect(prompt?.next.readTokens).toBe(0);
  });

  it('counts the ends of all conversations on the edited content', async () => {
    const talk = (user: number): Promise<SmartRequest> =>
      registry.smartRequest({
        prompt: 'talk',
        model: MODEL,
        requestsPerHour: 200,
        layers: [
          { name: 'rules', system: text(1_000), changes: 'weekly', tokens: 1_000 },
          {
            name: 'conversation',
            messages: [{ role: 'user', content: text(2_000, user) }],
            tokens: 2_000,
            appendsTokens: 100,
            changes: 'per-session',
          },
        ],
      });
    for (const user of [1, 2, 3]) await emulated.send((await talk(user)).request);
    const preview = await registry.previewEdit('rules', text(1_000, 5));
    expect(preview.prompts[0]?.lost.map(({ tokens }) => tokens).toSorted()).toEqual([
      1_000, 3_000, 3_000, 3_000,
    ]);
    // The rules are written once more, each conversation once; all would have been read.
    const [first, one, two, three] = await Promise.all(
      [1, 2, 3].map(talk).map(async (each) => (await each).forecast),
    );
    expect([first?.readTokens, one?.readTokens, two?.readTokens, three]).toEqual([
      3_000,
      3_000,
      3_000,
      undefined,
    ]);
    const written = 1_000 + 3 * 2_000;
    const perToken = units(preview.rewriteUsd) / written;
    expect(perToken).toBeGreaterThan(1.1);
    expect(perToken).toBeLessThan(1.95);
  });

  it('knows the live prefixes of every customer, not of the last one alone', async () => {
    const serve = (customer: number, version = 1): Promise<SmartRequest> =>
      registry.smartRequest({
        prompt: 'desk',
        model: MODEL,
        requestsPerHour: 200,
        layers: [
          { name: 'rules', system: text(1_000), changes: 'weekly', tokens: 1_000 },
          {
            name: 'customer',
            content: `customer/${customer}`,
            documents: text(1_500 * customer, version),
            changes: 'daily',
            tokens: 1_500 * customer,
          },
          { name: 'question', messages: 'what now', tokens: 2 },
        ],
      });
    const bill = async (customer: number, version?: number): Promise<number> =>
      costUnits(await emulated.send((await serve(customer, version)).request), emulated.nowMs());
    for (const customer of [1, 2]) await bill(customer);
    await emulated.advance(MINUTE_MS);
    const preview = await registry.previewEdit('customer/1', text(1_500, 2));
    expect(preview).toMatchObject({ lostPrefixes: 1 });
    const [prompt] = preview.prompts;
    expect(prompt).toMatchObject({
      prompt: 'desk',
      layer: 'customer',
      lost: [{ layer: 'customer', tokens: 2_500, idleMs: MINUTE_MS }],
      next: { readTokens: 1_000 },
    });
    const edited = await bill(1, 2);
    const unedited = await bill(1);
    expect(units(prompt?.next.editedUsd ?? 0)).toBeCloseTo(edited, 6);
    expect(units(prompt?.next.uneditedUsd ?? 0)).toBeCloseTo(unedited, 6);
    expect(units(preview.rewriteUsd)).toBeCloseTo(edited - unedited, 6);
    // Whose rules have changed meanwhile, nobody will ask for anyway.
    await registry.smartRequest({
      prompt: 'desk',
      model: MODEL,
      requestsPerHour: 200,
      layers: [
        { name: 'rules', system: text(1_000, 9), changes: 'weekly', tokens: 1_000 },
        {
          name: 'customer',
          content: 'customer/3',
          documents: text(1_500, 3),
          changes: 'daily',
          tokens: 1_500,
        },
      ],
    });
    expect(await registry.previewEdit('customer/2', text(3_000, 2))).toMatchObject({
      lostPrefixes: 0,
      prompts: [],
    });
    // Once they are gone there is nothing to lose.
    await emulated.advance(61 * MINUTE_MS);
    expect((await registry.previewEdit('customer/2', text(3_000, 2))).lostPrefixes).toBe(0);
  });

  it('counts a content twice that stands in two layers', async () => {
    const twice = (version: number, words: number): Promise<SmartRequest> =>
      registry.smartRequest({
        prompt: 'twice',
        model: MODEL,
        requestsPerHour: 200,
        layers: [
          { name: 'first', content: 'rules', system: text(words, version), changes: 'weekly', tokens: words },
          {
            name: 'again',
            content: 'rules',
            documents: text(words, version),
            changes: 'daily',
            tokens: words,
          },
          { name: 'question', messages: 'what now', tokens: 2 },
        ],
      });
    await emulated.send((await twice(1, 1_000)).request);
    const preview = await registry.previewEdit('rules', text(2_000, 2));
    const billed = costUnits(await emulated.send((await twice(2, 2_000)).request), emulated.nowMs());
    expect(units(preview.prompts[0]?.next.editedUsd ?? 0) / billed).toBeCloseTo(1, 3);
  });

  it('throws for what is not registered', async () => {
    await expect(registry.previewEdit('nothing', 'text')).rejects.toThrow('nothing can be edited');
  });
});
