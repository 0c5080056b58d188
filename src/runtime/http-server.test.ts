import { once } from 'node:events';
import { Agent, type RequestListener, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp } from '../../test/support/gateway.ts';
import { answerTo, bodyOf, open, send } from '../../test/support/http-client.ts';
import {
  BodyTooLargeError,
  ListenError,
  readRequestBody,
  startServer,
  type RunningServer,
} from './http-server.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const LOCAL = { host: '127.0.0.1', port: 0 };
const start = async (listener: RequestListener): Promise<RunningServer> =>
  cleanUp.add(await startServer(listener, LOCAL));

describe('listening', () => {
  it('takes a free port for 0 and says where', async () => {
    const server = await start((_request, response) => response.end('here'));
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect((await send(server.url, { method: 'GET', path: '/' })).body.toString('utf8')).toBe('here');
  });

  it('on a port in use says where, and what to do', async () => {
    const { port } = await start(() => undefined);
    const second = startServer(() => undefined, { host: '127.0.0.1', port });
    await expect(second).rejects.toThrow(ListenError);
    await expect(second).rejects.toThrow(
      `127.0.0.1:${port} is already in use: stop what listens there or choose another port`,
    );
  });

  it.each(['192.0.2.1', 'no-such-host.invalid'])('on %s, which is not ours, says so', async (host) => {
    await expect(startServer(() => undefined, { host, port: 0 })).rejects.toMatchObject({
      name: 'ListenError',
      message: expect.stringContaining(host),
    });
  });

  it('on the loopback address of IPv6 puts it in brackets', async () => {
    const started = startServer((_request, response) => response.end('six'), { host: '::1', port: 0 });
    // A machine without IPv6 has no such address.
    const server = await started.catch((error: unknown) =>
      error instanceof ListenError ? null : Promise.reject(error),
    );
    if (!server) return;
    cleanUp.add(server);
    expect(server.url).toBe(`http://[::1]:${server.port}`);
  });
});

describe('closing', () => {
  it('waits for a request in flight and then lets its kept connection go', async () => {
    let begun: (response: ServerResponse) => void = () => undefined;
    const beginning = new Promise<ServerResponse>((resolve) => (begun = resolve));
    const server = await startServer((_request, response) => begun(response), LOCAL);
    const agent = new Agent({ keepAlive: true });
    const outgoing = open(server.url, { method: 'GET', path: '/', agent });
    outgoing.end();
    const response = await beginning;
    response.write('first ');
    const answer = await answerTo(outgoing);
    const closed = server.close();
    response.end('last');
    expect((await bodyOf(answer)).toString('utf8')).toBe('first last');
    await closed;
    agent.destroy();
  }, 10_000);

  it('cuts what is left when its time is over', async () => {
    const server = await startServer((_request, response) => response.write('and so on'), LOCAL);
    const outgoing = open(server.url, { method: 'GET', path: '/' });
    outgoing.end();
    const answer = await answerTo(outgoing);
    await once(answer, 'data');
    await Promise.all([server.close(0), expect(bodyOf(answer)).rejects.toThrow('aborted')]);
  });

  it('closes connections on which nothing was ever asked', async () => {
    const server = await startServer((_request, response) => response.end(), LOCAL);
    const socket = connect(server.port, '127.0.0.1').resume();
    await once(socket, 'connect');
    // Accepted in order: once a later connection is answered, the server has this one too.
    await send(server.url, { method: 'GET', path: '/' });
    const gone = once(socket, 'close');
    await server.close();
    await gone;
  }, 10_000);

  it('twice is no error', async () => {
    const server = await startServer(() => undefined, LOCAL);
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});

describe('readRequestBody', () => {
  const limited = (bytesMax: number): Promise<RunningServer> =>
    start((request, response) => {
      readRequestBody(request, bytesMax).then(
        (body) => response.end(body),
        (error: Error) =>
          response.writeHead(error instanceof BodyTooLargeError ? 413 : 500).end(error.message),
      );
    });

  it('gives all bytes of one piece and of many', async () => {
    const server = await limited(1_000_000);
    for (const size of [0, 1, 500_000, 1_000_000]) {
      const body = Buffer.alloc(size, 'é');
      expect((await send(server.url, { body })).body.equals(body)).toBe(true);
    }
  });

  it('refuses what is declared longer than allowed, and what turns out to be', async () => {
    const server = await limited(1_000);
    expect((await send(server.url, { body: Buffer.alloc(1_001) })).status).toBe(413);
    const outgoing = open(server.url, { headers: ['Transfer-Encoding', 'chunked'] }).on(
      'error',
      () => undefined,
    );
    const answered = answerTo(outgoing);
    outgoing.write(Buffer.alloc(600));
    outgoing.write(Buffer.alloc(600));
    outgoing.end();
    expect((await answered).statusCode).toBe(413);
  });
});
