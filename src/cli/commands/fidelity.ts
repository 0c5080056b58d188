import type { Command } from 'commander';

import { MISS_MEANINGS, FidelityMeter, type FidelityResult, type Score } from '../../fidelity/index.ts';
import { describeFileError, readLines, readUsageForm, UnreadableFileError } from '../../logs/index.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson, printLine } from '../io.ts';
import { renderTable } from '../table.ts';

interface FidelityFlags {
  readonly json?: boolean;
  readonly strict?: boolean;
}

interface Measured {
  readonly result: FidelityResult;
  readonly skippedLines: number;
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function measureFile(file: string, isStrict: boolean): Promise<Measured> {
  const meter = new FidelityMeter();
  let skippedLines = 0;
  try {
    for await (const line of readLines(file)) {
      if (line.text.trim() === '' && line.problem === null) continue;
      const call = readUsageForm(parseLine(line.text));
      if (call) meter.add(call);
      else if (isStrict)
        throw new CommandError(`${file}:${line.number}: ${line.problem ?? 'no usage-form call'}`);
      else skippedLines += 1;
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof UnreadableFileError) throw new UsageError(`${file}: ${error.message}`);
    throw new UsageError(`${file} ${describeFileError(error)}`);
  }
  return { result: meter.result(), skippedLines };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function whole(count: number): string {
  return count.toLocaleString('en-US');
}

function scoreRow(name: string, score: Score): readonly string[] {
  const { calls, exact, within1pct, absErrorShare } = score;
  return [name, whole(calls), percent(exact), percent(within1pct), absErrorShare.toFixed(5)];
}

function printScores({ model, baseline, halves: [first, second] }: FidelityResult): void {
  const rows = [
    scoreRow('model of the cache', model),
    scoreRow('one-line predictor', baseline),
    scoreRow('model, half of the sessions alone', first.model),
    scoreRow('one-line, the same half', first.baseline),
    scoreRow('model, other half alone', second.model),
    scoreRow('one-line, the same half', second.baseline),
  ];
  const aligns = ['left', 'right', 'right', 'right', 'right'] as const;
  printLine(renderTable(['predictor', 'calls', 'exact', 'within 1 %', 'error share'], rows, aligns));
}

function printMisses({ misses, model }: FidelityResult): void {
  const total = misses.reduce((sum, row) => sum + row.absErrorTokens, 0);
  const rows = misses.map(({ kind, calls, absErrorTokens }) => [
    MISS_MEANINGS[kind],
    whole(calls),
    percent(calls / model.calls),
    whole(absErrorTokens),
    percent(absErrorTokens / Math.max(1, total)),
  ]);
  const aligns = ['left', 'right', 'right', 'right', 'right'] as const;
  printLine('\nWhat the misses were:');
  printLine(renderTable(['what', 'calls', 'of all', 'tokens off', 'of the error'], rows, aligns));
}

function printReliability({ reliability }: FidelityResult): void {
  const rows = reliability.map(({ ttl, fromS, toS, calls, predicted, observed }) => [
    ttl,
    toS === null ? `over ${fromS} s` : `${fromS}-${toS} s`,
    whole(calls),
    percent(predicted),
    percent(observed),
  ]);
  const aligns = ['left', 'left', 'right', 'right', 'right'] as const;
  printLine('\nProbability of finding the history, by the time since the last answer began:');
  printLine(renderTable(['TTL', 'gap', 'calls', 'predicted', 'observed'], rows, aligns));
}

async function fidelity(file: string, flags: FidelityFlags): Promise<void> {
  const { result, skippedLines } = await measureFile(file, flags.strict ?? false);
  const { model, ...rest } = result;
  if (model.calls === 0) throw new CommandError(`${file} holds no usage-form calls`);
  if (skippedLines > 0)
    process.stderr.write(`${whole(skippedLines)} lines are no usage-form calls: skipped\n`);
  if (flags.json) return printJson({ file, ...model, ...rest, skippedLines });
  printScores(result);
  printMisses(result);
  printReliability(result);
}

/** `fidelity`: how well the model of the cache predicts what real calls read. */
export function addFidelityCommand(program: Command): void {
  program
    .command('fidelity')
    .description('real usage records against the model of the cache: predicted and billed reads')
    .argument('<file>', 'usage-form JSONL, also .gz or .zst')
    .option('--strict', 'refuse a file with a line that is no call')
    .option('--json', 'print one JSON document')
    .action(fidelity);
}
