/** A machine of a fleet, as a process: keeps entries alive with one Redis server and one upstream. Options as JSON. */
import { defaultCatalogue } from '../../src/core/index.ts';
import { createId, systemClock, systemRandom, systemTimers } from '../../src/runtime/index.ts';
import { openKeepBook, openRedisJobs } from '../../src/store/index.ts';
import {
  alwaysOpen,
  createFleetSpending,
  FleetSchedule,
  Keeper,
  spendingLimits,
  type FleetSpending,
} from '../../src/warming/index.ts';
import { alwaysWorth } from './kept.ts';

export interface ProcessOptions {
  readonly redisUrl: string;
  readonly upstreamUrl: string;
  readonly entries: number;
  /** This machine holds every entry whose number, modulo the first, is not the second; all without. */
  readonly lacks: readonly [number, number] | null;
  readonly skewMs: number;
  readonly ttlMs: number;
  readonly leadMs: number;
  readonly leaseMs: number;
  readonly everyMs: number;
  /** When the first entry was used, by the true clock; the others follow, all of them before the process begins. */
  readonly baseMs: number;
  readonly spreadMs: number;
  readonly hourUsd: number;
}

/** When an entry was used for the last time. */
export function visitedMs(index: number, { baseMs, entries, spreadMs }: ProcessOptions): number {
  return baseMs + Math.floor((index / entries) * spreadMs);
}

const secret = Buffer.alloc(32, 9);
const PICO = 1_000_000_000_000;

async function run(options: ProcessOptions): Promise<void> {
  const { redisUrl: url, skewMs, leadMs, leaseMs, everyMs, ttlMs } = options;
  // Everything but the server's own clock is wrong by so much on this machine.
  const clock = { nowMs: () => systemClock.nowMs() + skewMs };
  const machine = createId('machine', systemRandom);
  const name = 'keep-test';
  const book = await openKeepBook({
    url,
    name,
    machine,
    clock,
    leadMs,
    leaseMs,
    quietMs: everyMs * 5,
    timeoutMs: 2000,
  });
  const limit = BigInt(Math.round(options.hourUsd * PICO));
  const spending: FleetSpending = createFleetSpending(book, spendingLimits(limit, limit));
  const schedule = await FleetSchedule.open({
    book,
    openJobs: (work) => openRedisJobs({ url, name, concurrency: 16, lockMs: 5000, run: work }),
    secret,
    clock,
    timers: systemTimers,
    everyMs,
    leaseMs,
    onNewRun: () => spending.tell(),
  });
  const keeper = new Keeper({
    state: 'on',
    schedule,
    spending,
    decide: (entry, nowMs) => alwaysWorth(entry, nowMs, leadMs),
    readBody: (held) => JSON.parse(held.body.toString()),
    calendar: alwaysOpen,
    warmsAtOpening: false,
    leadMs,
    entriesMax: 100_000,
    heldBytesMax: 1e9,
    concurrency: 16,
    ttlMs: { '5m': ttlMs, '1h': ttlMs },
    catalogue: defaultCatalogue,
    clock,
    timers: systemTimers,
    random: systemRandom,
    onPing: () => undefined,
    async send({ text, signal }) {
      const response = await fetch(`${options.upstreamUrl}/v1/messages`, {
        method: 'POST',
        body: text,
        signal,
      });
      return { status: response.status, retryAfterMs: null, message: await response.json() };
    },
  });
  for (let index = 0; index < options.entries; index += 1) {
    if (options.lacks && index % options.lacks[0] === options.lacks[1]) continue;
    const key = `entry-${index}`;
    const marker = { type: 'ephemeral' };
    const body = {
      model: 'claude-sonnet-5-5',
      max_tokens: 10,
      system: [{ type: 'text', text: key, cache_control: marker }],
      messages: [{ role: 'user', content: 'x' }],
    };
    keeper.visit(
      {
        scope: `scope-${index % 7}`,
        model: body.model,
        atMs: visitedMs(index, options) + skewMs,
        asked: null,
        isObserved: false,
        prefix: {
          key,
          tokens: 5000,
          ttl: '5m',
          blockPath: ['system', 0],
          advise: () => null,
          pinged: () => undefined,
          below: null,
        },
      },
      () => ({
        path: '/v1/messages',
        headers: Buffer.from('{"x-api-key":"sk-ant-fleet-hunter2"}'),
        body: Buffer.from(JSON.stringify(body)),
        blockPath: ['system', 0],
      }),
    );
    if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  process.stdout.write('ready\n');
  process.on('message', (message) => {
    if (message === 'status') process.send?.({ counts: keeper.counts(), note: keeper.note() });
    if (message === 'kill') keeper.order(null, 'off');
  });
}

const [role, json] = process.argv.slice(2);
if (role === 'machine' && json !== undefined) await run(JSON.parse(json) as ProcessOptions);
