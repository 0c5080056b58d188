/**
 * A local Messages API that caches and bills as Claude's does, on the model in `core` alone.
 */
import { formatTime, systemClock, systemTimers, type RunningServer } from '../runtime/index.ts';
import { serveEmulator, type EmulatorOptions } from './server.ts';

export type { EmulatorOptions } from './server.ts';
export type { RunningServer } from '../runtime/index.ts';

/** Defaults of every option: real clock, estimated tokens, answers at once, signatures that bind nothing. */
export const defaultEmulatorOptions: EmulatorOptions = {
  host: '127.0.0.1',
  port: 8790,
  clock: 'real',
  tokenizer: 'estimate',
  ttftMs: 0,
  slackMs: 0,
  ttlScale: 1,
  seed: 1,
  binding: 'off',
  systemClock,
  timers: systemTimers,
  formatTime,
};

/**
 * Starts an emulator.
 *
 * @example
 * const emulator = await startEmulator({ port: 0, clock: 'manual', tokenizer: 'words' });
 * new Anthropic({ baseURL: emulator.url, apiKey: 'any' });
 * await emulator.close();
 * @throws ListenError when the address cannot be had.
 */
export function startEmulator(options: Partial<EmulatorOptions> = {}): Promise<RunningServer> {
  return serveEmulator({ ...defaultEmulatorOptions, ...options });
}
