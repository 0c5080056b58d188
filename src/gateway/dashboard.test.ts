import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CleanUp, startTestGateway, type TestGateway } from '../../test/support/gateway.ts';
import { send } from '../../test/support/http-client.ts';
import { loadDashboard, serveDashboard } from './dashboard.ts';

const BROWSER = ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'];
const TOKEN = 'a-token';
const cleanUp = new CleanUp();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = cleanUp.add(await startTestGateway('http://127.0.0.1:9', { adminToken: TOKEN }));
});
afterAll(() => cleanUp.run());

describe('the page', () => {
  const ask = (headers: readonly string[], method = 'GET'): ReturnType<typeof send> =>
    send(gateway.admin.url, { method, path: '/', headers });

  it('is for browsers, without a token: it shows nothing of anybody', async () => {
    const { status, headers, body } = await ask(BROWSER);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['content-security-policy']).toMatch(/^default-src 'self';/);
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['vary']).toBe('accept');
    expect(body.toString('utf8')).toContain('<title>Cachewright</title>');
  });

  it('has no script and no style within', async () => {
    const html = (await ask(BROWSER)).body.toString('utf8');
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/);
  });

  it('is JSON for programs, and that needs the token', async () => {
    expect((await ask(['accept', '*/*'])).status).toBe(401);
    const { status, body } = await ask(['accept', '*/*', 'authorization', `Bearer ${TOKEN}`]);
    expect([status, JSON.parse(body.toString('utf8')).cachewright]).toEqual([200, 'admin']);
  });

  it('is refused for another host, and does not take what changes state', async () => {
    expect((await ask([...BROWSER, 'Host', 'evil.example'])).status).toBe(403);
    expect((await ask(BROWSER, 'POST')).status).toBe(401);
    expect((await ask(BROWSER, 'HEAD')).status).toBe(200);
  });

  it('gives nothing else away without the token, whatever is accepted', async () => {
    for (const path of [
      '/api/v1/summary',
      '/metrics',
      '/readyz',
      '/assets/../api/v1/summary',
      '/assets%2f..%2fapi',
    ]) {
      expect([
        path,
        (await send(gateway.admin.url, { method: 'GET', path, headers: BROWSER })).status,
      ]).toEqual([path, 401]);
    }
    const missing = await send(gateway.admin.url, { method: 'GET', path: '/assets/nothing.js' });
    expect(missing.status).toBe(404);
  });
});

describe('a folder with a built dashboard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-dashboard-'));
  const url = pathToFileURL(`${folder}/`);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const get = async (path: string): Promise<Response> => {
    const app = new Hono();
    app.use(serveDashboard(loadDashboard([url])));
    return app.request(path, { headers: { accept: 'text/html' } });
  };

  it('that is not there says how to build it', async () => {
    expect(await (await get('/')).text()).toContain('npm run build');
  });

  it('is served: the page fresh every time, what has a hash in its name kept for ever', async () => {
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<p>Built.</p>');
    await writeFile(join(folder, 'assets', 'index-Ab12.js'), 'let built;');
    await writeFile(join(folder, 'assets', 'icon-Ab12.svg'), '<svg/>');
    expect(await (await get('/')).text()).toBe('<p>Built.</p>');
    const script = await get('/assets/index-Ab12.js');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await get('/assets/icon-Ab12.svg')).headers.get('content-type')).toBe('image/svg+xml');
    expect((await get('/assets/index.html')).status).toBe(404);
  });
});
