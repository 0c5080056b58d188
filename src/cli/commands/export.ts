import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { Writable } from 'node:stream';

import type { Command } from 'commander';

import { exportRows, LedgerError, type ExportFormat } from '../../ledger/index.ts';
import { CommandError, UsageError } from '../errors.ts';
import {
  addLedgerSourceOptions,
  ledgerFilter,
  readLedger,
  type LedgerSourceFlags,
} from '../ledger-source.ts';

interface ExportFlags extends LedgerSourceFlags {
  readonly csv?: boolean;
  readonly jsonl?: boolean;
  readonly out?: string;
}

function formatOf({ csv, jsonl }: ExportFlags): ExportFormat {
  if (csv === jsonl) throw new UsageError('say which form is wanted: --csv or --jsonl');
  return csv ? 'csv' : 'jsonl';
}

/** Resolves when the target takes more, or never will. */
function untilDrained(target: Writable): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error'];
    const go = (): void => {
      for (const event of events) target.off(event, go);
      resolve();
    };
    for (const event of events) target.on(event, go);
  });
}

/** Writes pieces as fast as they are taken; stops where nobody takes them any longer, as `head` does. */
async function writeAll(texts: AsyncIterable<string>, target: Writable): Promise<void> {
  for await (const text of texts) {
    if (!target.write(text)) await untilDrained(target);
    if (target.destroyed || target.errored) return;
  }
}

/** Writes a file as a whole: it is there under its name once it is complete, or not at all. */
async function writeFileWhole(texts: AsyncIterable<string>, file: string): Promise<void> {
  const partial = `${file}.partial-${process.pid}`;
  const stream = createWriteStream(partial, { mode: 0o600 });
  const failed = once(stream, 'error').then(([error]) => Promise.reject(error as Error));
  try {
    await Promise.race([writeAll(texts, stream), failed]);
    stream.end();
    await Promise.race([once(stream, 'finish'), failed]);
    await rename(partial, file);
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    if (error instanceof LedgerError || !(error instanceof Error && 'code' in error)) throw error;
    throw new CommandError(`${file} cannot be written (${String(error.code)})`);
  }
}

async function exportLedger(flags: ExportFlags): Promise<void> {
  const format = formatOf(flags);
  await readLedger(flags, async (ledger) => {
    const filter = ledgerFilter(flags);
    const rows = exportRows(format, { requests: ledger.export(filter), own: ledger.exportOwn(filter) });
    await (flags.out === undefined ? writeAll(rows, process.stdout) : writeFileWhole(rows, flags.out));
  });
}

/** `export`: the ledger as a file. */
export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('the records of a gateway as CSV or JSONL, oldest first; also while it runs')
    .option('--csv', 'one row per request, ours included')
    .option('--jsonl', 'one JSON object per request, as the admin API shows them; audit reads it')
    .option('--out <file>', 'write to a file instead of the standard output');
  addLedgerSourceOptions(command);
  command.action(exportLedger);
}
