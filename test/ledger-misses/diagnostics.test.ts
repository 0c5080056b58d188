import { afterEach, describe, expect, it } from 'vitest';

import { CleanUp, startTestGateway } from '../support/gateway.ts';
import { messageJson } from '../support/messages.ts';
import { startRecordingUpstream } from '../support/upstream.ts';
import { conversation, said, Scene, send, tool, type Asked, type Body } from './scene.ts';

let scene: Scene | null = null;
const cleanUp = new CleanUp();
afterEach(async () => {
  await scene?.close();
  await cleanUp.run();
});

const TURNS = [said(1), said(2), said(3)];
const NEXT = [...TURNS, said(4), said(5)];
const asking = (body: Body, previous: string | null): Body => ({
  ...body,
  diagnostics: { previous_message_id: previous },
});

/** Two requests, the second of which names the first, and is changed. */
async function twice(first: Body, second: Body): Promise<Asked> {
  scene = await Scene.open();
  const { messageId } = await scene.ask(asking(first, null));
  return scene.ask(asking(second, messageId));
}

describe('diagnostics that the client asked for', () => {
  const base = conversation({ tools: [tool('alpha'), tool('beta')], turns: TURNS });

  it.each<[string, Body, string | null]>([
    ['nothing changed', conversation({ tools: [tool('alpha'), tool('beta')], turns: NEXT }), null],
    ['a tool', conversation({ tools: [tool('alpha'), tool('omega')], turns: NEXT }), 'tools_changed'],
    [
      'the system prompt',
      conversation({ tools: [tool('alpha'), tool('beta')], system: [said(9, 300)], turns: NEXT }),
      'system_changed',
    ],
    [
      'a message',
      conversation({ tools: [tool('alpha'), tool('beta')], turns: NEXT.with(0, `${said(1)} more`) }),
      'messages_changed',
    ],
    ['the model', { ...base, model: 'claude-sonnet-5-5' }, 'model_changed'],
    ['a setting', { ...base, tool_choice: { type: 'none' } }, 'unavailable'],
  ])('say the same as we do: %s', async (_what, second, reason) => {
    const { record } = await twice(base, second);
    expect(record.diagnostics).toMatchObject({ reason, isPending: false, isDisputed: false });
  });

  it('are null where nothing was asked, or no message named', async () => {
    scene = await Scene.open();
    expect((await scene.ask(base)).record.diagnostics).toBeNull();
    expect((await scene.ask(asking(base, null))).record.diagnostics).toBeNull();
    const { record } = await scene.ask(asking(base, 'msg_unknown'));
    expect(record.diagnostics).toMatchObject({ reason: 'previous_message_not_found', isDisputed: false });
  });

  it('are read from a stream as well', async () => {
    scene = await Scene.open();
    const { messageId } = await scene.ask(asking(base, null));
    const streamed = { ...asking({ ...base, model: 'claude-sonnet-5-5' }, messageId), stream: true };
    await (await send(scene.gateway.url, streamed)).text();
    const record = await scene.gateway.ledger.next();
    expect(record.diagnostics).toMatchObject({ reason: 'model_changed', isDisputed: false });
    expect(record.diagnostics?.missedTokens).toBeGreaterThan(0);
  });

  it('are disputed where they say something else of the same two requests', async () => {
    const answers = [null, { cache_miss_reason: { type: 'tools_changed', cache_missed_input_tokens: 7 } }];
    let sent = 0;
    const upstream = await startRecordingUpstream((response) => {
      const message: unknown = JSON.parse(messageJson({ input: 3000 }));
      const body = { ...(message as object), id: `msg_${sent}`, diagnostics: answers[sent] };
      sent += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    cleanUp.add(upstream);
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { engine: { mode: 'observe' } }));
    await send(gateway.url, asking(base, null));
    await gateway.ledger.next();
    await send(gateway.url, asking({ ...base, model: 'claude-sonnet-5-5' }, 'msg_0'));
    const { misses, diagnostics } = await gateway.ledger.next();
    expect(misses[0]?.reason).toBe('model_changed');
    expect(diagnostics).toEqual({
      reason: 'tools_changed',
      missedTokens: 7,
      isPending: false,
      isDisputed: true,
    });
  });
});

describe('diagnostics that we ask for', () => {
  const bare = (turns: readonly string[], more: Body = {}): Body =>
    conversation({ tools: [tool('alpha')], turns, isMarked: false, more });

  it('name the request that ours is compared with, and pass in the answer', async () => {
    scene = await Scene.open({ mode: 'optimize', diagnostics: 'on' });
    await scene.ask(bare(TURNS.slice(0, 1)));
    const { record } = await scene.ask(bare(TURNS, { tools: [tool('alpha'), tool('beta')] }));
    expect(record.misses[0]?.reason).toBe('tools_changed');
    expect(record.diagnostics).toMatchObject({ reason: 'tools_changed', isDisputed: false });
    const response = await send(scene.gateway.url, bare(NEXT, { model: 'claude-sonnet-5-5' }));
    expect(await response.json()).toMatchObject({
      diagnostics: { cache_miss_reason: { type: 'model_changed' } },
    });
  });

  it('are not asked for by default, nor in place of the client, nor where nothing is changed', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const one = cleanUp.add(await startTestGateway(upstream.url));
    const two = cleanUp.add(await startTestGateway(upstream.url, { engine: { diagnostics: 'on' } }));
    await send(one.url, bare(TURNS));
    await send(two.url, { ...bare(TURNS), diagnostics: null });
    await send(two.url, bare(TURNS), { 'x-cachewright-mode': 'observe' });
    await send(two.url, bare(TURNS));
    const asked = upstream.seen.map(({ body }) => (JSON.parse(body.toString()) as Body)['diagnostics']);
    expect(asked).toEqual([undefined, null, undefined, { previous_message_id: 'msg_test' }]);
  });

  it('are given up where the service refuses them, once and for all', async () => {
    const refusal = {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'diagnostics: Extra inputs' },
    };
    const upstream = await startRecordingUpstream((response, { body }) => {
      const isRefused = body.includes('"diagnostics"');
      response.writeHead(isRefused ? 400 : 200, { 'content-type': 'application/json' });
      response.end(isRefused ? JSON.stringify(refusal) : messageJson());
    });
    cleanUp.add(upstream);
    const gateway = cleanUp.add(await startTestGateway(upstream.url, { engine: { diagnostics: 'on' } }));
    expect((await send(gateway.url, bare(TURNS))).status).toBe(200);
    expect(await gateway.ledger.next()).toMatchObject({ isResent: true, plan: { isApplied: true } });
    await send(gateway.url, bare(NEXT));
    expect(await gateway.ledger.next()).toMatchObject({ isResent: false, diagnostics: null });
    const marked = upstream.seen.map(({ body }) => [
      body.includes('"diagnostics"'),
      body.includes('cache_control'),
    ]);
    expect(marked).toEqual([
      [true, true],
      [false, true],
      [false, true],
    ]);
  });
});
