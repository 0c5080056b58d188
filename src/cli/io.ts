import { readFileSync } from 'node:fs';

import { parseBody } from '../wire/index.ts';
import type { JsonObject } from '../core/index.ts';
import { UsageError } from './errors.ts';

/** Writes one JSON document and a line end to stdout; integers too big for JSON as decimal strings. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  );
  process.stdout.write(`${text}\n`);
}

/** Writes a line for people to stdout. */
export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/**
 * Whoever reads the output may stop early, as `head` does. Then the command goes on to its own end and exit code, a
 * server stays up, and what is still written goes nowhere. Output that cannot be written for another reason is a
 * failure, said once.
 */
export function outliveReaders(): void {
  let hasFailed = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || hasFailed) return;
    hasFailed = true;
    process.exitCode = 1;
    process.stderr.write(`cachewright: the output cannot be written (${error.code ?? error.message})\n`);
  });
  // Where messages for people cannot go, nothing is left to say so with.
  process.stderr.on('error', () => undefined);
}

/** A file's bytes; `-` is stdin. */
function readInput(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EISDIR'
          ? 'is a folder'
          : `cannot be read (${code ?? 'unknown'})`;
    throw new UsageError(`${file} ${reason}`);
  }
}

/** A Messages request from a file: its bytes and its value. */
export function readRequestFile(file: string): { readonly bytes: Buffer; readonly body: JsonObject } {
  const bytes = readInput(file);
  const parsed = parseBody(bytes);
  if (!parsed.ok) throw new UsageError(`${file} is no JSON object: ${parsed.reason}`);
  if (!Array.isArray(parsed.value['messages'])) {
    throw new UsageError(`${file} is no Messages request: it has no "messages" array`);
  }
  return { bytes, body: parsed.value };
}

/** Resolves when the process is asked to stop. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
