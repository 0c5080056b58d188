import { request } from 'node:http';

import autocannon from 'autocannon';

import type { Target } from './targets.ts';

/** What one round of load showed. */
export interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the process between, in microseconds a request; null where there is none. */
  readonly cpuUsPerRequest: number | null;
  readonly failed: number;
}

const REQUEST_HEADERS = {
  'content-type': 'application/json',
  'x-api-key': 'sk-ant-bench',
  'anthropic-version': '2023-06-01',
};

/** Closed loop: so many connections, each sending its next request when the last one is answered. */
export async function runRound(
  target: Target,
  bodies: readonly string[],
  connections: number,
  seconds: number,
): Promise<Round> {
  const headers = { ...REQUEST_HEADERS, ...target.headers };
  const before = target.cpuSeconds();
  const result = await autocannon({
    url: `${target.url}/v1/messages`,
    connections,
    duration: seconds,
    requests: bodies.map((body) => ({ method: 'POST' as const, headers, body })),
  });
  const after = target.cpuSeconds();
  const answered = result['2xx'];
  return {
    requestsPerSecond: answered / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuUsPerRequest:
      before === null || after === null ? null : ((after - before) * 1e6) / Math.max(1, answered),
    failed: result.non2xx + result.errors,
  };
}

/** Time to the first byte of one streamed answer, in ms; -1 when it failed. */
function firstByteMs(target: Target, body: string): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    let firstMs = -1;
    const headers = { ...REQUEST_HEADERS, ...target.headers, 'content-length': Buffer.byteLength(body) };
    const outgoing = request(`${target.url}/v1/messages`, { method: 'POST', headers }, (response) => {
      response.once('data', () => {
        if (response.statusCode === 200) firstMs = performance.now() - began;
      });
      response.once('end', () => resolve(firstMs));
      response.resume();
    });
    outgoing.once('error', () => resolve(-1));
    outgoing.end(body);
  });
}

/** Median time to the first byte of streams, one after the other; null when any of them failed. */
export async function firstByteP50Ms(
  target: Target,
  bodies: readonly string[],
  count: number,
): Promise<number | null> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const timeMs = await firstByteMs(target, bodies[index % bodies.length] ?? '');
    if (timeMs < 0) return null;
    times.push(timeMs);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? null;
}
