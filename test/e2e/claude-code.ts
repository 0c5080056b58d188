import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { z } from 'zod';

const run = promisify(execFile);

/** The version that the captures and the expectations are from. */
export const VERSION = '2.1.330';

/** Installs Claude Code into a folder, without its install script, and gives the path of the program. */
export async function installClaudeCode(folder: string): Promise<string> {
  const name = `@anthropic-ai/claude-code@${VERSION}`;
  // A folder without package.json would make npm look for one further up.
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', name], { cwd: folder });
  // The program is in a package of its own for each platform, of which npm installs the one that fits.
  const packages = join(folder, 'node_modules/@anthropic-ai');
  const programs = readdirSync(packages)
    .filter((entry) => entry !== 'claude-code')
    .flatMap((entry) => [join(packages, entry, 'claude'), join(packages, entry, 'claude.exe')]);
  const program = programs.find((path) => existsSync(path));
  if (program === undefined)
    throw new Error(`${name} has no program for ${process.platform}-${process.arch}`);
  return program;
}

/** An empty home and an empty working folder, at the same paths every time: paths are part of the prompt. */
export interface Desk {
  readonly home: string;
  readonly work: string;
}

export function clearDesk(folder: string): Desk {
  const desk = { home: join(folder, 'home'), work: join(folder, 'work') };
  for (const path of [desk.home, desk.work]) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
  }
  return desk;
}

const tokens = z.number().int().nonnegative();

const resultEvent = z.looseObject({
  type: z.literal('result'),
  subtype: z.string(),
  is_error: z.boolean(),
  result: z.string(),
  num_turns: z.number(),
  total_cost_usd: z.number(),
  usage: z.looseObject({
    input_tokens: tokens,
    cache_read_input_tokens: tokens,
    cache_creation_input_tokens: tokens,
    output_tokens: tokens,
  }),
});

const toolEvent = z.looseObject({
  type: z.literal('user'),
  message: z.looseObject({
    content: z.array(
      z.looseObject({
        type: z.literal('tool_result'),
        content: z.unknown(),
        is_error: z.boolean().optional(),
      }),
    ),
  }),
});

/** How one run ended. */
export interface Outcome {
  /** Whether it calls its own end a success. */
  readonly isSuccess: boolean;
  readonly answer: string;
  readonly turns: number;
  /** Results of its tools, in order. */
  readonly toolResults: readonly { readonly content: unknown; readonly isError: boolean }[];
  /** What it thinks that it has cost. */
  readonly costUsd: number;
  readonly readTokens: number;
  readonly writtenTokens: number;
  readonly uncachedTokens: number;
}

function readOutcome(stdout: string): Outcome {
  const events: unknown[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const result = resultEvent.parse(events.findLast((event) => resultEvent.safeParse(event).success));
  const blocks = events.flatMap((event) => toolEvent.safeParse(event).data?.message.content ?? []);
  return {
    isSuccess: result.subtype === 'success' && !result.is_error,
    answer: result.result,
    turns: result.num_turns,
    toolResults: blocks.map(({ content, is_error: isError = false }) => ({ content, isError })),
    costUsd: result.total_cost_usd,
    readTokens: result.usage.cache_read_input_tokens,
    writtenTokens: result.usage.cache_creation_input_tokens,
    uncachedTokens: result.usage.input_tokens,
  };
}

/** Runs Claude Code in print mode, with no setting of the user's in sight. */
export async function runClaudeCode(
  program: string,
  desk: Desk,
  baseUrl: string,
  more: readonly string[],
): Promise<Outcome> {
  const output = ['--output-format', 'stream-json', '--verbose'];
  const child = run(program, [...more, '--allowedTools', 'Bash,Read,Write', ...output], {
    cwd: desk.work,
    env: {
      PATH: process.env['PATH'],
      HOME: desk.home,
      ANTHROPIC_BASE_URL: baseUrl,
      ANTHROPIC_API_KEY: 'sk-ant-dummy',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
    maxBuffer: 64 * 1024 * 1024,
  });
  // It would wait for more of the prompt on an open standard input.
  child.child.stdin?.end();
  return readOutcome((await child).stdout);
}
