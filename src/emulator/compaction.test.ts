import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { JsonObject } from '../core/index.ts';
import type { BindingMode } from './binding.ts';
import { manualClock, type EmulatorClock } from './clock.ts';
import { startEmulator, type RunningServer } from './index.ts';
import { createService, type EmulatorService } from './service.ts';

const MODEL = 'claude-opus-5-5';
const MARKED = { cache_control: { type: 'ephemeral' } };
const START_MS = 1_795_000_000_000;

interface Iteration {
  readonly type: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
}

interface Seen {
  readonly content: readonly JsonObject[];
  readonly stop_reason: string;
  readonly usage: Omit<Iteration, 'type'> & { readonly iterations?: readonly Iteration[] };
}

let clock: EmulatorClock;
let service: EmulatorService;
function restart(binding: BindingMode = 'off'): void {
  clock = manualClock(START_MS);
  const formatTime = (timeMs: number): string => new Date(timeMs).toISOString();
  const options = { tokenizer: 'words', ttftMs: 0, slackMs: 0, ttlScale: 1, seed: 1 } as const;
  service = createService({ ...options, binding, formatTime }, clock);
}
beforeEach(() => restart());

function send(body: object, script?: object): Seen {
  const problem = script ? service.appendScript(script) : null;
  if (problem !== null) throw new Error(problem);
  const result = service.messages({ body, workspace: 'w', betas: [], beginAfterMs: null });
  if ('error' in result)
    throw Object.assign(new Error(result.error.message), { details: result.error.details });
  clock.advance(1_000);
  return result.answer.message as unknown as Seen;
}

function refusal(body: object): readonly [string, unknown] {
  try {
    send(body);
  } catch (error) {
    const { message, details } = error as Error & { details?: { error_code: string } };
    return [message, details?.error_code];
  }
  return ['accepted', undefined];
}

const words = (count: number, word = 'w'): string => Array.from({ length: count }, () => word).join(' ');
const text = (value: string, more: object = {}): JsonObject => ({ type: 'text', text: value, ...more });
const user = (...content: JsonObject[]): JsonObject => ({ role: 'user', content });
const assistant = (...content: JsonObject[]): JsonObject => ({ role: 'assistant', content });
const SUMMARISE = { compaction: { type: 'summarize' } };
const edit = (more: object = {}): object => ({
  context_management: {
    edits: [{ type: 'compact_20260112', trigger: { type: 'input_tokens', value: 50_000 }, ...more }],
  },
});

const chat = (...messages: JsonObject[]): JsonObject => ({
  model: MODEL,
  max_tokens: 100,
  system: [text(words(600), MARKED)],
  messages,
});
const TURN = [user(text(words(400, 'q'))), assistant(text('Yes.'))];

describe('on demand', () => {
  test('answers with a signed block alone; what it cost is in the iterations only', () => {
    send(chat(user(text(words(400, 'q'), MARKED))));
    const asked = { ...chat(user(text(words(400, 'q'), MARKED)), assistant(text('Yes.'))), ...SUMMARISE };
    const { content, stop_reason: stop, usage } = send(asked, { summary: 'They agreed on it.' });
    expect(stop).toBe('compaction');
    expect(content).toEqual([
      {
        type: 'compaction',
        content: 'They agreed on it.',
        encrypted_content: null,
        signature: expect.stringMatching(/^cmp_/),
      },
    ]);
    expect(usage).toMatchObject({ input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0 });
    expect(usage.iterations).toEqual([
      {
        type: 'compaction',
        input_tokens: 1,
        output_tokens: 4,
        cache_read_input_tokens: 1_000,
        cache_creation_input_tokens: 0,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      },
    ]);
  });

  test('the prompt goes on being read where the system has a breakpoint, and the block can carry one', () => {
    const asked = { ...chat(...TURN), ...SUMMARISE };
    const [block] = send(asked).content;
    const next = chat(assistant({ ...block, ...MARKED }), user(text('More?')));
    const { usage } = send(next);
    // Eight words and the signature.
    expect(usage).toMatchObject({ cache_read_input_tokens: 600, cache_creation_input_tokens: 9 });
    expect(usage.iterations).toBeUndefined();
    expect(send(next).usage).toMatchObject({ cache_read_input_tokens: 609, input_tokens: 1 });
  });

  test('instructions are read behind the conversation', () => {
    const asked = { ...chat(...TURN), compaction: { type: 'summarize', instructions: 'Only the names.' } };
    expect(send(asked).usage.iterations?.[0]).toMatchObject({ input_tokens: 404 });
    const blank = { ...chat(...TURN), compaction: { type: 'summarize', instructions: ' ' } };
    expect(send(blank).usage.iterations?.[0]).toMatchObject({ input_tokens: 401 });
  });

  test.each([
    [{ stop_reason: 'max_tokens', text: 'cut' }, 'max_tokens'],
    [{ content: [{ type: 'tool_use', name: 't', input: {} }] }, 'tool_use'],
    [{ stop_reason: 'refusal' }, 'refusal'],
    [{ summary: null }, 'end_turn'],
  ])('without a summary the content is empty, and the pass is billed: %j', (script, reason) => {
    const { content, stop_reason: stop, usage } = send({ ...chat(...TURN), ...SUMMARISE }, script);
    expect([content, stop, usage.iterations?.length]).toEqual([[], reason, 1]);
  });

  test('a summary longer than max_tokens is cut off', () => {
    expect(send({ ...chat(...TURN), max_tokens: 3, ...SUMMARISE })).toMatchObject({
      stop_reason: 'max_tokens',
    });
  });

  test.each([
    [edit(), 'compaction cannot be used with context_management'],
    [{ stop_sequences: ['x'] }, 'compaction cannot be used with stop_sequences'],
    [
      { output_config: { format: { type: 'json_schema' } } },
      'compaction cannot be used with output_config.format',
    ],
    [{ tool_choice: { type: 'any' } }, 'compaction cannot be used with tool_choice "any"'],
    [{ compaction: { type: 'fold' } }, "compaction.type: Input should be 'summarize'"],
  ])('refuses what cannot go with it: %j', (more, message) => {
    expect(refusal({ ...chat(...TURN), ...SUMMARISE, ...more })).toEqual([message, undefined]);
  });

  test('refuses a turn that is open, and a conversation without words', () => {
    const open = chat(
      ...TURN,
      user(text('Go.')),
      assistant({ type: 'tool_use', id: 't', name: 'n', input: {} }),
    );
    expect(refusal({ ...open, ...SUMMARISE })[1]).toBe('compaction_incomplete_turn');
    const silent = chat({ role: 'system', content: [text('Be kind.')] });
    expect(refusal({ ...silent, ...SUMMARISE })[1]).toBe('compaction_nothing_to_summarize');
  });

  test('refuses a block that is not first, and more than one', () => {
    const [block = {}] = send({ ...chat(...TURN), ...SUMMARISE }).content;
    expect(refusal(chat(...TURN, assistant(block), user(text('More?'))))[1]).toBe(
      'compaction_block_misplaced',
    );
    expect(refusal(chat(user(text('More?'), block)))[1]).toBe('compaction_block_misplaced');
    expect(refusal(chat(assistant(block, block), user(text('More?'))))[1]).toBe('compaction_block_ambiguous');
    expect(refusal(chat(user(block, text('More?'))))[0]).toBe('accepted');
  });

  test('counting ignores the request for it', () => {
    const plain = service.countTokens(chat(...TURN));
    expect(service.countTokens({ ...chat(...TURN), ...SUMMARISE })).toEqual(plain);
  });
});

describe('signatures of summaries, where they bind', () => {
  beforeEach(() => restart('strict'));
  const thought = { type: 'thinking', thinking: 'Hm.' };

  test('thinking that is kept behind the summary stays valid, and not behind other prompts or turns', () => {
    const first = chat(...TURN, user(text('And then?')));
    const answer = send(first, { content: [thought, { type: 'text', text: 'This.' }] });
    const kept = [user(text('And then?')), assistant(...answer.content)];
    const [block = {}] = send({ ...chat(...TURN), ...SUMMARISE }).content;
    const next = (...messages: JsonObject[]): JsonObject =>
      chat(assistant(block), ...messages, user(text('Go.')));
    expect(refusal(next(...kept))[0]).toBe('accepted');
    expect(refusal({ ...next(...kept), system: 'Another.' })[0]).toMatch(/bound to a different conversation/);
    expect(refusal(next(user(text('Or?')), ...kept.slice(1)))[0]).toMatch(/bound to a different/);
    const again = send({ ...chat(assistant(block), ...kept), ...SUMMARISE }).content[0] ?? {};
    const later = send(chat(assistant(block), ...kept, user(text('Go.'))), {
      content: [thought, text('Gone.')],
    });
    const tail = [user(text('Go.')), assistant(...later.content)];
    expect(refusal(chat(assistant(again), ...tail, user(text('Now?'))))[0]).toBe('accepted');
  });

  test('a block that was changed is refused', () => {
    const [block] = send({ ...chat(...TURN), ...SUMMARISE }).content;
    const forged = { ...block, content: 'They agreed on nothing.' };
    expect(refusal(chat(assistant(forged), user(text('?'))))[1]).toBe('compaction_content_mismatch');
    expect(refusal(chat(assistant({ ...block, signature: 'cmp_x' }), user(text('?'))))[1]).toBe(
      'compaction_signature_invalid',
    );
  });
});

describe('at a threshold', () => {
  const long = [user(text(words(49_400, 'q'))), assistant(text('Yes.')), user(text('And?', MARKED))];

  test('below it nothing happens but that iterations are listed', () => {
    const { content, usage } = send({ ...chat(...TURN, user(text('And?'))), ...edit() });
    expect(content.map(({ type }) => type)).toEqual(['text']);
    expect(usage.iterations).toMatchObject([
      { type: 'message', model: MODEL, input_tokens: usage.input_tokens },
    ]);
  });

  test('the answer begins with a block; the sums are those of the pass after it', () => {
    send(chat(user(text(words(49_400, 'q'), MARKED))));
    const {
      content,
      stop_reason: stop,
      usage,
    } = send({ ...chat(...long), ...edit() }, { summary: 'In short.', text: 'So.' });
    expect(content).toMatchObject([
      { type: 'compaction', content: 'In short.' },
      { type: 'text', text: 'So.' },
    ]);
    expect(content[0]).not.toHaveProperty('signature');
    expect(stop).toBe('end_turn');
    expect(usage).toMatchObject({
      input_tokens: 2,
      cache_read_input_tokens: 600,
      cache_creation_input_tokens: 0,
      output_tokens: 1,
    });
    expect(usage.iterations).toMatchObject([
      {
        type: 'compaction',
        cache_read_input_tokens: 50_000,
        cache_creation_input_tokens: 2,
        input_tokens: 0,
        output_tokens: 2,
      },
      { type: 'message', cache_read_input_tokens: 600, input_tokens: 2, output_tokens: 1 },
    ]);
    const next = { ...chat(...long, assistant(...content), user(text('Now?'))), ...edit() };
    expect(send(next).usage).toMatchObject({ cache_read_input_tokens: 600, input_tokens: 4 });
    expect(service.countTokens(next)).toEqual({ tokens: 604 });
  });

  test('the pass after it begins when the response does', () => {
    send(chat(...long));
    const body = { ...chat(...long), ...edit() };
    service.messages({ body, workspace: 'w', betas: [], beginAfterMs: 20_000 });
    const prompt = service.entries().entries.find(({ tokens }) => tokens === 600);
    expect(prompt?.expiresMs).toBe(clock.nowMs() + 20_000 + 300_000);
  });

  test('it pauses where asked, and a summary that fails changes nothing', () => {
    const paused = send({ ...chat(...long), ...edit({ pause_after_compaction: true }) });
    expect(paused).toMatchObject({
      stop_reason: 'compaction',
      content: [{ type: 'compaction' }],
      usage: { input_tokens: 0 },
    });
    const failed = send({ ...chat(...long), ...edit() }, { summary: null, text: 'So.' });
    expect(failed.content).toMatchObject([{ type: 'compaction', content: null }, { text: 'So.' }]);
    expect(failed.usage.cache_read_input_tokens).toBe(50_002);
    const next = {
      ...chat(...long, assistant(...failed.content), user(text('Now?'))),
      ...edit({ trigger: null }),
    };
    expect(send(next).usage).toMatchObject({ cache_read_input_tokens: 50_002, input_tokens: 2 });
  });

  test('the trigger is of tokens, and not below fifty thousand', () => {
    for (const trigger of [{ type: 'input_tokens', value: 49_999 }, { type: 'turns', value: 60_000 }, 'x'])
      expect(refusal({ ...chat(...TURN), ...edit({ trigger }) })[0]).toMatch(/at least 50000/);
  });

  test('filling the cache ahead makes no summary', () => {
    expect(send({ ...chat(...long), ...edit(), max_tokens: 0 }).usage.iterations).toHaveLength(1);
  });
});

describe('over HTTP with the official SDK', () => {
  let emulator: RunningServer;
  beforeAll(async () => {
    emulator = await startEmulator({ port: 0, clock: 'manual' });
  });
  afterAll(() => emulator.close(0));

  test('the block comes whole in a stream, and goes back as it came', async () => {
    const client = new Anthropic({ apiKey: 'k', baseURL: emulator.url });
    const messages: Anthropic.Beta.BetaMessageParam[] = [{ role: 'user', content: 'Name the entities.' }];
    const shared = { model: MODEL, max_tokens: 4_096, betas: ['compact-2026-09-04'], messages };
    const stream = client.beta.messages.stream({ ...shared, compaction: { type: 'summarize' } });
    const message = await stream.finalMessage();
    expect(message).toMatchObject({ stop_reason: 'compaction', content: [{ type: 'compaction' }] });
    expect(message.usage.iterations).toMatchObject([{ type: 'compaction' }]);
    const { content } = message;
    const next = await client.beta.messages.create({
      ...shared,
      messages: [
        { role: 'assistant', content },
        { role: 'user', content: 'Go on.' },
      ],
    });
    expect(next.stop_reason).toBe('end_turn');
  });
});
