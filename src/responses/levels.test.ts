import { describe, expect, it } from 'vitest';

import { createUpstream, HEADERS, jsonAnswer, request } from '../../test/responses/upstream.ts';
import { messageJson } from '../../test/support/messages.ts';
import type { CachedAnswer } from './cached-answer.ts';
import { responseCache, type ResponseCache } from './response-cache.ts';

const ANSWER = messageJson().replace('Fine.', 'so '.repeat(1_000));

async function ask(cache: ResponseCache, isStream: boolean): Promise<CachedAnswer> {
  const { send } = createUpstream(() => jsonAnswer(ANSWER));
  return cache.answer({ body: request({ stream: isStream }), headers: HEADERS }, send);
}

describe('the first level', () => {
  it('makes the other form of an answer once, and counts its bytes', async () => {
    const cache = responseCache();
    expect((await ask(cache, false)).served.kind).toBe('miss');
    const { bytes } = cache.summary().memory;
    const [first, second] = [await ask(cache, true), await ask(cache, true)];
    expect(String(first.whole)).toContain('event: message_stop');
    expect(second.whole).toBe(first.whole);
    expect(second.served).toMatchObject({ kind: 'hit', tier: 'memory' });
    expect(cache.summary().memory).toEqual({ entries: 1, bytes: bytes + (first.whole?.length ?? 0) });
  });

  it('still gives both forms where it has room for one', async () => {
    const cache = responseCache({ memoryBytesMax: ANSWER.length + 2_000 });
    await ask(cache, false);
    expect(String((await ask(cache, true)).whole)).toContain('event: message_stop');
    expect(cache.summary().memory.bytes).toBeLessThan(ANSWER.length + 2_000);
  });
});
