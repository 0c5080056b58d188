import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest';

import { totalInputTokens, toUsd } from '../../src/core/index.ts';
import type { RequestRecord } from '../../src/ledger/index.ts';
import { startServers, type Route, type Servers } from '../clients/servers.ts';
import {
  clearDesk,
  installClaudeCode,
  runClaudeCode,
  VERSION,
  type Desk,
  type Outcome,
} from './claude-code.ts';

const IS_ON = process.env['CACHEWRIGHT_E2E'] === '1';
const TIMEOUT = { timeout: 600_000 };

/** A run takes a second, its installation a third of a gigabyte. */
function skipUnlessOn(context: TestContext): void {
  if (!IS_ON) context.skip(`needs CACHEWRIGHT_E2E=1: installs Claude Code ${VERSION} (364 MB) from npm`);
}

let folder: string;
let program: string;
let desk: Desk;

beforeAll(async () => {
  if (!IS_ON) return;
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'cachewright-e2e-')));
  program = await installClaudeCode(folder);
}, TIMEOUT.timeout);
afterAll(() => {
  if (IS_ON) rmSync(folder, { recursive: true, force: true });
});

const QUESTION = ['-p', 'How many notes are there?'];
const NOTES = Array.from({ length: 60 }, (_, index) => `note ${index + 1}: water the plants`).join('\n');

beforeEach(() => {
  if (!IS_ON) return;
  desk = clearDesk(folder);
  writeFileSync(join(desk.work, 'notes.txt'), `${NOTES}\n`);
});

function use(name: string, input: object): object {
  return {
    content: [
      { type: 'text', text: `Now ${name}.` },
      { type: 'tool_use', name, input },
    ],
  };
}

/** Four turns of tools, the third of two calls at once. */
function toolScript({ work }: Desk): readonly object[] {
  const readNotes = { type: 'tool_use', name: 'Read', input: { file_path: join(work, 'notes.txt') } };
  const count = {
    type: 'tool_use',
    name: 'Bash',
    input: { command: 'wc -l notes.txt', description: 'Count' },
  };
  return [
    use('Read', { file_path: join(work, 'notes.txt') }),
    use('Bash', { command: 'seq 1 300', description: 'Count to 300' }),
    { content: [readNotes, count] },
    use('Write', { file_path: join(work, 'count.txt'), content: '60\n' }),
    { text: 'There are 60 notes.' },
  ];
}

/** The records of the session, oldest first. */
async function recordsOf(servers: Servers): Promise<readonly RequestRecord[]> {
  return (await servers.gateway.engine.options.ledger.list(1_000)).toReversed();
}

function inputTokensOf(records: readonly RequestRecord[]): readonly number[] {
  return records.map(({ usage }) => (usage ? totalInputTokens(usage) : 0));
}

function expectGrowth(sizes: readonly number[]): void {
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  expect(new Set(sizes).size).toBe(sizes.length);
}

function usdOf(records: readonly RequestRecord[]): number {
  return toUsd(records.reduce((sum, { cost }) => sum + (cost?.totalPicoUsd ?? 0n), 0n));
}

interface Session {
  readonly first: Outcome;
  readonly resumed: Outcome;
  readonly records: readonly RequestRecord[];
}

/** Tools over several turns, then the same session in a second process; on servers of its own, so that ids are the same. */
async function holdSession(route: Route): Promise<Session> {
  const servers = await startServers({ clock: 'real', tokenizer: 'estimate' });
  try {
    await servers.script(...toolScript(desk));
    const first = await runClaudeCode(program, desk, servers.urlOf(route), QUESTION);
    await servers.script(use('Bash', { command: 'cat count.txt', description: 'Look' }), {
      text: 'Still 60.',
    });
    const resumed = await runClaudeCode(program, desk, servers.urlOf(route), [
      '--continue',
      '-p',
      'Are you sure?',
    ]);
    return { first, resumed, records: await recordsOf(servers) };
  } finally {
    await servers.close();
  }
}

describe('Claude Code', () => {
  test(
    'works over several turns and processes, and costs no more through the gateway',
    TIMEOUT,
    async (context) => {
      skipUnlessOn(context);
      const direct = await holdSession('emulator');
      desk = clearDesk(folder);
      writeFileSync(join(desk.work, 'notes.txt'), `${NOTES}\n`);
      const through = await holdSession('gateway');

      for (const { first, resumed } of [direct, through]) {
        expect(first).toMatchObject({ isSuccess: true, answer: 'There are 60 notes.' });
        expect(first.turns).toBeGreaterThanOrEqual(5);
        expect(first.toolResults.map(({ isError }) => isError)).toEqual(Array(5).fill(false));
        expect(resumed).toMatchObject({ isSuccess: true, answer: 'Still 60.' });
        expect(resumed.toolResults).toEqual([{ content: '60', isError: false }]);
      }
      expect(readFileSync(join(desk.work, 'count.txt'), 'utf8')).toBe('60\n');

      expect(direct.records).toEqual([]);
      const { records } = through;
      expect(records).toHaveLength(7);
      expect(records.every(({ status, skipReason, error }) => status === 200 && !skipReason && !error)).toBe(
        true,
      );
      expectGrowth(inputTokensOf(records));
      // Each request reads all that the one before has written, in the second process too.
      for (const [index, { usage }] of records.slice(1).entries()) {
        expect(usage?.readTokens).toBe(inputTokensOf(records)[index]);
      }

      // Claude Code adds its cost up by its own price list, a resumed session on top of what it resumes.
      const recordedUsd = usdOf(records);
      expect(recordedUsd).toBeCloseTo(through.resumed.costUsd, 9);
      expect(recordedUsd).toBeLessThanOrEqual(direct.resumed.costUsd + 1e-9);
    },
  );

  test('gets over an overloaded service and a broken stream', TIMEOUT, async (context) => {
    skipUnlessOn(context);
    const servers = await startServers({ clock: 'real', tokenizer: 'estimate' });
    try {
      const [read = {}, ...rest] = toolScript(desk);
      const overloaded = { status: 529, error: 'overloaded_error', retryAfterS: 0 };
      const broken = { text: 'This answer never ends.', cutAfterBytes: 900 };
      await servers.script(overloaded, read, broken, ...rest);
      const outcome = await runClaudeCode(program, desk, servers.gatewayUrl, QUESTION);
      expect(outcome).toMatchObject({ isSuccess: true, answer: 'There are 60 notes.' });
      expect(outcome.toolResults.map(({ isError }) => isError)).toEqual(Array(5).fill(false));

      const records = await recordsOf(servers);
      expect(records.map(({ status, isPartial }) => (isPartial ? 'partial' : status))).toEqual([
        529,
        200,
        'partial',
        ...Array<number>(4).fill(200),
      ]);
      // The overloaded try has cost nothing; what the broken answer's request wrote is read by its second try.
      expect(records[0]).toMatchObject({ error: 'overloaded_error', usage: null, cost: null });
      expect(records[3]?.usage?.readTokens).toBe(inputTokensOf(records)[2]);
    } finally {
      await servers.close();
    }
  });
});
