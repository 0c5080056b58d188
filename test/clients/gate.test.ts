import { afterEach, describe, expect, it } from 'vitest';

import { cachewright, cachewrightFetch } from '../../src/client/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { PREFIX_TOKENS, sibling } from '../warming/gated.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const HEADERS = { 'x-api-key': 'sk-test-gate', 'content-type': 'application/json' };

async function startSlow(): Promise<string> {
  const emulator = cleanUp.add(await startEmulator({ port: 0, tokenizer: 'words', ttftMs: 300 }));
  return `${emulator.url}/v1/messages`;
}

function init(number: number, signal: AbortSignal | null = null) {
  return { method: 'POST', headers: HEADERS, body: JSON.stringify(sibling(number)), signal };
}

async function readTokens(response: Response): Promise<number> {
  const { usage } = (await response.json()) as {
    readonly usage: { readonly cache_read_input_tokens: number };
  };
  return usage.cache_read_input_tokens;
}

describe('many requests on one cold prefix', () => {
  it('through `fetch`: one write, the others read', async () => {
    const url = await startSlow();
    const door = cachewrightFetch();
    const numbers = Array.from({ length: 10 }, (_, number) => number);
    const answers = await Promise.all(numbers.map((number) => door(url, init(number))));
    const reads = await Promise.all(answers.map(readTokens));
    expect(reads.filter((tokens) => tokens >= PREFIX_TOKENS)).toHaveLength(9);
    expect(door.engine.gate()).toMatchObject({ waiting: 0, waitedRequests: 9 });
  });

  it("through the SDK's middleware: one write, the others read", async () => {
    const url = await startSlow();
    const door = cachewright();
    const numbers = Array.from({ length: 5 }, (_, number) => number);
    const answers = await Promise.all(
      numbers.map((number) => {
        const { headers, ...rest } = init(number);
        return door({ ...rest, url, headers: new Headers(headers) }, (request) =>
          fetch(request.url, { method: 'POST', headers: request.headers, body: request.body }),
        );
      }),
    );
    const reads = await Promise.all(answers.map(readTokens));
    expect(reads.filter((tokens) => tokens >= PREFIX_TOKENS)).toHaveLength(4);
  });

  it('who gives up while it waits is told at once, and nothing of it is sent', async () => {
    const url = await startSlow();
    const bodies: unknown[] = [];
    const door = cachewrightFetch({
      fetch: (input, given) => {
        if (!given?.signal?.aborted) bodies.push(given?.body);
        return fetch(input, given);
      },
    });
    const first = door(url, init(0));
    const leaving = new AbortController();
    const left = door(url, init(1, leaving.signal));
    await expect.poll(() => door.engine.gate().waiting).toBe(1);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    expect(door.engine.gate().waiting).toBe(0);
    // The first one is still under way.
    expect((await door.records(10)).map(({ error, skipReason }) => [error, skipReason])).toEqual([
      ['client_left', 'left_waiting'],
    ]);
    expect((await first).status).toBe(200);
    expect(bodies).toHaveLength(1);
  });
});
