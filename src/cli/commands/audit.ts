import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';

import { InvalidArgumentError, Option, type Command } from 'commander';

import { auditLogs, renderAuditHtml, type AuditResult } from '../../audit/index.ts';
import { parseTimestamp, systemClock } from '../../runtime/index.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson, printLine } from '../io.ts';
import { packageVersion } from '../version.ts';
import { renderAudit } from './audit-screen.ts';

interface AuditFlags {
  readonly json?: boolean;
  readonly html?: string;
  readonly yes?: boolean;
  readonly day?: number;
}

const DAY_MS = 86_400_000;

function parseDayFlag(text: string): number {
  const dayMs = /^\d{4}-\d\d-\d\d$/.test(text) ? parseTimestamp(text) : null;
  if (dayMs === null) throw new InvalidArgumentError('a day is written YYYY-MM-DD.');
  return dayMs;
}

async function confirm(question: string): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^(?:y|yes)?$/i.test((await prompt.question(`${question} [Y/n] `)).trim());
  } finally {
    prompt.close();
  }
}

/** Where Claude Code keeps its transcripts. */
function transcriptFolder(): string {
  return join(process.env['CLAUDE_CONFIG_DIR'] ?? join(homedir(), '.claude'), 'projects');
}

/** Nobody named a file: the user's own transcripts are read, but only after being asked. */
async function ownTranscripts(flags: AuditFlags): Promise<readonly string[]> {
  const folder = transcriptFolder();
  if (!existsSync(folder)) {
    throw new UsageError(
      `no file was named, and Claude Code has no transcripts in ${folder}: name files or folders`,
    );
  }
  if (flags.yes) return [folder];
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(`no file was named: name files or folders, or add --yes to read ${folder}`);
  }
  const isAgreed = await confirm(`Read the Claude Code transcripts in ${folder}? Nothing is sent anywhere.`);
  if (!isAgreed) throw new UsageError('no file was named, and the transcripts are left alone');
  return [folder];
}

function showProgress(path: string, index: number, files: number): void {
  if (process.stderr.isTTY && files > 1) {
    process.stderr.write(`\r\u001B[Kreading ${index + 1} of ${files}: ${path.slice(-60)}`);
  }
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
}

const NO_LOGS = 'holds no .jsonl, .jsonl.gz or .zst file';

/** Nothing to report on: say why, and end with what it deserves. */
function failWithoutCalls(paths: readonly string[], { report, unreadable }: AuditResult): never {
  const [first] = unreadable;
  if (!first) {
    const reason = report.files === 0 ? NO_LOGS : 'holds no billed call';
    throw new CommandError(`${paths.join(', ')} ${reason}: there is nothing to audit`);
  }
  const more = unreadable.length > 1 ? ` (and ${unreadable.length - 1} more)` : '';
  // A message that names the file itself does not need its name in front.
  const sentence = first.note.startsWith(first.path) ? first.note : `${first.path} ${first.note}`;
  if (first.note === 'does not exist') throw new UsageError(`${sentence}${more}`);
  throw new CommandError(`${sentence}${more}: there is nothing to audit`);
}

async function writePage(file: string, { report }: AuditResult): Promise<void> {
  const page = await renderAuditHtml(report, packageVersion());
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw new CommandError(
      `the page cannot be written to ${file} (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

async function audit(named: readonly string[], flags: AuditFlags): Promise<void> {
  const paths = named.length > 0 ? named : await ownTranscripts(flags);
  const today = Math.floor(systemClock.nowMs() / DAY_MS) * DAY_MS;
  const result = await auditLogs(paths, { dayMs: flags.day ?? today, onFile: showProgress });
  clearProgress();
  if (result.report.calls === 0) failWithoutCalls(paths, result);
  if (flags.html !== undefined) await writePage(flags.html, result);
  if (flags.json) printJson(result.report);
  else printLine(renderAudit(result.report));
  // What was asked for by name and could not be read is a failure; a stray file in a folder is a note.
  if (result.unreadable.some(({ path }) => named.includes(path))) process.exitCode = 1;
}

/** `audit`: what do my logs say? */
export function addAuditCommand(program: Command): void {
  program
    .command('audit')
    .description(
      'what your logs say: dollars paid, hit ratio, misses by reason, and what other policies would have cost',
    )
    .argument(
      '[file...]',
      'Claude Code transcripts, usage JSONL, captured requests, gateway exports, or folders of them; without any, your Claude Code transcripts after asking',
    )
    .option('--json', 'print one JSON document')
    .option('--html <file>', 'write a page with tables and a chart')
    .option('--yes', 'do not ask before reading your Claude Code transcripts')
    .addOption(
      new Option(
        '--day <day>',
        'the day whose prices hold for logs without dates (default: today)',
      ).argParser(parseDayFlag),
    )
    .action(audit);
}
