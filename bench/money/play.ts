import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { billTokens, isObject, resolveModel, standardPricing } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { readUsage } from '../../src/wire/index.ts';

/** A request for a message, and when it was sent. */
export interface Recorded {
  readonly body: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

function withoutMarkers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarkers);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => name !== 'cache_control');
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutMarkers(member)]));
}

/** The same requests as a client would send them that knows nothing of caching. */
export function stripMarkers(requests: readonly Recorded[]): readonly Recorded[] {
  return requests.map(({ body, atMs }) => {
    const stripped = withoutMarkers(body);
    return { body: isObject(stripped) ? stripped : {}, atMs };
  });
}

/** The requests for messages of a capture that were answered and belong to no message thread. */
export function readCapture(file: string): readonly Recorded[] {
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n');
  return lines.flatMap((line) => {
    const { method, path, body, response, t } = JSON.parse(line);
    const isMessage = method === 'POST' && /^\/v1\/messages(\?|$)/.test(path) && response.status === 200;
    if (!isMessage || !isObject(body) || body['thread'] !== undefined) return [];
    return [{ body: { ...body, stream: false }, atMs: Date.parse(t) }];
  });
}

/** Sends requests to an emulator of their own, at their times; gives the input cost of each in pico-dollars. */
async function playRequests(
  requests: readonly Recorded[],
  isThroughGateway: boolean,
): Promise<readonly number[]> {
  const emulator = await startEmulator({ port: 0, clock: 'manual' });
  const listen = { host: '127.0.0.1', port: 0 };
  const gateway = isThroughGateway
    ? await startGateway({ upstreamUrl: emulator.url, listen, adminListen: listen })
    : null;
  const url = `${gateway?.data.url ?? emulator.url}/v1/messages`;
  const post = (to: string, body: unknown): Promise<Response> =>
    fetch(to, { method: 'POST', headers: { 'x-api-key': 'any' }, body: JSON.stringify(body) });
  const costs: number[] = [];
  let lastMs = requests[0]?.atMs ?? 0;
  for (const { body, atMs } of requests) {
    await post(`${emulator.url}/_emulator/clock`, { advanceMs: Math.max(0, atMs - lastMs) });
    lastMs = atMs;
    const response = await post(url, body);
    const answer: unknown = await response.json();
    const usage = response.ok && isObject(answer) ? readUsage(answer['usage']) : null;
    if (!usage) throw new Error(`a recorded request was refused: ${JSON.stringify(answer).slice(0, 300)}`);
    const { facts } = resolveModel(String(body['model']));
    costs.push(Number(billTokens(facts, { ...usage, outputTokens: 0 }, standardPricing(atMs)).totalPicoUsd));
  }
  await gateway?.close();
  await emulator.close();
  return costs;
}

/** Input bill through the gateway over the bill without it. */
export interface CostRatios {
  readonly all: number;
  /** Without the first request, which nothing can make cheaper. */
  readonly fromSecond: number;
}

/** Plays the same requests with and without a gateway. */
export async function compareBills(requests: readonly Recorded[]): Promise<CostRatios> {
  const direct = await playRequests(requests, false);
  const through = await playRequests(requests, true);
  const ratio = (from: number): number => {
    const sum = (costs: readonly number[]): number =>
      costs.slice(from).reduce((total, cost) => total + cost, 0);
    return sum(through) / sum(direct);
  };
  return { all: ratio(0), fromSecond: ratio(1) };
}
