import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageEvents, messageJson } from '../../test/support/messages.ts';
import { startRecordingUpstream, type Answerer } from '../../test/support/upstream.ts';

const ROUND = 5;
const ROUNDS = 400;

const cleanUp = new CleanUp();
const sockets = new Set<Socket>();
const warnings: string[] = [];
const keepSocket = (message: unknown): void => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
};
const keepWarning = (warning: Error): void => void warnings.push(String(warning));
let gateway: TestGateway;

/** One kind of answer for each request of a round. */
const ANSWERS: readonly Answerer[] = [
  (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson()),
  (response) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(messageEvents().join('')),
  (response) =>
    response
      .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      .end(gzipSync(messageEvents().join(''))),
  (response) => response.writeHead(400, { 'content-type': 'application/json' }).end('{"type":"error"}'),
  (response) => response.end('{}'),
];

beforeAll(async () => {
  subscribe('net.server.socket', keepSocket);
  subscribe('net.client.socket', keepSocket);
  process.on('warning', keepWarning);
  const upstream = cleanUp.add(
    await startRecordingUpstream((response, seen) =>
      ANSWERS[Number(seen.headers['x-number'])]?.(response, seen),
    ),
  );
  gateway = cleanUp.add(await startTestGateway(upstream.url));
});
afterAll(async () => {
  unsubscribe('net.server.socket', keepSocket);
  unsubscribe('net.client.socket', keepSocket);
  process.off('warning', keepWarning);
  await cleanUp.run();
});

async function playRound(agent: Agent): Promise<void> {
  for (let number = 0; number < ROUND; number += 1) {
    const headers = ['x-number', String(number), 'Accept-Encoding', 'gzip'];
    if (number === ROUND - 1) await send(gateway.url, { path: '/v1/files', body: 'x', headers, agent });
    else {
      await sendJson(gateway.url, longRequest(), { headers, agent });
      await gateway.ledger.next();
    }
  }
}

function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function countListeners(): readonly number[] {
  const count = (socket: Socket): number =>
    socket.eventNames().reduce((all, name) => all + socket.listenerCount(name), 0);
  return [...sockets].map(count).toSorted((a, b) => a - b);
}

/** Waits until what a request leaves for the next turns of the event loop is done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
}

it('2,000 requests one after the other leave neither handles nor listeners behind', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let round = 0; round < 4; round += 1) await playRound(agent);
  await settle();
  const resources = countResources();
  const listeners = countListeners();
  // One connection on each side of each hop: client, gateway (twice), upstream.
  expect(listeners).toHaveLength(4);

  for (let round = 0; round < ROUNDS; round += 1) await playRound(agent);
  await settle();
  // Others in this process set a timer now and then; a leak would be one for every request or round.
  const grown = Object.entries(countResources()).filter(
    ([name, count]) => count > (resources[name] ?? 0) + 5,
  );
  expect(grown).toEqual([]);
  expect(countListeners()).toEqual(listeners);
  expect(warnings).toEqual([]);
  agent.destroy();
});
