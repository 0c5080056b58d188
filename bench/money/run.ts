/**
 * What the gateway makes of recorded requests: every capture is sent to an emulator, directly and through a gateway, at the
 * times of the recording, and the input bills are compared. `--strip` takes the clients' own markers out first.
 *
 *     node bench/money/run.ts FOLDER [--strip]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { billTokens, isObject, resolveModel, standardPricing } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { readUsage } from '../../src/wire/index.ts';

interface Recorded {
  readonly body: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

function withoutMarkers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarkers);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => name !== 'cache_control');
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutMarkers(member)]));
}

/** The requests for messages of a capture that were answered and belong to no message thread. */
function readCapture(file: string, isStripped: boolean): readonly Recorded[] {
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n');
  return lines.flatMap((line) => {
    const { method, path, body, response, t } = JSON.parse(line);
    const isMessage = method === 'POST' && /^\/v1\/messages(\?|$)/.test(path) && response.status === 200;
    if (!isMessage || !isObject(body) || body['thread'] !== undefined) return [];
    const sent = isStripped ? withoutMarkers(body) : body;
    return isObject(sent) ? [{ body: { ...sent, stream: false }, atMs: Date.parse(t) }] : [];
  });
}

/** Input cost of each request in pico-dollars. */
async function play(requests: readonly Recorded[], isThroughGateway: boolean): Promise<readonly number[]> {
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

function share(through: readonly number[], direct: readonly number[], from: number): string {
  const sum = (costs: readonly number[]): number =>
    costs.slice(from).reduce((total, cost) => total + cost, 0);
  return (sum(through) / sum(direct)).toFixed(4);
}

const [folder = '../shared/captures'] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith('--'));
const isStripped = process.argv.includes('--strip');
process.stdout.write(`input bill through the gateway / direct${isStripped ? ', markers stripped' : ''}\n`);
for (const name of readdirSync(folder).filter((file) => file.endsWith('.jsonl.gz'))) {
  const requests = readCapture(`${folder}/${name}`, isStripped);
  const direct = await play(requests, false);
  const through = await play(requests, true);
  const figures = `all ${share(through, direct, 0)}, from the second request on ${share(through, direct, 1)}`;
  process.stdout.write(`  ${name.padEnd(24)} ${String(requests.length).padStart(3)} requests: ${figures}\n`);
}
