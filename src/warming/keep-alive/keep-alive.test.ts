import { expect, it } from 'vitest';

import { ManualTime } from '../../../test/support/manual-time.ts';
import { decideKeepAlive } from './decide.ts';
import { keepAlive } from './keep-alive.ts';
import type { PingRequest } from './ping.ts';

const advice = { pings: 1, value: 1000, back: 1, ageMs: 0, returnChance: 1 };
const usage = { input_tokens: 3, cache_read_input_tokens: 5000, output_tokens: 0 };
const body = {
  model: 'claude-opus-5-5',
  system: [{ type: 'text', text: 'shared', cache_control: { type: 'ephemeral' } }],
  messages: [{ role: 'user', content: 'of one alone' }],
};

it('sends what a request shares, with its headers, shortly before the entry ends', async () => {
  const time = new ManualTime();
  const sent: (PingRequest & { readonly atMs: number })[] = [];
  const startMs = time.nowMs();
  const keeper = keepAlive({
    clock: time,
    timers: time,
    decide: (entry, nowMs) => decideKeepAlive({ ...entry, advise: () => advice }, nowMs),
    async send(request) {
      sent.push({ ...request, atMs: time.nowMs() - startMs });
      return { status: 200, retryAfterMs: null, message: { usage } };
    },
  });
  const prefix = {
    key: 'k',
    tokens: 5000,
    ttl: '5m',
    blockPath: ['system', 0],
    advise: () => null,
    pinged: () => undefined,
    below: null,
  } as const;
  const visit = { scope: 's', model: body.model, atMs: startMs, asked: null, isObserved: false, prefix };
  keeper.visit(visit, () => ({
    path: '/v1/messages?beta=true',
    headers: Buffer.from(JSON.stringify({ 'x-api-key': 'secret', 'anthropic-beta': 'a' })),
    body: Buffer.from(JSON.stringify(body)),
    blockPath: prefix.blockPath,
  }));
  for (let second = 0; second < 590; second += 1) {
    time.advance(1000);
    for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
  }
  expect(sent.map(({ atMs }) => atMs)).toEqual([285_000, 570_000]);
  const [first] = sent;
  expect(first).toMatchObject({
    path: '/v1/messages?beta=true',
    headers: { 'x-api-key': 'secret', 'anthropic-beta': 'a' },
  });
  const text = first?.text ?? '';
  expect(JSON.parse(text)).toMatchObject({ max_tokens: 0, system: body.system });
  expect(text).not.toContain('of one alone');
  expect(keeper.totals().sent).toMatchObject({ pings: 2, used: 0 });
  await keeper.close();
  expect(keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
});
