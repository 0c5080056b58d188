import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Agent, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { answerTo, open } from '../support/http-client.ts';
import { longRequest, messageEvents } from '../support/messages.ts';
import { startRecordingUpstream, type RecordingUpstream } from '../support/upstream.ts';
import { watchAnswer, watchRequest, type Outcome } from './outcome.ts';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };
const [START = ''] = messageEvents();
const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
const ERROR_400 = JSON.stringify({
  type: 'error',
  error: { type: 'invalid_request_error', message: 'cache_control: no' },
});

/** Every way for a request to end, good and bad. */
const FAULTS: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  whole: (response) => response.writeHead(200, EVENT_STREAM).end(messageEvents().join('')),
  gzip: (response) =>
    response.writeHead(200, { ...EVENT_STREAM, 'content-encoding': 'gzip' }).end(gzipSync(START)),
  'damaged gzip': (response) =>
    response.writeHead(200, { ...EVENT_STREAM, 'content-encoding': 'gzip' }).end('no gzip'),
  'about markers': (response) =>
    response.writeHead(400, { 'content-type': 'application/json' }).end(ERROR_400),
  overloaded: (response) => response.writeHead(529, { 'retry-after': '1' }).end('{}'),
  garbage: (response) => response.writeHead(200, EVENT_STREAM).end('data: {"type":"message_start"\n\n\n'),
  hangup: (response) => response.destroy(),
  reset: (response) =>
    response.writeHead(200, EVENT_STREAM).write(START, () => response.socket?.resetAndDestroy()),
  cut: (response) => response.socket?.end(`${STREAM_HEAD}content-length: 99999\r\n\r\n${START}`),
  'no http': (response) => response.socket?.end('hello\r\n\r\n'),
  'client leaves before': () => undefined,
  'client leaves after': (response) => response.writeHead(200, EVENT_STREAM).write(START),
};
const NAMES = Object.keys(FAULTS);

const cleanUp = new CleanUp();
const sockets = new Set<Socket>();
const warnings: string[] = [];
const keepSocket = (message: unknown): void => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
};
const keepWarning = (warning: Error): void => void warnings.push(String(warning));
let upstream: RecordingUpstream;
let gateway: TestGateway;
let onArrival: () => void = () => undefined;

beforeAll(async () => {
  subscribe('net.server.socket', keepSocket);
  subscribe('net.client.socket', keepSocket);
  process.on('warning', keepWarning);
  upstream = cleanUp.add(
    await startRecordingUpstream((response, seen) => {
      upstream.seen.length = 0;
      FAULTS[String(seen.headers['x-fault'])]?.(response);
      onArrival();
    }),
  );
  gateway = cleanUp.add(await startTestGateway(upstream.url));
});
afterAll(async () => {
  unsubscribe('net.server.socket', keepSocket);
  unsubscribe('net.client.socket', keepSocket);
  process.off('warning', keepWarning);
  await cleanUp.run();
});

const BODY = JSON.stringify(longRequest({ stream: true }));

/** A request whose client leaves: before the answer, or with its first bytes. */
async function leave(name: string, agent: Agent): Promise<void> {
  const arrived = new Promise<void>((resolve) => (onArrival = resolve));
  const headers = ['Content-Length', String(BODY.length), 'x-fault', name];
  const outgoing = open(gateway.url, { headers, agent });
  outgoing.on('error', () => undefined).end(BODY);
  if (name === 'client leaves after') {
    const answer = await answerTo(outgoing);
    const watched = watchAnswer(answer);
    answer.once('data', () => outgoing.destroy());
    await watched;
  } else {
    await arrived;
    outgoing.destroy();
  }
}

async function playRound(agent: Agent): Promise<readonly string[]> {
  const seen: string[] = [];
  for (const name of NAMES) {
    if (name.startsWith('client')) await leave(name, agent);
    else {
      // A scope for each: a plan that one refuses must still be tried by the others.
      const headers = ['x-fault', name, 'x-api-key', name, 'accept-encoding', 'gzip'];
      const { status, ending }: Outcome = await watchRequest(gateway.url, { headers, body: BODY, agent });
      seen.push(`${name}: ${status} ${ending}`);
    }
    await gateway.ledger.next();
  }
  return seen;
}

/** Waits until what a request leaves for the next turns of the event loop is done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await nextTurn();
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function measureHeap(): Promise<number> {
  await settle();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

it('2,000 requests of which most go wrong leave neither sockets nor memory behind', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const first = await playRound(agent);
  expect(first).toEqual([
    'whole: 200 whole',
    'gzip: 200 whole',
    'damaged gzip: 200 whole',
    'about markers: 400 whole',
    'overloaded: 529 whole',
    'garbage: 200 whole',
    'hangup: 502 whole',
    'reset: 200 broken',
    'cut: 200 broken',
    'no http: 502 whole',
  ]);
  // The first rounds fill what is bounded and kept: records, blocks, compiled code.
  for (let round = 0; round < 50; round += 1) await playRound(agent);
  const heap = await measureHeap();
  const openSockets = sockets.size;
  const resources = process.getActiveResourcesInfo().length;
  const rounds = Math.ceil(2_000 / NAMES.length);
  for (let round = 0; round < rounds; round += 1) expect(await playRound(agent)).toEqual(first);
  const growth = (await measureHeap()) - heap;
  expect(sockets.size).toBeLessThanOrEqual(openSockets);
  // Others in this process set a timer now and then.
  expect(process.getActiveResourcesInfo().length).toBeLessThan(resources + 5);
  // 2,000 records of less than 1 KB are kept on purpose; a body or an answer for each would be far more.
  expect(growth).toBeLessThan(2_000 * 3 * 1024);
  expect(gateway.engine.counters).toMatchObject({ failedAnalyses: 0, failedAccounts: 0 });
  expect(warnings).toEqual([]);
  agent.destroy();
});
