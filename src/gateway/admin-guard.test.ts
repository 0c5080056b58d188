import { afterEach, describe, expect, it } from 'vitest';
import { CleanUp, startTestGateway } from '../../test/support/gateway.ts';
import { getJson, send } from '../../test/support/http-client.ts';
import { startGateway } from './index.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const TOKEN = 'correct horse battery staple';
const UPSTREAM = 'http://127.0.0.1:9';

describe('an admin listener with a token', () => {
  it('answers to it alone, on every path', async () => {
    const gateway = cleanUp.add(await startTestGateway(UPSTREAM, { adminToken: TOKEN }));
    for (const path of ['/', '/healthz', '/readyz', '/api/v1/summary', '/api/v1/requests', '/nothing']) {
      const ask = async (...headers: readonly string[]): Promise<number> =>
        (await getJson(gateway.admin.url, path, headers)).status;
      expect(await ask()).toBe(401);
      expect(await ask('Authorization', TOKEN)).toBe(401);
      expect(await ask('Authorization', `Basic ${TOKEN}`)).toBe(401);
      for (const wrong of ['', TOKEN.slice(0, -1), `${TOKEN}r`, TOKEN.toUpperCase(), 'x'.repeat(5_000)]) {
        expect(await ask('Authorization', `Bearer ${wrong}`)).toBe(401);
      }
      expect(await ask('Authorization', `Bearer ${TOKEN}`)).toBe(path === '/nothing' ? 404 : 200);
      expect(await ask('authorization', `bearer ${TOKEN}`)).toBe(path === '/nothing' ? 404 : 200);
    }
  });

  it('says how to ask, and does not repeat what was given', async () => {
    const gateway = cleanUp.add(await startTestGateway(UPSTREAM, { adminToken: TOKEN }));
    const headers = ['Authorization', 'Bearer a-guess'];
    const answer = await send(gateway.admin.url, { method: 'GET', path: '/', headers });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.body.toString('utf8')).toMatch(/authorization: Bearer TOKEN/);
    expect(answer.body.toString('utf8')).not.toMatch(/a-guess|correct horse/);
  });

  it('does not make up for a foreign host, nor for the header of a change', async () => {
    const gateway = cleanUp.add(await startTestGateway(UPSTREAM, { adminToken: TOKEN }));
    const own = ['Authorization', `Bearer ${TOKEN}`];
    expect((await getJson(gateway.admin.url, '/', [...own, 'Host', 'evil.example'])).status).toBe(403);
    expect((await send(gateway.admin.url, { path: '/', headers: own })).status).toBe(403);
  });
});

describe('an admin listener off loopback', () => {
  const open = { host: '0.0.0.0', port: 0 };

  it.each([null, ''])('is refused without a token (%j), and nothing listens', async (adminToken) => {
    const options = { upstreamUrl: UPSTREAM, listen: { host: '127.0.0.1', port: 0 }, adminListen: open };
    await expect(startGateway({ ...options, adminToken })).rejects.toThrow(/0\.0\.0\.0 needs a token/);
  });

  it('with a token answers by this machine and by the names that were configured', async () => {
    const options = { adminListen: open, adminToken: TOKEN, adminHosts: ['Gateway.Example'] };
    const gateway = cleanUp.add(await startTestGateway(UPSTREAM, options));
    const url = `http://127.0.0.1:${gateway.admin.port}`;
    const ask = async (host: string): Promise<number> =>
      (await getJson(url, '/healthz', ['Authorization', `Bearer ${TOKEN}`, 'Host', host])).status;
    expect(await ask(`127.0.0.1:${gateway.admin.port}`)).toBe(200);
    expect(await ask('gateway.example:8789')).toBe(200);
    expect(await ask('other.example')).toBe(403);
  });
});
