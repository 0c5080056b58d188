import { Option, type Command } from 'commander';
import picocolors from 'picocolors';

import {
  POLICIES,
  defaultPolicyNames,
  generateNamed,
  isWorkloadName,
  readTrace,
  replay,
  TraceError,
  WorkloadError,
  WORKLOADS,
  type ReplayResult,
  type Trace,
} from '../../replay/index.ts';
import { systemClock } from '../../runtime/index.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson } from '../io.ts';
import { parseAmount } from '../options.ts';
import { createProgress, type Progress } from '../progress.ts';
import { writeReplayFiles, type ReplayFiles } from './replay-files.ts';
import { printReplay } from './replay-table.ts';

interface ReplayFlags extends ReplayFiles {
  readonly json?: boolean;
  readonly strict?: boolean;
  readonly model?: string;
  readonly read?: number;
  readonly policies?: string;
  readonly entries: 'self-contained' | 'layered';
}

const PROBLEM_BY_CODE: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder',
  EACCES: 'may not be read',
};

/** What went wrong with an input, for people. */
function explain(error: unknown, traces: readonly string[]): Error {
  if (error instanceof WorkloadError) return new UsageError(error.message);
  if (error instanceof TraceError) return new CommandError(error.message);
  if (!(error instanceof Error)) return new Error(String(error));
  if (error.name === 'UnreadableFileError') return new CommandError(error.message);
  const { code = '', path = traces.join(', ') } = error as NodeJS.ErrnoException;
  const problem = PROBLEM_BY_CODE[code];
  return problem === undefined ? error : new UsageError(`${path} ${problem}`);
}

async function loadTrace(traces: readonly string[], flags: ReplayFlags, progress: Progress): Promise<Trace> {
  const workload = traces.find(isWorkloadName);
  if (workload !== undefined && traces.length > 1)
    throw new UsageError('a synthetic trace stands alone: give files, or one synthetic:NAME');
  progress.begin('reading');
  try {
    if (workload !== undefined) return generateNamed(workload);
    return await readTrace(traces, {
      isStrict: flags.strict ?? false,
      onProgress: (done, total) => progress.set(total === 0 ? 1 : done / total),
    });
  } catch (error) {
    throw explain(error, traces);
  } finally {
    progress.end();
  }
}

/** @throws UsageError for a name that no policy has. */
function chooseNames(list: string | undefined): readonly string[] {
  const all = POLICIES.map((policy) => policy.name);
  if (list === undefined) return defaultPolicyNames;
  if (list === 'all') return all;
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`no policy is named ${JSON.stringify(unknown)}; there are ${all.join(', ')}`);
  return [...new Set(names)];
}

function describe(result: ReplayResult): object {
  const { trace, requests, model, noCacheUsd, policies, lowerBound, outputUsd } = result;
  const { families, badLines, notes } = result;
  return { trace, requests, model, noCacheUsd, policies, lowerBound, outputUsd, families, badLines, notes };
}

function warnOfBadLines({ count, examples }: ReplayResult['badLines']): void {
  if (count === 0) return;
  const first = examples.map(({ file, lineNumber, problem }) => `  ${file}:${lineNumber}: ${problem}`);
  const lines = [`${count} ${count === 1 ? 'line was' : 'lines were'} left out:`, ...first];
  process.stderr.write(`${picocolors.yellow(lines.join('\n'))}\n`);
}

async function runReplay(traces: readonly string[], flags: ReplayFlags): Promise<void> {
  const policies = chooseNames(flags.policies);
  const progress = createProgress();
  const trace = await loadTrace(traces, flags, progress);
  progress.begin('replaying');
  const result = await replay(trace, {
    policies,
    prices: {
      atMs: systemClock.nowMs(),
      ...(flags.model !== undefined && { model: flags.model }),
      ...(flags.read !== undefined && { read: flags.read }),
    },
    entriesAre: flags.entries,
    onProgress: (share) => progress.set(share),
  }).finally(() => progress.end());
  warnOfBadLines(result.badLines);
  await writeReplayFiles(result, flags);
  if (flags.json) printJson(describe(result));
  else printReplay(result);
}

function helpText(): string {
  const policies = POLICIES.map(({ name, summary }) => `  ${name.padEnd(20)}${summary}`);
  const workloads = [...WORKLOADS].map(([name, { summary }]) => `  ${name.padEnd(20)}${summary}`);
  return ['', 'Policies:', ...policies, '', 'Synthetic traces, as synthetic:NAME?seed=1:', ...workloads].join(
    '\n',
  );
}

/** `replay`: what a trace would have cost under each policy. */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description(
      'replay a trace of requests through caching policies in virtual time, against the lower bound',
    )
    .argument(
      '<trace...>',
      'Mooncake or WEKA JSONL, timed Messages requests, captures, .gz and .zst too; or synthetic:NAME',
    )
    .option('--json', 'print one JSON document')
    .option('--strict', 'refuse a trace with a line that cannot be read, instead of leaving the line out')
    .option(
      '--model <id>',
      'whose prices and minimum; theory: one price for all; recorded: those of each request',
    )
    .addOption(
      new Option('--read <ratio>', 'read price as a share of the input price').argParser(parseAmount),
    )
    .addOption(
      new Option('--entries <reading>', "what becomes of an hour's entry above one of five minutes")
        .choices(['self-contained', 'layered'])
        .default('self-contained'),
    )
    .option('--policies <names>', 'policies to run, with commas between; all: naive keep-alive too')
    .option('--html <file>', 'write a page with tables and charts')
    .option('--svg <file>', 'write the charts as SVG')
    .option('--png <file>', 'write the charts as PNG')
    .addHelpText('after', helpText())
    .action(runReplay);
}
