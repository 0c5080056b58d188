import type { Logger } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS: readonly ['silent', 'error', 'warn', 'info', 'debug'] = [
  'silent',
  'error',
  'warn',
  'info',
  'debug',
];
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Headers that hold credentials; they are never written anywhere. */
const SECRET_HEADERS = ['x-api-key', 'authorization', 'proxy-authorization', 'cookie', 'set-cookie'];

/**
 * A logger of JSON lines on stderr, so that stdout stays for results. Writes at once: a process that exits
 * loses no line.
 */
export async function createLogger(level: LogLevel): Promise<Logger> {
  // Loaded here, so that whoever only wants the clock loads no logger.
  const { destination, pino } = await import('pino');
  const paths = SECRET_HEADERS.flatMap((name) => [`headers["${name}"]`, `*.headers["${name}"]`]);
  return pino({ level, redact: { paths, censor: '[redacted]' } }, destination({ dest: 2, sync: true }));
}
