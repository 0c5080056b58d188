import { readFile } from 'node:fs/promises';

import { InvalidArgumentError, Option, type Command } from 'commander';
import { z } from 'zod';

import { describeFileError } from '../../logs/index.ts';
import { checkProjection, optimizer, type FamilyAdvice, type ProjectedFamily } from '../../planner/index.ts';
import { parseTimestamp, seededRandom, systemClock } from '../../runtime/index.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson, printLine } from '../io.ts';
import {
  billedSince,
  gatherCalls,
  measureCalls,
  type FamilyBy,
  type GatheredCalls,
} from './optimize-calls.ts';
import { plainName, renderAdvice, renderCheck } from './optimize-screen.ts';

interface OptimizeFlags {
  readonly by: FamilyBy;
  readonly check?: string;
  readonly day?: number;
  readonly json?: boolean;
}

const DAY_MS = 86_400_000;

/** The same log gives the same intervals. */
const SEED = 1;

/** Families shown to people; the rest is in the JSON. */
const FAMILIES_SHOWN = 20;

function parseDay(text: string): number {
  const dayMs = /^\d{4}-\d\d-\d\d$/.test(text) ? parseTimestamp(text) : null;
  if (dayMs === null) throw new InvalidArgumentError('a day is written YYYY-MM-DD.');
  return dayMs;
}

/** What is needed of an earlier advice to hold it against bills. */
const earlierAdvice: z.ZodType<{ readonly families: readonly (ProjectedFamily & { toMs: number })[] }> =
  z.object({
    families: z.array(
      z.object({
        family: z.string(),
        model: z.string(),
        toMs: z.number(),
        month: z
          .object({
            withoutCachingUsd: z.number(),
            saving: z.object({
              usd: z.number(),
              lowUsd: z.number().nullable(),
              highUsd: z.number().nullable(),
            }),
          })
          .nullable(),
      }),
    ),
  });

async function readEarlier(file: string): Promise<z.infer<typeof earlierAdvice>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} ${describeFileError(error)}`);
  }
  try {
    return earlierAdvice.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`${file} is no output of cachewright optimize --json`);
  }
}

/** Holds an earlier advice against what was billed after it. */
async function checkEarlier(file: string, { families }: GatheredCalls) {
  const earlier = await readEarlier(file);
  return earlier.families.flatMap(({ toMs, ...advice }) => {
    const calls = families.find(({ name }) => name === advice.family);
    const billed = calls && billedSince(calls, advice.model, toMs);
    if (!advice.month || !billed) return [];
    return [{ family: advice.family, model: advice.model, ...checkProjection(advice, billed) }];
  });
}

function adviseAll({ families }: GatheredCalls): readonly FamilyAdvice[] {
  const advisor = optimizer({ random: seededRandom(SEED) });
  for (const family of families) for (const request of measureCalls(family)) advisor.record(request);
  return advisor.advise();
}

/** Nothing to advise on: say why. */
function failWithoutCalls(paths: readonly string[], { notes }: GatheredCalls): never {
  const [first] = notes;
  if (first?.note === 'does not exist') throw new UsageError(`${first.path} does not exist`);
  const reason = first ? `${first.path} ${first.note}` : `${paths.join(', ')} holds no log of calls`;
  throw new CommandError(`${reason}: there is nothing to optimise`);
}

function printAdvice(advice: readonly FamilyAdvice[], gathered: GatheredCalls): void {
  for (const each of advice.slice(0, FAMILIES_SHOWN)) printLine(`${renderAdvice(each).join('\n')}\n`);
  if (advice.length > FAMILIES_SHOWN)
    printLine(`${advice.length - FAMILIES_SHOWN} more with smaller savings: --json has them`);
  for (const { path, note } of gathered.notes) printLine(`${plainName(path)}: ${plainName(note)}`);
}

async function optimize(paths: readonly string[], flags: OptimizeFlags): Promise<void> {
  const today = Math.floor(systemClock.nowMs() / DAY_MS) * DAY_MS;
  const gathered = await gatherCalls(paths, { by: flags.by, dayMs: flags.day ?? today });
  if (gathered.calls === 0) failWithoutCalls(paths, gathered);
  const checks = flags.check === undefined ? null : await checkEarlier(flags.check, gathered);
  if (checks?.length === 0)
    throw new CommandError(`nothing was billed for a family of ${flags.check} since it was made`);
  const { files, calls, notes } = gathered;
  const families = checks ? [] : adviseAll(gathered);
  if (flags.json) printJson({ files, calls, notes, ...(checks ? { checks } : { families }) });
  else if (checks) for (const check of checks) printLine(renderCheck(check));
  else printAdvice(families, gathered);
  // What was asked for by name and could not be read is a failure; a stray file in a folder is a note.
  if (gathered.unreadable.some((path) => paths.includes(path))) process.exitCode = 1;
}

/** `optimize`: is caching worth it for my requests, and how? */
export function addOptimizeCommand(program: Command): void {
  program
    .command('optimize')
    .description(
      'from logs, for each family of requests: is caching worth it, which breakpoints and TTLs, and what a month saves',
    )
    .argument(
      '<file...>',
      'Claude Code transcripts, usage JSONL, captured requests, gateway exports, or folders of them',
    )
    .addOption(
      new Option('--by <what>', 'what makes calls one family: the folder of their file, the file, or nothing')
        .choices(['folder', 'file', 'all'])
        .default('folder'),
    )
    .option('--check <advice>', 'hold an earlier output of --json against what was billed since')
    .addOption(
      new Option(
        '--day <day>',
        'the day whose prices hold for logs without dates (default: today)',
      ).argParser(parseDay),
    )
    .option('--json', 'print one JSON document')
    .action(optimize);
}
