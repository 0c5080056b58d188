import { describe, expect, test } from 'vitest';
import { assistant, BASE, bill, MARK, MARK_1H, text, user, words } from './reference-bodies.ts';
import type { JsonObject } from './reference-json.ts';
import { ReferenceServer } from './reference.ts';

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
    expect(readAfter({ ...full, model: 'claude-opus-5-5-20260922' }, full)).toBe(614);
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

  test('stays during a tool loop; goes on last-turn-only models with the next user text, unless all is kept (spec 7.2, 7.6)', () => {
    const config = { model: 'claude-sonnet-4-5', thinking: { type: 'enabled', budget_tokens: 1024 } };
    const server = new ReferenceServer();
    expect(bill(server, { ...config, messages: loop })).toEqual([0, 0, 1110, 0]);
    expect(bill(server, { ...config, messages: [...loop, user(text(3, MARK))] })).toEqual([0, 0, 1105, 0]);
    const forced = { context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] } };
    expect(bill(server, { ...config, ...forced, messages: [...loop, user(text(3, MARK))] })).toEqual([
      1110, 0, 3, 0,
    ]);
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
