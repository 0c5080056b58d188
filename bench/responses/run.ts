/**
 * Hits of the exact-answer tier against the least that gives the same bytes, in interleaved rounds of one run: from memory
 * through `serve`, without a ledger and with the usual one, and from Redis through a gateway whose memory holds nothing;
 * beside the latter a bare server that fetches its answer from Redis with a plain GET. The load comes from this process,
 * each server is one of its own. Figures of one machine are compared with each other only.
 *
 *     node bench/responses/run.ts [--check] ['4 KB'] ['40 KB']
 *
 * With `--check` the exit code is 1 where a limit is missed.
 */
import { cpus } from 'node:os';

import { hasRedis, startRedis, type RedisServer } from '../../test/support/redis-server.ts';
import { runRound, wireRequests, type Round, type Wanted } from './load.ts';
import {
  bareOnRedis,
  bareServer,
  gatewayOnRedis,
  gatewayWithMemory,
  stopAll,
  type Target,
} from './targets.ts';

interface Case {
  readonly name: string;
  readonly answerBytes: number;
  /** Least share of the bare server's requests per second, by target. */
  readonly limits: Readonly<Record<string, number>>;
}

const CASES: readonly Case[] = [
  { name: '4 KB', answerBytes: 4_096, limits: { memory: 0.6, 'memory+ledger': 0.6, redis: 0.35 } },
  { name: '40 KB', answerBytes: 40_960, limits: { memory: 0.6, 'memory+ledger': 0.6, redis: 0.25 } },
];
const REQUEST_BYTES = 2_048;
const REQUESTS = 64;
const ROUNDS = 7;
const LOAD = { connections: 16, seconds: 2 };

/** One round, and the CPU that its server took for each answer, in microseconds. */
interface Measured extends Round {
  readonly cpuUs: number;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Requests of one size that may be answered from the cache; each asks something else. */
function makeBodies(): readonly string[] {
  const sentence = 'The parcel left the warehouse on Tuesday and the carrier expects it before noon. ';
  return Array.from({ length: REQUESTS }, (_, index) => {
    const make = (system: string): string =>
      JSON.stringify({
        model: 'claude-sonnet-5-5',
        max_tokens: 1024,
        temperature: 0,
        system,
        messages: [{ role: 'user', content: `Question number ${index + 100}: where is "parcel ${index}"?` }],
      });
    return make(
      sentence.repeat(REQUEST_BYTES / sentence.length + 1).slice(0, REQUEST_BYTES - make('').length),
    );
  });
}

/** Lets every request be answered once, so that its answer is kept, and compares the bytes that are given from then on. */
async function fill(target: Target, bodies: readonly string[], bare: Target): Promise<void> {
  const ask = async ({ port }: Target, body: string): Promise<Response> => {
    const headers = {
      'content-type': 'application/json',
      'x-api-key': 'sk-ant-bench',
      'anthropic-version': '2023-06-01',
    };
    return fetch(`http://127.0.0.1:${port}/v1/messages`, { method: 'POST', headers, body });
  };
  const wanted = await (await ask(bare, '')).text();
  for (const body of bodies) await (await ask(target, body)).text();
  for (const body of bodies) {
    const answer = await ask(target, body);
    const status = answer.headers.get('cache-status') ?? '';
    const isSame = (await answer.text()) === wanted;
    if (!isSame || !status.includes(target.headPart))
      throw new Error(`${target.name} gives other bytes, or not from where it should: ${status}`);
  }
}

async function measure(
  target: Target,
  requests: readonly Buffer[],
  wanted: Wanted,
  seconds: number,
): Promise<Measured> {
  const before = target.cpuSeconds();
  const round = await runRound(target.port, requests, wanted, { ...LOAD, seconds });
  const used = target.cpuSeconds() - before;
  return { ...round, cpuUs: (used * 1e6) / Math.max(1, round.requestsPerSecond * seconds) };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
}

function spread(values: readonly number[], digits: number): string {
  const [min, median, max] = [0, 0.5, 1].map((share) => quantile(values, share).toFixed(digits));
  return `${median} (${min}-${max})`;
}

/** Prints one case; false where a limit is missed. */
function report(test: Case, rounds: ReadonlyMap<string, readonly Measured[]>): boolean {
  print(`\nrequests of 2 KB, answers of ${test.name}: median (min-max)`);
  const bare = rounds.get('bare') ?? [];
  let isFine = true;
  for (const [name, own] of rounds) {
    const rates = spread(
      own.map((round) => round.requestsPerSecond),
      0,
    );
    const p50 = spread(
      own.map((round) => round.p50Ms),
      2,
    );
    const cpu = spread(
      own.map((round) => round.cpuUs),
      0,
    );
    const failed = own.reduce((sum, round) => sum + round.failed, 0);
    // Round by round: a drift of the machine's speed cancels out.
    const shares = own.map((round, index) => round.requestsPerSecond / (bare[index]?.requestsPerSecond ?? 0));
    // What a request took that nothing else held up: what the machine does besides shows less in it.
    const p50Shares = own.map((round, index) => (bare[index]?.p50Ms ?? Number.NaN) / round.p50Ms);
    const limit = test.limits[name];
    const isMet = failed === 0 && (limit === undefined || quantile(shares, 0.5) >= limit);
    isFine &&= isMet;
    const verdict = limit === undefined ? '' : `, wanted ${limit}${isMet ? '' : ': MISSED'}`;
    print(
      `  ${name.padEnd(13)} ${rates} requests/s, p50 ${p50} ms, CPU ${cpu} us/request${failed > 0 ? `, ${failed} FAILED` : ''}`,
    );
    if (name !== 'bare')
      print(`  ${''.padEnd(13)} ${spread(shares, 2)} of bare${verdict}; by p50 ${spread(p50Shares, 2)}`);
  }
  return isFine;
}

async function runCase(test: Case, redis: RedisServer | null): Promise<boolean> {
  const bodies = makeBodies();
  const requests = wireRequests(bodies);
  const bare = await bareServer(test.answerBytes);
  const memory = [await gatewayWithMemory(bare, 'off'), await gatewayWithMemory(bare, 'file')];
  const onRedis = redis
    ? [await bareOnRedis(test.answerBytes, redis.url), await gatewayOnRedis(bare, redis.url)]
    : [];
  for (const target of [...memory, ...onRedis]) await fill(target, bodies, bare);
  const targets = [bare, ...memory, ...onRedis];
  const rounds = new Map<string, Measured[]>(targets.map(({ name }) => [name, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const target of targets) {
      const wanted = { bodyBytes: test.answerBytes, headPart: target.headPart };
      const measured = await measure(target, requests, wanted, LOAD.seconds);
      // The first round warms.
      if (round >= 0) rounds.get(target.name)?.push(measured);
    }
  }
  await stopAll();
  return report(test, rounds);
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  print(
    `Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, shared by the load, the server and Redis; ` +
      `${LOAD.connections} connections, ${ROUNDS} interleaved rounds of ${LOAD.seconds} s`,
  );
  if (!hasRedis) print('there is no redis-server here: measured without it');
  let isFine = true;
  for (const test of CASES) {
    if (asked.length > 0 && !asked.includes(test.name)) continue;
    const redis = hasRedis ? await startRedis() : null;
    try {
      isFine = (await runCase(test, redis)) && isFine;
    } finally {
      await redis?.close();
    }
  }
  if (!isFine && process.argv.includes('--check')) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.exitCode = 1;
    void stopAll().finally(() => process.exit());
  });
}

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  print(error instanceof Error ? error.message : String(error));
} finally {
  await stopAll();
}
