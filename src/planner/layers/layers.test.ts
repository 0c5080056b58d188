import { describe, expect, it } from 'vitest';
import { readPrompt } from '../../core/index.ts';
import {
  layers,
  type Layer,
  type LayeredPrompt,
  type LayerFindingCode,
  type LayersOptions,
} from '../index.ts';

const MODEL = 'claude-sonnet-5';
const MARKER = { type: 'ephemeral' };
const HOUR = { type: 'ephemeral', ttl: '1h' };

function build(declared: readonly Layer[], options: Partial<LayersOptions> = {}): LayeredPrompt {
  return layers({ model: MODEL, requestsPerHour: 120, ...options }).build(declared);
}

function codes({ findings }: LayeredPrompt): readonly LayerFindingCode[] {
  return findings.map(({ code }) => code);
}

function names(prompt: LayeredPrompt): readonly string[] {
  return prompt.plan.layers.map(({ name }) => name);
}

const tool = (name: string, more: object = {}): object => ({
  name,
  input_schema: { type: 'object' },
  ...more,
});
const article: readonly Layer[] = [
  { name: 'tools', changes: 'never', tools: [tool('search'), tool('order')], tokens: 1_700 },
  { name: 'rules', changes: 'daily', system: 'The rules of the day.', tokens: 2_000 },
  { name: 'context', changes: 'hourly', system: 'What the customer did.', tokens: 5_000 },
  { name: 'question', changes: 'per-request', messages: 'Where is my parcel?', tokens: 100 },
];

describe('a request', () => {
  it('has a marker at each boundary that pays, and nothing else added', () => {
    const { request, plan } = build(article);
    expect(request).toEqual({
      tools: [tool('search'), { ...tool('order'), cache_control: HOUR }],
      system: [
        { type: 'text', text: 'The rules of the day.', cache_control: MARKER },
        { type: 'text', text: 'What the customer did.', cache_control: MARKER },
      ],
      messages: [{ role: 'user', content: 'Where is my parcel?' }],
    });
    expect(
      plan.breakpoints.map(({ layer, path, ttl, prefixTokens }) => [layer, path, ttl, prefixTokens]),
    ).toEqual([
      ['tools', 'tools.1', '1h', 1_700],
      ['rules', 'system.0', '5m', 3_700],
      ['context', 'system.1', '5m', 8_700],
    ]);
    expect(plan.layers.map(({ fate, ttl }) => [fate, ttl])).toEqual([
      ['breakpoint', '1h'],
      ['breakpoint', '5m'],
      ['breakpoint', '5m'],
      ['uncached', null],
    ]);
    expect(plan.expected.costUsd).toBeLessThan(plan.expected.withoutCachingUsd / 5);
  });

  it('says why, in a sentence each', () => {
    for (const { why, reason, liveShare } of build(article).plan.breakpoints) {
      expect(why).toMatch(
        /changes \w+: \d+\.\d % of requests should find the prefix up to here alive at (5m|1h)/,
      );
      expect(reason).toMatch(/^(cheapest-ttl|before-1h|after-5m)$/);
      expect(liveShare).toBeGreaterThan(0.9);
    }
  });

  it('keeps blocks, strings and other members of messages, and joins documents to the message of the user', () => {
    const conversation = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: [{ type: 'text', text: 'Hello.' }] },
      { role: 'user', content: 'More' },
    ];
    const { request } = build([
      { name: 'book', changes: 'never', documents: 'A long book.', tokens: 3_000 },
      { name: 'chat', changes: 'per-request', messages: conversation },
    ]);
    expect(request.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'A long book.', cache_control: HOUR },
          { type: 'text', text: 'Hello' },
        ],
      },
      conversation[1],
      conversation[2],
    ]);
  });

  it('never joins a message that has more to say than its content', () => {
    const special = { role: 'system', content: 'Be brief.', clear_at: 'next_user_message' };
    const { request } = build([
      { name: 'book', changes: 'never', documents: 'A book.' },
      { name: 'chat', changes: 'per-request', messages: [special] },
    ]);
    expect(request.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'A book.' }] },
      special,
    ]);
  });

  it('takes the markers of the caller out, and says so', () => {
    const system = [{ type: 'text', text: 'rules', cache_control: HOUR }];
    const prompt = build([{ name: 'rules', changes: 'per-request', system, tokens: 9_000 }]);
    expect(prompt.request.system).toEqual([{ type: 'text', text: 'rules' }]);
    expect(codes(prompt)).toEqual(['marker-removed']);
  });

  it('is one that the API accepts, four breakpoints at the most', () => {
    const declared = Array.from({ length: 9 }, (_, index): Layer => {
      const name = `layer ${index}`;
      return { name, changes: 3_600_000 / (index + 1), system: name, tokens: 3_000 };
    });
    const { request, plan } = build(declared, { requestsPerHour: 60 });
    const prompt = readPrompt({ model: MODEL, ...request });
    expect([prompt.markerProblem, prompt.breakpoints.length, plan.breakpoints.length]).toEqual([null, 4, 4]);
    expect(plan.layers.map(({ fate }) => fate)).toContain('covered');
  });

  it('keeps a deferred tool out of the prefix', () => {
    const tools = [tool('search'), tool('rare', { defer_loading: true })];
    const { request } = build([{ name: 'tools', changes: 'never', tools, tokens: 2_000 }]);
    expect(request.tools).toEqual([{ ...tool('search'), cache_control: HOUR }, tools[1]]);
  });

  it('marks a conversation that grows, from its first turn on', () => {
    const turns: Layer = {
      name: 'chat',
      changes: 'per-session',
      messages: 'Hi',
      tokens: 1_500,
      appendsTokens: 400,
    };
    const { plan } = build([turns]);
    expect(plan.breakpoints).toMatchObject([
      { layer: 'chat', path: 'messages.0.content.0', prefixTokens: 1_500 },
    ]);
    expect(build([{ ...turns, changes: 'per-request' }]).plan.breakpoints).toEqual([]);
  });
});

describe('order', () => {
  const shuffled: readonly Layer[] = [
    { name: 'question', changes: 'per-request', messages: 'Why?' },
    { name: 'news', changes: 'hourly', system: 'news' },
    { name: 'tools', changes: 'weekly', tools: [tool('a')] },
    { name: 'rules', changes: 'never', system: 'rules' },
    { name: 'mail', changes: 'per-session', documents: 'mail' },
    { name: 'book', changes: 'monthly', documents: 'book' },
  ];

  it('is stable first inside each level, and says what moved', () => {
    const prompt = build(shuffled);
    expect(names(prompt)).toEqual(['tools', 'rules', 'news', 'book', 'mail', 'question']);
    const moves = prompt.findings.filter(({ code }) => code === 'reordered');
    expect(moves.map(({ sentence }) => sentence)).toEqual([
      'system: news, rules became rules, news, what changes rarely first',
      'messages: question, mail, book became book, mail, question, what changes rarely first',
    ]);
  });

  it('is as declared where that is asked for', () => {
    const prompt = build(shuffled, { order: 'declared' });
    expect(names(prompt)).toEqual(['tools', 'news', 'rules', 'question', 'mail', 'book']);
    expect(codes(prompt)).not.toContain('reordered');
  });

  it('cannot go against that of the API, and says which layer is lost with which', () => {
    const { findings } = build(shuffled);
    expect(
      findings
        .filter(({ code }) => code === 'order-not-honoured')
        .map(({ layer, sentence }) => [layer, sentence]),
    ).toEqual([
      ['rules', 'the API renders tools before system, so a change of tools (weekly) loses rules (never) too'],
      [
        'book',
        'the API renders system before messages, so a change of news (hourly) loses book (monthly) too',
      ],
    ]);
  });

  it('of messages is their meaning', () => {
    const prompt = build([
      { name: 'chat', changes: 'per-turn', messages: 'one' },
      { name: 'frame', changes: 'never', messages: 'two' },
    ]);
    expect(names(prompt)).toEqual(['chat', 'frame']);
    expect(prompt.findings[0]?.sentence).toMatch(
      /^the order of messages is their meaning, so frame \(never\) stays/,
    );
  });

  it('puts nothing between a call and its results', () => {
    const call = { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'search', input: {} }] };
    const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'none' }] };
    const prompt = build([
      { name: 'calls', changes: 'never', messages: [{ role: 'user', content: 'find' }, call] },
      { name: 'results', changes: 'per-request', messages: [result] },
      { name: 'book', changes: 'daily', documents: 'book' },
    ]);
    expect(names(prompt)).toEqual(['book', 'calls', 'results']);
  });

  it('may put a large layer before a small one that is a little more stable', () => {
    const declared: readonly Layer[] = [
      { name: 'notice', changes: 'daily', system: 'notice', tokens: 1_100 },
      { name: 'catalogue', changes: 7_200_000, system: 'catalogue', tokens: 90_000 },
    ];
    const [stable, cheapest] = [build(declared), build(declared, { order: 'cheapest' })];
    expect([names(stable), names(cheapest)]).toEqual([
      ['notice', 'catalogue'],
      ['catalogue', 'notice'],
    ]);
    expect(cheapest.plan.expected.costUsd).toBeLessThan(stable.plan.expected.costUsd);
    expect(codes(cheapest)).not.toContain('order-not-honoured');
  });
});

describe('sizes', () => {
  it('below the minimum make one piece with the next layer', () => {
    const prompt = build([
      { name: 'a', changes: 'never', system: 'a', tokens: 600 },
      { name: 'b', changes: 'daily', system: 'b', tokens: 600 },
    ]);
    expect(prompt.plan.breakpoints.map(({ layer }) => layer)).toEqual(['b']);
    expect(prompt.plan.layers.map(({ fate }) => fate)).toEqual(['covered', 'breakpoint']);
    expect(prompt.findings.map(({ sentence }) => sentence)).toEqual([
      'a ends at 600 tokens, below the minimum of 1,024 of claude-sonnet-5, so it is one piece with b',
    ]);
  });

  it('are estimated where they were not measured', () => {
    const [layer] = build([{ name: 'a', changes: 'never', system: 'word '.repeat(2_000) }]).plan.layers;
    expect(layer?.tokens).toBeGreaterThan(1_500);
    expect(layer?.lowTokens).toBeLessThan(layer?.tokens ?? 0);
    expect(layer?.highTokens).toBeGreaterThan(layer?.tokens ?? 0);
  });

  it('that are too close to the minimum to be sure are told', () => {
    const near = build([{ name: 'a', changes: 'never', system: 'word '.repeat(740) }]);
    const below = build([{ name: 'a', changes: 'never', system: 'word '.repeat(650) }]);
    expect([codes(near), codes(below)]).toEqual([['near-minimum'], ['below-minimum']]);
    expect(below.findings[0]?.sentence).toMatch(/may be as many as 1,\d+: measure it$/);
  });

  it('do not help where the last block can carry no marker', () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'x' }, { type: 'hologram' }] }];
    const prompt = build([{ name: 'a', changes: 'never', messages, tokens: 5_000 }]);
    expect([codes(prompt), prompt.plan.breakpoints]).toEqual([['cannot-carry-marker'], []]);
  });
});

describe('a declaration', () => {
  it('without a rate is told which one is assumed; with an unknown model, which one', () => {
    const { plan, findings } = layers({ model: 'claude-sonnet-99' }).build(article);
    expect(plan.model).toBe('claude-sonnet-5-5');
    expect(findings.map(({ code }) => code)).toEqual(['model-unknown', 'rate-assumed']);
  });

  it.each<[string, unknown]>([
    ['changes must be a known word', [{ name: 'a', changes: 'sometimes', system: 'x' }]],
    ['changes must be a known word or a time in ms, got -1', [{ name: 'a', changes: -1, system: 'x' }]],
    ['tokens must be 0 or more', [{ name: 'a', changes: 'never', system: 'x', tokens: Number.NaN }]],
    [
      'the name is taken',
      [
        { name: 'a', changes: 'never', system: 'x' },
        { name: 'a', changes: 'never', system: 'y' },
      ],
    ],
    [
      'layer "number 2": it needs a name',
      [{ name: 'a', changes: 'never', system: 'x' }, { changes: 'never' }],
    ],
    ['it needs a name', [{ name: '', changes: 'never', system: 'x' }]],
    ['one of tools, system, documents, messages', [{ name: 'a', changes: 'never' }]],
    ['one of tools, system, documents, messages', [{ name: 'a', changes: 'never', tools: undefined }]],
    [
      'one of tools, system, documents, messages',
      [{ name: 'a', changes: 'never', system: '', documents: '' }],
    ],
    ['each block must be an object', [{ name: 'a', changes: 'never', system: ['x'] }]],
    ['each message must be an object', [{ name: 'a', changes: 'never', messages: ['x'] }]],
    ['its content must be a string or a list', [{ name: 'a', changes: 'never', tools: {} }]],
  ])('that makes no sense is refused: %s', (sentence, declared) => {
    expect(() => build(declared as Layer[])).toThrow(sentence);
  });

  it('may name what it does not give, as null or undefined', () => {
    const bare = [{ name: 'a', changes: 'never', system: 'x' }];
    const more = [{ ...bare[0], tools: undefined, messages: null, tokens: null, requestsPerHour: null }];
    expect(build(more as unknown as Layer[])).toEqual(build(bare as Layer[]));
  });

  it('of nothing is an empty prompt', () => {
    expect(build([])).toMatchObject({ request: { messages: [] }, plan: { breakpoints: [] }, findings: [] });
  });
});
