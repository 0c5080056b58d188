import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { hasKeyOrder, type JsonObject } from '../core/index.ts';
import { parseBody } from '../wire/index.ts';
import { admitThinking, bindThinking, signatureMember } from './binding.ts';

const MODEL = 'claude-opus-5-5';
const runs = { numRuns: Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) };

const text = (words: string, more: JsonObject = {}): JsonObject => ({ type: 'text', text: words, ...more });
const user = (...content: JsonObject[]): JsonObject => ({ role: 'user', content });
const assistant = (...content: JsonObject[]): JsonObject => ({ role: 'assistant', content });
const call: JsonObject = { type: 'tool_use', id: 'toolu_1', name: 'find', input: { city: 'Oslo', days: 3 } };
const found: JsonObject = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'sunny' };

const OPENING: JsonObject = {
  model: MODEL,
  tools: [{ name: 'find', input_schema: { type: 'object' } }, { name: 'keep' }],
  system: 'Be kind.',
  messages: [user(text('What is the weather?'))],
};

/** A thinking block as the emulator signs it in an answer to a body, after some blocks of the same answer. */
function think(body: JsonObject, ...preceding: JsonObject[]): JsonObject {
  return { type: 'thinking', thinking: 'hm', signature: bindThinking(body)(preceding) };
}

/** The opening, answered with thinking and a call, and the call's result. */
function replay(more: JsonObject = {}, ...before: JsonObject[]): JsonObject {
  const messages = OPENING['messages'] as JsonObject[];
  const answer = assistant(...before, think(OPENING, ...before), call);
  return { ...OPENING, messages: [...messages, answer, user(found)], ...more };
}

function messagesOf(body: JsonObject): readonly JsonObject[] {
  return body['messages'] as readonly JsonObject[];
}

/** `kept`, `dropped`, or the message of the refusal. */
function fateOf(body: JsonObject): string {
  const admitted = admitThinking(body);
  if ('error' in admitted) return admitted.error.message;
  return admitted.body === body ? 'kept' : 'dropped';
}

const EDITED =
  /^messages\.1\.content\.0: Invalid `signature` in `thinking` block\. The block is bound to a different conversation\./;

describe('a block that is replayed where it was made', () => {
  test('is kept, and the body is the very same', () => {
    expect(fateOf(replay())).toBe('kept');
  });

  test('is kept after other blocks of its answer, and beside other thinking', () => {
    expect(fateOf(replay({}, text('I look.'), call))).toBe('kept');
    const first = think(OPENING);
    const second = think(OPENING, first, call);
    const body = {
      ...OPENING,
      messages: [...messagesOf(OPENING), assistant(first, call, second), user(found)],
    };
    expect(fateOf(body)).toBe('kept');
    // Leaving out earlier thinking is no edit.
    expect(
      fateOf({ ...body, messages: [...messagesOf(OPENING), assistant(call, second), user(found)] }),
    ).toBe('kept');
  });

  test('is kept turn after turn', () => {
    const second = {
      ...replay(),
      messages: [...messagesOf(replay()), assistant(text('Sunny.')), user(text('And Rome?'))],
    };
    const third = {
      ...second,
      messages: [...messagesOf(second), assistant(think(second), text('Rain.')), user(text('Thanks'))],
    };
    expect(fateOf(third)).toBe('kept');
  });

  test.each<[string, JsonObject]>([
    [
      'a marker',
      {
        system: [text('Be kind.', { cache_control: { type: 'ephemeral' } })],
        cache_control: { type: 'ephemeral' },
      },
    ],
    ['the order of tools', { tools: [{ name: 'keep' }, { name: 'find', input_schema: { type: 'object' } }] }],
    ['the order of keys', { tools: [{ input_schema: { type: 'object' }, name: 'find' }, { name: 'keep' }] }],
    ['a deferred tool', { tools: [...(OPENING['tools'] as []), { name: 'later', defer_loading: true }] }],
    ['the effort', { output_config: { effort: 'low' } }],
    ['tool_choice', { tool_choice: { type: 'none' } }],
    [
      'max_tokens and the like',
      { max_tokens: 9, temperature: 0.5, stream: true, metadata: { user_id: 'u' } },
    ],
    ['white space at the ends', { system: '\n Be kind. ' }],
    ['a string as a block', { system: [text('Be kind.')] }],
    ['members that are null', { system: [text('Be kind.', { citations: null })] }],
  ])('is kept whatever becomes of %s', (_what, more) => {
    expect(fateOf(replay(more))).toBe('kept');
  });

  test('is kept where results and calls are spelled otherwise', () => {
    const { input: _, ...bare } = call;
    const spelled = { ...bare, input: { days: 3, city: 'Oslo' }, caller: { type: 'direct' } };
    const asBlocks = { ...found, content: [text(' sunny ')] };
    const second = {
      ...replay(),
      messages: [...messagesOf(replay()), assistant(text('Sunny.')), user(text('And Rome?'))],
    };
    const [question, answer] = messagesOf(replay());
    const thought = (answer!['content'] as JsonObject[])[0] ?? {};
    const third = assistant(think(second), text('Rain.'));
    const history = [
      question ?? {},
      assistant(thought, spelled),
      user(asBlocks),
      ...messagesOf(second).slice(3),
      third,
    ];
    expect(fateOf({ ...OPENING, messages: [...history, user(text('Thanks'))] })).toBe('kept');
  });

  test('is kept when a turn-scoped message of its time is gone', () => {
    const fleeting = { role: 'system', content: 'Be quick.', clear_at: 'next_user_message' };
    const asked = { ...OPENING, messages: [...messagesOf(OPENING), fleeting] };
    const messages = [...messagesOf(OPENING), assistant(think(asked), call), user(found)];
    expect(fateOf({ ...OPENING, messages })).toBe('kept');
  });
});

describe('a block whose conversation was edited', () => {
  test.each<[string, JsonObject]>([
    ['the system', { system: 'Be rude.' }],
    ['white space inside', { system: 'Be  kind.' }],
    ['a tool', { tools: [{ name: 'find', input_schema: { type: 'object' } }, { name: 'drop' }] }],
    ['a tool more', { tools: [...(OPENING['tools'] as []), { name: 'make' }] }],
    ['no tools', { tools: [] }],
  ])('is refused: %s', (_what, more) => {
    expect(fateOf(replay(more))).toMatch(EDITED);
  });

  test.each<[string, readonly JsonObject[]]>([
    ['another question', [user(text('What is the time?'))]],
    ['another speaker', [assistant(text('What is the weather?'))]],
    ['a block less', [user()]],
    ['a block more', [user(text('What is the weather?'), text('Tell me.'))]],
  ])('is refused: %s', (_what, opening) => {
    const body = replay();
    expect(fateOf({ ...body, messages: [...opening, ...messagesOf(body).slice(1)] })).toMatch(EDITED);
  });

  test('is refused by its own place, and with the API’s error', () => {
    const moved = replay({}, text('I look.'));
    const [question, answer, result] = messagesOf(moved);
    const content = answer?.['content'] as JsonObject[];
    const messages = [question, { ...answer, content: [text('I saw.'), ...content.slice(1)] }, result];
    expect(admitThinking({ ...moved, messages })).toEqual({
      error: {
        status: 400,
        type: 'invalid_request_error',
        message: expect.stringMatching(/^messages\.1\.content\.1: Invalid `signature` in `thinking` block\./),
      },
    });
  });

  test('does not matter to blocks before the edit, nor to what follows a block', () => {
    const body = replay();
    const messages = [...messagesOf(body).slice(0, 2), user({ ...found, content: 'raining' })];
    expect(fateOf({ ...body, messages })).toBe('kept');
  });

  test('is refused as redacted thinking too', () => {
    const redacted = { type: 'redacted_thinking', data: bindThinking(OPENING)([]) };
    const messages = [...messagesOf(OPENING), assistant(redacted, call), user(found)];
    expect(fateOf({ ...OPENING, messages })).toBe('kept');
    expect(fateOf({ ...OPENING, system: 'x', messages })).toMatch(
      /^messages\.1\.content\.0: Invalid `data` in `redacted_thinking`/,
    );
  });
});

describe('a block that the model cannot read', () => {
  function withSignature(signature: unknown): JsonObject {
    const thought = { type: 'thinking', thinking: 'hm', signature };
    return { ...OPENING, messages: [...messagesOf(OPENING), assistant(thought, call), user(found)] };
  }

  test.each([
    ['no signature', undefined],
    ['an empty one', ''],
    ['one of another service', 'EqoBCkgIARABGAIiQL2UoU0b1OHYi'],
    ['one with a letter changed', bindThinking(OPENING)([]).slice(0, -1)],
    ['one of another model', bindThinking({ ...OPENING, model: 'claude-sonnet-5-5' })([])],
    [
      'one of a model whose thinking is not bound',
      bindThinking({ ...OPENING, model: 'claude-sonnet-4-5' })([]),
    ],
  ])('is dropped silently: %s', (_what, signature) => {
    const body = withSignature(signature);
    const admitted = admitThinking(body);
    const [question, , result] = messagesOf(body);
    expect(admitted).toEqual({ body: { ...body, messages: [question, assistant(call), result] } });
  });

  test('is dropped alone, and binds nothing after it', () => {
    const foreign = { type: 'thinking', thinking: 'hm', signature: 'foreign' };
    const own = think({ ...OPENING, messages: [...messagesOf(OPENING)] }, foreign, call);
    const body = {
      ...OPENING,
      messages: [...messagesOf(OPENING), assistant(foreign, call, own), user(found)],
    };
    const admitted = admitThinking(body);
    expect('body' in admitted && messagesOf(admitted.body)[1]).toEqual(assistant(call, own));
  });

  test('is not looked at where thinking is not bound', () => {
    const foreign = withSignature('foreign');
    for (const model of ['claude-opus-5', 'claude-sonnet-4-6', 'claude-haiku-4-5']) {
      expect(fateOf({ ...foreign, model })).toBe('kept');
      expect(fateOf({ ...replay({ system: 'edited' }), model })).toBe('kept');
    }
  });

  test('takes the note on key order along', () => {
    const source = JSON.stringify(withSignature('foreign')).replace('"days":3', '"9":3,"1":4');
    const parsed = parseBody(Buffer.from(source));
    if (!parsed.ok) throw new Error(parsed.reason);
    const admitted = admitThinking(parsed.value);
    expect('body' in admitted && admitted.body !== parsed.value && hasKeyOrder(admitted.body)).toBe(true);
  });
});

describe('signatures', () => {
  test('are one word of one length, and differ by model and conversation', () => {
    const signatures = [OPENING, { ...OPENING, system: 'x' }, { ...OPENING, model: 'claude-fable-5-2' }].map(
      (body) => bindThinking(body)([]),
    );
    expect(new Set(signatures).size).toBe(3);
    for (const signature of signatures) expect(signature).toMatch(/^sig_01[\w-]{67}$/);
  });

  test('are the same for every name of a model', () => {
    expect(bindThinking({ ...OPENING, model: 'us.anthropic.claude-opus-5-5-v1:0' })([])).toBe(
      bindThinking(OPENING)([]),
    );
  });

  test('stand where each kind of block has room', () => {
    expect([signatureMember('thinking'), signatureMember('redacted_thinking')]).toEqual([
      'signature',
      'data',
    ]);
  });
});

test('any conversation can be replayed, and no edit of a text goes unseen', () => {
  const word = fc.stringMatching(/^[a-z]{1,6}$/);
  const turns = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(turns, fc.nat(), (pairs, pick) => {
      let messages: JsonObject[] = [];
      for (const [question, answer] of pairs) {
        messages = [...messages, user(text(question))];
        messages = [...messages, assistant(think({ ...OPENING, messages }), text(answer))];
      }
      const whole = { ...OPENING, messages: [...messages, user(text('end'))] };
      expect(fateOf(whole)).toBe('kept');
      const at = (pick % pairs.length) * 2;
      expect(fateOf({ ...whole, messages: whole.messages.with(at, user(text('EDIT'))) })).toMatch(
        new RegExp(`^messages\\.${at + 1}\\.content\\.0: `),
      );
    }),
    runs,
  );
});
