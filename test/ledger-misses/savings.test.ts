import { afterEach, describe, expect, it } from 'vitest';

import type { Savings } from '../../src/ledger/index.ts';
import { conversation, priceOf, said, Scene, send, tool, type Billed, type Body } from './scene.ts';

let scene: Scene | null = null;
afterEach(() => scene?.close());

/** A request, and how long after the one before it is sent. */
interface Step {
  readonly afterMs: number;
  readonly body: Body;
}

const MARKER = { type: 'ephemeral' };

function without(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, name));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== name);
  return Object.fromEntries(kept.map(([key, member]) => [key, without(member, name)]));
}
const bare = (body: Body): Body => without(body, 'cache_control') as Body;

/** What each counterfactual would have sent, straight to a service of its own. */
const COUNTERFACTUALS: Readonly<Record<keyof Savings, (body: Body) => Body>> = {
  noCachingPicoUsd: bare,
  clientPicoUsd: (body) => body,
  automaticPicoUsd: (body) => ({ ...bare(body), cache_control: MARKER }),
};

const talk = (turn: number, isMarked: boolean, start = 0): Body =>
  conversation({
    tools: [tool('alpha'), tool('beta')],
    turns: Array.from({ length: turn * 2 + 1 }, (_, at) => said(start + at, 50)),
    isMarked,
  });

const WORKLOADS: readonly (readonly [string, readonly Step[], 'saves' | 'loses'])[] = [
  [
    'a conversation that its client does not mark',
    [0, 1, 2, 3].map((turn) => ({ afterMs: 20_000, body: talk(turn, false) })),
    'saves',
  ],
  [
    'two conversations that share tools and system prompt, with a pause',
    [0, 1, 2, 3].map((turn) => ({
      afterMs: turn === 2 ? 320_000 : 10_000,
      body: talk(turn >> 1, false, turn % 2 === 0 ? 0 : 50),
    })),
    'saves',
  ],
  [
    'prompts that never come again',
    [0, 1].map((at) => ({
      afterMs: 400_000,
      body: conversation({ system: [said(at * 7, 400)], turns: [said(at, 50)], isMarked: false }),
    })),
    'loses',
  ],
];

/** The bill of all requests, each as `change` makes it, with nothing between them and the service. */
async function billStraight(steps: readonly Step[], change: (body: Body) => Body): Promise<bigint> {
  const own = (scene = await Scene.open());
  let cost = 0n;
  for (const { afterMs, body } of steps) {
    own.time.advance(afterMs);
    const { usage } = (await (await send(own.emulatorUrl, change(body))).json()) as { usage: Billed };
    cost += priceOf(usage);
  }
  await own.close();
  return cost;
}

describe.each(WORKLOADS)('%s', (_name, steps, expected) => {
  it('saves what the service bills less, to the pico-dollar', async () => {
    const through = await Scene.open({ mode: 'optimize' });
    let paid = 0n;
    const saved = { noCachingPicoUsd: 0n, clientPicoUsd: 0n, automaticPicoUsd: 0n };
    for (const { afterMs, body } of steps) {
      through.time.advance(afterMs);
      const { billed, record } = await through.ask(body);
      paid += priceOf(billed);
      for (const name of Object.keys(saved) as (keyof Savings)[]) saved[name] += record.savings?.[name] ?? 0n;
    }
    await through.close();
    const bills = { ...saved };
    for (const [name, change] of Object.entries(COUNTERFACTUALS))
      bills[name as keyof Savings] = (await billStraight(steps, change)) - paid;
    expect(saved).toEqual(bills);
    // A client that marks nothing pays for no caching: what is lost against it is shown as lost.
    expect(saved.clientPicoUsd < 0n ? 'loses' : 'saves').toBe(expected);
    expect(saved.clientPicoUsd).toBe(saved.noCachingPicoUsd);
  });
});
