import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainPrefixes, readPrompt, type Block, type JsonObject, type Prompt } from '../core/index.ts';
import { LearnedPlanner } from './learned/index.ts';
import { placeBreakpoints, type Plan } from './place.ts';
import { toPlannedRequest } from './prompt-request.ts';
import { sha256Text } from '../runtime/index.ts';

const numRuns = Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const MARKER = { type: 'ephemeral' };
const HOUR = { type: 'ephemeral', ttl: '1h' };
const MODEL = 'claude-opus-5-5';
const MINIMUM = 512;

/** What a planner without any experience makes of a prompt. */
function planPrompt(
  prompt: Prompt,
  cumulativeHighTokens: readonly number[],
  canSplice: (block: Block) => boolean,
): Plan {
  let index = 0;
  const counted = (): number => {
    const tokens = (cumulativeHighTokens[index] ?? 0) - (cumulativeHighTokens[index - 1] ?? 0);
    index += 1;
    return tokens;
  };
  const chain = chainPrefixes(prompt, { partition: 'p', hash: sha256Text, countTokens: counted });
  const request = toPlannedRequest({ prompt, chain, cumulativeHighTokens, canSplice, atMs: 0 });
  return placeBreakpoints(prompt, new LearnedPlanner().plan(request));
}

/** Plans a body each of whose blocks counts the same. */
function plan(body: JsonObject, tokensEach = 600, canSplice = (_path: string): boolean => true): Plan {
  const prompt = readPrompt({ model: MODEL, ...body });
  const cumulative = prompt.blocks.map((_, index) => (index + 1) * tokensEach);
  return planPrompt(prompt, cumulative, (block) => canSplice(block.path.join('.')));
}

/** What is added, as `place path ttl`. */
function added(result: Plan): string[] {
  return result.added.map(({ place, path, ttl }) => `${place} ${path.join('.')} ${ttl}`);
}

function reasonFor(result: Plan, place: string): string | undefined {
  return result.declined.find((declined) => declined.place === place)?.reason;
}

const text = (marker?: object): JsonObject => ({
  type: 'text',
  text: 'words',
  ...(marker ? { cache_control: marker } : {}),
});
const tools = [{ name: 'a' }, { name: 'b' }];
const whole: JsonObject = { tools, system: 'rules', messages: [{ role: 'user', content: 'hello' }] };

describe('places', () => {
  it('are the ends of tools, of system and of the conversation', () => {
    expect(added(plan(whole))).toEqual([
      'tools-end tools.1 5m',
      'system-end system 5m',
      'tail messages.0.content 5m',
    ]);
    expect(plan(whole).declined).toEqual([]);
  });

  it('have a sentence each', () => {
    for (const { reason } of plan(whole).added) expect(reason).toMatch(/^[a-z].{20,}$/);
  });

  it('that have no block are declined', () => {
    const turns = ['user', 'assistant', 'user'].map((role) => ({ role, content: 'hello' }));
    const result = plan({ messages: turns });
    expect(added(result)).toEqual(['tail messages.2.content 5m']);
    expect(reasonFor(result, 'system-end')).toBe('there is no block that can carry a marker');
    expect(reasonFor(result, 'tools-end')).toBe('there is no block that can carry a marker');
    expect(added(plan({}))).toEqual([]);
  });

  it('step back over blocks that cannot carry a marker', () => {
    const messages = [
      { role: 'user', content: 'question' },
      {
        role: 'assistant',
        content: [
          text(),
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'hologram' },
          { type: 'text', text: '' },
        ],
      },
      { role: 'system', content: 'for now', clear_at: 'next_user_message' },
    ];
    expect(added(plan({ messages }))).toEqual(['tail messages.1.content.0 5m']);
    const deferred = [{ name: 'a' }, { name: 'b', defer_loading: true }];
    expect(added(plan({ tools: deferred, messages: [] }, 600))).toEqual(['tools-end tools.0 5m']);
  });

  it('step back over blocks whose bytes hold a marker of null', () => {
    const messages = [
      { role: 'user', content: 'question' },
      { role: 'assistant', content: [text(), { ...text(), cache_control: null }] },
    ];
    expect(added(plan({ messages }, 600, (path) => path !== 'messages.1.content.1'))).toEqual([
      'tail messages.1.content.0 5m',
    ]);
    const result = plan({ messages }, 600, () => false);
    expect(reasonFor(result, 'tail')).toBe('there is no block that can carry a marker');
  });
});

describe('a single message', () => {
  const messages = [{ role: 'user', content: [text(), text()] }];

  it('with nothing before it is not written: nothing says that it will be read', () => {
    const result = plan({ messages });
    expect(added(result)).toEqual([]);
    expect(reasonFor(result, 'tail')).toMatch(
      /^expected again within 5 minutes in 19 % of cases; writing pays from \d+ % on$/,
    );
  });

  it('is written where there are tools or a system prompt, and once the conversation goes on', () => {
    expect(added(plan({ messages, tools }))).toContain('tail messages.0.content.1 5m');
    expect(added(plan({ messages, system: 'rules' }))).toContain('tail messages.0.content.1 5m');
    const goesOn = [...messages, { role: 'assistant', content: 'answer' }, { role: 'user', content: 'more' }];
    expect(added(plan({ messages: goesOn }))).toEqual(['tail messages.2.content 5m']);
  });
});

describe('the minimum', () => {
  it('is that of the model, on the whole prefix, and inclusive', () => {
    expect(added(plan(whole, MINIMUM / 2))).toEqual([
      'tools-end tools.1 5m',
      'system-end system 5m',
      'tail messages.0.content 5m',
    ]);
    const result = plan(whole, MINIMUM / 4);
    expect(added(result)).toEqual(['tail messages.0.content 5m']);
    expect(reasonFor(result, 'tools-end')).toBe('at most 256 tokens, below the minimum of 512');
    expect(reasonFor(result, 'system-end')).toBe('at most 384 tokens, below the minimum of 512');
    expect(added(plan({ ...whole, model: 'claude-haiku-4-5' }, 1_000))).toEqual([]);
    expect(added(plan({ ...whole, model: 'claude-haiku-4-5' }, 1_024))).toEqual([
      'tail messages.0.content 5m',
    ]);
  });
});

describe('the markers of the client', () => {
  it('stay, and no place is marked twice', () => {
    const result = plan({ ...whole, system: [text(HOUR)] });
    expect(added(result)).toEqual(['tools-end tools.1 1h']);
    expect(reasonFor(result, 'system-end')).toBe('the client has marked it');
    expect(result.breakpoints.map(({ blockIndex, ttl }) => `${blockIndex} ${ttl}`)).toEqual(['1 1h', '2 1h']);
  });

  it('before the conversation and not in it give reason to doubt that it goes on', () => {
    const reason = reasonFor(plan({ ...whole, system: [text(MARKER)] }), 'tail');
    expect(reason).toMatch(/^expected again within 5 minutes in 19 % of cases/);
  });

  it('in the conversation mean that the client looks after it', () => {
    const messages = [{ role: 'user', content: [text(MARKER), text()] }];
    const result = plan({ ...whole, messages });
    expect(added(result)).toEqual(['tools-end tools.1 5m', 'system-end system 5m']);
    expect(reasonFor(result, 'tail')).toBe('the client marks the conversation itself');
  });

  it('at the top level stand on the last block, and take a slot', () => {
    const automatic = plan({ ...whole, cache_control: MARKER });
    expect(added(automatic)).toEqual(['tools-end tools.1 5m', 'system-end system 5m']);
    expect(reasonFor(automatic, 'tail')).toBe('the client has marked it');
    const system = [text(MARKER), text(MARKER), text()];
    const three = plan({ ...whole, system, cache_control: MARKER });
    expect(added(three)).toEqual(['system-end system.2 5m']);
    expect(reasonFor(three, 'tools-end')).toBe('all four breakpoints are taken');
    // It counts even where it stands on a block that is marked already (spec 1.6).
    const messages = [{ role: 'user', content: [text(MARKER)] }];
    const both = plan({
      ...whole,
      system: [text(MARKER), text(MARKER), text()],
      messages,
      cache_control: MARKER,
    });
    expect([both.added, both.breakpoints.length]).toEqual([[], 3]);
  });

  it.each([
    [1, ['tools-end', 'system-end']],
    [2, ['tools-end', 'system-end']],
    [3, ['system-end']],
    [4, []],
  ])('%i of them leave the rest of four slots, the longest prefix first', (count, places) => {
    const system = [...Array.from({ length: count }, () => text(MARKER)), text()];
    const result = plan({ ...whole, system });
    expect(result.added.map(({ place }) => place)).toEqual(places);
    expect(result.breakpoints).toHaveLength(count + places.length);
  });

  it('that the API would refuse are left alone', () => {
    for (const body of [
      { ...whole, system: Array.from({ length: 5 }, () => text(MARKER)) },
      { ...whole, system: [text(MARKER), text(HOUR)] },
      { ...whole, system: [{ type: 'text', text: '', cache_control: MARKER }] },
      { ...whole, cache_control: { type: 'forever' } },
    ]) {
      const result = plan(body);
      expect([result.added, result.breakpoints]).toEqual([[], []]);
      expect(reasonFor(result, 'tail')).toBe("the client's markers are refused by the API");
    }
  });
});

describe('the TTL', () => {
  it.each([
    [
      '5m where the client has none',
      {},
      ['tools-end tools.1 5m', 'system-end system 5m', 'tail messages.0.content 5m'],
    ],
    ['1h before a later 1h', { cache_control: HOUR }, ['tools-end tools.1 1h', 'system-end system 1h']],
    ['5m before a later 5m', { cache_control: MARKER }, ['tools-end tools.1 5m', 'system-end system 5m']],
    ['5m after a 1h', { system: [text(HOUR), text()] }, ['tools-end tools.1 1h', 'system-end system.1 5m']],
    [
      '1h between two of 1h',
      { tools: [{ name: 'a', cache_control: HOUR }, { name: 'b' }], cache_control: HOUR },
      ['tools-end tools.1 1h', 'system-end system 1h'],
    ],
  ])('is %s', (_what, more, expected) => {
    expect(added(plan({ ...whole, ...more }))).toEqual(expected);
  });
});

const ttl = fc.constantFrom<object | undefined>(undefined, undefined, undefined, MARKER, HOUR, {
  type: 'ephemeral',
  ttl: '5m',
});
const marked = (value: JsonObject): fc.Arbitrary<JsonObject> =>
  ttl.map((marker) => (marker ? { ...value, cache_control: marker } : value));
const block = fc.constantFrom<JsonObject>(
  { type: 'text', text: 'some words' },
  { type: 'text', text: '' },
  { type: 'thinking', thinking: 'hm', signature: 's' },
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'eA==' } },
  { type: 'tool_use', id: 'a', name: 'a', input: {} },
  { type: 'tool_result', tool_use_id: 'a', content: 'done' },
  { type: 'hologram' },
);
const blocks = fc.array(block.chain(marked), { maxLength: 4 });
const content = fc.oneof(fc.constantFrom('', 'words'), blocks);
const message = fc.record(
  {
    role: fc.constantFrom('user', 'assistant', 'system'),
    content,
    clear_at: fc.constant('next_user_message'),
  },
  { requiredKeys: ['role', 'content'] },
);
const tool = fc
  .record({ name: fc.constant('a'), defer_loading: fc.boolean() }, { requiredKeys: ['name'] })
  .chain(marked);
const body = fc.record(
  {
    model: fc.constantFrom(MODEL, 'claude-haiku-4-5', 'unheard-of'),
    tools: fc.array(tool, { maxLength: 3 }),
    system: content,
    messages: fc.array(message, { maxLength: 4 }),
    cache_control: ttl.filter((marker) => marker !== undefined),
  },
  { requiredKeys: ['model', 'messages'] },
);

describe('whatever the prompt', () => {
  it('the plan is lawful and keeps what the client has', () => {
    fc.assert(
      fc.property(
        body,
        fc.array(fc.nat(700), { minLength: 40, maxLength: 40 }),
        fc.integer(),
        (given, sizes, mask) => {
          const prompt = readPrompt(given);
          const cumulativeHighTokens: number[] = [];
          for (const index of prompt.blocks.keys())
            cumulativeHighTokens.push((cumulativeHighTokens.at(-1) ?? 0) + (sizes[index] ?? 0));
          const canSplice = ({ path }: { path: readonly unknown[] }): boolean =>
            ((mask >> (path.join('.').length % 31)) & 1) === 0;
          const result = planPrompt(prompt, cumulativeHighTokens, canSplice);
          const { breakpoints } = result;

          const indexes = breakpoints.map(({ blockIndex }) => blockIndex);
          expect(indexes).toEqual([...new Set(indexes)].toSorted((a, b) => a - b));
          const ttls = breakpoints.map((breakpoint) => breakpoint.ttl);
          expect(ttls).toEqual([
            ...ttls.filter((each) => each === '1h'),
            ...ttls.filter((each) => each === '5m'),
          ]);
          expect(prompt.markerCount + result.added.length).toBeLessThanOrEqual(4);
          for (const own of prompt.breakpoints) expect(breakpoints).toContainEqual(own);
          expect(breakpoints).toHaveLength(prompt.breakpoints.length + result.added.length);
          expect(prompt.markerProblem === null || result.added.length === 0).toBe(true);
          for (const { blockIndex, path } of result.added) {
            const target = prompt.blocks[blockIndex]!;
            expect([
              target.path,
              target.canCarryMarker,
              target.isDocumentedCarrier,
              canSplice(target),
            ]).toEqual([path, true, true, true]);
            expect(cumulativeHighTokens[blockIndex]).toBeGreaterThanOrEqual(
              prompt.model.facts.minCacheableTokens,
            );
          }
          expect(result.added.length + result.declined.length).toBe(3);
        },
      ),
      { numRuns },
    );
  });
});
