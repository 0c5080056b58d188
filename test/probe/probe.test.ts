import { afterEach, describe, expect, it } from 'vitest';

import { startEmulator, type RunningServer } from '../../src/emulator/index.ts';
import { resolveModel, type OpenQuestions } from '../../src/core/index.ts';
import {
  planProbe,
  runProbe,
  type ProbeAnswer,
  type ProbePorts,
  type Transport,
} from '../../src/probe/index.ts';

const MODEL = 'claude-sonnet-4-5';
let running: RunningServer | null = null;

afterEach(async () => {
  await running?.close();
  running = null;
});

function transportTo(url: string): Transport {
  return async ({ method, path, body, headers }) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { 'content-type': 'application/json', 'x-api-key': 'key', ...headers },
      ...(body !== null && { body: JSON.stringify(body) }),
    });
    const after = response.headers.get('retry-after');
    return {
      status: response.status,
      retryAfterMs: after === null ? null : Number(after) * 1000,
      text: await response.text(),
    };
  };
}

/** An emulator whose clock the probe moves. */
async function portsTo(
  open: Partial<OpenQuestions>,
  slackMs = 0,
): Promise<ProbePorts & { readonly url: string }> {
  const emulator = await startEmulator({ port: 0, clock: 'manual', open, slackMs });
  running = emulator;
  let nowMs = 0;
  const wait = async (ms: number): Promise<void> => {
    await fetch(`${emulator.url}/_emulator/clock`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ advanceMs: ms }),
    });
    nowMs += ms;
  };
  const budget = { maxPicoUsd: 10n ** 13n, spentPicoUsd: 0n };
  return {
    clock: { nowMs: () => nowMs, wait },
    transport: transportTo(emulator.url),
    budget,
    url: emulator.url,
  };
}

async function script(url: string, entries: readonly object[]): Promise<void> {
  await fetch(`${url}/_emulator/script`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(entries),
  });
}

async function ask(
  open: Partial<OpenQuestions>,
  only: readonly string[],
  model = MODEL,
): Promise<readonly ProbeAnswer[]> {
  const ports = await portsTo(open);
  return runProbe({ modelId: model, repetitions: 2, nonce: 'n', only }, ports);
}

describe('runProbe', () => {
  it.each([
    [{ entriesAre: 'self-contained' }],
    [{ entriesAre: 'layered' }],
    [{ readUpgradesTtl: false }],
    [{ readUpgradesTtl: true }],
    [{ readRefreshes: 'path' }],
    [{ readRefreshes: 'hit' }],
    [{ rewritesBelowHit: false }],
    [{ rewritesBelowHit: true }],
    [{ collapsedRunEnds: 'any' }],
    [{ collapsedRunEnds: 'last' }],
    [{ outputFormatLevel: 'messages' }],
    [{ outputFormatLevel: 'system' }],
    [{ toolChoiceOverheadLevel: 'messages' }],
    [{ toolChoiceOverheadLevel: 'system' }],
    [{ betaHeadersInKey: false }],
    [{ betaHeadersInKey: true }],
    [{ batchSharesEntries: true }],
    [{ batchSharesEntries: false }],
    [{ earlyEvictionMs: null }],
  ] as const)('recognises %o', async (open: Partial<OpenQuestions>) => {
    const [name = '', value] = Object.entries(open)[0] ?? [];
    const [answer] = await ask(open, [name]);
    expect(answer).toMatchObject({ name, value, certainty: 'repeated' });
  });

  it.each([true, false])('recognises geographyInKey %s', async (geographyInKey) => {
    const [answer] = await ask({ geographyInKey }, ['geographyInKey'], 'claude-opus-4-6');
    expect(answer).toMatchObject({ value: geographyInKey, certainty: 'repeated' });
  });

  it.each([
    ['claude-sonnet-4-5', 'model'],
    ['claude-sonnet-4-5', 'ahead'],
    ['claude-sonnet-4-5', 'messages'],
    ['claude-opus-5-5', 'model'],
    ['claude-opus-5-5', 'ahead'],
    ['claude-opus-5-5', 'messages'],
  ] as const)('recognises where %s renders its configuration: %s', async (model, configRender) => {
    const [answer] = await ask({ configRender }, ['configRender'], model);
    // What the model does anyway looks the same from outside as what is set for all.
    const own = resolveModel(model).facts.rendersConfigAhead ? 'ahead' : 'messages';
    expect(answer).toMatchObject({
      value: configRender === own ? 'model' : configRender,
      certainty: 'repeated',
    });
  });

  it('tells how soon entries are dropped', async () => {
    const [answer] = await ask({ earlyEvictionMs: 120_000 }, ['earlyEvictionMs']);
    expect(answer).toMatchObject({ value: 200_000, certainty: 'repeated' });
  });

  it.each([
    [3_600_000, 3_540_000],
    [600_000, 290_000],
  ])('tells how long diagnostics remember: %i ms', async (fingerprintLifetimeMs, value) => {
    const [answer] = await ask({ fingerprintLifetimeMs }, ['fingerprintLifetimeMs']);
    expect(answer).toMatchObject({ value, certainty: 'repeated' });
  });

  it.each([
    [0, 290_000, 3_540_000],
    [15_000, 310_000, 3_540_000],
    [65_000, 330_000, 3_660_000],
  ])('measures lives with %i ms of slack', async (slackMs, life5mMs, life1hMs) => {
    const ports = await portsTo({}, slackMs);
    const only = ['life5mMs', 'life1hMs'];
    const answers = await runProbe({ modelId: MODEL, repetitions: 2, nonce: 'n', only }, ports);
    expect(answers.map(({ value }) => value)).toEqual([life5mMs, life1hMs]);
  });

  it.each([true, false])('recognises serverBreakpointsCount %s', async (serverBreakpointsCount) => {
    const ports = await portsTo({ serverBreakpointsCount });
    const searched = [
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'Danube' } },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
      { type: 'text', text: 'Yes, it is 2,850 km long.' },
    ];
    await script(ports.url, [{ content: searched }, { content: searched }]);
    const only = ['serverBreakpointsCount'];
    const [answer] = await runProbe({ modelId: MODEL, repetitions: 2, nonce: 'n', only }, ports);
    expect(answer).toMatchObject({ value: serverBreakpointsCount, certainty: 'repeated' });
  });

  it('asks nothing where the model did not do what the question needs', async () => {
    const [answer] = await ask({}, ['serverBreakpointsCount']);
    expect(answer).toMatchObject({ value: null, certainty: 'not-asked' });
  });

  it('asks everything side by side within its plan', async () => {
    const options = { modelId: MODEL, repetitions: 1, nonce: 'n', only: [] };
    const plan = await planProbe(options, 0);
    const ports = await portsTo({});
    const answers = await runProbe(options, ports);
    expect(answers).toHaveLength(plan.questions.length);
    expect(ports.clock.nowMs()).toBe(plan.durationMs);
    expect(plan.durationMs).toBeLessThan(66 * 60_000);
    expect(ports.budget.spentPicoUsd).toBeLessThanOrEqual(plan.maxPicoUsd);
    expect(ports.budget.spentPicoUsd > 0n).toBe(true);
    const unanswered = answers.filter(({ certainty }) => certainty !== 'once').map(({ name }) => name);
    expect(unanswered).toEqual(['serverBreakpointsCount', 'geographyInKey']);
  });

  it('says unsure when runs contradict each other', async () => {
    const ports = await portsTo({});
    await script(ports.url, [{}, {}, {}, { usage: 'as-if-evicted' }]);
    const only = ['betaHeadersInKey'];
    const [answer] = await runProbe({ modelId: MODEL, repetitions: 2, nonce: 'n', only }, ports);
    expect(answer).toMatchObject({ value: null, certainty: 'unsure' });
  });

  it('tries again when overloaded and waits as long as it is told', async () => {
    const ports = await portsTo({});
    await script(ports.url, [
      { status: 429, error: 'rate_limit_error', retryAfterS: 7 },
      { status: 529, error: 'overloaded_error' },
    ]);
    const only = ['betaHeadersInKey'];
    const [answer] = await runProbe({ modelId: MODEL, repetitions: 1, nonce: 'n', only }, ports);
    expect(answer).toMatchObject({ value: false, certainty: 'once' });
    expect(ports.clock.nowMs()).toBeGreaterThanOrEqual(7_000);
  });

  it('does not wait for a service that is down again and again', async () => {
    const ports = await portsTo({});
    const transport: Transport = () => Promise.resolve({ status: 503, retryAfterMs: null, text: '' });
    const answers = await runProbe(
      { modelId: MODEL, repetitions: 2, nonce: 'n', only: [] },
      { ...ports, transport },
    );
    expect(new Set(answers.map(({ certainty }) => certainty))).toEqual(new Set(['not-asked']));
    expect(ports.clock.nowMs()).toBe(62_000);
  });

  it('goes on with the other questions when one is refused', async () => {
    const ports = await portsTo({});
    await script(ports.url, [{ status: 400, error: 'invalid_request_error', message: 'no such thing' }]);
    const only = ['outputFormatLevel', 'betaHeadersInKey'];
    const answers = await runProbe({ modelId: MODEL, repetitions: 1, nonce: 'n', only }, ports);
    expect(answers.map(({ certainty }) => certainty)).toEqual(['not-asked', 'once']);
    expect(answers[0]?.seen[0]).toContain('no such thing');
  });

  it('sends nothing beyond the budget', async () => {
    const ports = await portsTo({});
    const budget = { maxPicoUsd: 1n, spentPicoUsd: 0n };
    const only = ['betaHeadersInKey'];
    const [answer] = await runProbe(
      { modelId: MODEL, repetitions: 1, nonce: 'n', only },
      { ...ports, budget },
    );
    expect(answer).toMatchObject({ certainty: 'not-asked', seen: ['the budget is used up'] });
    expect(budget.spentPicoUsd).toBe(0n);
  });
});
