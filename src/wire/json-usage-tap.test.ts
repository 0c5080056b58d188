import { describe, expect, it } from 'vitest';
import { createJsonUsageTap } from './json-usage-tap.ts';
import { NOTHING_READ, type UsageReading } from './usage-tap.ts';

const message = {
  id: 'msg_1',
  type: 'message',
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'é' }],
  stop_reason: 'end_turn',
  diagnostics: null,
  usage: { input_tokens: 3, cache_read_input_tokens: 900, output_tokens: 5 },
};

function read(body: unknown, chunkBytes: number, bodyBytesMax?: number): UsageReading {
  const tap = createJsonUsageTap(bodyBytesMax === undefined ? {} : { bodyBytesMax });
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  for (let at = 0; at < bytes.length; at += chunkBytes) tap.push(bytes.subarray(at, at + chunkBytes));
  tap.end();
  return tap.result();
}

describe('createJsonUsageTap', () => {
  it.each([1, 7, 4096])('reads a message in chunks of %i bytes', (chunkBytes) => {
    expect(read(message, chunkBytes)).toMatchObject({
      messageId: 'msg_1',
      model: 'claude-opus-5-5',
      stopReason: 'end_turn',
      usage: { uncachedTokens: 3, readTokens: 900, outputTokens: 5 },
      diagnostics: null,
      error: null,
      started: true,
      complete: true,
      skippedEvents: 0,
    });
  });

  it('reads an error', () => {
    const error = { type: 'rate_limit_error', message: 'Slow down' };
    expect(read({ type: 'error', error, request_id: 'req_1' }, 9)).toEqual({ ...NOTHING_READ, error });
  });

  it('gives up beyond the limit', () => {
    const size = Buffer.byteLength(JSON.stringify(message));
    expect(read(message, 10, size).complete).toBe(true);
    expect(read(message, 10, size - 1)).toEqual({ ...NOTHING_READ, skippedEvents: 1 });
  });

  it.each(['', '{"type":"message"', '<html>', '[1]', 'null', '{"input_tokens":7}', '{"error":"no"}'])(
    'knows nothing from %j',
    (body) => {
      expect(read(body, 3)).toEqual(NOTHING_READ);
    },
  );

  it('knows nothing before the end, and takes nothing after it', () => {
    const tap = createJsonUsageTap();
    tap.push(Buffer.from(JSON.stringify(message)));
    expect(tap.result()).toEqual(NOTHING_READ);
    tap.end();
    tap.push(Buffer.from('x'));
    tap.end();
    expect(tap.result().complete).toBe(true);
  });
});
