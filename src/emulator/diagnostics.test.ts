import { describe, expect, test } from 'vitest';

import { readPrompt, type JsonObject } from '../core/index.ts';
import { createDiagnostics, type DiagnosticsService } from './diagnostics.ts';
import { countWords } from './tokenizers.ts';

const LIFETIME_MS = 1_000;
const FIRST: JsonObject = {
  model: 'claude-opus-5-5',
  tools: [{ name: 'find' }, { name: 'keep' }],
  system: 'one two three',
  messages: [{ role: 'user', content: 'four five' }],
};

interface Asking {
  readonly id?: string;
  readonly previous?: unknown;
  readonly workspace?: string;
  readonly betas?: readonly string[];
  readonly atMs?: number;
}

function diagnose(service: DiagnosticsService, body: JsonObject, asking: Asking = {}): unknown {
  const { id = 'msg_2', previous = 'msg_1', workspace = 'w', betas = [], atMs = 0 } = asking;
  return service.diagnose({
    messageId: id,
    body: { ...body, diagnostics: { previous_message_id: previous } },
    prompt: readPrompt(body),
    workspace,
    betas,
    atMs,
    countTokens: (block) => countWords(block.value),
  });
}

/** What is said of a second body after the first. */
function after(second: JsonObject, asking: Asking = {}, first: Asking = {}): unknown {
  const service = createDiagnostics(LIFETIME_MS);
  expect(diagnose(service, FIRST, { id: 'msg_1', previous: null, ...first })).toBeNull();
  return diagnose(service, { ...FIRST, ...second }, asking);
}

function reason(type: string, tokens?: number): object {
  return {
    cache_miss_reason: { type, ...(tokens === undefined ? {} : { cache_missed_input_tokens: tokens }) },
  };
}

describe('the earliest divergence', () => {
  test.each<[string, JsonObject, object | null]>([
    ['nothing', {}, null],
    [
      'an appended turn',
      {
        messages: [
          { role: 'user', content: 'four five' },
          { role: 'assistant', content: 'six' },
        ],
      },
      null,
    ],
    ['a string as a block', { system: [{ type: 'text', text: 'one two three' }] }, null],
    ['markers', { cache_control: { type: 'ephemeral' } }, null],
    ['the model', { model: 'claude-opus-5' }, reason('model_changed', 7)],
    ['the model before all else', { model: 'claude-opus-5', system: 'x' }, reason('model_changed', 7)],
    ['an alias of another model', { model: 'claude-haiku-4-5-20251001' }, reason('model_changed', 7)],
    ['the speed', { speed: 'fast' }, reason('model_changed', 7)],
    ['a tool', { tools: [{ name: 'find' }, { name: 'make' }] }, reason('tools_changed', 6)],
    ['no tools at all', { tools: [] }, reason('tools_changed', 7)],
    [
      'a tool that is rendered into the system',
      { tools: [{ name: 'find' }, { name: 'keep' }, { type: 'web_search_20250305', name: 'w' }] },
      reason('tools_changed', 5),
    ],
    ['the system', { system: 'one two' }, reason('system_changed', 5)],
    ['no system', { system: undefined }, reason('system_changed', 5)],
    ['a message', { messages: [{ role: 'user', content: 'four six' }] }, reason('messages_changed', 2)],
    ['a setting', { tool_choice: { type: 'none' } }, reason('unavailable')],
    [
      'a setting and a message',
      { tool_choice: { type: 'none' }, messages: [{ role: 'user', content: 'x' }] },
      reason('messages_changed', 2),
    ],
  ])('after a change of %s', (_change, second, expected) => {
    expect(after(second)).toEqual(expected);
  });

  test('sees a changed definition of a tool that is rendered into the system', () => {
    const service = createDiagnostics(LIFETIME_MS);
    const search = (max_uses: number): JsonObject => ({
      ...FIRST,
      tools: [{ type: 'web_search_20250305', name: 'w', max_uses }],
    });
    diagnose(service, search(1), { id: 'msg_1', previous: null });
    expect(diagnose(service, search(2))).toEqual(reason('tools_changed', 6));
  });

  test('sees betas as a set, without those that do nothing', () => {
    const first = { betas: ['a-1', 'b-2'] };
    expect(after({}, { betas: ['b-2', 'a-1', 'a-1', 'extended-cache-ttl-2025-04-11'] }, first)).toBeNull();
    expect(after({}, { betas: ['a-1'] }, first)).toEqual(reason('unavailable'));
  });
});

describe('the request that it is compared with', () => {
  const lost = reason('previous_message_not_found');

  test('must have asked for diagnostics itself', () => {
    const service = createDiagnostics(LIFETIME_MS);
    const asking = { workspace: 'w', betas: [], atMs: 0, countTokens: () => 1 };
    expect(
      service.diagnose({ ...asking, messageId: 'msg_1', body: FIRST, prompt: readPrompt(FIRST) }),
    ).toBeNull();
    expect(diagnose(service, FIRST)).toEqual(lost);
  });

  test('must be of the same workspace, and not too old', () => {
    expect(after({}, { workspace: 'other' })).toEqual(lost);
    expect(after({}, { atMs: LIFETIME_MS - 1 })).toBeNull();
    expect(after({}, { atMs: LIFETIME_MS })).toEqual(lost);
  });

  test('may be none', () => {
    expect(after({ system: 'another' }, { previous: null })).toBeNull();
    expect(after({ system: 'another' }, { previous: 7 })).toBeNull();
  });

  test('is forgotten on reset, and when ten thousand have come since', () => {
    const service = createDiagnostics(LIFETIME_MS);
    diagnose(service, FIRST, { id: 'msg_1', previous: null });
    service.reset();
    expect(diagnose(service, FIRST)).toEqual(lost);
    const tiny: JsonObject = { model: 'claude-opus-5-5', messages: [] };
    for (let index = 0; index < 10_000; index += 1)
      diagnose(service, tiny, { id: `msg_${index + 10}`, previous: null });
    expect(diagnose(service, FIRST, { previous: 'msg_2' })).toEqual(lost);
    expect(diagnose(service, tiny, { previous: 'msg_10009' })).toBeNull();
  });
});
