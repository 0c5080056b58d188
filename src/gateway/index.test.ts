import { once } from 'node:events';
import { Agent, type ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway } from '../../test/support/gateway.ts';
import { answerTo, bodyOf, open, send, sendJson } from '../../test/support/http-client.ts';
import { longRequest, messageEvents } from '../../test/support/messages.ts';
import { startRecordingUpstream } from '../../test/support/upstream.ts';
import { ListenError } from '../runtime/index.ts';
import { startGateway } from './index.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

/** A connection of a client that keeps it alive and sends nothing more. */
async function idleConnection(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

// Shorter than the time that is given to requests in flight: closing must not wait for that to run out.
describe('closing a gateway', { timeout: 10_000 }, () => {
  it('lets a stream in flight end, takes nothing new, and closes kept connections', async () => {
    let arrived: (response: ServerResponse) => void = () => undefined;
    const arrival = new Promise<ServerResponse>((resolve) => (arrived = resolve));
    const upstream = cleanUp.add(
      await startRecordingUpstream((response, seen) => {
        if (seen.method === 'GET') response.end('{}');
        else arrived(response);
      }),
    );
    const gateway = await startTestGateway(upstream.url);
    const idle = await idleConnection(gateway.url);
    const idleAdmin = await idleConnection(gateway.admin.url);
    const idleClosed = Promise.all([once(idle, 'close'), once(idleAdmin, 'close')]);

    const agent = new Agent({ keepAlive: true });
    const outgoing = open(gateway.url, { agent, headers: ['Transfer-Encoding', 'chunked'] });
    outgoing.end(JSON.stringify(longRequest()));
    const response = await arrival;
    const events = messageEvents();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(events[0]);
    const answer = await answerTo(outgoing);
    await once(answer, 'data');

    let isClosed = false;
    const closed = gateway.close().then(() => (isClosed = true));
    await idleClosed;
    await expect(send(gateway.url, { method: 'GET', path: '/v1/models' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    expect(isClosed).toBe(false);

    response.end(events.slice(1).join(''));
    expect((await bodyOf(answer)).toString('utf8')).toBe(events.slice(1).join(''));
    await closed;
    expect(await gateway.ledger.next()).toMatchObject({ isPartial: false, error: null });
    agent.destroy();
  });

  it('lets the connections to the upstream go', async () => {
    let connection: Socket | null = null;
    const upstream = cleanUp.add(
      await startRecordingUpstream((response) => {
        connection = response.socket;
        response.end('{}');
      }),
    );
    const gateway = await startTestGateway(upstream.url);
    await sendJson(gateway.url, longRequest());
    const gone = once(connection ?? new Socket(), 'close');
    await gateway.close();
    await gone;
  });

  it('twice is no error', async () => {
    const upstream = cleanUp.add(await startRecordingUpstream());
    const gateway = await startTestGateway(upstream.url);
    await sendJson(gateway.url, longRequest());
    await Promise.all([gateway.close(), gateway.close()]);
    await gateway.close();
  });

  it('waits for nobody who is not there', async () => {
    const gateway = await startTestGateway('http://127.0.0.1:9');
    await gateway.close();
  });
});

describe('starting a gateway', () => {
  it('on a port in use is a sentence, and leaves nothing listening', async () => {
    const taken = cleanUp.add(await startTestGateway('http://127.0.0.1:9'));
    const countListeners = async (): Promise<number> => {
      // Handles are let go in the turns after they are closed.
      for (let turn = 0; turn < 20; turn += 1) await nextTurn();
      return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    };
    const before = await countListeners();
    const free = { host: '127.0.0.1', port: 0 };
    const inUse = { host: '127.0.0.1', port: taken.data.port };
    for (const places of [
      { listen: inUse, adminListen: free },
      { listen: free, adminListen: inUse },
    ]) {
      const started = startGateway({ upstreamUrl: 'http://127.0.0.1:9', ...places });
      await expect(started).rejects.toThrow(ListenError);
      await expect(started).rejects.toThrow(`127.0.0.1:${taken.data.port} is already in use`);
    }
    expect(await countListeners()).toBe(before);
  });

  it('with something that is no URL is an error before anything listens', async () => {
    await expect(startGateway({ upstreamUrl: 'api.anthropic.com' })).rejects.toThrow(TypeError);
  });
});
