import { describe, expect, it } from 'vitest';
import { type OpenQuestions } from '../../src/core/cache/index.ts';
import { isObject, type JsonObject } from '../../src/core/json.ts';
import type { Level } from '../../src/core/prompt/index.ts';
import {
  assistant,
  createService,
  LAST_TURN_ONLY,
  marked,
  NEWER,
  OLDER,
  rulesWith,
  text,
  thinking,
  tool,
  toolResult,
  toolUse,
  user,
  type Sending,
} from './helpers.ts';

const LEVELS: readonly Level[] = ['tools', 'system', 'messages'];
const IMAGE = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
const WEB_SEARCH = { type: 'web_search_20250305', name: 'web_search' };
const WEB_FETCH = { type: 'web_fetch_20250910', name: 'web_fetch' };

const DOCUMENT = {
  type: 'document',
  source: { type: 'text', media_type: 'text/plain', data: 'some words' },
  citations: { enabled: false },
};

/** Three levels, each long enough for every model here; settings that rows change are left to their defaults. */
const BASE: JsonObject = {
  model: NEWER,
  tools: [tool('first', 2000), tool('second', 500)],
  system: [text(600, 'rules'), text(500, 'style')],
  messages: [
    user(text(400, 'question'), DOCUMENT),
    assistant(thinking(50), toolUse('1')),
    user(toolResult('1', [text(300, 'result')])),
    assistant(text(20, 'answer')),
    user(text(10, 'thanks')),
  ],
};

const listOf = (body: JsonObject, name: string): readonly JsonObject[] =>
  Array.isArray(body[name]) ? body[name].filter(isObject) : [];

/** The body with a list changed. */
const edit =
  (name: 'tools' | 'system' | 'messages', change: (list: readonly JsonObject[]) => readonly JsonObject[]) =>
  (body: JsonObject): JsonObject => ({ ...body, [name]: change(listOf(body, name)) });

const set =
  (members: JsonObject) =>
  (body: JsonObject): JsonObject => ({ ...body, ...members });

const append = (...messages: readonly JsonObject[]): Change =>
  edit('messages', (list) => [...list, ...messages]);

type Change = (body: JsonObject) => JsonObject;

/** The body with breakpoints at the ends of levels: one for each that is asked for. */
function markEnds(body: JsonObject, levels: readonly Level[]): JsonObject {
  const markLast = (blocks: readonly JsonObject[]): readonly JsonObject[] => {
    const last = blocks.findLastIndex((block) => block['defer_loading'] !== true);
    return blocks.map((block, index) => (index === last ? marked(block) : block));
  };
  const messages = listOf(body, 'messages');
  const lastMessage = messages.findLastIndex((message) => listOf(message, 'content').length > 0);
  return {
    ...body,
    ...(levels.includes('tools') && body['tools'] ? { tools: markLast(listOf(body, 'tools')) } : {}),
    ...(levels.includes('system') && body['system'] ? { system: markLast(listOf(body, 'system')) } : {}),
    ...(levels.includes('messages')
      ? {
          messages: messages.map((message, index) =>
            index === lastMessage ? { ...message, content: markLast(listOf(message, 'content')) } : message,
          ),
        }
      : {}),
  };
}

interface Survival {
  /** For each level whether a breakpoint at its end, alone in the changed request, still reads that level. */
  readonly tools: boolean;
  readonly system: boolean;
  readonly messages: boolean;
  /** The level of the longest prefix that the changed request reads with all three breakpoints. */
  readonly reads: Level | null;
}

/** What of a request's cache is left for a changed one. */
function survivalOf(
  before: JsonObject,
  after: JsonObject,
  { open = {}, sending = {} }: { open?: Partial<OpenQuestions>; sending?: Sending } = {},
): Survival {
  const service = createService(rulesWith(open));
  service.send(markEnds(before, LEVELS), 0);
  const readLevel = (levels: readonly Level[]): Level | null => {
    const { prompt, outcome } = service.fork().send(markEnds(after, levels), 1, sending);
    expect(prompt.markerProblem).toBeNull();
    return outcome.hit ? (prompt.blocks[outcome.hit.blockIndex]?.level ?? null) : null;
  };
  return {
    tools: readLevel(['tools']) === 'tools',
    system: readLevel(['system']) === 'system',
    messages: readLevel(['messages']) === 'messages',
    reads: readLevel(LEVELS),
  };
}

/** The survival that a deepest surviving level stands for. */
function downTo(level: Level | null): Survival {
  const depth = level ? LEVELS.indexOf(level) : -1;
  return { tools: depth >= 0, system: depth >= 1, messages: depth >= 2, reads: level };
}

/** One change, and the deepest level that survives it on newer and on older models. */
interface Row {
  readonly name: string;
  readonly change: Change;
  readonly newer: Level | null;
  readonly older: Level | null;
}

const row = (name: string, change: Change, newer: Level | null, older: Level | null = newer): Row => ({
  name,
  change,
  newer,
  older,
});

const renamed = (index: number, members: JsonObject): Change =>
  edit('tools', (tools) => tools.map((entry, at) => (at === index ? { ...entry, ...members } : entry)));

const CHANGED_PROMPT: readonly Row[] = [
  row(
    'tool added in front',
    edit('tools', (tools) => [tool('new', 10), ...tools]),
    null,
  ),
  row(
    'tool removed',
    edit('tools', (tools) => tools.slice(1)),
    null,
  ),
  row(
    'tools reordered',
    edit('tools', (tools) => tools.toReversed()),
    null,
  ),
  row('tool renamed', renamed(0, { name: 'other' }), null),
  row('tool description edited', renamed(0, { description: 'other' }), null),
  row('tool schema edited', renamed(1, { input_schema: { properties: { a: {} } } }), null),
  row(
    'MCP toolset added to the prefix',
    edit('tools', (tools) => [{ type: 'mcp_toolset' }, ...tools]),
    null,
  ),
  row('model', set({ model: 'claude-opus-5' }), null),
  row(
    'system text edited',
    edit('system', ([, second]) => [text(600, 'new'), second!]),
    'tools',
  ),
  row(
    'system block removed',
    edit('system', ([, second]) => [second!]),
    'tools',
  ),
  row(
    'message edited',
    edit('messages', ([, ...rest]) => [user(text(400, 'new')), ...rest]),
    'system',
  ),
  row(
    'message removed',
    edit('messages', ([, ...rest]) => rest),
    'system',
  ),
  row(
    'messages reordered',
    edit('messages', (list) => list.toReversed()),
    'system',
  ),
];

const CHANGED_SETTINGS: readonly Row[] = [
  row(
    'web search enabled',
    edit('tools', (tools) => [...tools, WEB_SEARCH]),
    'tools',
  ),
  row(
    'web search enabled in front',
    edit('tools', (tools) => [WEB_SEARCH, ...tools]),
    'tools',
  ),
  row(
    'web fetch enabled',
    edit('tools', (tools) => [...tools, WEB_FETCH]),
    'tools',
  ),
  row(
    'citations on',
    edit('messages', (list) => [
      user(text(400, 'question'), { ...DOCUMENT, citations: { enabled: true } }),
      ...list.slice(1),
    ]),
    'tools',
  ),
  row('speed', set({ speed: 'fast' }), 'tools'),
  row('tool_choice any', set({ tool_choice: { type: 'any' } }), 'system'),
  row('tool_choice tool', set({ tool_choice: { type: 'tool', name: 'first' } }), 'system'),
  row('tool_choice none', set({ tool_choice: { type: 'none' } }), 'system'),
  row(
    'disable_parallel_tool_use',
    set({ tool_choice: { type: 'auto', disable_parallel_tool_use: true } }),
    'system',
  ),
  row('an image anywhere', append(user(IMAGE)), 'system'),
  row('an image in a tool result', append(user(toolResult('2', [IMAGE]))), 'system'),
  row('thinking mode', set({ thinking: { type: 'enabled', budget_tokens: 2000 } }), 'system', null),
  row('effort', set({ output_config: { effort: 'low' } }), 'system', null),
  row('output format', set({ output_config: { format: { type: 'json_schema', schema: {} } } }), 'system'),
  row('task budget', set({ output_config: { task_budget: { type: 'tokens', total: 9000 } } }), 'system'),
  row('Skills list', set({ container: { skills: [{ type: 'anthropic', skill_id: 'pdf' }] } }), 'tools'),
];

const PRESERVED: readonly Row[] = [
  row('nothing', (body) => body, 'messages'),
  row(
    'effort via a system message',
    append({ role: 'system', content: [], output_config: { effort: 'low' } }, user(text(5))),
    'messages',
  ),
  row('an appended system message', append({ role: 'system', content: [text(5)] }), 'messages'),
  row(
    'tool_addition by reference',
    append({
      role: 'system',
      content: [{ type: 'tool_addition', tool: { type: 'tool_reference', name: 'first' } }],
    }),
    'messages',
  ),
  row(
    'tool_addition by value',
    append({
      role: 'system',
      content: [{ type: 'tool_addition', tool: { type: 'tool_definition', definition: tool('new', 9) } }],
    }),
    'messages',
  ),
  row(
    'tool_removal',
    append({
      role: 'system',
      content: [{ type: 'tool_removal', tool: { type: 'tool_reference', name: 'first' } }],
    }),
    'messages',
  ),
  row(
    'a deferred tool added',
    edit('tools', (tools) => [{ ...tool('deferred', 90), defer_loading: true }, ...tools]),
    'messages',
  ),
  row(
    'a deferred tool loaded',
    append(
      assistant(toolUse('2')),
      user(toolResult('2', [{ type: 'tool_reference', tool_name: 'deferred' }])),
    ),
    'messages',
  ),
  row('container id', set({ container: 'container_1' }), 'messages'),
  row('container id without skills', set({ container: { id: 'container_1', skills: [] } }), 'messages'),
  row('appended messages', append(assistant(text(9, 'a')), user(text(9, 'b'))), 'messages'),
  row(
    'default thinking given',
    set({ thinking: { type: 'adaptive', display: 'omitted' } }),
    'messages',
    null,
  ),
  row('default effort given', set({ output_config: { effort: 'medium' } }), 'messages', null),
  row('default tool_choice given', set({ tool_choice: { type: 'auto' } }), 'messages'),
  row('default speed given', set({ speed: 'standard' }), 'messages'),
  ...Object.entries({
    inference_geo: 'us',
    service_tier: 'standard_only',
    metadata: { user_id: 'u' },
    stream: true,
    max_tokens: 0,
    stop_sequences: ['x'],
    temperature: 0.3,
    top_p: 0.9,
    top_k: 5,
    diagnostics: { previous_message_id: null },
  }).map(([name, value]) => row(name, set({ [name]: value }), 'messages')),
];

describe.each([
  ['newer', NEWER],
  ['older', OLDER],
])('6 invalidation table, %s models', (age, model) => {
  const base = { ...BASE, model };
  const expected = ({ newer, older }: Row): Survival => downTo(age === 'newer' ? newer : older);
  it.each([...CHANGED_PROMPT, ...CHANGED_SETTINGS, ...PRESERVED])('6: $name', (changed) => {
    expect(survivalOf(base, changed.change(base))).toEqual(expected(changed));
  });
  it.each(CHANGED_SETTINGS)('6: $name, undone', (changed) => {
    expect(survivalOf(changed.change(base), base)).toEqual(expected(changed));
  });
});

describe('6 details of rows', () => {
  it('6: a tool added at the end leaves the tools before it readable, and nothing after', () => {
    const after = edit('tools', (tools) => [...tools, tool('new', 10)])(BASE);
    expect(survivalOf(BASE, after)).toEqual(downTo('tools'));
  });

  it('6: an edited system text is lost from that block on', () => {
    const service = createService();
    const [first, second] = listOf(BASE, 'system');
    service.send({ ...BASE, system: [marked(first!), marked(second!)] }, 0);
    const after = { ...BASE, system: [marked(first!), marked(text(500, 'new'))] };
    expect(service.send(after, 1).outcome.readTokens).toBe(3100);
  });

  it('6: an edited message is lost from there on', () => {
    const service = createService();
    const rest = listOf(BASE, 'messages').slice(1);
    const start = user(text(400, 'question'), marked(DOCUMENT));
    service.send({ ...BASE, messages: [start, ...rest] }, 0);
    const { outcome, prompt } = service.send({ ...BASE, messages: [start, ...rest.slice(1)] }, 1);
    expect(prompt.blocks[outcome.hit?.blockIndex ?? -1]?.type).toBe('document');
  });

  it('6: both configurations of thinking: another budget, and none', () => {
    const enabled = (budget: number): JsonObject => ({
      ...BASE,
      thinking: { type: 'enabled', budget_tokens: budget },
    });
    expect(survivalOf(enabled(2000), enabled(4000))).toEqual(downTo('system'));
    expect(survivalOf({ ...enabled(2000), model: OLDER }, { ...enabled(4000), model: OLDER })).toEqual(
      downTo(null),
    );
    const off = { ...BASE, thinking: { type: 'disabled' } };
    expect(survivalOf(BASE, off)).toEqual(downTo('system'));
    expect(survivalOf({ ...BASE, model: OLDER }, { ...off, model: OLDER })).toEqual(downTo('messages'));
  });

  it('6: another tool named by tool_choice', () => {
    const choose = (name: string): JsonObject => ({ ...BASE, tool_choice: { type: 'tool', name } });
    expect(survivalOf(choose('first'), choose('second'))).toEqual(downTo('system'));
    expect(survivalOf(choose('first'), choose('first'))).toEqual(downTo('messages'));
  });

  it('6: Skills in another order or version', () => {
    const skills = (...ids: readonly string[]): JsonObject => ({
      ...BASE,
      container: { skills: ids.map((id) => ({ skill_id: id, version: '1' })) },
    });
    expect(survivalOf(skills('a', 'b'), skills('b', 'a'))).toEqual(downTo('tools'));
    expect(survivalOf(skills('a', 'b'), { ...skills('a', 'b'), stream: true })).toEqual(downTo('messages'));
  });

  it('6: user content after thinking costs last-turn-only models all that follows the first stripped block', () => {
    const base = {
      ...BASE,
      thinking: { type: 'enabled', budget_tokens: 2000 },
      messages: [
        user(text(400, 'question')),
        assistant(thinking(50), toolUse('1')),
        user(toolResult('1', [text(300, 'result')])),
      ],
    };
    const next = append(user(text(10, 'next')))(base);
    const results = append(assistant(toolUse('2')), user(toolResult('2')))(base);
    for (const model of [NEWER, OLDER]) {
      expect(survivalOf({ ...base, model }, { ...next, model })).toEqual(downTo('messages'));
    }
    const model = LAST_TURN_ONLY;
    expect(survivalOf({ ...base, model }, { ...next, model })).toEqual(downTo('system'));
    expect(survivalOf({ ...base, model }, { ...results, model })).toEqual(downTo('messages'));
  });

  it('6: a thinking block that the API drops costs what follows it', () => {
    const rest = listOf(BASE, 'messages').slice(1);
    const start = user(text(400, 'question'), marked(DOCUMENT));
    const service = createService();
    service.send({ ...BASE, messages: [start, ...rest] }, 0);
    const dropped = [start, assistant(toolUse('1')), ...rest.slice(1)];
    const { outcome } = service.send(markEnds({ ...BASE, messages: dropped }, ['messages']), 1);
    expect(outcome.hit?.tokens).toBe(2500 + 1100 + 403);
  });

  it('6: the first tool defined inline, where `tools` has none to begin with, costs one full miss', () => {
    const define = (name: string): JsonObject => ({
      role: 'system',
      content: [{ type: 'tool_addition', tool: { type: 'tool_definition', definition: tool(name, 9) } }],
    });
    const base = { ...BASE, tools: [{ ...tool('deferred', 20), defer_loading: true }] };
    const one = append(define('new'))(base);
    const two = append(define('newer'))(one);
    expect(survivalOf(base, one).reads).toBeNull();
    expect(survivalOf(one, two)).toEqual({ ...downTo('messages'), tools: false });
    const byReference = append({
      role: 'system',
      content: [{ type: 'tool_addition', tool: { type: 'tool_reference', name: 'deferred' } }],
    })(base);
    expect(survivalOf(base, byReference).reads).toBe('messages');
  });

  it('6: a tool result cleared by context editing costs what follows it', () => {
    const cleared = edit('messages', (list) =>
      list.map((message, index) => (index === 2 ? user(toolResult('1', '[cleared]')) : message)),
    );
    expect(survivalOf(BASE, cleared(BASE))).toEqual(downTo('system'));
    const service = createService();
    const [first, , ...rest] = listOf(BASE, 'messages');
    const upTo = [first!, assistant(thinking(50), marked(toolUse('1')))];
    service.send({ ...BASE, messages: [...upTo, ...rest] }, 0);
    const { outcome } = service.send(
      { ...BASE, messages: [...upTo, user(toolResult('1', '[cleared]')), ...rest.slice(1)] },
      1,
    );
    expect(outcome.readTokens).toBe(2500 + 1100 + 403 + 51);
  });

  it('6: compaction keeps system only where it has a breakpoint of its own', () => {
    const compacted = { ...BASE, messages: [user({ type: 'compaction', content: 'summary' })] };
    expect(survivalOf(BASE, compacted)).toEqual(downTo('system'));
    const service = createService();
    service.send(markEnds(BASE, ['messages']), 0);
    expect(service.send(markEnds(compacted, LEVELS), 1).outcome.readTokens).toBe(0);
  });

  it('6: cleared and kept thinking of context editing', () => {
    const keep = (value: unknown): JsonObject => ({
      edits: [{ type: 'clear_thinking_20251015', keep: value }],
    });
    const model = LAST_TURN_ONLY;
    const enabled = { thinking: { type: 'enabled', budget_tokens: 2000 } };
    const base = { ...BASE, ...enabled, model, messages: listOf(BASE, 'messages').slice(0, 3) };
    const next = append(user(text(10, 'next')))(base);
    const withKeep = (body: JsonObject, value: unknown): JsonObject => ({
      ...body,
      context_management: keep(value),
    });
    expect(survivalOf(withKeep(base, 'all'), withKeep(next, 'all'))).toEqual(downTo('messages'));
    const turnsKept = { type: 'thinking_turns', value: 1 };
    expect(survivalOf(withKeep(base, turnsKept), withKeep(next, turnsKept))).toEqual(downTo('system'));
  });

  it('6: adding, moving and removing markers changes where is written and looked, nothing else', () => {
    const service = createService();
    service.send(markEnds(BASE, ['messages']), 0);
    const all = markEnds(BASE, LEVELS);
    expect(service.send(all, 1).outcome.uncachedTokens).toBe(0);
    expect(service.send(markEnds(BASE, ['system']), 2).outcome.readTokens).toBe(0);
    expect(service.send(markEnds(BASE, ['tools', 'messages']), 3).outcome.hit?.blockIndex).toBe(10);
  });

  it('6, 15: anthropic-beta values are not in the key by default', () => {
    const sending = { betas: ['context-management-2025-06-27'] };
    expect(survivalOf(BASE, BASE, { sending })).toEqual(downTo('messages'));
    expect(survivalOf(BASE, BASE, { sending, open: { betaHeadersInKey: true } })).toEqual(downTo(null));
  });
});
