import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { Option, type Command } from 'commander';

import { formatUsd, PICO_PER_USD, toUsd } from '../../core/index.ts';
import {
  planProbe,
  QUESTIONS,
  runProbe,
  writeProfile,
  type ProbeAnswer,
  type ProbeClock,
  type ProbePlan,
  type ProbeProfile,
  type Transport,
} from '../../probe/index.ts';
import { createId, formatTime, systemClock, systemRandom } from '../../runtime/index.ts';
import { defaultDataDir } from '../data-dir.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson, printLine } from '../io.ts';
import { parseAmount, parseFactor } from '../options.ts';
import { renderTable } from '../table.ts';

interface ProbeFlags {
  readonly upstream: string;
  readonly model: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly apiKeyEnv: string;
  readonly repeat: number;
  readonly maxUsd?: number;
  readonly only?: string;
  readonly dataDir: string;
  readonly emulatorClock?: boolean;
}

/** What a transport says when nothing answered: tried again like an overloaded service. */
const NO_ANSWER_STATUS = 503;

const MINUTE_MS = 60_000;
const TICK_MS = 1000;

function parseUpstream(text: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new UsageError(`--upstream ${text} is no http(s) URL`);
}

function parseOnly(text: string | undefined): readonly string[] {
  const names = text?.split(',').map((name) => name.trim()) ?? [];
  const unknown = names.find((name) => !QUESTIONS.some((question) => question.name === name));
  if (unknown === undefined) return names;
  throw new UsageError(`--only ${unknown}: questions are ${QUESTIONS.map(({ name }) => name).join(', ')}`);
}

/** Where a redirect leads, without a path: that is the service's own text. */
function originOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).origin : 'nowhere';
}

function createTransport(upstream: URL, apiKey: string): Transport {
  const base = upstream.href.replace(/\/+$/, '');
  return async ({ method, path, body, headers }) => {
    try {
      const response = await fetch(base + path, {
        method,
        // A redirect would take the key, and the prompts that are paid for, to whoever the service names.
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'anthropic-version': '2023-06-01',
          'x-api-key': apiKey,
          ...headers,
        },
        ...(body !== null && { body: JSON.stringify(body) }),
      });
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel();
        const target = originOf(response.headers.get('location'), base);
        const message = `a redirect to ${target}, which is not followed with your key: name the API itself as --upstream`;
        return { status: response.status, retryAfterMs: null, text: JSON.stringify({ error: { message } }) };
      }
      const after = Number(response.headers.get('retry-after') ?? Number.NaN);
      // A service that repeats the key in an error must not bring it onto the screen or into the profile.
      const text = (await response.text()).replaceAll(apiKey, '[key]');
      return { status: response.status, retryAfterMs: Number.isFinite(after) ? after * 1000 : null, text };
    } catch {
      const error = { message: `nothing answered at ${upstream.origin}` };
      return { status: NO_ANSWER_STATUS, retryAfterMs: null, text: JSON.stringify({ error }) };
    }
  };
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / MINUTE_MS)} min`;
}

/** Waits in real time; on a terminal it says how long until the next request. */
const realClock: ProbeClock = {
  nowMs: () => systemClock.nowMs(),
  async wait(ms) {
    const endMs = systemClock.nowMs() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = endMs - systemClock.nowMs()) {
      if (process.stderr.isTTY) {
        process.stderr.write(`\rnext request in ${Math.ceil(leftMs / 1000)} s   `);
      }
      await sleep(Math.min(leftMs, TICK_MS));
    }
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  },
};

/** Moves the manual clock of an emulator in place of waiting. */
function emulatorClock(upstream: URL): ProbeClock {
  let nowMs = systemClock.nowMs();
  return {
    nowMs: () => nowMs,
    async wait(ms) {
      const response = await fetch(new URL('/_emulator/clock', upstream), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ advanceMs: ms }),
      });
      if (!response.ok) throw new CommandError(`${upstream.origin} is no emulator with a manual clock`);
      nowMs += ms;
    },
  };
}

function printPlan(plan: ProbePlan, flags: ProbeFlags): void {
  const asked = plan.questions.filter(({ refusal }) => refusal === null);
  process.stderr.write(
    `${asked.length} questions to ${flags.model}, each ${flags.repeat} times: ${plan.requests} requests, ` +
      `at most ${formatUsd(plan.maxPicoUsd)}, about ${minutes(plan.durationMs)}\n`,
  );
  for (const { name, title, refusal } of plan.questions) {
    process.stderr.write(`  ${name}: ${title}${refusal === null ? '' : ` (not asked: ${refusal})`}\n`);
  }
}

async function confirm(flags: ProbeFlags): Promise<boolean> {
  if (flags.yes) return true;
  if (!process.stdin.isTTY) throw new UsageError('the probe costs money: run it with --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Start? [y/N] ');
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

function printAnswers(answers: readonly ProbeAnswer[]): void {
  const rows = answers.map(({ name, value, certainty, seen }) => [
    name,
    certainty === 'repeated' || certainty === 'once' ? String(value) : '-',
    certainty,
    [...new Set(seen)].join('\n'),
  ]);
  printLine(renderTable(['question', 'answer', 'certainty', 'seen'], rows));
}

async function probe(flags: ProbeFlags): Promise<void> {
  const upstream = parseUpstream(flags.upstream);
  const apiKey = process.env[flags.apiKeyEnv];
  if (!apiKey) throw new UsageError(`the environment variable ${flags.apiKeyEnv} holds no API key`);
  const options = {
    modelId: flags.model,
    repetitions: Math.ceil(flags.repeat),
    nonce: createId('probe', systemRandom),
    only: parseOnly(flags.only),
  };
  const plan = await planProbe(options, systemClock.nowMs());
  printPlan(plan, flags);
  if (!(await confirm(flags))) throw new CommandError('nothing was sent');
  const maxPicoUsd =
    flags.maxUsd === undefined ? plan.maxPicoUsd : BigInt(Math.floor(flags.maxUsd * Number(PICO_PER_USD)));
  const budget = { maxPicoUsd, spentPicoUsd: 0n };
  const clock = flags.emulatorClock ? emulatorClock(upstream) : realClock;
  const answers = await runProbe(options, { clock, transport: createTransport(upstream, apiKey), budget });
  const profile: ProbeProfile = {
    version: 1,
    platform: upstream.host,
    model: flags.model,
    measuredAt: formatTime(systemClock.nowMs()),
    answers,
  };
  const hasAnswer = answers.some(({ certainty }) => certainty !== 'not-asked');
  const file = hasAnswer ? writeProfile(flags.dataDir, profile) : null;
  if (flags.json) printJson({ ...profile, file, spentUsd: toUsd(budget.spentPicoUsd) });
  else {
    printAnswers(answers);
    printLine(`spent ${formatUsd(budget.spentPicoUsd)}${file === null ? '' : `; kept in ${file}`}`);
  }
  if (!hasAnswer) throw new CommandError('no question was answered');
}

/** `probe`: asks the user's own API what no source says about its cache. */
export function addProbeCommand(program: Command): void {
  program
    .command('probe')
    .description('asks an API how its cache behaves where no source says; prints cost and time first')
    .requiredOption('--upstream <url>', 'the API, such as https://api.anthropic.com')
    .requiredOption('--model <id>', 'the model to ask')
    .option('--yes', 'start without asking')
    .option('--json', 'print one JSON document')
    .option('--api-key-env <name>', 'environment variable that holds the API key', 'ANTHROPIC_API_KEY')
    .addOption(new Option('--repeat <times>', 'runs of each question').default(2).argParser(parseFactor))
    .addOption(new Option('--max-usd <usd>', 'send nothing that could cost more').argParser(parseAmount))
    .option('--only <names>', 'only these questions, separated by commas')
    .option('--data-dir <folder>', 'where the answers are kept', defaultDataDir(process.env))
    .addOption(
      new Option('--emulator-clock', 'move the manual clock of an emulator in place of waiting').hideHelp(),
    )
    .action(probe);
}
