import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp } from '../support/gateway.ts';
import { answerTo, bodyOf, open, sendJson } from '../support/http-client.ts';
import { longRequest, messageEvents, messageJson } from '../support/messages.ts';
import { startRecordingUpstream, startUpstream } from '../support/upstream.ts';
import { startCli, type RunningCli } from './run-cli.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const [START = '', ...REST] = messageEvents({ input: 5, read: 900 });

/** `cachewright serve` before an upstream, in a process of its own. */
async function startServe(upstreamUrl: string, more: readonly string[] = []): Promise<RunningCli> {
  const args = ['serve', '--upstream', upstreamUrl, '--admin-port', '0', ...more];
  const serve = await startCli(more.includes('--port') ? args : [...args, '--port', '0'], [
    'gateway',
    'admin',
  ]);
  cleanUp.add({
    close: async () => {
      serve.signal('SIGKILL');
      await serve.ended;
    },
  });
  return serve;
}

const urlOf = (serve: RunningCli): string => serve.urls['gateway'] ?? '';

function post(url: string) {
  const body = JSON.stringify(longRequest({ stream: true }));
  const outgoing = open(url, { headers: ['Content-Length', String(body.length)] });
  outgoing.on('error', () => undefined).end(body);
  return outgoing;
}

/** An upstream whose answers the test writes, in the order of the requests. */
async function startHeldUpstream(): Promise<{ url: string; next(): Promise<ServerResponse> }> {
  const arrived: ServerResponse[] = [];
  let wake: () => void = () => undefined;
  const upstream = cleanUp.add(
    await startRecordingUpstream((response) => {
      arrived.push(response);
      wake();
    }),
  );
  return {
    url: upstream.url,
    async next() {
      while (arrived.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const [response] = arrived.splice(0, 1);
      if (!response) throw new Error('no request arrived');
      return response;
    },
  };
}

/** Starts a stream through the gateway of which the first event has arrived. */
async function beginStream(
  serve: RunningCli,
  upstream: { next(): Promise<ServerResponse> },
): Promise<{ answer: IncomingMessage; response: ServerResponse }> {
  const outgoing = post(urlOf(serve));
  const response = await upstream.next();
  response.writeHead(200, EVENT_STREAM).write(START);
  const answer = await answerTo(outgoing);
  expect(String((await once(answer, 'data'))[0])).toBe(START);
  return { answer, response };
}

function canConnect(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function untilRefused(url: string): Promise<void> {
  while (await canConnect(url));
}

describe('SIGTERM', () => {
  it('lets what is in flight end byte for byte, takes nothing new, exits 0', async () => {
    const upstream = await startHeldUpstream();
    const serve = await startServe(upstream.url);
    const { answer, response } = await beginStream(serve, upstream);
    const unanswered = post(urlOf(serve));
    const later = await upstream.next();
    serve.signal('SIGTERM');
    await untilRefused(urlOf(serve));
    const rest = bodyOf(answer);
    for (const event of REST) response.write(event);
    response.end();
    expect((await rest).toString('utf8')).toBe(REST.join(''));
    later.writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
    const late = await answerTo(unanswered);
    expect((await bodyOf(late)).toString('utf8')).toBe(messageJson());
    const { code, stderr } = await serve.ended;
    expect(code).toBe(0);
    // Both are in the log: nothing was lost at the end.
    expect(stderr.match(/"msg":"request"/g)).toHaveLength(2);
  });

  it('exits 0 when those in flight leave', async () => {
    const upstream = await startHeldUpstream();
    const serve = await startServe(upstream.url);
    const { answer, response } = await beginStream(serve, upstream);
    const closed = once(response, 'close');
    serve.signal('SIGTERM');
    await untilRefused(urlOf(serve));
    answer.destroy();
    await closed;
    expect((await serve.ended).code).toBe(0);
  });

  it('a second time ends at once: the client sees its stream break off', async () => {
    const upstream = await startHeldUpstream();
    const serve = await startServe(upstream.url);
    const { answer } = await beginStream(serve, upstream);
    serve.signal('SIGTERM');
    await untilRefused(urlOf(serve));
    const rest = bodyOf(answer);
    serve.signal('SIGTERM');
    await expect(rest).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await serve.ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});

it('SIGKILL in mid-stream breaks the stream off; started again on the same port it serves', async () => {
  const upstream = await startHeldUpstream();
  const serve = await startServe(upstream.url);
  const { answer, response } = await beginStream(serve, upstream);
  const closed = once(response, 'close');
  const rest = bodyOf(answer);
  serve.signal('SIGKILL');
  await expect(rest).rejects.toMatchObject({ code: 'ECONNRESET' });
  await closed;
  const again = await startServe(upstream.url, ['--port', new URL(urlOf(serve)).port]);
  expect(urlOf(again)).toBe(urlOf(serve));
  const answered = sendJson(urlOf(again), longRequest());
  (await upstream.next()).writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
  expect((await answered).body.toString('utf8')).toBe(messageJson());
});

/** Memory of a process, in bytes. */
function residentBytes(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}

const MIB = 1024 * 1024;

it('a stream of 200 MB to a client that reads slowly does not fill the memory', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'data: x\n\n');
  const total = 200 * MIB;
  let written = 0;
  const writeOn = (response: ServerResponse): void => {
    while (written < total) {
      written += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', () => writeOn(response));
    }
    response.end();
  };
  const upstream = cleanUp.add(
    await startUpstream((request, response) => {
      request.resume();
      writeOn(response.writeHead(200, EVENT_STREAM));
    }),
  );
  const serve = await startServe(upstream.url);
  const before = residentBytes(serve.pid);
  const answer = await answerTo(post(urlOf(serve)));
  // Nothing is read until the upstream cannot write on: what is on its way then, the gateway holds.
  while (written < total) {
    const seen = written;
    for (let turn = 0; turn < 5_000; turn += 1) await nextTurn();
    if (written === seen) break;
  }
  const growth = residentBytes(serve.pid) - before;
  let read = 0;
  for await (const part of answer as AsyncIterable<Buffer>) read += part.length;
  expect(read).toBe(total);
  expect(growth).toBeLessThan(64 * MIB);
});
