import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  checkpointer,
  conversation,
  conversationFetch,
  resumeConversation,
  type ConversationAnswer,
  type ConversationOptions,
  type CutReport,
  type SendOptions,
} from '../../src/conversation/index.ts';
import {
  billTokens,
  noTokens,
  resolveModel,
  standardPricing,
  type JsonObject,
} from '../../src/core/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { recordingFetch, startServers, type Servers } from '../clients/servers.ts';
import { asksForSummary, Emulated, words, type Exchange } from './emulated.ts';
import { illegalities } from './legal.ts';

type Options = ConversationOptions<RequestParts, ConversationAnswer>;

/** A conversation in the emulator that has the API compact, what it sent and what it was told. */
function begin(options: Partial<Options> = {}) {
  const emulated = new Emulated();
  const cuts: CutReport[] = [];
  const asked: (SendOptions | undefined)[] = [];
  const given: Options = {
    model: 'claude-sonnet-5-5',
    maxTokens: 400,
    system: words(900),
    highTokens: 6_000,
    strategy: 'api',
    clock: emulated.clock,
    onCut: (report) => cuts.push(report),
    send: (body, sent) => {
      asked.push(sent);
      return asksForSummary(body) ? emulated.send(body, { summary: 'They spoke.' }) : emulated.send(body);
    },
    ...options,
  };
  return { emulated, cuts, asked, given, chat: conversation(given) };
}

const isCompacting = ({ body }: Exchange): boolean => body['compaction'] !== undefined;

/** What all passes of an answer cost. */
function costOf({ answer }: Exchange, atMs: number): number {
  const passes = (answer.usage['iterations'] as readonly JsonObject[] | undefined) ?? [answer.usage];
  const facts = resolveModel('claude-sonnet-5-5').facts;
  const bills = passes.map((pass) => {
    const tokens = {
      ...noTokens,
      uncachedTokens: Number(pass['input_tokens']),
      readTokens: Number(pass['cache_read_input_tokens']),
      write5mTokens: Number(pass['cache_creation_input_tokens']),
      outputTokens: Number(pass['output_tokens']),
    };
    return Number(billTokens(facts, tokens, standardPricing(atMs)).totalPicoUsd) / 1e12;
  });
  return bills.reduce((sum, cost) => sum + cost, 0);
}

describe('compaction on demand', () => {
  it('summarises the older turns from the cache, and keeps the newest word for word', async () => {
    const { chat, emulated, cuts } = begin();
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const [compacting] = emulated.exchanges.filter(isCompacting);
    const [report] = cuts;
    expect(report).toMatchObject({
      strategy: 'api',
      reason: 'tokens',
      fallback: null,
      summary: 'They spoke.',
    });
    expect(compacting?.body.messages.length).toBe(report?.dropped.length);
    expect(compacting?.body.messages.at(-1)?.role).toBe('assistant');
    const passes = compacting?.answer.usage['iterations'] as readonly JsonObject[] | undefined;
    const [pass] = passes ?? [];
    const read = Number(pass?.['cache_read_input_tokens']);
    // All but the last answer of what it summarises.
    expect(read / (read + Number(pass?.['input_tokens']))).toBeGreaterThan(0.95);
    expect(pass?.['cache_creation_input_tokens']).toBe(0);
    const [block, ...kept] = emulated.exchanges.at(-1)?.body.messages ?? [];
    expect(block).toEqual({ role: 'assistant', content: compacting?.answer.content });
    expect(JSON.stringify(kept[0]?.content)).toMatch(/\d+: w/);
    expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
  });

  it('goes on being read behind the block, the prompt even with the first request after it', async () => {
    const { chat, cuts } = begin();
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const cut = chat.turns.at(-1);
    expect(cut?.tokens?.readTokens).toBeGreaterThan(1_500);
    await chat.say('And now?');
    const { tokens, expectedReadTokens } = chat.turns.at(-1) ?? {};
    expect(tokens?.readTokens).toBe((cut?.tokens?.readTokens ?? 0) + (cut?.tokens?.write5mTokens ?? 0));
    expect(Math.abs((expectedReadTokens ?? 0) - (tokens?.readTokens ?? 0))).toBeLessThan(10);
  });

  it('prices the summary from the iterations', async () => {
    const { chat, emulated, cuts } = begin();
    for (let turn = 0; cuts.length < 2; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const paid = emulated.exchanges.reduce((sum, each) => sum + costOf(each, emulated.clock.nowMs()), 0);
    expect(chat.totals.costUsd).toBeCloseTo(paid, 10);
    expect(chat.totals).toMatchObject({ summaries: 2, cuts: 2 });
    const summary = chat.turns.find(({ kind }) => kind === 'summary');
    expect(summary?.costUsd).toBeGreaterThan(0);
    expect(cuts[0]?.breakEven.rewriteUsd).toBeGreaterThan(summary?.costUsd ?? 0);
  });

  it('says the beta in the headers, and only where it needs it', async () => {
    const { chat, cuts, asked, emulated } = begin();
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const headers = { 'anthropic-beta': 'compact-2026-09-04' };
    const at = emulated.exchanges.findIndex(isCompacting);
    expect(asked.slice(0, at).every((options) => options === undefined)).toBe(true);
    expect(asked.slice(at)).toEqual([
      { headers, kind: 'summary' },
      { headers, kind: 'turn' },
    ]);
  });

  it('leaves out what the API refuses, and keeps what decides about the cache', async () => {
    const { chat, emulated, cuts } = begin({
      parameters: {
        stop_sequences: ['END'],
        tool_choice: { type: 'any' },
        output_config: { effort: 'high', format: { type: 'json_schema' } },
        thinking: { type: 'adaptive' },
        context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] },
      },
      summaryRequest: 'Only the names.',
    });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const sent = emulated.exchanges.find(isCompacting)?.body;
    const { model, max_tokens: most, system: _system, messages: _messages, ...rest } = sent as JsonObject;
    expect([model, most]).toEqual(['claude-sonnet-5-5', 4_096]);
    expect(rest).toEqual({
      output_config: { effort: 'high' },
      thinking: { type: 'adaptive' },
      compaction: { type: 'summarize', instructions: 'Only the names.' },
    });
    expect(cuts[0]?.fallback).toBeNull();
  });

  it('tries again with more room, then drops the oldest and says why', async () => {
    const tried: JsonObject[] = [];
    const emulated = new Emulated();
    const { chat, cuts } = begin({
      clock: emulated.clock,
      send: (body) => {
        if (!asksForSummary(body)) return emulated.send(body);
        tried.push(body as unknown as JsonObject);
        return emulated.send(body, { stop_reason: tried.length === 1 ? 'max_tokens' : 'tool_use' });
      },
      summaryTries: 3,
    });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    expect(tried.map((body) => body['max_tokens'])).toEqual([4_096, 8_192, 16_384]);
    expect(tried.map((body) => (body['compaction'] as JsonObject)['instructions'] ?? null)).toEqual([
      null,
      null,
      expect.stringContaining('Call no tools'),
    ]);
    expect(cuts[0]).toMatchObject({ strategy: 'drop-oldest', summary: null });
    expect(cuts[0]?.fallback).toContain('ended with tool_use');
  });

  it('keeps the block where the next one cannot be had', async () => {
    const emulated = new Emulated();
    let isDown = false;
    const { chat, cuts } = begin({
      clock: emulated.clock,
      send: (body) =>
        isDown && asksForSummary(body)
          ? Promise.reject(new Error('529: compaction_unavailable'))
          : emulated.send(body),
    });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    isDown = true;
    for (let turn = 0; cuts.length === 1; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const [first, second] = cuts;
    expect(second).toMatchObject({ strategy: 'drop-oldest', summary: first?.summary });
    expect(chat.messages[0]?.content).toMatchObject([{ type: 'compaction', content: first?.summary }]);
    expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
    await chat.say('Still there?');
  });

  it('says instructions again that the summary would end', async () => {
    const { chat, emulated, cuts } = begin({ model: 'claude-opus-5-5' });
    chat.instruct('Answer in French.');
    for (let turn = 0; cuts.length < 2; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const system = emulated.exchanges.at(-1)?.body.messages.filter(({ role }) => role === 'system');
    expect(system).toMatchObject([{ content: [{ text: 'Answer in French.' }] }]);
    expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
  });

  it('is asked for ahead, while the conversation goes on', async () => {
    const { chat, emulated, cuts } = begin({ summariseAheadShare: 0.7 });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(150, turn)}`);
    const at = emulated.exchanges.findIndex(isCompacting);
    expect(at).toBeLessThan(emulated.exchanges.length - 2);
    expect(emulated.exchanges.filter(isCompacting)).toHaveLength(1);
    expect(cuts[0]).toMatchObject({ strategy: 'api', fallback: null });
    expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
  });

  it('is not asked for ahead behind something that got no answer, for more may be said there', async () => {
    const { chat, emulated, cuts } = begin({ summariseAheadShare: 0.6 });
    await chat.say('First.');
    for (let turn = 0; turn < 4; turn += 1) {
      emulated.script({ content: [{ type: 'thinking', thinking: 'Hm.' }] });
      chat.instruct(`Rule ${turn}.`);
      await chat.say(`Unanswered ${turn}: ${words(150, turn)}`);
    }
    const {
      input_tokens: rest = 0,
      cache_read_input_tokens: read = 0,
      cache_creation_input_tokens: wrote = 0,
    } = emulated.exchanges.at(-1)?.answer.usage ?? {};
    expect(rest + read + wrote).toBeGreaterThan(3_600);
    expect(emulated.exchanges.filter(isCompacting)).toHaveLength(0);
    emulated.script({
      content: [
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'text', text: 'Yes.' },
      ],
    });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`Then ${turn}: ${words(200, turn)}`);
    const told = JSON.stringify([chat.messages, cuts.map(({ dropped }) => dropped)]);
    for (let turn = 0; turn < 4; turn += 1) expect(told).toContain(`Unanswered ${turn}:`);
    await chat.say('And now?');
  });

  it('goes on within one long turn, as often as it has to', async () => {
    const { chat, emulated, cuts } = begin({ model: 'claude-opus-5-5' });
    const call = (step: number): object => ({
      content: [
        { type: 'thinking', thinking: `Step ${step}.` },
        { type: 'tool_use', id: `toolu_${step}`, name: 'look', input: { step } },
      ],
      stop_reason: 'tool_use',
    });
    emulated.script(call(0));
    chat.instruct('Be short.');
    await chat.say('Look at everything.');
    for (let step = 1; cuts.length < 3; step += 1) {
      emulated.script(call(step));
      const content = words(250, step);
      await chat.say([{ type: 'tool_result', tool_use_id: `toolu_${step - 1}`, content }]);
    }
    expect(cuts.every(({ strategy, fallback }) => strategy === 'api' && fallback === null)).toBe(true);
    expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
    expect(JSON.stringify(chat.messages)).toContain('Be short.');
  });

  it('within one long turn is followed by others, where the API is down from then on', async () => {
    const emulated = new Emulated();
    const { chat, cuts } = begin({
      clock: emulated.clock,
      send: (body) =>
        asksForSummary(body) && cuts.length > 0
          ? Promise.reject(new Error('529: overloaded'))
          : emulated.send(body, asksForSummary(body) ? { summary: 'They looked.' } : undefined),
    });
    const call = (step: number): object => ({
      content: [{ type: 'tool_use', id: `toolu_${step}`, name: 'look', input: { step } }],
      stop_reason: 'tool_use',
    });
    emulated.script(call(0));
    await chat.say('Look at everything.');
    for (let step = 1; cuts.length < 3; step += 1) {
      emulated.script(call(step));
      if (step % 9 === 0) chat.instruct(`Rule ${step}.`);
      const content = words(250, step);
      await chat.say([{ type: 'tool_result', tool_use_id: `toolu_${step - 1}`, content }]);
    }
    expect(cuts.map(({ strategy }) => strategy)).toEqual(['api', 'drop-oldest', 'drop-oldest']);
    expect(cuts.at(-1)?.summary).toBe('They looked.');
    expect(emulated.exchanges.flatMap(illegalities)).toEqual([]);
    expect(JSON.stringify(chat.messages)).toContain('Rule 9.');
  });

  it('is saved and resumed with its block', async () => {
    const saved = checkpointer({ store: createMemoryStore() });
    const { chat, cuts, given } = begin({ checkpointer: saved, id: 'compacted' });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(200, turn)}`);
    const resumed = await resumeConversation({ ...given, id: 'compacted', checkpointer: saved });
    expect(resumed?.report.status).toBe('warm');
    expect(JSON.stringify(resumed?.conversation.messages)).toBe(JSON.stringify(chat.messages));
    await resumed?.conversation.say('And now?');
    expect(resumed?.conversation.turns.at(-1)?.tokens?.uncachedTokens).toBe(0);
  });
});

describe('compaction at a threshold', () => {
  const long = { highTokens: 50_000, apiCompaction: 'threshold' as const, maxTokens: 1_000 };

  it('is asked for with every turn; the answer becomes the history, and the rest is reported', async () => {
    const { chat, emulated, cuts, asked } = begin(long);
    for (let turn = 0; cuts.length === 0; turn += 1) {
      emulated.script({ summary: 'They spoke at length.', text: `Answer ${turn}` });
      await chat.say(`${turn}: ${words(5_000, turn)}`);
    }
    expect(emulated.exchanges.every(({ body }) => !isCompacting({ body } as Exchange))).toBe(true);
    expect(emulated.exchanges[0]?.body['context_management']).toEqual({
      edits: [{ type: 'compact_20260112', trigger: { type: 'input_tokens', value: 50_000 } }],
    });
    expect(asked[0]?.headers).toEqual({ 'anthropic-beta': 'compact-2026-01-12' });
    const { answer, body } = emulated.exchanges.at(-1) ?? {};
    expect(chat.messages).toHaveLength(1);
    expect(chat.messages[0]).toMatchObject({
      role: 'assistant',
      content: [{ content: 'They spoke at length.' }, {}],
    });
    expect(cuts[0]).toMatchObject({ strategy: 'api', summary: 'They spoke at length.', fallback: null });
    expect(cuts[0]?.dropped).toHaveLength(body?.messages.length ?? 0);
    expect(cuts[0]?.beforeTokens).toBeGreaterThan(50_000);
    expect(cuts[0]?.afterTokens).toBe(
      Number(answer?.usage.input_tokens) + Number(answer?.usage.cache_read_input_tokens),
    );
  });

  it('pays for both passes, and goes on from the prompt', async () => {
    const { chat, emulated, cuts } = begin(long);
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(5_000, turn)}`);
    const paid = emulated.exchanges.reduce((sum, each) => sum + costOf(each, emulated.clock.nowMs()), 0);
    expect(chat.totals.costUsd).toBeCloseTo(paid, 10);
    await chat.say('And now?');
    const { tokens, expectedReadTokens } = chat.turns.at(-1) ?? {};
    expect(tokens?.readTokens).toBeGreaterThan(1_500);
    expect(Math.abs((expectedReadTokens ?? 0) - (tokens?.readTokens ?? 0))).toBeLessThan(100);
    expect(tokens?.uncachedTokens).toBe(0);
  });

  it('says instructions again, and a summary that failed changes nothing', async () => {
    const { chat, emulated, cuts } = begin({ ...long, model: 'claude-opus-5-5' });
    chat.instruct('Answer in French.');
    for (let turn = 0; turn < 6; turn += 1) {
      emulated.script({ summary: null, text: 'Oui.' });
      await chat.say(`${turn}: ${words(5_000, turn)}`);
    }
    expect(cuts).toEqual([]);
    expect(JSON.stringify(chat.messages)).not.toContain('compaction');
    emulated.script({ summary: 'In short.', text: 'Oui.' });
    await chat.say('Now?');
    await chat.say('And now?');
    expect(cuts).toHaveLength(1);
    expect(emulated.exchanges.at(-1)?.body.messages.at(-1)).toMatchObject({
      role: 'system',
      content: [{ text: 'Answer in French.' }],
    });
  });
});

describe('with the official SDK over HTTP', () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers();
  });
  beforeEach(() => servers.reset());
  afterAll(() => servers.close());

  it('the options of a request go to the SDK as they are', async () => {
    const { fetch, recorded } = recordingFetch(globalThis.fetch);
    const client = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch });
    const cuts: CutReport[] = [];
    const chat = conversation({
      model: 'claude-opus-5-5',
      maxTokens: 200,
      system: words(600),
      highTokens: 1_500,
      strategy: 'api',
      onCut: (report) => cuts.push(report),
      send: (body: Anthropic.Beta.Messages.MessageCreateParamsNonStreaming, options) =>
        client.beta.messages.create(body, options),
    });
    for (let turn = 0; cuts.length === 0; turn += 1) await chat.say(`${turn}: ${words(100, turn)}`);
    await chat.say('And now?');
    expect(cuts[0]).toMatchObject({ strategy: 'api', fallback: null });
    expect(recorded.every(({ status }) => status === 200)).toBe(true);
    expect(recorded.filter(({ body }) => 'compaction' in body)).toHaveLength(1);
  });

  it('an agent that has its own history compacted is let through, and goes on in the same conversation', async () => {
    const agent = conversationFetch();
    const client = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent });
    const shared = { model: 'claude-opus-5-5', max_tokens: 200, betas: ['compact-2026-09-04'] };
    const messages: Anthropic.Beta.Messages.BetaMessageParam[] = [{ role: 'user', content: 'Begin.' }];
    const { content } = await client.beta.messages.create({ ...shared, messages });
    messages.push({ role: 'assistant', content });
    const compaction = { type: 'summarize' } as const;
    const summary = await client.beta.messages.create({ ...shared, messages, compaction });
    expect(summary.stop_reason).toBe('compaction');
    const next = [
      { role: 'assistant' as const, content: summary.content },
      { role: 'user' as const, content: 'Go on.' },
    ];
    await client.beta.messages.create({ ...shared, messages: next });
    const kept = JSON.stringify(agent.conversation()?.messages);
    expect(kept).toContain('Begin.');
    expect(kept).toContain('Go on.');
    expect(kept).not.toContain('compaction');
  });

  it('an agent is given it by a fetch that adds the beta to its own', async () => {
    const betas: (string | null)[] = [];
    const recording: typeof fetch = (input, init) => {
      betas.push(new Headers(init?.headers).get('anthropic-beta'));
      return fetch(input, init);
    };
    const cuts: CutReport[] = [];
    const agent = conversationFetch({
      fetch: recording,
      highTokens: 1_500,
      strategy: 'api',
      onCut: (report) => cuts.push(report),
    });
    const client = new Anthropic({ apiKey: 'k', baseURL: servers.emulatorUrl, fetch: agent });
    const messages: Anthropic.Beta.Messages.BetaMessageParam[] = [];
    for (let turn = 0; cuts.length === 0; turn += 1) {
      messages.push({ role: 'user', content: `${turn}: ${words(100, turn)}` });
      const shared = { model: 'claude-opus-5-5', max_tokens: 200, system: words(600), betas: ['own-beta'] };
      const { content } = await client.beta.messages.create({ ...shared, messages });
      messages.push({ role: 'assistant', content });
    }
    expect(cuts[0]?.strategy).toBe('api');
    expect(betas[0]).toBe('own-beta');
    expect(betas.at(-1)).toBe('own-beta,compact-2026-09-04');
  });
});
