import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createWebhook, integrity, sign, SIGNATURE_HEADER } from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { sendJson } from '../support/http-client.ts';
import { KEY, MODEL, startEmulated, type Emulated } from '../warming/emulated.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

let emulated: Emulated;
beforeEach(async () => {
  emulated = cleanUp.add(await startEmulated());
});

const handbook = Array.from({ length: 3_000 }, (_, word) => `word${word % 97}`).join(' ');

/** A question about a handbook that its client marks, with an answer of one token. */
function question(words: string, ttl = '5m'): object {
  const marker = { type: 'ephemeral', ttl };
  return {
    model: MODEL,
    max_tokens: 1,
    system: [{ type: 'text', text: handbook, cache_control: marker }],
    messages: [{ role: 'user', content: words }],
  };
}

async function startWatched(
  options: Parameters<typeof integrity>[0] = {},
  behindMs = () => 0,
): Promise<TestGateway & { readonly watch: ReturnType<typeof integrity> }> {
  const watch = integrity(options);
  const clock = { nowMs: () => emulated.clock.nowMs() - behindMs() };
  const engine = { mode: 'observe' as const, clock, integrity: watch };
  const gateway = cleanUp.add(await startTestGateway(emulated.url, { engine }));
  return { ...gateway, watch };
}

async function ask(url: string, body: object): Promise<void> {
  const headers = ['x-api-key', KEY, 'anthropic-version', '2023-06-01'];
  const answer = await sendJson(url, body, { path: '/v1/messages', headers });
  expect(answer.status).toBe(200);
}

describe('bills of a gateway before an emulator', () => {
  it('fit what the model says', async () => {
    const { url, ledger, watch } = await startWatched();
    for (let number = 0; number < 6; number += 1) {
      await ask(url, question(`question ${number}`, number < 3 ? '5m' : '1h'));
      await ledger.next();
      await emulated.advance(number === 3 ? 301_000 : 60_000);
    }
    expect(watch.list(10)).toEqual([]);
    expect(watch.totals()).toMatchObject({ checked: 6, fitting: 6 });
  });

  it('that lost an entry before its time are told, and posted', async () => {
    const posted: { signature: unknown; body: string }[] = [];
    const receiver = createServer((request, response) => {
      void text(request).then((body) => {
        posted.push({ signature: request.headers[SIGNATURE_HEADER], body });
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    cleanUp.add(receiver);
    const { port } = receiver.address() as AddressInfo;
    const webhook = createWebhook({ url: `http://127.0.0.1:${port}`, secret: 'shh', clock: emulated.clock });
    const { url, ledger, watch } = await startWatched({
      onFinding: (finding) => webhook.post({ type: 'integrity', ...finding }),
    });
    await ask(url, question('one'));
    await ledger.next();
    await emulated.script({ usage: 'as-if-evicted' });
    await ask(url, question('two'));
    const { id } = await ledger.next();
    expect(watch.list(10)).toMatchObject([{ code: 'read_less', cause: 'unexplained', requestId: id }]);
    await webhook.idle();
    expect(posted).toHaveLength(1);
    expect(JSON.parse(posted[0]?.body ?? '')).toMatchObject({
      type: 'integrity',
      requestId: id,
      billedTokens: 0,
    });
    expect(posted[0]?.signature).toBe(sign(posted[0]?.body ?? '', 'shh', emulated.clock.nowMs()));
  });

  it('that read what another program wrote are explained', async () => {
    const { url, ledger, watch } = await startWatched();
    await ask(emulated.url, question('somebody else'));
    await ask(url, question('one'));
    await ledger.next();
    expect(watch.list(10)).toMatchObject([{ code: 'read_more', cause: 'other_writer', expectedTokens: 0 }]);
  });

  it('of an entry in its last seconds are explained by a clock that was set back', async () => {
    let behindMs = 0;
    const { url, ledger, watch } = await startWatched({}, () => behindMs);
    await ask(url, question('one'));
    await ledger.next();
    behindMs = 3_000;
    await emulated.advance(302_000);
    await ask(url, question('two'));
    await ledger.next();
    expect(watch.list(10)).toMatchObject([{ code: 'read_less', cause: 'near_expiry', billedTokens: 0 }]);
  });

  it('for five minutes of what was to live an hour are told, and what is lost after them is no riddle', async () => {
    const { url, ledger, watch } = await startWatched();
    await emulated.script([{ usage: 'hour-as-5m' }, { usage: 'hour-as-5m' }]);
    await ask(url, question('one', '1h'));
    const first = await ledger.next();
    expect(watch.list(10)).toMatchObject([{ code: 'ttl_downgraded', requestId: first.id, billedTokens: 0 }]);
    await emulated.advance(360_000);
    await ask(url, question('two', '1h'));
    const second = await ledger.next();
    expect(second.misses).toMatchObject([{ reason: 'expired' }]);
    expect(watch.totals().counts).toEqual([{ code: 'ttl_downgraded', requests: 2, unexplained: 2 }]);
    // The service keeps its word again: what it writes now lives an hour.
    await emulated.advance(360_000);
    await ask(url, question('three', '1h'));
    await ledger.next();
    await emulated.advance(3_000_000);
    await ask(url, question('four', '1h'));
    expect((await ledger.next()).misses).toEqual([]);
    expect(watch.totals()).toMatchObject({ checked: 4, fitting: 2 });
  });
});
