import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseUsageTap, type SseTapLimits } from './sse-usage-tap.ts';
import { encodeSseEvent } from './sse-write.ts';
import { NOTHING_READ, type UsageReading } from './usage-tap.ts';

const startEvent = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    model: 'claude-opus-5-5',
    stop_reason: null,
    diagnostics: { cache_miss_reason: null },
    usage: {
      input_tokens: 3,
      cache_read_input_tokens: 900,
      cache_creation_input_tokens: 70,
      cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 },
      output_tokens: 1,
      service_tier: 'standard',
    },
  },
};
const deltaEvent = {
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: { cache_creation_input_tokens: 100, output_tokens: 25 },
};
const textEvent = {
  type: 'content_block_delta',
  delta: { type: 'text_delta', text: 'a é 日 "message_stop"' },
};
const stream = [startEvent, textEvent, { type: 'ping' }, textEvent, deltaEvent, { type: 'message_stop' }]
  .map((event) => encodeSseEvent(event.type, event))
  .join('');

function read(text: string | Uint8Array, limits?: SseTapLimits): UsageReading {
  const tap = createSseUsageTap(limits);
  tap.push(Buffer.from(text));
  tap.end();
  return tap.result();
}

describe('createSseUsageTap', () => {
  it('reads what a stream says about usage; the delta overwrites', () => {
    expect(read(stream)).toEqual({
      messageId: 'msg_1',
      model: 'claude-opus-5-5',
      stopReason: 'end_turn',
      usage: {
        uncachedTokens: 3,
        readTokens: 900,
        write5mTokens: 60,
        write1hTokens: 40,
        outputTokens: 25,
        serviceTier: 'standard',
        speed: null,
        inferenceGeo: null,
        serverToolUse: { webSearchRequests: 0, webFetchRequests: 0, codeExecutionRequests: 0 },
        iterations: null,
      },
      diagnostics: { cache_miss_reason: null },
      error: null,
      started: true,
      complete: true,
      skippedEvents: 0,
    });
  });

  it('keeps the last usage seen of a stream that breaks off', () => {
    const cut = read(stream.slice(0, stream.indexOf('event: message_delta') + 50));
    expect(cut).toMatchObject({
      started: true,
      complete: false,
      stopReason: null,
      usage: { outputTokens: 1 },
    });
    // Whole data without the empty line after it still counts.
    expect(read(stream.slice(0, stream.indexOf('\n\nevent: message_stop')))).toMatchObject({
      stopReason: 'end_turn',
      usage: { outputTokens: 25 },
    });
    expect(read('event: message_stop\ndata: {}')).toMatchObject({ complete: true });
  });

  it('takes an event with two names by the first', () => {
    expect(read('event: message_stop\nevent: error\ndata: {}\n\n')).toEqual({
      ...NOTHING_READ,
      complete: true,
    });
    expect(read('event: ping\nevent: message_stop\ndata: {}\n\n')).toEqual(NOTHING_READ);
  });

  it('shows what is known at any time', () => {
    const tap = createSseUsageTap();
    expect(tap.result()).toEqual(NOTHING_READ);
    tap.push(Buffer.from(stream.slice(0, stream.indexOf('event: message_delta'))));
    expect(tap.result()).toMatchObject({ started: true, usage: { readTokens: 900, outputTokens: 1 } });
    tap.end();
    tap.push(Buffer.from(stream));
    tap.end();
    expect(tap.result()).toMatchObject({ complete: false });
  });

  it.each([
    ['LF', stream],
    ['CR LF', stream.replaceAll('\n', '\r\n')],
    ['CR', stream.replaceAll('\n', '\r')],
    ['no space after the colon', stream.replaceAll(/^(event|data): /gm, '$1:')],
    ['data before its event line', stream.replaceAll(/^(event: .*)\n(data: .*)$/gm, '$2\n$1')],
    ['comments and other fields', stream.replaceAll('event: ', ': comment\nid: 7\nretry\ntab\t: 1\nevent: ')],
    ['data in several lines', stream.replaceAll('"usage":', '\ndata\ndata:"usage":')],
    ['empty lines', `\n\n${stream.replaceAll('\n\n', '\n\n\n\n')}`],
  ])('reads the same from a stream with %s', (_what, text) => {
    expect(read(text)).toEqual(read(stream));
  });

  it('reads error events, also malformed ones', () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    expect(read(encodeSseEvent('error', { type: 'error', error })).error).toEqual(error);
    expect(read(stream + encodeSseEvent('error', { error })).error).toEqual(error);
    expect(read('event: error\ndata: <html>\n\n').error).toEqual({ type: 'unknown_error', message: '' });
  });

  it.each([
    [
      'data that is not JSON',
      'event: message_start\ndata: {"message":\n\nevent: message_delta\ndata: [1]\n\n',
    ],
    [
      'data of another shape',
      'event: message_start\ndata: 7\n\nevent: message_start\ndata: {"message":[]}\n\n',
    ],
    ['events without a name', 'data: {"type":"message_start","message":{"usage":{}}}\n\n'],
    ['events without data', 'event: message_stop\n\nevent: error\ndata:\n\nevent: error\ndata\n\n'],
    [
      'fields that only begin alike',
      'eventful: message_stop\ndata: {}\n\nevent: message_stop\ndatabase: {}\n\n',
    ],
  ])('ignores %s', (_what, text) => {
    expect(read(text)).toEqual(NOTHING_READ);
  });

  it('passes over an event beyond the limit and counts it, if it is one it wants', () => {
    const padded = { ...startEvent, padding: 'x'.repeat(2000) };
    const text =
      encodeSseEvent('content_block_delta', padded) + encodeSseEvent('message_start', padded) + stream;
    const limited = read(text, { eventBytesMax: 1000 });
    expect(limited).toEqual({ ...read(stream), skippedEvents: 1 });
    expect(read(encodeSseEvent('message_start', padded)).skippedEvents).toBe(0);
  });

  it('reads the same however the stream is cut into chunks', () => {
    const extraLines =
      'event: message_start|event:message_stop|data: {"usage":{"output_tokens":9}}|:|data|é\t\0||';
    const line = fc.constantFrom(...stream.split('\n'), ...extraLines.split('|'));
    const lineEnd = fc.constantFrom('\n', '\n\n', '\r\n', '\r\n\r\n', '\r', '\r\r', '');
    const text = fc
      .array(fc.tuple(line, lineEnd), { maxLength: 30 })
      .map((lines) => lines.map((parts) => parts.join('')).join(''));
    fc.assert(
      fc.property(
        fc.oneof(text, fc.constant(stream), fc.constant(stream.replaceAll('\n', '\r\n'))),
        fc
          .array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 20 })
          .filter((sizes) => sizes.some(Boolean)),
        fc.constantFrom(20, 80, 400, 100_000),
        (streamText, sizes, eventBytesMax) => {
          const bytes = Buffer.from(streamText);
          const tap = createSseUsageTap({ eventBytesMax });
          for (let at = 0, i = 0; at < bytes.length; i += 1) {
            const size = sizes[i % sizes.length]!;
            // A chunk's memory may be used again once it was pushed.
            const chunk = Uint8Array.from(bytes.subarray(at, at + size));
            tap.push(chunk);
            chunk.fill(0);
            at += size;
          }
          tap.end();
          expect(tap.result()).toEqual(read(bytes, { eventBytesMax }));
        },
      ),
      { numRuns: Math.ceil(200 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1)) },
    );
  });

  it('survives any bytes', () => {
    const tap = createSseUsageTap();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => tap.push(bytes)));
    tap.end();
    expect(tap.result().started).toBe(false);
  });
});
