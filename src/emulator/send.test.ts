import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemTimers, type Timers } from '../runtime/index.ts';
import type { WireMessage } from '../wire/index.ts';
import type { WireUsageAnswer } from './answer.ts';
import type { ScriptEntry } from './script.ts';
import { sendAnswer } from './send.ts';

const usage: WireUsageAnswer = {
  input_tokens: 1,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 2,
  output_tokens_details: { thinking_tokens: 0 },
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: 'global',
  speed: 'standard',
};
const message: WireMessage = {
  id: 'msg_01',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'Naïve words, \u{1f600} and more.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
};

let server: Server;
let next: { readonly script: ScriptEntry; readonly isStream: boolean; readonly timers: Timers };
let sent: Promise<void>;

beforeEach(async () => {
  server = createServer((_request, response) => {
    const { script, isStream, timers } = next;
    const answer = { message, startUsage: usage, isStream, beginMs: 0, script, abandon: () => undefined };
    sent = sendAnswer(response, 'req_01', answer, timers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

interface Received {
  readonly response: IncomingMessage;
  readonly text: string;
  readonly isWhole: boolean;
}

async function receive(
  script: ScriptEntry,
  isStream: boolean,
  timers: Timers = systemTimers,
): Promise<Received> {
  next = { script, isStream, timers };
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', agent: false }, (response) => {
      const chunks: Buffer[] = [];
      const done = (isWhole: boolean): void =>
        resolve({ response, text: Buffer.concat(chunks).toString('utf8'), isWhole });
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => done(response.complete));
      response.once('error', () => done(false));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

function eventsIn(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('event: ') ? [line.slice('event: '.length)] : []));
}

describe('JSON', () => {
  test('is sent whole, with its length', async () => {
    const { response, text, isWhole } = await receive({}, false);
    expect(isWhole).toBe(true);
    expect(JSON.parse(text)).toEqual(message);
    expect(response.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      'request-id': 'req_01',
    });
  });

  test.each([0, 1, 40])('is cut after %i bytes', async (cutAfterBytes) => {
    const { text, isWhole } = await receive({ cutAfterBytes }, false);
    expect(isWhole).toBe(false);
    expect(text).toBe(JSON.stringify(message).slice(0, cutAfterBytes));
  });

  test('is whole when the cut comes after it', async () => {
    const { isWhole, text } = await receive({ cutAfterBytes: 100_000 }, false);
    expect([isWhole, JSON.parse(text)]).toEqual([true, message]);
  });
});

describe('SSE', () => {
  test('is sent in the order of the API', async () => {
    const { response, text, isWhole } = await receive({}, true);
    expect(isWhole).toBe(true);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'request-id': 'req_01',
    });
    const events = eventsIn(text);
    expect(events.slice(0, 3)).toEqual(['message_start', 'content_block_start', 'ping']);
    expect(events.slice(-3)).toEqual(['content_block_stop', 'message_delta', 'message_stop']);
  });

  test.each([0, 1, 100, 900])('is cut after %i bytes, to the byte', async (cutAfterBytes) => {
    const { text: whole } = await receive({}, true);
    const { text, isWhole } = await receive({ cutAfterBytes }, true);
    expect(isWhole).toBe(false);
    expect(text).toBe(Buffer.from(whole).subarray(0, cutAfterBytes).toString('utf8'));
  });

  test('stalls after message_start, once, and then goes on', async () => {
    const delays: number[] = [];
    const timers: Timers = {
      after(delayMs, run) {
        delays.push(delayMs);
        queueMicrotask(run);
        return () => undefined;
      },
    };
    const { text, isWhole } = await receive({ stallMs: 5_000 }, true, timers);
    expect(delays).toEqual([5_000]);
    expect([isWhole, eventsIn(text).at(-1)]).toEqual([true, 'message_stop']);
  });

  test('ends a stall when the client leaves', async () => {
    let cancelled = 0;
    const stalling = new Promise<void>((resolve) => {
      const after: Timers['after'] = () => {
        resolve();
        return () => {
          cancelled += 1;
        };
      };
      next = { script: { stallMs: 5_000 }, isStream: true, timers: { after } };
    });
    const { port } = server.address() as AddressInfo;
    const outgoing = request({ port, host: '127.0.0.1', agent: false }).end();
    outgoing.once('error', () => undefined);
    await stalling;
    outgoing.destroy();
    await sent;
    expect(cancelled).toBe(1);
  });
});
