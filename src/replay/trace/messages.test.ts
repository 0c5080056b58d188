import { describe, expect, test } from 'vitest';

import { chainPrefixes, readPrompt, type JsonObject } from '../../core/index.ts';
import { sha256Text } from '../../runtime/index.ts';
import { parseBody } from '../../wire/index.ts';
import { createMessagesReader } from './messages.ts';
import { RecordProblem } from './record-fields.ts';
import { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX, pathOf, REQUEST_KINDS, STOP_KINDS, type Trace } from './trace.ts';

function traceFrom(records: readonly JsonObject[]): Trace {
  const builder = new TraceBuilder();
  const reader = createMessagesReader(builder, 'requests');
  for (const record of records) reader.read(record, 0);
  return builder.finish({ name: 'test', ...reader });
}

const tool = { name: 'look', description: 'looks', input_schema: { type: 'object' } };
const user = (content: unknown): JsonObject => ({ role: 'user', content });
const assistant = (content: unknown): JsonObject => ({ role: 'assistant', content });

const bodyOf = (messages: readonly JsonObject[], facts: JsonObject = {}): JsonObject => ({
  model: 'claude-opus-5-5',
  max_tokens: 100,
  tools: [tool],
  system: 'You help.',
  messages,
  ...facts,
});

const turn1 = [user('Where is it?')];
const turn2 = [...turn1, assistant('Over there.'), user('And now?')];

describe('the reader of Messages requests', () => {
  test('makes the prefixes that core makes', () => {
    const calls = [1, 2, 3].map((n) => ({ type: 'tool_use', id: `t${n}`, name: 'look', input: {} }));
    const results = [1, 2, 3].map((n) => ({ type: 'tool_result', tool_use_id: `t${n}`, content: `r${n}` }));
    const body = bodyOf([...turn1, assistant(calls), user(results)]);
    const { trie, requests } = traceFrom([{ t: 0, body }]);
    const prompt = readPrompt(body);
    const path = pathOf(trie, requests.prefixIds[0] ?? -1);
    const ends = path.map((id) => trie.cumulativeTokens[id] ?? 0);
    const chain = chainPrefixes(prompt, {
      partition: '',
      hash: sha256Text,
      countsOverhead: true,
      countTokens: (block) => (prompt.blocks.indexOf(block) < 0 ? 0 : 1),
    });
    expect(path.map((id) => trie.positions[id])).toEqual(chain.positions);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    // The service's own text for tools comes with the system level.
    expect((ends[1] ?? 0) - (ends[0] ?? 0)).toBeGreaterThan(prompt.overhead.systemTokens);
    expect(requests.tailTokens[0]).toBe(0);
    expect([requests.toolsEnds[0], requests.systemEnds[0]]).toEqual([path[0], path[1]]);
    expect(REQUEST_KINDS[requests.kinds[0] ?? -1]).toBe('tool');
  });

  test('counts a block once: a longer request has the prefixes of the shorter', () => {
    const { trie, requests } = traceFrom([
      { t: 0, body: bodyOf(turn1) },
      { t: 9, body: bodyOf(turn2) },
    ]);
    expect(pathOf(trie, requests.prefixIds[1] ?? -1).slice(0, 3)).toEqual(
      pathOf(trie, requests.prefixIds[0] ?? -1),
    );
    expect(trie.count).toBe(5);
  });

  test('keeps models and scopes apart', () => {
    const { requests, models } = traceFrom([
      { t: 0, body: bodyOf(turn1) },
      { t: 1, body: bodyOf(turn1, { model: 'claude-haiku-5-5' }) },
      { t: 2, body: bodyOf(turn1), scope: 'other' },
      { t: 3, body: bodyOf(turn1) },
    ]);
    expect(new Set(requests.prefixIds).size).toBe(3);
    expect(requests.prefixIds[3]).toBe(requests.prefixIds[0]);
    expect(models).toEqual(['claude-opus-5-5', 'claude-haiku-5-5']);
  });

  test.each([
    ['t in seconds', { t: 100 }, { t: 101.5 }],
    ['timestamp in ms', { timestamp: 100 }, { timestamp: 1600 }],
    ['RFC 3339', { t: '2026-11-22T18:32:21.369Z' }, { t: '2026-11-22T18:32:22.869Z' }],
    [
      'a timestamp that is RFC 3339',
      { timestamp: '2026-11-22T18:32:21Z' },
      { timestamp: '2026-11-22T19:32:22.5+01:00' },
    ],
  ])('understands times as %s', (_name, first, second) => {
    const { requests } = traceFrom([
      { ...first, body: bodyOf(turn1) },
      { ...second, body: bodyOf(turn1) },
    ]);
    expect([...requests.startMs]).toEqual([0, 1500]);
  });

  test.each([
    ['as body', { body: bodyOf(turn1) }],
    ['as request', { request: bodyOf(turn1) }],
    ['as params', { params: bodyOf(turn1) }],
    ['as text', { body: JSON.stringify(bodyOf(turn1)) }],
    ['in the line itself', bodyOf(turn1)],
  ])('finds the body %s', (_name, members) => {
    expect(traceFrom([{ t: 0, ...members }]).trie.count).toBe(3);
  });

  test('keeps the order of keys that JavaScript would change', () => {
    const line = (input: string): JsonObject => {
      const parsed = parseBody(
        Buffer.from(
          `{"t":0,"body":{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","input":${input}}]}]}}`,
        ),
      );
      return parsed.ok ? parsed.value : {};
    };
    const { requests } = traceFrom([line('{"2":0,"1":0}'), line('{"1":0,"2":0}'), line('{"2":0,"1":0}')]);
    expect([...requests.prefixIds]).toEqual([0, 1, 0]);
  });

  test('ends the documents after those of the first message', () => {
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'long' } };
    const { trie, requests } = traceFrom([
      { t: 0, body: bodyOf([user([document, document, { type: 'text', text: 'why?' }])]) },
      { t: 1, body: bodyOf(turn1) },
    ]);
    expect(requests.documentsEnds[0]).toBe(pathOf(trie, requests.prefixIds[0] ?? -1)[3]);
    expect(requests.documentsEnds[1]).toBe(NO_PREFIX);
  });
});

describe('conversations', () => {
  test('go on where an earlier request ended', () => {
    const { requests } = traceFrom([
      { t: 0, body: bodyOf(turn1) },
      { t: 1, body: bodyOf([user('Something else?')]) },
      { t: 2, body: bodyOf(turn2) },
      { t: 3, body: bodyOf([...turn2, assistant('Gone.'), user('Oh.')]) },
    ]);
    expect([...requests.conversations]).toEqual([0, 1, 0, 0]);
    expect([...requests.applications]).toEqual([0, 0, 0, 0]);
  });

  test('are what the log says they are', () => {
    const headers = (agent?: string): JsonObject => ({
      'x-claude-code-session-id': 's',
      ...(agent ? { 'x-claude-code-agent-id': agent } : {}),
    });
    const { requests } = traceFrom([
      { t: 0, body: bodyOf(turn1), headers: headers() },
      { t: 1, body: bodyOf(turn1), headers: headers('a') },
      { t: 2, body: bodyOf([user('compacted')]), headers: headers() },
      { t: 3, body: bodyOf(turn1), conversation: 7 },
      { t: 4, body: bodyOf(turn1), session: '7' },
    ]);
    expect([...requests.conversations]).toEqual([0, 1, 0, 2, 2]);
  });

  test('show that an answer began before they went on', () => {
    const { requests } = traceFrom([
      { t: 0, body: bodyOf(turn1) },
      { t: 0.2, body: bodyOf(turn2) },
      { t: 0.3, body: bodyOf(turn2) },
    ]);
    const [first = 0, second = 0, third = 0] = requests.timeToFirstTokenMs;
    expect(first).toBe(200);
    // The third asks the same again: that tells nothing about the second.
    expect(second).toBeGreaterThan(1000);
    expect(third).toBe(second);
  });

  test('leave a time to first token that the log tells', () => {
    const { requests } = traceFrom([
      { t: 0, ttft_ms: 450, body: bodyOf(turn1) },
      { t: 0.2, body: bodyOf(turn2) },
    ]);
    expect(requests.timeToFirstTokenMs[0]).toBe(450);
  });
});

describe('answers', () => {
  const usage = {
    input_tokens: 5,
    output_tokens: 42,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };

  test.each([
    ['beside the status', { status: 200, stop_reason: 'tool_use', usage }],
    ['as a body', { status: 200, body: { stop_reason: 'tool_use', usage } }],
  ])('are read %s', (_name, response) => {
    const { requests } = traceFrom([{ t: 0, body: bodyOf(turn1), response }]);
    expect(requests.outputTokens[0]).toBe(42);
    expect(STOP_KINDS[requests.stops[0] ?? -1]).toBe('tool_use');
  });

  test.each([
    ['another path', { path: '/v1/messages/count_tokens' }],
    ['a failure', { response: { status: 529 } }],
  ])('cost nothing and are passed over: %s', (_name, members) => {
    expect(traceFrom([{ t: 0, body: bodyOf(turn1), ...members }]).requests.count).toBe(0);
  });

  test.each([
    [{ body: { model: 'm' } }, "a Messages body without a list of 'messages'"],
    [{ body: '{"model"' }, "'body' holds no Messages body"],
    [{ t: 'soon' }, `'t' is "soon", neither a number nor an RFC 3339 time`],
    [{ t: undefined }, "'timestamp' is missing, neither a number nor an RFC 3339 time"],
    [{ body: bodyOf(turn1, { thread: { type: 'create' } }) }, 'a message thread'],
    [{ path: '/v1/messages/batches', method: 'POST' }, 'a batch'],
    [{ ttft_ms: -1 }, "'ttft_ms' is -1, not a number of 0 or more"],
  ])('refuses %j', (members, problem) => {
    const read = (): Trace => traceFrom([{ t: 0, body: bodyOf(turn1), ...members }]);
    expect(read).toThrow(RecordProblem);
    expect(read).toThrow(problem);
  });
});
