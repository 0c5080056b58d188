import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  CheckpointError,
  resumeConversation,
  type Conversation,
  type ResumeReport,
} from '../../src/conversation/index.ts';
import { billTokens, resolveModel, standardPricing, type TokenCounts } from '../../src/core/index.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import { seededRandom } from '../../src/runtime/index.ts';
import type { Store } from '../../src/store/index.ts';
import type { EmulatorState } from '../clients/servers.ts';
import { hasPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';
import { digest, MODEL, openPlace, savedOn, senderTo } from './saved-chat.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
/** Two hundred with five times the effort. */
const CHATS = Math.max(40, Math.ceil(40 * EFFORT));
const PER_PROCESS = 20;
const folder = mkdtempSync(join(tmpdir(), 'cachewright-resume-'));
let postgres: PostgresServer | null = null;
const redis: RedisServer[] = [];
beforeAll(async () => {
  postgres = hasPostgres ? await startPostgres() : null;
}, 120_000);
afterAll(async () => {
  await postgres?.close();
  for (const server of redis) await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const STORES = ['a SQLite file', ...(hasRedis ? ['Redis'] : []), ...(hasPostgres ? ['Postgres'] : [])];

/** An empty place of this kind. */
async function placeFor(kind: string, name: string): Promise<string> {
  if (kind === 'Postgres' && postgres) return postgres.database(name);
  if (kind !== 'Redis') return join(folder, `${name}.db`);
  const server = await startRedis();
  redis.push(server);
  return server.url;
}

/** Turns and digest of what a process last said that it had saved, by chat. */
type Told = Map<number, { readonly turns: number; readonly digest: string }>;

async function writeAndKill(args: readonly string[], lines: number, told: Told): Promise<void> {
  const script = fileURLToPath(new URL('./writer.ts', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  let seen = 0;
  const reader = createInterface({ input: child.stdout });
  const read = once(reader, 'close');
  reader.on('line', (line) => {
    const [number, turns, sum = ''] = line.split(' ');
    told.set(Number(number), { turns: Number(turns), digest: sum });
    seen += 1;
    if (seen === lines) child.kill('SIGKILL');
  });
  await Promise.all([gone, read]);
}

async function advance(url: string, advanceMs: number): Promise<number> {
  const body = JSON.stringify({ advanceMs });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/_emulator/clock`, { method: 'POST', headers, body });
  return ((await answer.json()) as { readonly nowMs: number }).nowMs;
}

/** Sends the history again, and compares the bill with what was told. */
async function billWarm(
  conversation: Conversation,
  { warmTokens, historyUsd }: ResumeReport,
  nowMs: number,
): Promise<TokenCounts> {
  const { tokens } = await conversation.warm();
  if (!tokens) throw new Error('nothing was billed');
  const facts = resolveModel(MODEL).facts;
  const cost = billTokens(facts, { ...tokens, outputTokens: 0 }, standardPricing(nowMs));
  expect(warmTokens).toBe(tokens.readTokens);
  expect(historyUsd).toBeCloseTo(Number(cost.totalPicoUsd) / 1e12, 3);
  return tokens;
}

/** Goes on with one chat in this process, and compares what it was told with what is billed. */
async function resumeOne(
  store: Store,
  url: string,
  number: number,
  nowMs: number,
  told: Told,
): Promise<ResumeReport> {
  const id = `chat-${number}`;
  const clock = { nowMs: () => nowMs };
  const send = senderTo(url);
  const isChanged = number % 7 === 6;
  const change = isChanged ? { system: `Another text for ${number}. ${'It is long. '.repeat(300)}` } : {};
  const options = { id, checkpointer: savedOn(store, number, clock.nowMs), send, clock, ...change };
  const resumed = await resumeConversation(options);
  if (!resumed) throw new Error(`${id} is lost`);
  const { conversation, report } = resumed;
  const last = told.get(number);
  const { messages, totals } = conversation;
  expect([last?.turns, (last?.turns ?? 0) + 1]).toContain(totals.turns);
  expect(digest(messages.slice(0, 2 * (last?.turns ?? 0)))).toBe(last?.digest);
  const { entries } = (await (await fetch(`${url}/_emulator/entries`)).json()) as EmulatorState;
  const expiresMs = nowMs + report.secondsLeft * 1000;
  const isThere = entries.some(
    (entry) => entry.tokens === report.warmTokens && entry.expiresMs === expiresMs,
  );
  expect(isThere).toBe(report.warmTokens > 0);
  const tokens = await billWarm(conversation, report, nowMs);
  const unchanged = tokens.readTokens > 0 ? 'warm' : 'cold';
  expect(report).toMatchObject(
    isChanged ? { status: 'changed', changes: ['system'] } : { status: unchanged, changes: [] },
  );
  await conversation.say('And now?');
  expect(conversation.turns.at(-1)?.tokens?.readTokens).toBe(tokens.readTokens + tokens.write5mTokens);
  return report;
}

it.each(STORES)(
  `${CHATS} conversations go on in another process after those that held them were killed, from %s`,
  { timeout: 600_000 },
  async (kind) => {
    const place = await placeFor(kind, 'chats');
    const emulator = await startEmulator({ port: 0, clock: 'manual' });
    const { url } = emulator;
    const random = seededRandom(11);
    const told: Told = new Map();
    const startMs = await advance(url, 1_795_000_000_000);
    for (let first = 0; first < CHATS; first += PER_PROCESS) {
      const lines = PER_PROCESS + Math.floor(random() * 40);
      await writeAndKill([place, url, String(startMs), String(first), String(PER_PROCESS)], lines, told);
    }
    expect(told.size).toBe(CHATS);
    const store = await openPlace(place);
    const due = [...told.keys()].map((number) => ({
      number,
      atMs: startMs + Math.floor(random() * 600_000),
    }));
    const reports: ResumeReport[] = [];
    let nowMs = startMs;
    for (const { number, atMs } of due.toSorted((a, b) => a.atMs - b.atMs)) {
      nowMs = await advance(url, atMs - nowMs);
      reports.push(await resumeOne(store, url, number, nowMs, told));
    }
    for (const status of ['warm', 'cold', 'changed'])
      expect(reports.filter((report) => report.status === status).length).toBeGreaterThan(2);
    await store.close();
    await emulator.close();
  },
);

it.each(STORES)(
  'refuses what is damaged, cut short or of another, and loses nothing else, in %s',
  async (kind) => {
    const place = await placeFor(kind, 'damaged');
    const emulator = await startEmulator({ port: 0, clock: 'manual' });
    const told: Told = new Map();
    await writeAndKill([place, emulator.url, '0', '0', '12'], 14, told);
    const store = await openPlace(place);
    const random = seededRandom(5);
    for (let number = 0; number < 12; number += 1) {
      const id = `chat-${number}`;
      const stored = await store.get(`conversation/${id}`);
      if (!stored) throw new Error(`${id} is lost`);
      const { bytes } = stored;
      const other = await store.get(`conversation/chat-${(number + 3) % 12}`);
      const flipped = bytes.slice();
      const at = Math.floor(random() * bytes.length);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      const damages = [flipped, bytes.slice(0, Math.floor(random() * bytes.length)), other?.bytes ?? bytes];
      const saved = savedOn(store, number, () => 0);
      for (const damage of damages) {
        await store.put(`conversation/${id}`, damage);
        const problem = await saved.open(id).catch((error: unknown) => error);
        expect(problem).toBeInstanceOf(CheckpointError);
        expect(String(problem)).toContain(`the checkpoint of ${id} `);
      }
      await store.put(`conversation/${id}`, bytes);
      expect(
        digest((await saved.open(id))?.state.messages.slice(0, 2 * (told.get(number)?.turns ?? 0)) ?? []),
      ).toBe(told.get(number)?.digest);
    }
    await store.close();
    await emulator.close();
  },
);
