import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const gatewayModule = new URL('../../src/gateway/index.ts', import.meta.url).href;
const clientModule = new URL('../../src/client/index.ts', import.meta.url).href;

/** What of OpenTelemetry a process has loaded, before it runs something of ours and after. */
function loadedBy(run: string): { readonly before: readonly string[]; readonly after: readonly string[] } {
  const script = `
    const { registerHooks } = await import('node:module');
    const urls = new Set();
    const note = (url) => url.includes('/@opentelemetry/') && urls.add(url.replace(/.*@opentelemetry.([\\w-]+).*/, '$1'));
    registerHooks({ resolve: (name, context, next) => { const found = next(name, context); note(found.url); return found; } });
    const seen = () => [...urls].toSorted();
    ${run}`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

describe('OpenTelemetry is loaded by the first who asks', () => {
  it('of a gateway', () => {
    const { before, after } = loadedBy(`
      const { startGateway } = await import(${JSON.stringify(gatewayModule)});
      const free = { host: '127.0.0.1', port: 0 };
      const gateway = await startGateway({ upstreamUrl: 'http://127.0.0.1:9', listen: free, adminListen: free });
      await (await fetch(gateway.data.url + '/v1/messages', { method: 'POST', body: '{}' })).text();
      const before = seen();
      await (await fetch(gateway.admin.url + '/metrics')).text();
      await gateway.close();
      process.stdout.write(JSON.stringify({ before, after: seen() }));`);
    expect(before).toEqual([]);
    expect(after).toContain('exporter-prometheus');
    expect(after).not.toContain('exporter-metrics-otlp-http');
  });

  it('of a library, and there only where the application has set it up', () => {
    const { before, after } = loadedBy(`
      const { cachewrightFetch } = await import(${JSON.stringify(clientModule)});
      const answer = async () => new Response('{}', { headers: { 'content-type': 'application/json' } });
      const send = cachewrightFetch({ fetch: answer });
      const ask = async () => (await send('http://x/v1/messages', { method: 'POST', body: '{"messages":[]}' })).text();
      await ask();
      const before = seen();
      globalThis[Symbol.for('opentelemetry.js.api.1')] = { version: '1.9.0' };
      await ask();
      process.stdout.write(JSON.stringify({ before, after: seen() }));`);
    expect(before).toEqual([]);
    expect(after).toEqual(['api']);
  });
});
