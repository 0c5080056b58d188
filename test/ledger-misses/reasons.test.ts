import { afterEach, describe, expect, it } from 'vitest';

import type { Miss } from '../../src/ledger/index.ts';
import { words } from '../support/messages.ts';
import { conversation, priceOf, said, Scene, tool, type Body } from './scene.ts';

let scene: Scene | null = null;
afterEach(() => scene?.close());

const TOOLS = [tool('alpha'), tool('beta'), tool('gamma')];
const TURNS = [said(1), said(2), said(3)];
const NEXT = [...TURNS, said(4), said(5)];
const SONNET = { model: 'claude-sonnet-5-5' };

interface Scenario {
  readonly name: string;
  /** Sent first. */
  readonly before: readonly Body[];
  /** Time between them. */
  readonly afterMs?: number;
  readonly request: Body;
  /** What would have had to be sent before for all of it to be read, where nothing else is. */
  readonly without: readonly Body[];
  /** The request as it would be without the miss, where that is another. */
  readonly twin?: Body;
  readonly expected: readonly Partial<Miss['evidence'] & { reason: string }>[];
}

const base = conversation({ tools: TOOLS, turns: TURNS });
/** The next turn, and what would have had to be sent before it, both changed in the same way. */
const changed = (
  change: Omit<Partial<Parameters<typeof conversation>[0]>, 'turns'>,
  edit: (turns: readonly string[]) => readonly string[] = (turns) => turns,
): Pick<Scenario, 'request' | 'without'> => ({
  request: conversation({ tools: TOOLS, ...change, turns: edit(NEXT) }),
  without: [conversation({ tools: TOOLS, ...change, turns: edit(TURNS) })],
});
const parameter = (name: string, more: Body, detail: string, level: Miss['evidence']['level']): Scenario => ({
  name,
  before: [base],
  ...changed({ more }),
  expected: [{ reason: 'parameters_changed', detail, level }],
});

const CAT = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };
const withImage = (body: Body): Body => {
  const messages = body['messages'] as { content: Body[] }[];
  const last = messages.at(-1);
  const content = [{ type: 'image', source: CAT }, ...(last?.content ?? [])];
  return { ...body, messages: [...messages.slice(0, -1), { ...last, content }] };
};
/** With one more marker. */
const markedAt = (body: Body, index: number): Body => {
  const messages = body['messages'] as { content: Body[] }[];
  const content = messages[index]?.content.map((block) => ({
    ...block,
    cache_control: { type: 'ephemeral' },
  }));
  return { ...body, messages: messages.with(index, { ...messages[index], content: content ?? [] }) };
};
/** A marker on the system prompt alone. */
function markedSystem(turns: readonly string[]): Body {
  const body = conversation({ tools: TOOLS, turns });
  const messages = body['messages'] as { content: Body[] }[];
  const bare = messages.map((message) => ({
    ...message,
    content: message.content.map(({ cache_control: _marker, ...block }) => block),
  }));
  return { ...body, messages: bare };
}
const LONG = conversation({ turns: [...TURNS, ...Array.from({ length: 24 }, (_, at) => said(at + 4, 4))] });

const SINGLE: readonly Scenario[] = [
  {
    name: 'another model',
    before: [base],
    afterMs: 7000,
    ...changed({ more: SONNET }),
    expected: [{ reason: 'model_changed', detail: 'claude-opus-5-5', ageMs: 7000, level: null }],
  },
  {
    name: 'a tool added',
    before: [base],
    ...changed({ tools: [...TOOLS, tool('delta')] }),
    expected: [{ reason: 'tools_changed', detail: 'added', level: 'tools', path: 'tools.3' }],
  },
  {
    name: 'a tool removed from the end',
    before: [base],
    ...changed({ tools: TOOLS.slice(0, 2) }),
    expected: [{ reason: 'tools_changed', detail: 'removed', level: 'tools', path: 'tools.2' }],
  },
  {
    name: 'tools in another order',
    before: [base],
    ...changed({ tools: [tool('gamma'), tool('alpha'), tool('beta')] }),
    expected: [{ reason: 'tools_changed', detail: 'reordered', level: 'tools', path: 'tools.0' }],
  },
  {
    name: 'a tool edited',
    before: [base],
    ...changed({ tools: [tool('alpha'), tool('beta', `${words(70, 'beta')} now`), tool('gamma')] }),
    expected: [{ reason: 'tools_changed', detail: 'edited', level: 'tools', path: 'tools.1' }],
  },
  {
    name: 'a tool in the place of another',
    before: [base],
    ...changed({ tools: [tool('alpha'), tool('beta'), tool('omega')] }),
    expected: [{ reason: 'tools_changed', detail: 'added,removed', level: 'tools', path: 'tools.2' }],
  },
  {
    name: 'a word of the system prompt edited',
    before: [conversation({ system: [`Today is Monday. ${words(700, 'rule')}`], turns: TURNS })],
    ...(() => {
      const system = [`Today is Friday. ${words(700, 'rule')}`];
      return {
        request: conversation({ system, turns: NEXT }),
        without: [conversation({ system, turns: TURNS })],
      };
    })(),
    expected: [{ reason: 'system_changed', level: 'system', path: 'system.0', byteRange: [9, 12] }],
  },
  {
    name: 'an earlier message edited',
    before: [base],
    ...changed({}, (turns) => turns.with(0, `${turns[0]} Ünd more.`)),
    expected: [
      {
        reason: 'messages_changed',
        level: 'messages',
        path: 'messages.0.content.0',
        byteRange: [said(1).length, said(1).length + ' Ünd more.'.length + 1],
      },
    ],
  },
  {
    name: 'the only message edited',
    before: [conversation({ system: [], turns: [`${words(800, 'a')} one`] })],
    request: conversation({ system: [], turns: [`${words(800, 'a')} two`] }),
    without: [conversation({ system: [], turns: [`${words(800, 'a')} two`] })],
    expected: [{ reason: 'messages_changed', level: 'messages', path: 'messages.0.content.0' }],
  },
  parameter('tool_choice', { tool_choice: { type: 'none' } }, 'tool_choice', 'messages'),
  parameter(
    'one tool at a time',
    { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    'tool_choice',
    'messages',
  ),
  parameter('thinking', { thinking: { type: 'disabled' } }, 'thinking', 'messages'),
  parameter('effort', { output_config: { effort: 'low' } }, 'effort', 'messages'),
  parameter(
    'two settings of one level',
    { output_config: { effort: 'low' }, tool_choice: { type: 'none' } },
    'tool_choice,effort',
    'messages',
  ),
  {
    name: 'thinking of a model that renders it first',
    before: [conversation({ turns: TURNS, more: { model: 'claude-sonnet-4-5' } })],
    ...(() => {
      const more = {
        model: 'claude-sonnet-4-5',
        max_tokens: 4000,
        thinking: { type: 'enabled', budget_tokens: 2000 },
      };
      return {
        request: conversation({ turns: NEXT, more }),
        without: [conversation({ turns: TURNS, more })],
      };
    })(),
    expected: [{ reason: 'parameters_changed', detail: 'thinking', level: 'tools' }],
  },
  {
    name: 'a first image',
    before: [base],
    request: withImage(conversation({ tools: TOOLS, turns: NEXT })),
    // Another end, behind an entry at the place where the earlier request ended.
    without: [
      withImage(markedAt(conversation({ tools: TOOLS, turns: NEXT.with(4, said(6)) }), TURNS.length - 1)),
    ],
    expected: [{ reason: 'parameters_changed', detail: 'images', level: 'messages' }],
  },
  {
    name: 'web search switched on',
    before: [base],
    ...changed({ tools: [...TOOLS, { type: 'web_search_20250305', name: 'web_search' }] }),
    expected: [{ reason: 'parameters_changed', detail: 'web_search', level: 'system' }],
  },
  {
    name: 'five minutes gone by',
    before: [base],
    afterMs: 300_000,
    request: conversation({ tools: TOOLS, turns: NEXT }),
    without: [base],
    expected: [{ reason: 'expired', ageMs: 300_000, detail: '5m' }],
  },
  {
    name: 'sent before without a marker',
    before: [conversation({ tools: TOOLS, turns: TURNS, isMarked: false })],
    request: conversation({ tools: TOOLS, turns: NEXT }),
    without: [base],
    expected: [{ reason: 'never_written', detail: 'unmarked' }],
  },
  {
    name: 'too many blocks since the last entry',
    before: [conversation({ turns: TURNS })],
    request: LONG,
    without: [conversation({ turns: TURNS })],
    twin: markedAt(LONG, TURNS.length - 1),
    expected: [{ reason: 'outside_lookback', detail: null, ageMs: 0 }],
  },
  {
    name: 'a request that asks for nothing',
    before: [base],
    request: conversation({ tools: TOOLS, turns: TURNS, isMarked: false }),
    without: [base],
    twin: base,
    expected: [{ reason: 'outside_lookback', detail: 'no_breakpoint' }],
  },
];

const PAIRS: readonly Scenario[] = [
  {
    name: 'expired, and a message edited: each what stands before the other',
    before: [base],
    afterMs: 400_000,
    ...changed({}, (turns) => turns.with(1, `${turns[1]} And more.`)),
    expected: [
      { reason: 'expired', ageMs: 400_000 },
      { reason: 'messages_changed', path: 'messages.1.content.0' },
    ],
  },
  {
    name: 'expired, and the last tool edited',
    before: [base],
    afterMs: 400_000,
    ...changed({ tools: TOOLS.with(2, tool('gamma', `${words(70, 'gamma')} now`)) }),
    expected: [
      { reason: 'expired', ageMs: 400_000 },
      { reason: 'tools_changed', path: 'tools.2', detail: 'edited' },
    ],
  },
  {
    name: 'a tool and a message edited',
    before: [base],
    ...changed({ tools: TOOLS.with(0, tool('alpha', `${words(70, 'alpha')} now`)) }, (turns) =>
      turns.with(1, `${turns[1]} And more.`),
    ),
    expected: [
      { reason: 'tools_changed', path: 'tools.0' },
      { reason: 'messages_changed', path: 'messages.1.content.0' },
    ],
  },
  {
    name: 'the system prompt and a message edited',
    before: [base],
    ...changed({ system: [`${words(700, 'rule')} Now.`] }, (turns) => turns.with(0, `${turns[0]} More.`)),
    expected: [
      { reason: 'system_changed', path: 'system.0' },
      { reason: 'messages_changed', path: 'messages.0.content.0' },
    ],
  },
  {
    name: 'a tool and the system prompt edited',
    before: [base],
    ...changed({
      tools: TOOLS.with(1, tool('beta', `${words(70, 'beta')} now`)),
      system: [`${words(700, 'rule')} Now.`],
    }),
    expected: [
      { reason: 'tools_changed', path: 'tools.1' },
      { reason: 'system_changed', path: 'system.0' },
    ],
  },
  {
    name: 'a setting, and a message behind its level',
    before: [base],
    ...changed({ more: { tool_choice: { type: 'none' } } }, (turns) => turns.with(1, `${turns[1]} More.`)),
    expected: [
      { reason: 'parameters_changed', detail: 'tool_choice' },
      { reason: 'messages_changed', path: 'messages.1.content.0' },
    ],
  },
  {
    name: 'another model and a tool edited: the model alone decides',
    before: [base],
    ...changed({ more: SONNET, tools: TOOLS.with(1, tool('beta', `${words(70, 'beta')} now`)) }),
    expected: [{ reason: 'model_changed' }],
  },
  {
    name: 'another model and expired: the model alone decides',
    before: [base],
    afterMs: 400_000,
    ...changed({ more: SONNET }),
    expected: [{ reason: 'model_changed', ageMs: 400_000 }],
  },
  {
    name: 'expired, and the rest never written',
    before: [markedSystem(TURNS)],
    afterMs: 400_000,
    request: conversation({ tools: TOOLS, turns: NEXT }),
    without: [base],
    expected: [{ reason: 'expired' }, { reason: 'never_written', detail: 'unmarked' }],
  },
];

const SETS: readonly (readonly [string, readonly Scenario[]])[] = [
  ['one reason', SINGLE],
  ['two reasons', PAIRS],
];

describe.each(SETS)('%s', (_set, scenarios) => {
  it.each(scenarios)('$name', async ({ before, afterMs = 0, request, without, twin = request, expected }) => {
    scene = await Scene.open();
    let previousId: string | null = null;
    for (const body of before) previousId = (await scene.ask(body)).record.id;
    scene.time.advance(afterMs);
    const { billed, record } = await scene.ask(request);
    const wrong = record.misses.map(({ reason, tokens, evidence }) => ({ ...evidence, reason, tokens }));
    expect(wrong).toEqual(expected.map((each) => expect.objectContaining({ previousId, ...each })));
    const cost = record.misses.reduce((sum, miss) => sum + miss.costPicoUsd, 0n);
    const paid = priceOf(billed, request['model']);
    expect(paid).toBe(record.cost?.totalPicoUsd);
    expect(cost).toBe(paid - (await scene.billAlone([...without, twin])));
  });
});

describe('what the upstream did', () => {
  it('is unknown where an entry should have been read and was not', async () => {
    scene = await Scene.open();
    const first = await scene.ask(base);
    await scene.control('reset');
    scene.time.advance(1000);
    const { billed, record } = await scene.ask(base);
    expect(record.misses).toEqual([
      expect.objectContaining({
        reason: 'evicted_or_unknown',
        evidence: expect.objectContaining({ previousId: first.record.id, ageMs: 1000 }),
      }),
    ]);
    const cost = record.misses.reduce((sum, miss) => sum + miss.costPicoUsd, 0n);
    expect(cost).toBe(priceOf(billed) - (await scene.billAlone([base, base])));
  });
});
