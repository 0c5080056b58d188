import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { LOG_LEVELS, type LogLevel } from './logger.ts';

/** What a process writes that logs these entries and ends at once. */
function logInProcess(
  level: LogLevel,
  statements: string,
): { readonly out: string; readonly lines: readonly Record<string, unknown>[] } {
  const script = `
    const { createLogger } = await import(${JSON.stringify(new URL('./logger.ts', import.meta.url).href)});
    const logger = await createLogger(${JSON.stringify(level)});
    ${statements}
    process.exit(0);`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
  const lines = stderr.split('\n').filter((line) => line !== '');
  return { out: stdout, lines: lines.map((line) => JSON.parse(line)) };
}

describe('the logger', () => {
  it('writes JSON lines on stderr, none of them lost when the process ends, and nothing on stdout', () => {
    const { out, lines } = logInProcess(
      'info',
      "for (let n = 0; n < 500; n += 1) logger.info({ n }, 'said'); logger.debug('unsaid');",
    );
    expect(out).toBe('');
    expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(lines[0]).toMatchObject({ level: 30, msg: 'said' });
  });

  it('writes no header that holds a credential', () => {
    const headers = {
      'x-api-key': 'hunter2',
      authorization: 'Bearer hunter2',
      'proxy-authorization': 'hunter2',
      cookie: 'hunter2',
      'set-cookie': ['hunter2'],
      'user-agent': 'kept',
    };
    const { lines } = logInProcess(
      'debug',
      `
      const headers = ${JSON.stringify(headers)};
      logger.debug({ headers }, 'top');
      logger.debug({ request: { headers } }, 'one down');`,
    );
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines).toMatchObject([
      { headers: { 'x-api-key': '[redacted]', 'user-agent': 'kept' } },
      { request: { headers: { authorization: '[redacted]', 'user-agent': 'kept' } } },
    ]);
  });

  it('says nothing when silent', () => {
    expect(logInProcess('silent', "logger.error('said');").lines).toEqual([]);
    expect(LOG_LEVELS).toEqual(['silent', 'error', 'warn', 'info', 'debug']);
  });
});
