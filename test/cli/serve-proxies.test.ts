import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CleanUp } from '../support/gateway.ts';
import { sendJson, type Answer } from '../support/http-client.ts';
import { longRequest, messageEvents } from '../support/messages.ts';
import { createPrivateCa, hasOpenssl, type PrivateCa } from './private-ca.ts';
import { runCli, startCli } from './run-cli.ts';

const isPossible = hasOpenssl();
const reason = isPossible ? '' : ' (skipped: the command openssl is not installed)';
const EVENTS = messageEvents().join('');

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What a proxy was asked for, and with which credential. */
interface Asked {
  readonly target: string;
  readonly authorization: string | undefined;
}

/** A proxy that tunnels, or refuses to. */
async function startTunnelProxy(
  cleanUp: CleanUp,
  refusal?: string,
): Promise<{ port: number; asked: Asked[] }> {
  const asked: Asked[] = [];
  const open = new Set<Duplex>();
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    const { url: target = '', headers } = request;
    asked.push({ target, authorization: headers['proxy-authorization'] });
    if (refusal !== undefined) return void client.end(refusal);
    const onward: Socket = connect(Number(target.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(onward).pipe(client);
    });
    for (const end of [client, onward]) {
      open.add(end);
      end.on('error', () => undefined).once('close', () => [client, onward].map((other) => other.destroy()));
    }
    return undefined;
  });
  const port = await listen(server);
  cleanUp.add({
    close: () => {
      for (const end of open) end.destroy();
      server.close();
    },
  });
  return { port, asked };
}

describe.skipIf(!isPossible)(`serve with an HTTPS upstream of a private authority${reason}`, () => {
  const cleanUp = new CleanUp();
  const paths: string[] = [];
  let ca: PrivateCa;
  let upstreamPort: number;
  beforeAll(async () => {
    ca = createPrivateCa();
    const server = createHttpsServer({ key: ca.key, cert: ca.cert }, (request, response) => {
      paths.push(request.url ?? '');
      request.resume().once('end', () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(EVENTS);
      });
    });
    upstreamPort = await listen(server);
    cleanUp.add({
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    });
  });
  afterAll(() => cleanUp.run());

  /** One request through a `serve` of its own; the path prefix is part of every upstream here. */
  async function ask(env: Readonly<Record<string, string>>, host = 'localhost'): Promise<Answer> {
    const upstream = `https://${host}:${upstreamPort}/team/claude/`;
    const args = [
      'serve',
      '--upstream',
      upstream,
      '--port',
      '0',
      '--admin-port',
      '0',
      '--log-level',
      'silent',
    ];
    const serve = await startCli(args, ['gateway', 'admin'], env);
    try {
      return await sendJson(serve.urls['gateway'] ?? '', longRequest({ stream: true }));
    } finally {
      expect(await serve.stop('SIGTERM')).toBe(0);
    }
  }

  const trusting = (): Record<string, string> => ({ NODE_EXTRA_CA_CERTS: ca.caFile });
  const errorOf = ({ body }: Answer): string => JSON.parse(body.toString('utf8')).error.message;

  it('trusts it by NODE_EXTRA_CA_CERTS only', async () => {
    const refused = await ask({});
    expect([refused.status, errorOf(refused)]).toEqual([502, expect.stringMatching(/certificate/)]);
    expect(paths).toEqual([]);
    const answer = await ask(trusting());
    expect([answer.status, answer.body.toString('utf8')]).toEqual([200, EVENTS]);
    expect(paths.splice(0)).toEqual(['/team/claude/v1/messages']);
  });

  it.each([
    ['HTTPS_PROXY', 'http://'],
    ['https_proxy', 'http://'],
    ['HTTPS_PROXY', ''],
  ])('goes through the tunnel of %s=%suser:password@host:port', async (name, scheme) => {
    const proxy = await startTunnelProxy(cleanUp);
    const answer = await ask({ ...trusting(), [name]: `${scheme}user:p%40ss@127.0.0.1:${proxy.port}` });
    expect([answer.status, answer.body.toString('utf8')]).toEqual([200, EVENTS]);
    const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    expect(proxy.asked).toEqual([{ target: `localhost:${upstreamPort}`, authorization }]);
    expect(paths.splice(0)).toEqual(['/team/claude/v1/messages']);
  });

  it.each(['localhost', 'example.com,localhost', '*'])(
    'goes past the proxy where NO_PROXY is %s',
    async (noProxy) => {
      const proxy = await startTunnelProxy(cleanUp);
      const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: noProxy };
      expect((await ask({ ...trusting(), ...env })).status).toBe(200);
      expect(proxy.asked).toEqual([]);
      paths.length = 0;
    },
  );

  it('goes through the proxy where NO_PROXY names others', async () => {
    const proxy = await startTunnelProxy(cleanUp);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: 'example.com,host' };
    expect((await ask({ ...trusting(), ...env })).status).toBe(200);
    expect(proxy.asked).toHaveLength(1);
    paths.length = 0;
  });

  it.each([
    [
      'wants another credential',
      'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n',
      /407/,
    ],
    ['forbids', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n', /403/],
    ['hangs up', '', /./],
  ])('a proxy that %s: 502 that says so and names no credential', async (_what, refusal, sentence) => {
    const proxy = await startTunnelProxy(cleanUp, refusal);
    const answer = await ask({ ...trusting(), HTTPS_PROXY: `http://user:hunter2@127.0.0.1:${proxy.port}` });
    expect([answer.status, errorOf(answer)]).toEqual([502, expect.stringMatching(sentence)]);
    expect(answer.body.toString('utf8')).not.toMatch(/hunter2|user/);
    expect(proxy.asked).toHaveLength(1);
    expect(paths).toEqual([]);
  });

  it('--check goes the same way', async () => {
    const proxy = await startTunnelProxy(cleanUp);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const check = ['serve', '--check', '--upstream', `https://localhost:${upstreamPort}/team`];
    const refused = await runCli(check, { env });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/certificate/)]);
    expect(await runCli(check, { env: { ...env, ...trusting() } })).toMatchObject({ code: 0 });
    expect(proxy.asked).toHaveLength(2);
    expect(paths.splice(0)).toEqual(['/team/']);
  });
});

it.each(['not a url', 'socks4://127.0.0.1:1'])(
  'a proxy that cannot be used (%s) is a sentence',
  async (proxy) => {
    const check = ['serve', '--check', '--upstream', 'https://127.0.0.1:1'];
    const { code, stderr } = await runCli(check, { env: { HTTPS_PROXY: proxy } });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^cachewright: HTTPS_PROXY must be/)]);
  },
);
