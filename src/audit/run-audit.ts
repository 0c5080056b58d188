import {
  describeFileError,
  findLogs,
  readCalls,
  UnreadableFileError,
  type CallStream,
  type FileReading,
} from '../logs/index.ts';
import { Audit } from './audit.ts';
import { buildReport } from './build-report.ts';
import type { AuditReport, FileNote } from './report-data.ts';

/** What an audit reads. */
export interface AuditOptions {
  /** Midnight UTC of the day that logs without a date are billed at, ms since 1970. */
  readonly dayMs: number;
  /** Told before each file, for progress. */
  readonly onFile?: (path: string, index: number, files: number) => void;
}

/** A report, and whether there was anything to report on. */
export interface AuditResult {
  readonly report: AuditReport;
  /** Files that were asked for and could not be read at all. */
  readonly unreadable: readonly FileNote[];
}

/** Notes that are listed; beyond them only their number is kept. */
const NOTES_MAX = 20;

class Notes {
  readonly listed: FileNote[] = [];
  more = 0;

  add(path: string, note: string): void {
    if (this.listed.length < NOTES_MAX) this.listed.push({ path, note });
    else this.more += 1;
  }
}

const FORMS = 'Claude Code transcripts, usage JSONL, captured requests and gateway exports are known';

function noteOn(reading: FileReading): string | null {
  const { lines, knownLines, badLines, firstBad, isCutOff } = reading;
  if (lines === 0) return 'is empty';
  if (knownLines === 0 && badLines === 0)
    return isCutOff ? 'holds one line only, and that is cut off' : 'is blank';
  const first = firstBad ? `line ${firstBad.number}: ${firstBad.problem}` : '';
  if (knownLines === 0) return `is no log of calls (${first}); ${FORMS}`;
  if (badLines > 0) return `${badLines} of ${lines} lines passed over (first ${first})`;
  return isCutOff ? 'the last line is cut off: passed over' : null;
}

/** Adds one file's calls; gives its problem in words, null when it was read. */
async function addFile(audit: Audit, { calls, reading }: CallStream, notes: Notes): Promise<string | null> {
  try {
    for await (const call of calls) audit.add(call);
  } catch (error) {
    const problem = error instanceof UnreadableFileError ? error.message : describeFileError(error);
    notes.add(reading.path, reading.knownLines > 0 ? `${problem}; what came before counts` : problem);
    return reading.knownLines > 0 ? null : problem;
  }
  const note = noteOn(reading);
  if (note !== null) notes.add(reading.path, note);
  return reading.knownLines === 0 ? note : null;
}

/**
 * Reads logs and says what they cost: files of any known form, and folders. One file after the other, line by line, in
 * bounded memory. Nothing of a prompt's text is kept, and nothing is sent anywhere.
 *
 * @example (await auditLogs(['session.jsonl'], { dayMs: 0 })).report.paid.usd
 */
export async function auditLogs(paths: readonly string[], options: AuditOptions): Promise<AuditResult> {
  const audit = new Audit();
  const notes = new Notes();
  const { files, problems } = await findLogs(paths);
  const unreadable: FileNote[] = [];
  for (const { path, problem } of problems) {
    notes.add(path, problem);
    unreadable.push({ path, note: problem });
  }
  for (const [index, path] of files.entries()) {
    options.onFile?.(path, index, files.length);
    const problem = await addFile(audit, readCalls(path, { dayMs: options.dayMs }), notes);
    if (problem !== null) unreadable.push({ path, note: problem });
  }
  audit.end();
  const facts = { files: files.length, notes: notes.listed, moreNotes: notes.more };
  return { report: buildReport(audit.totals, facts), unreadable };
}
