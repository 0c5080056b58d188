import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { runCli, startCli } from '../cli/run-cli.ts';
import { CleanUp } from '../support/gateway.ts';
import { sendJson } from '../support/http-client.ts';
import { longRequest } from '../support/messages.ts';
import { startOtlpReceiver, type ReceivedPush } from './otlp-receiver.ts';

const folder = mkdtempSync(join(tmpdir(), 'cachewright-otlp-'));
const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVE = ['serve', '--port', '0', '--admin-port', '0', '--ledger', 'memory', '--data-dir', folder];

/** What a gateway pushed at its end, after one request; and what it said. */
async function lastPush(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  next: () => Promise<ReceivedPush>,
): Promise<ReceivedPush> {
  const gateway = await startCli(
    [...SERVE, '--upstream', 'emulator', '--log-level', 'error', ...args],
    ['gateway', 'admin'],
    env,
  );
  await sendJson(gateway.urls['gateway'] ?? '', longRequest({ model: 'claude-opus-5-5' }), {
    headers: ['x-api-key', 'k'],
  });
  expect(await gateway.stop('SIGTERM')).toBe(0);
  return next();
}

const requestsOf = ({ metrics }: ReceivedPush): number =>
  metrics.get('cachewright.requests')?.[0]?.value ?? 0;

describe('serve --otlp', () => {
  it('pushes to the receiver that the flag names, and says who it is', async () => {
    const receiver = cleanUp.add(await startOtlpReceiver());
    const push = await lastPush(['--otlp', `${receiver.url}/collect/`], {}, () => receiver.next());
    expect(push.path).toBe('/collect/v1/metrics');
    expect(requestsOf(push)).toBe(1);
    expect(push.resource).toMatchObject({
      'service.name': 'cachewright',
      'service.instance.id': expect.stringMatching(/^gateway_01\w{22}$/),
    });
  });

  it("takes OpenTelemetry's own variables", async () => {
    const receiver = cleanUp.add(await startOtlpReceiver());
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=a%20b,broken,service.name=other',
    };
    const push = await lastPush([], env, () => receiver.next());
    expect(push.path).toBe('/v1/metrics');
    expect(push.resource).toMatchObject({ 'service.name': 'shop', 'deployment.environment': 'a b' });
  });

  it('takes the address of metrics alone as it is', async () => {
    const receiver = cleanUp.add(await startOtlpReceiver());
    const env = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/as/it/is` };
    expect((await lastPush([], env, () => receiver.next())).path).toBe('/as/it/is');
  });

  it('ends in time where nobody listens', async () => {
    const gateway = await startCli(
      [...SERVE, '--upstream', 'emulator', '--log-level', 'error', '--otlp', 'http://127.0.0.1:9'],
      ['gateway', 'admin'],
    );
    gateway.signal('SIGTERM');
    const { code, stderr } = await gateway.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('unexpected');
  });

  it('refuses what is no URL without showing it', async () => {
    const result = await runCli([...SERVE, '--check', '--otlp', 'user:hunter2@collector']);
    expect(result).toMatchObject({
      code: 2,
      stderr: 'cachewright: --otlp must be an http or https URL, such as http://localhost:4318\n',
    });
  });

  it.each([
    ['--otlp', 'off', {}],
    ['--mode', 'observe', { OTEL_METRICS_EXPORTER: 'none' }],
    ['--mode', 'observe', { OTEL_SDK_DISABLED: 'true' }],
  ])('pushes nothing with %s %s and %j', async (flag, value, env) => {
    const receiver = cleanUp.add(await startOtlpReceiver());
    const gateway = await startCli(
      [...SERVE, '--upstream', 'emulator', '--log-level', 'error', flag, value],
      ['gateway', 'admin'],
      { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env },
    );
    expect(await gateway.stop('SIGTERM')).toBe(0);
    expect(receiver.pushes).toBe(0);
  });
});
