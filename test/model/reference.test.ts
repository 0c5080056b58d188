import { describe, expect, test } from 'vitest';
import type { JsonObject } from './reference-json.ts';
import { ReferenceServer } from './reference.ts';

const MARK = { type: 'ephemeral' };
const MARK_1H = { type: 'ephemeral', ttl: '1h' };
const BASE = { model: 'claude-opus-5-5', max_tokens: 16 };

function words(count: number, word = 'a'): string {
  return Array.from({ length: count }, () => word).join(' ');
}

function text(count: number, marker?: JsonObject, word = 'a'): JsonObject {
  return {
    type: 'text',
    text: words(count, word),
    ...(marker === undefined ? {} : { cache_control: marker }),
  };
}

function user(...content: JsonObject[]): JsonObject {
  return { role: 'user', content };
}

function assistant(...content: JsonObject[]): JsonObject {
  return { role: 'assistant', content };
}

/** Bills a body and gives [read, 1h write, 5m write, input], or 'refused'. */
function bill(
  server: ReferenceServer,
  body: JsonObject,
  beginAfterMs = 0,
  workspace = 'w',
): number[] | 'refused' {
  const answer = server.request({ body: { ...BASE, ...body }, workspace, beginAfterMs });
  if (!answer.accepted) return 'refused';
  const { usage } = answer;
  const { ephemeral_1h_input_tokens: write1h, ephemeral_5m_input_tokens: write5m } = usage.cache_creation;
  expect(usage.cache_creation_input_tokens).toBe(write1h + write5m);
  return [usage.cache_read_input_tokens, write1h, write5m, usage.input_tokens];
}

describe('positions', () => {
  /** The first block makes the prefix large enough, the marker is on the last. */
  function blocks(count: number): JsonObject {
    return {
      messages: [
        user(
          text(600),
          ...Array.from({ length: count - 1 }, (_, index) => text(1, index === count - 2 ? MARK : undefined)),
        ),
      ],
    };
  }

  test('15 -> 34 hits and 15 -> 35 misses (spec 2.2)', () => {
    const server = new ReferenceServer();
    expect(bill(server, blocks(15))).toEqual([0, 0, 614, 0]);
    expect(bill(server, blocks(34))).toEqual([614, 0, 19, 0]);
    const other = new ReferenceServer();
    bill(other, blocks(15));
    expect(bill(other, blocks(35))).toEqual([0, 0, 634, 0]);
  });

  test('an earlier marker gives a fresh window (spec 2.2)', () => {
    const server = new ReferenceServer();
    bill(server, blocks(15));
    const content = [
      text(600),
      ...Array.from({ length: 33 }, (_, index) => text(1, index === 20 ? MARK : undefined)),
      text(1, MARK),
    ];
    expect(bill(server, { messages: [user(...content)] })).toEqual([614, 0, 20, 0]);
  });

  test('a run of 40 calls and a run of 40 results are two positions, text between calls breaks the run (spec 2.2)', () => {
    const calls = Array.from({ length: 40 }, (_, index) => ({
      type: 'tool_use',
      id: `t${index}`,
      name: 'look',
      input: {},
    }));
    const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' }));
    const server = new ReferenceServer();
    bill(server, { messages: [user(text(600, MARK))] });
    expect(
      bill(server, { messages: [user(text(600)), assistant(...calls), user(...results, text(1, MARK))] }),
    ).toEqual([600, 0, 81, 0]);
    const apart = calls.flatMap((call) => [call, text(1)]);
    expect(bill(server, { messages: [user(text(600)), assistant(...apart), user(text(1, MARK))] })).toEqual([
      0, 0, 681, 0,
    ]);
  });

  test('any end inside a run matches, the latest first (spec 15)', () => {
    const results = Array.from({ length: 10 }, (_, index) => ({
      type: 'tool_result',
      tool_use_id: `t${index}`,
      content: 'ok',
    }));
    const marked = (at: number): JsonObject[] =>
      results.map((result, index) => (index === at ? { ...result, cache_control: MARK } : result));
    const server = new ReferenceServer();
    bill(server, { messages: [user(text(600), ...marked(3).slice(0, 4))] });
    bill(server, { messages: [user(text(600), ...marked(6).slice(0, 7))] });
    expect(bill(server, { messages: [user(text(600), ...marked(9))] })).toEqual([607, 0, 3, 0]);
  });
});

describe('billing', () => {
  test('mixed TTLs: A, B and C (spec 4.5)', () => {
    const server = new ReferenceServer();
    const body = { system: [text(600, MARK_1H)], messages: [user(text(100, MARK), text(50))] };
    expect(bill(server, body)).toEqual([0, 600, 100, 50]);
    expect(bill(server, body)).toEqual([700, 0, 0, 50]);
    server.advance(300_000);
    expect(bill(server, body)).toEqual([600, 0, 100, 50]);
  });

  test('a breakpoint under the minimum is covered by a later one (spec 3)', () => {
    const server = new ReferenceServer();
    expect(bill(server, { system: [text(511, MARK)], messages: [user(text(10))] })).toEqual([0, 0, 0, 521]);
    expect(bill(server, { system: [text(511, MARK)], messages: [user(text(1, MARK), text(2))] })).toEqual([
      0, 0, 512, 2,
    ]);
    expect(server.entries().map(({ tokens }) => tokens)).toEqual([512]);
  });

  test('without a marker nothing is read or written (spec 2.3)', () => {
    const server = new ReferenceServer();
    bill(server, { messages: [user(text(600, MARK))] });
    expect(bill(server, { messages: [user(text(600))] })).toEqual([0, 0, 0, 600]);
  });

  test('a pre-warm writes when cold and reads when warm; the placeholder stays input (spec 10.2)', () => {
    const server = new ReferenceServer();
    const warm = { max_tokens: 0, system: [text(600, MARK)], messages: [user(text(1))] };
    expect(bill(server, warm)).toEqual([0, 0, 600, 1]);
    expect(bill(server, warm)).toEqual([600, 0, 0, 1]);
    expect(bill(server, { ...warm, max_tokens: 99, messages: [user(text(7))] })).toEqual([600, 0, 0, 7]);
    expect(bill(server, { ...warm, stream: true })).toBe('refused');
  });

  test('automatic caching walks back over what cannot carry a marker (spec 2.4)', () => {
    const server = new ReferenceServer();
    const body = {
      cache_control: MARK,
      messages: [
        user(text(600), text(0)),
        assistant({ type: 'thinking', thinking: 'so it is', signature: 's' }),
      ],
    };
    expect(bill(server, body)).toEqual([0, 0, 600, 4]);
    expect(bill(server, { cache_control: MARK, messages: [user(text(0))] })).toEqual([0, 0, 0, 0]);
  });
});

describe('time', () => {
  const body = { messages: [user(text(600, MARK))] };

  test('alive is ready <= now < expiry, from the request start; a read refreshes (spec 4.2, 4.3)', () => {
    const server = new ReferenceServer();
    bill(server, body);
    server.advance(299_999);
    expect(bill(server, body)).toEqual([600, 0, 0, 0]);
    server.advance(300_000);
    expect(bill(server, body)).toEqual([0, 0, 600, 0]);
  });

  test('readable when the response begins; parallel writers each write (spec 4.4)', () => {
    const server = new ReferenceServer();
    bill(server, body, 1_000);
    expect(bill(server, body, 2_000)).toEqual([0, 0, 600, 0]);
    expect(server.inFlight()).toBe(2);
    server.advance(999);
    expect(bill(server, { messages: [user(text(600, MARK))] }, 400_000)).toEqual([0, 0, 600, 0]);
    server.advance(1);
    expect(bill(server, body)).toEqual([600, 0, 0, 0]);
    expect(server.entries().map(({ readyMs, expiresMs }) => [readyMs, expiresMs])).toEqual([
      [1_000, 301_000],
      [2_000, 300_000],
      [400_999, 300_999],
    ]);
  });

  test('a longer hit keeps the shorter entries warm, each by its own TTL (spec 4.3)', () => {
    const server = new ReferenceServer();
    const long = { system: [text(600, MARK_1H)], messages: [user(text(10, MARK), text(10, MARK))] };
    bill(server, long);
    server.advance(200_000);
    bill(server, { system: [text(600)], messages: [user(text(10), text(10, MARK))] });
    expect(server.entries().map(({ tokens, expiresMs }) => [tokens, expiresMs])).toEqual([
      [600, 3_800_000],
      [610, 500_000],
      [620, 500_000],
    ]);
  });
});

describe('what is the same prefix', () => {
  /** Whether the second body reads anything of what the first wrote, and how much. */
  function readAfter(first: JsonObject, second: JsonObject): number {
    const server = new ReferenceServer();
    bill(server, first);
    return Number(bill(server, second)[0]);
  }
  const tools = [
    { name: 'look', input_schema: { type: 'object' }, description: words(598), cache_control: MARK },
  ];
  const full = { tools, system: [text(10, MARK)], messages: [user(text(5, MARK))] };

  test('strings are one text block; markers and message boundaries leave no trace (spec 1.2, 1.3)', () => {
    expect(
      readAfter(
        { system: [text(600, MARK)], messages: [user(text(9, MARK))] },
        { cache_control: MARK, system: words(600), messages: [{ role: 'user', content: words(9) }] },
      ),
    ).toBe(609);
    expect(
      readAfter(
        { messages: [user(text(600), text(3, MARK))] },
        { messages: [user(text(600)), user(text(3, MARK))] },
      ),
    ).toBe(603);
    expect(
      readAfter(
        { messages: [user(text(600), text(3, MARK))] },
        { messages: [user(text(600)), assistant(text(3, MARK))] },
      ),
    ).toBe(0);
  });

  test('each change loses its level and what follows (spec 6)', () => {
    expect(readAfter(full, full)).toBe(614);
    const messagesLost = [
      { tool_choice: { type: 'any' } },
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
      { thinking: { type: 'disabled' } },
      { output_config: { effort: 'high' } },
      { output_config: { task_budget: { type: 'tokens', total: 20_000 } } },
      { output_config: { format: { type: 'json_schema', schema: {} } } },
      { messages: [...full.messages, user({ type: 'image', source: {} })] },
    ];
    expect(messagesLost.map((change) => readAfter(full, { ...full, ...change }))).toEqual(
      messagesLost.map(() => 609),
    );
    const cited = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
      citations: { enabled: true },
    };
    const systemLost = [
      { speed: 'fast' },
      { messages: [...full.messages, user(cited)] },
      { container: { skills: [{ type: 'anthropic', skill_id: 'pdf' }] } },
    ];
    expect(systemLost.map((change) => readAfter(full, { ...full, ...change }))).toEqual(
      systemLost.map(() => 599),
    );
    const unchanged = [
      { tool_choice: { type: 'auto', disable_parallel_tool_use: false } },
      { thinking: { type: 'adaptive', display: 'omitted' } },
      { output_config: { effort: 'medium' } },
      { tools: [{ name: 'later', description: words(9), defer_loading: true }, ...tools] },
      { speed: 'standard', temperature: 1, metadata: { user_id: 'u' }, container: { id: 'c' } },
    ];
    expect(unchanged.map((change) => readAfter(full, { ...full, ...change }))).toEqual(
      unchanged.map(() => 614),
    );
  });

  test('web search leaves the tools level readable; its own tokens are read along, since it adds nothing to the key (spec 6, 14.7)', () => {
    const web = { type: 'web_search_20250305', name: 'web_search' };
    expect(readAfter(full, { ...full, tools: [...tools, web] })).toBe(600);
    expect(readAfter({ ...full, tools: [web, ...tools] }, full)).toBe(599);
  });

  test('older models render thinking and effort ahead of everything (spec 6)', () => {
    const older = { ...full, model: 'claude-opus-4-8', system: [text(800, MARK)] };
    expect(
      readAfter(older, { ...older, thinking: { type: 'disabled' }, output_config: { effort: 'high' } }),
    ).toBe(1404);
    expect(readAfter(older, { ...older, thinking: { type: 'adaptive' } })).toBe(0);
    expect(readAfter(older, { ...older, output_config: { effort: 'low' } })).toBe(0);
  });

  test('models and workspaces share nothing (spec 8)', () => {
    expect(readAfter(full, { ...full, model: 'claude-opus-5' })).toBe(0);
    const server = new ReferenceServer();
    bill(server, full, 0, 'a');
    expect(bill(server, full, 0, 'b')[0]).toBe(0);
  });
});

describe('thinking and turn-scoped messages', () => {
  const thought = { type: 'thinking', thinking: words(7), signature: 's' };
  const call = { type: 'tool_use', id: 't', name: 'look', input: {} };
  const result = { type: 'tool_result', tool_use_id: 't', content: 'ok', cache_control: MARK };
  const loop = [user(text(1100)), assistant(thought, call), user(result)];

  test('stays during a tool loop; goes on last-turn-only models with the next user text (spec 7.2)', () => {
    const config = { model: 'claude-sonnet-4-5', thinking: { type: 'enabled', budget_tokens: 1024 } };
    const server = new ReferenceServer();
    expect(bill(server, { ...config, messages: loop })).toEqual([0, 0, 1110, 0]);
    expect(bill(server, { ...config, messages: [...loop, user(text(3, MARK))] })).toEqual([0, 0, 1105, 0]);
    const keeping = { ...config, model: 'claude-sonnet-4-6' };
    bill(server, { ...keeping, messages: loop });
    expect(bill(server, { ...keeping, messages: [...loop, user(text(3, MARK))] })).toEqual([1110, 0, 3, 0]);
  });

  test('disabled thinking strips the current tool turn, on keep-all models only that (spec 7.3)', () => {
    const server = new ReferenceServer();
    const disabled = { thinking: { type: 'disabled' } };
    expect(server.count({ ...BASE, ...disabled, messages: loop })).toEqual({
      accepted: true,
      inputTokens: 1102,
    });
    expect(server.count({ ...BASE, ...disabled, messages: [...loop, user(text(3))] })).toEqual({
      accepted: true,
      inputTokens: 1113,
    });
  });

  test('a turn-scoped system message is gone once a later user message exists (spec 1.5, 2.5)', () => {
    const server = new ReferenceServer();
    const scoped = { role: 'system', clear_at: 'next_user_message', content: words(20) };
    expect(bill(server, { messages: [user(text(600, MARK)), scoped] })).toEqual([0, 0, 600, 20]);
    expect(
      bill(server, { messages: [user(text(600)), scoped, assistant(text(1)), user(text(1, MARK))] }),
    ).toEqual([600, 0, 2, 0]);
    expect(bill(server, { messages: [user(text(600)), { ...scoped, content: [text(2, MARK)] }] })).toBe(
      'refused',
    );
  });
});

describe('markers', () => {
  function isRefused(body: JsonObject): boolean {
    const server = new ReferenceServer();
    const counted = server.count({ ...BASE, ...body });
    expect(counted.accepted).toBe(bill(server, body) !== 'refused');
    return !counted.accepted;
  }
  const five = Array.from({ length: 5 }, () => text(1, MARK));

  test('at most four, the automatic one always counting (spec 1.6)', () => {
    expect(isRefused({ messages: [user(...five)] })).toBe(true);
    expect(isRefused({ messages: [user(...five.slice(1))] })).toBe(false);
    expect(isRefused({ cache_control: MARK, messages: [user(...five.slice(1))] })).toBe(true);
    expect(isRefused({ cache_control: MARK, messages: [user(...five.slice(2))] })).toBe(false);
  });

  test('order and agreement of TTLs (spec 1.6)', () => {
    expect(isRefused({ system: [text(1, MARK)], messages: [user(text(1, MARK_1H))] })).toBe(true);
    expect(isRefused({ system: [text(1, MARK_1H)], messages: [user(text(1, MARK))] })).toBe(false);
    expect(isRefused({ cache_control: MARK_1H, messages: [user(text(1, MARK))] })).toBe(true);
    expect(isRefused({ cache_control: MARK_1H, messages: [user(text(1, MARK), text(1))] })).toBe(true);
    expect(isRefused({ cache_control: MARK, messages: [user(text(1, MARK_1H), text(1))] })).toBe(false);
  });

  test('inside a tool result: the last moves to the parent, others are refused (spec 1.5)', () => {
    const result = (...content: JsonObject[]): JsonObject => ({
      type: 'tool_result',
      tool_use_id: 't',
      content,
    });
    const server = new ReferenceServer();
    expect(bill(server, { messages: [user(result(text(600), text(20, MARK)), text(5))] })).toEqual([
      0, 0, 620, 5,
    ]);
    expect(
      bill(server, { messages: [user({ ...result(text(600), text(20)), cache_control: MARK }, text(5))] }),
    ).toEqual([620, 0, 0, 5]);
    expect(isRefused({ messages: [user(result(text(600, MARK), text(20)))] })).toBe(true);
    expect(
      isRefused({
        messages: [user({ ...result(text(1), text(1, MARK)), cache_control: MARK }, ...five.slice(2))],
      }),
    ).toBe(false);
  });

  test('not on thinking, empty text, deferred tools, sub-blocks (spec 1.5)', () => {
    expect(
      isRefused({
        messages: [assistant({ type: 'thinking', thinking: 'x', signature: 's', cache_control: MARK })],
      }),
    ).toBe(true);
    expect(isRefused({ messages: [user(text(0, MARK))] })).toBe(true);
    expect(
      isRefused({
        tools: [{ name: 'a', defer_loading: true, cache_control: MARK }],
        messages: [user(text(1))],
      }),
    ).toBe(true);
    expect(
      isRefused({
        messages: [user({ ...text(1), citations: [{ type: 'char_location', cache_control: MARK }] })],
      }),
    ).toBe(true);
    expect(isRefused({ messages: [user({ ...text(1), cache_control: null })] })).toBe(false);
    expect(
      isRefused({
        messages: [assistant({ type: 'tool_use', id: 't', name: 'a', input: { cache_control: MARK } })],
      }),
    ).toBe(false);
  });
});

test('words are counted as design 4.3 says', () => {
  const server = new ReferenceServer();
  const body = {
    ...BASE,
    tools: [
      {
        name: 'look',
        description: 'two words',
        input_schema: { type: 'object', properties: { id: { description: 'skipped' } }, required: ['id'] },
      },
      { name: 'later', description: 'not there', defer_loading: true },
    ],
    system: 'three more words',
    messages: [
      user(
        {
          type: 'document',
          title: 'not counted',
          source: { type: 'base64', media_type: 'application/pdf', data: 'x' },
        },
        {
          type: 'document',
          title: 'a title',
          source: { type: 'text', media_type: 'text/plain', data: ' b  c\n' },
        },
        {
          type: 'tool_result',
          tool_use_id: 'skipped',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'x' } }],
        },
      ),
      assistant(
        { type: 'thinking', thinking: 'so it is', signature: 'sig' },
        { type: 'tool_use', id: 'skipped', name: 'look', input: { list: ['a b', { id: 'x', n: 3 }] } },
      ),
    ],
  };
  expect(server.count(body)).toEqual({ accepted: true, inputTokens: 4 + 3 + 100 + 5 + 100 + 4 + 3 });
});
