import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';

import { createMemoryLedger } from '../ledger/index.ts';
import { createEngine } from './index.ts';

/** Collects what is young: what lives on after two of these is kept, or is thought to be, until the whole heap is collected. */
function collectYoung(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (how: { readonly type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  gc({ type: 'minor' });
  gc({ type: 'minor' });
}

const TURNS = 10;
const BODY_CHARACTERS = 40_000;
const REQUESTS = 400;

function bodyOf(question: number): Buffer {
  const turn = 'said before '.repeat(BODY_CHARACTERS / TURNS / 12);
  const history = Array.from({ length: TURNS }, (_none, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: turn,
  }));
  const messages = [...history, { role: 'user', content: `question ${question}` }];
  return Buffer.from(JSON.stringify({ model: 'claude-sonnet-5-5', max_tokens: 1, system: 's', messages }));
}

const answer = Buffer.from(
  JSON.stringify({ id: 'msg_1', type: 'message', usage: { input_tokens: 9, output_tokens: 1 } }),
);

it('lets go of bodies as soon as they are answered, without waiting for the whole heap to be collected', () => {
  const engine = createEngine({ ledger: createMemoryLedger(0) });
  const request = (index: number): void => {
    const exchange = engine.open({ path: '/v1/messages', headers: {}, body: bodyOf(index % 8) });
    expect(exchange.bytes.length).toBeGreaterThan(BODY_CHARACTERS);
    exchange.responseStart({ status: 200, contentType: 'application/json', contentEncoding: '' });
    exchange.data(answer);
    exchange.complete();
  };
  for (let index = 0; index < 32; index += 1) request(index);
  collectYoung();
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < REQUESTS; index += 1) request(index);
  collectYoung();
  const grown = process.memoryUsage().arrayBuffers - before;
  expect(engine.counters.failedAnalyses).toBe(0);
  // The newest few may be held, to be compared with; twice as much goes out as comes in.
  expect(grown).toBeLessThan(REQUESTS * BODY_CHARACTERS * 0.1);
});
