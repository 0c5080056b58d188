import { afterEach, describe, expect, it } from 'vitest';

import { createMemoryLedger, type MissReason } from '../../src/ledger/index.ts';
import { recordOf } from '../support/record.ts';
import { words } from '../support/messages.ts';
import { conversation, priceOf, said, Scene, send, tool, type Asked, type Body } from './scene.ts';

let scene: Scene | null = null;
afterEach(() => scene?.close());

const TURNS = [said(1), said(2), said(3)];
const base = conversation({ turns: TURNS });
const opening = conversation({ turns: [said(1, 300)] });
const reasons = ({ record }: Asked): readonly MissReason[] => record.misses.map(({ reason }) => reason);

describe('a request in flight', () => {
  it('is what another that is sent meanwhile misses, at the price of not reading it', async () => {
    scene = await Scene.open({}, 1000);
    const first = scene.ask(opening);
    await scene.untilInFlight(1);
    scene.time.advance(400);
    const second = send(scene.gateway.url, opening);
    await scene.untilInFlight(2);
    scene.time.advance(1000);
    const [one] = await Promise.all([first, second]);
    const two = await scene.gateway.ledger.next();
    expect(one.record.misses[0]?.evidence.previousId ?? two.misses[0]?.evidence.previousId).not.toBeNull();
    const follower = [one.record, two].find(({ atMs }) => atMs > Math.min(one.record.atMs, two.atMs));
    const leader = [one.record, two].find((record) => record !== follower);
    expect(leader?.misses).toEqual([expect.objectContaining({ reason: 'never_written' })]);
    expect(follower?.misses).toEqual([
      expect.objectContaining({
        reason: 'in_flight',
        evidence: expect.objectContaining({ previousId: leader?.id, ageMs: 400 }),
      }),
    ]);
    const [miss] = follower?.misses ?? [];
    // Written twice instead of read: 4.80 dollars a million more.
    expect(miss?.costPicoUsd).toBe(BigInt(miss?.tokens ?? 0) * 4_800_000n);
    expect(miss?.tokens).toBe(follower?.usage?.write5mTokens);
  });

  it('that fails wrote nothing, and is nothing to compare with', async () => {
    scene = await Scene.open();
    await scene.ask(base);
    await scene.control('script', [{ status: 529 }]);
    const failed = await send(scene.gateway.url, conversation({ turns: [...TURNS, said(4), said(5)] }));
    expect(failed.status).toBe(529);
    await scene.gateway.ledger.next();
    const retried = await scene.ask(conversation({ turns: [...TURNS, said(4), said(5)] }));
    expect(reasons(retried)).toEqual([]);
  });
});

describe('what is no miss', () => {
  it('is a conversation that goes on', async () => {
    scene = await Scene.open();
    for (let turn = 1; turn < 8; turn += 2) {
      const asked = await scene.ask(
        conversation({ turns: Array.from({ length: turn }, (_, at) => said(at)) }),
      );
      expect(reasons(asked)).toEqual(turn === 1 ? ['never_written'] : []);
      scene.time.advance(200_000);
    }
  });

  it('is another conversation with the same system prompt', async () => {
    scene = await Scene.open();
    await scene.ask(conversation({ turns: [said(1), said(2), said(3)] }));
    expect(reasons(await scene.ask(conversation({ turns: [said(11)] })))).toEqual([]);
    expect(reasons(await scene.ask(conversation({ turns: [said(21), said(22), said(23)] })))).toEqual([]);
  });

  it('is a conversation that goes on in the same words as another that began otherwise', async () => {
    scene = await Scene.open();
    const script = (customer: number, turns: number): Body =>
      conversation({
        turns: [
          `I am customer ${customer}. ${said(1)}`,
          ...Array.from({ length: turns }, (_, at) => said(2 + at)),
        ],
      });
    for (const customer of [1, 2, 3]) {
      // The first of them is the template of another, changed in front; what follows is not.
      const opened = await scene.ask(script(customer, 0));
      expect(reasons(opened)).toEqual([customer === 1 ? 'never_written' : 'messages_changed']);
      for (const turns of [2, 4, 6]) expect(reasons(await scene.ask(script(customer, turns)))).toEqual([]);
    }
  });

  it('is a conversation that is taken up again at the end of an earlier request', async () => {
    scene = await Scene.open();
    await scene.ask(conversation({ turns: [said(1)] }));
    await scene.ask(base);
    expect(reasons(await scene.ask(conversation({ turns: [said(1), said(22)] })))).toEqual([]);
    expect(reasons(await scene.ask(conversation({ turns: [said(1)] })))).toEqual([]);
    // Taken up somewhere else, what no entry ends with is paid for again.
    const { record } = await scene.ask(conversation({ turns: [said(1), said(2), said(33)] }));
    expect(record.misses).toEqual([
      expect.objectContaining({
        reason: 'never_written',
        evidence: expect.objectContaining({ detail: 'no_breakpoint' }),
      }),
    ]);
  });

  it('is a request that was answered without a bill, or whose body was not read', async () => {
    scene = await Scene.open();
    await scene.control('script', [{ status: 500 }]);
    await send(scene.gateway.url, base);
    expect((await scene.gateway.ledger.next()).misses).toEqual([]);
    const unread = await scene.ask(base, { 'x-cachewright-mode': 'off' });
    expect(unread.record).toMatchObject({ misses: [], shape: null });
  });
});

describe('what is said of a first request', () => {
  it('is that nothing like it was written', async () => {
    scene = await Scene.open();
    const { record, billed } = await scene.ask(opening);
    expect(record.misses).toEqual([
      {
        reason: 'never_written',
        tokens: record.usage?.write5mTokens,
        costPicoUsd: priceOf(billed) - (await scene.billAlone([opening, opening])),
        evidence: expect.objectContaining({ detail: 'first', previousId: null }),
      },
    ]);
  });

  it('is nothing certain where the conversation was begun elsewhere', async () => {
    scene = await Scene.open();
    expect(reasons(await scene.ask(base))).toEqual(['evicted_or_unknown']);
  });

  it('is nothing certain after a restart, as long as an entry from before may live', async () => {
    scene = await Scene.open();
    const { record } = await scene.ask(opening);
    scene.time.advance(600_000);
    const ledger = createMemoryLedger();
    ledger.add(record);
    await scene.restart({ ledger });
    await send(scene.gateway.url, opening);
    expect(ledger.list(1)[0]?.misses).toEqual([expect.objectContaining({ reason: 'evicted_or_unknown' })]);
    scene.time.advance(3_600_000);
    await send(scene.gateway.url, conversation({ system: [words(900, 'other')], turns: [said(7)] }));
    expect(ledger.list(1)[0]?.misses).toEqual([expect.objectContaining({ reason: 'never_written' })]);
    expect(recordOf(ledger.list(1)[0]).shape?.blocks).toEqual({ tools: 0, system: 1, messages: 1 });
  });

  it('is nothing where another process had written it', async () => {
    scene = await Scene.open();
    await scene.ask(base);
    await scene.restart();
    expect(reasons(await scene.ask(base))).toEqual([]);
    const next = await scene.ask(conversation({ turns: [...TURNS, said(4), said(5)] }));
    expect(reasons(next)).toEqual([]);
  });
});

describe('a prompt below the minimum', () => {
  const short = conversation({ system: [], turns: ['What is the answer?'] });

  it('is only that, whatever else', async () => {
    scene = await Scene.open();
    for (const request of [short, short]) {
      const { record } = await scene.ask(request);
      expect(record.misses).toEqual([
        expect.objectContaining({
          reason: 'below_minimum',
          tokens: record.usage?.uncachedTokens,
          evidence: expect.objectContaining({ minimumTokens: 512 }),
        }),
      ]);
    }
  });

  it('in a part that is too short alone is that of the part', async () => {
    scene = await Scene.open();
    const system = [words(100, 'rule')];
    await scene.ask(conversation({ system, turns: [said(1, 800)] }));
    const { record } = await scene.ask(conversation({ system, turns: [said(2, 800)] }));
    expect(record.misses).toEqual([
      expect.objectContaining({
        reason: 'below_minimum',
        evidence: expect.objectContaining({ minimumTokens: 512 }),
      }),
    ]);
  });
});

describe('a plan', () => {
  it('that was not made by the client is told in the same words', async () => {
    scene = await Scene.open({ mode: 'optimize' });
    const tools = [tool('alpha'), tool('beta')];
    const ask = (turns: readonly string[], more: Body = {}): Promise<Asked> =>
      (scene as Scene).ask(conversation({ tools, turns, isMarked: false, more }));
    expect(reasons(await ask(TURNS.slice(0, 1)))).toEqual(['never_written']);
    expect(reasons(await ask(TURNS))).toEqual([]);
    scene.time.advance(301_000);
    expect(reasons(await ask([...TURNS, said(4), said(5)]))).toEqual(['expired']);
    expect(reasons(await ask([...TURNS, said(4), said(5)], { model: 'claude-sonnet-5-5' }))).toEqual([
      'model_changed',
    ]);
  });
});
