import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const FULL_DEVICE = '/dev/full';

const REQUEST = JSON.stringify({
  model: 'claude-sonnet-5-5',
  max_tokens: 10,
  system: 'Some words that are repeated often enough to be worth a breakpoint. '.repeat(200),
  messages: [{ role: 'user', content: 'Go.' }],
});

/** Runs a command whose stdout is a pipe that nobody reads any more, or a file descriptor. */
async function runInto(
  output: 'closed-pipe' | number,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    stdio: ['pipe', output === 'closed-pipe' ? 'pipe' : output, 'pipe'],
  });
  child.stdout?.destroy();
  child.stdin?.end(REQUEST);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

describe('output into a pipe whose reader has left', () => {
  it.each([
    ['the help', ['--help']],
    ['several lines', ['plan', '-']],
    ['one JSON document', ['plan', '-', '--json']],
  ])('ends quietly with 0: %s', async (_name, args) => {
    expect(await runInto('closed-pipe', args)).toEqual({ code: 0, stderr: '' });
  });

  it('does not hide wrong usage', async () => {
    const { code, stderr } = await runInto('closed-pipe', ['plan', 'no-such-file.json']);
    expect(code).toBe(2);
    expect(stderr).toBe('cachewright: no-such-file.json does not exist\n');
  });
});

describe('output that cannot be written', () => {
  it('is a failure, said once', async (context) => {
    if (!existsSync(FULL_DEVICE)) context.skip(`needs ${FULL_DEVICE}`);
    const device = openSync(FULL_DEVICE, 'w');
    const result = await runInto(device, ['plan', '-']);
    closeSync(device);
    expect(result).toEqual({ code: 1, stderr: 'cachewright: the output cannot be written (ENOSPC)\n' });
  });
});
