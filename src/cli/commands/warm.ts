import { setTimeout as sleep } from 'node:timers/promises';

import { InvalidArgumentError, Option, type Command } from 'commander';

import { formatUsd, noTokens, PICO_PER_USD, type Level, type Ttl } from '../../core/index.ts';
import { systemClock } from '../../runtime/index.ts';
import {
  createBudget,
  httpSender,
  warmer,
  type Fallback,
  type Warmer,
  type WarmPrompt,
  type WarmReport,
} from '../../warming/index.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson, untilStopped } from '../io.ts';
import { parseAmount, parseWhole } from '../options.ts';
import { createProgress } from '../progress.ts';
import { readPromptFiles } from './warm-prompts.ts';
import { describePreview, describeReport, printPreview, printReport, type WarmSums } from './warm-report.ts';

interface WarmFlags {
  readonly upstream: string;
  readonly apiKeyEnv: string;
  readonly concurrency: number;
  readonly every?: number;
  readonly budget?: number;
  readonly ttl?: Ttl;
  readonly shared?: Level;
  readonly fallback: Fallback;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)(s|m|h)$/.exec(text) ?? [];
  const durationMs = Number(count) * (UNIT_MS[unit] ?? 0);
  if (durationMs < 1000) throw new InvalidArgumentError('a time is 1s or more, such as 90s, 4m or 1h.');
  return durationMs;
}

function parseConcurrency(text: string): number {
  const count = parseWhole(text);
  if (count < 1 || count > 1000) throw new InvalidArgumentError('it must be from 1 to 1000.');
  return count;
}

function parseUpstream(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new UsageError(`--upstream ${text} is no http(s) URL`);
}

/** Entries are renewed no later than this before a round could come too late for them. */
const MARGIN_MS = 30_000;

/** The shortest lifetime of an entry (spec 4.1). */
const SHORT_TTL_MS = 300_000;

function createWarmer(flags: WarmFlags): Warmer {
  const apiKey = process.env[flags.apiKeyEnv] ?? '';
  if (apiKey === '' && !flags.dryRun)
    throw new UsageError(`the environment variable ${flags.apiKeyEnv} holds no API key`);
  const maxPicoUsd = BigInt(Math.floor((flags.budget ?? 0) * Number(PICO_PER_USD)));
  const limits = flags.budget === undefined ? [] : [{ maxPicoUsd, windowMs: Number.POSITIVE_INFINITY }];
  return warmer({
    send: httpSender({ apiKey, baseUrl: parseUpstream(flags.upstream) }),
    concurrency: flags.concurrency,
    ttl: flags.ttl ?? null,
    shared: flags.shared ?? null,
    fallback: flags.fallback,
    budget: createBudget(limits),
  });
}

/** One round with a bar on a terminal. */
async function runRound(
  warming: Warmer,
  prompts: readonly WarmPrompt[],
  flags: WarmFlags,
  signal: AbortSignal,
): Promise<WarmReport> {
  const progress = createProgress();
  progress.begin('warming');
  const enoughMs = flags.every === undefined ? Number.POSITIVE_INFINITY : flags.every + MARGIN_MS;
  return warming
    .run(prompts, { signal, enoughMs, onProgress: ({ done, prompts: all }) => progress.set(done / all) })
    .finally(() => progress.end());
}

/** Resolves when the time has come or the signal is given. */
async function pauseUntil(timeMs: number, signal: AbortSignal): Promise<void> {
  const leftMs = timeMs - systemClock.nowMs();
  if (leftMs > 0) await sleep(leftMs, undefined, { signal }).catch(() => undefined);
}

const noSums: WarmSums = {
  rounds: 0,
  requests: 0,
  retries: 0,
  tokens: noTokens,
  costPicoUsd: 0n,
  uncertainPicoUsd: 0n,
};

function addRound(sums: WarmSums, report: WarmReport, warming: Warmer): WarmSums {
  const { tokens, billedPicoUsd, uncertainPicoUsd } = warming.ledger.totals('pre-warm');
  return {
    rounds: sums.rounds + 1,
    requests: sums.requests + report.requests,
    retries: sums.retries + report.retries,
    tokens,
    costPicoUsd: billedPicoUsd,
    uncertainPicoUsd,
  };
}

/** A line for each round of many. */
function tellRound({ counts, notWarm, costPicoUsd }: WarmReport, { rounds }: WarmSums): void {
  const warm = `${counts.wrote} written, ${counts['already-warm']} renewed, ${counts['still-warm']} still warm`;
  const failed = notWarm > 0 ? `, ${notWarm} not warm` : '';
  process.stderr.write(`round ${rounds}: ${warm}${failed}; ${formatUsd(costPicoUsd)}\n`);
}

async function runRounds(
  warming: Warmer,
  prompts: readonly WarmPrompt[],
  flags: WarmFlags,
): Promise<{ readonly report: WarmReport; readonly sums: WarmSums }> {
  const stop = new AbortController();
  void untilStopped().then(() => stop.abort());
  let sums = noSums;
  for (;;) {
    const startMs = systemClock.nowMs();
    const report = await runRound(warming, prompts, flags, stop.signal);
    sums = addRound(sums, report, warming);
    if (flags.every === undefined) return { report, sums };
    tellRound(report, sums);
    // A round that takes longer than the interval is followed by the next at once, never by two.
    await pauseUntil(startMs + flags.every, stop.signal);
    if (stop.signal.aborted) return { report, sums };
  }
}

function warnOfGaps(flags: WarmFlags): void {
  if (flags.every === undefined || flags.ttl === '1h' || flags.every < SHORT_TTL_MS) return;
  process.stderr.write('entries of 5 minutes are cold between rounds: take --every 4m, or --ttl 1h\n');
}

/** Stopping is how repeated rounds end, and no failure of theirs. */
function countFailed({ notWarm, counts }: WarmReport, { every }: WarmFlags): number {
  return every === undefined ? notWarm : notWarm - counts.cancelled;
}

async function warm(files: readonly string[], flags: WarmFlags): Promise<void> {
  const warming = createWarmer(flags);
  const { prompts, passedOver } = await readPromptFiles(files);
  if (passedOver > 0)
    process.stderr.write(`captured requests that are for no message, and so passed over: ${passedOver}\n`);
  if (prompts.length === 0) throw new UsageError('there is nothing to warm');
  if (flags.dryRun) {
    const preview = warming.preview(prompts);
    if (flags.json) printJson(describePreview(preview));
    else printPreview(preview);
    return;
  }
  warnOfGaps(flags);
  const { report, sums } = await runRounds(warming, prompts, flags);
  if (flags.json) printJson(describeReport(report, sums, flags.budget ?? null));
  else printReport(report, sums);
  const failed = countFailed(report, flags);
  if (failed > 0) throw new CommandError(`${failed} of ${report.prompts} prompts are not warm`);
}

/** `warm`: fills the cache before users come. */
export function addWarmCommand(program: Command): void {
  program
    .command('warm')
    .description('write prompts into the cache before users come; costs money, --dry-run says how much')
    .argument(
      '<file...>',
      'Messages requests, captured requests or batches, as JSON or JSON Lines, also .gz and .zst',
    )
    .option('--upstream <url>', 'the API', 'https://api.anthropic.com')
    .option('--api-key-env <name>', 'environment variable that holds the API key', 'ANTHROPIC_API_KEY')
    .addOption(
      new Option('--concurrency <requests>', 'requests at once').default(4).argParser(parseConcurrency),
    )
    .addOption(
      new Option('--every <time>', 'repeat until stopped, such as 4m; what stays warm is not sent').argParser(
        parseDuration,
      ),
    )
    .addOption(new Option('--budget <usd>', 'never spend more').argParser(parseAmount))
    .addOption(
      new Option('--ttl <ttl>', "how long entries live; else as the requests' markers say").choices([
        '5m',
        '1h',
      ]),
    )
    .addOption(
      new Option('--shared <level>', 'the last part that users share; else up to the last marker').choices([
        'tools',
        'system',
        'messages',
      ]),
    )
    .addOption(
      new Option('--fallback <output>', 'output that may be paid for where max_tokens: 0 is not possible')
        .choices(['none', 'cheap', 'any'])
        .default('cheap'),
    )
    .option('--dry-run', 'send nothing; say what would be sent and cost')
    .option('--json', 'print one JSON document')
    .action(warm);
}
