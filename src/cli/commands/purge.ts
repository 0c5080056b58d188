import { Option, type Command } from 'commander';

import { CommandError, UsageError } from '../errors.ts';
import { printJson, printLine } from '../io.ts';

/** By what kept answers are dropped, and kept bodies. */
const ANSWERS = ['key', 'tag', 'model', 'content', 'scope', 'all'] as const;
const BODIES = ['id', 'tag', 'scope', 'all'] as const;

type Target = (typeof ANSWERS | typeof BODIES)[number];

interface PurgeFlags extends Partial<Readonly<Record<Target, string | boolean>>> {
  /** Bodies of requests, in place of answers. */
  readonly bodies?: boolean;
  readonly admin: string;
  readonly adminToken?: string;
  readonly json?: boolean;
}

/** The one thing that is to be dropped. */
function targetOf(flags: PurgeFlags): Readonly<Record<string, unknown>> {
  const targets: readonly Target[] = flags.bodies ? BODIES : ANSWERS;
  const given = [...new Set([...ANSWERS, ...BODIES])].filter((name) => flags[name] !== undefined);
  const [name] = given;
  if (given.length !== 1 || !name || !targets.includes(name))
    throw new UsageError(`say what to drop by one of ${targets.map((each) => `--${each}`).join(', ')}`);
  return { [name]: flags[name] };
}

function purgeUrl({ admin, bodies }: PurgeFlags): URL {
  if (URL.canParse(admin) && /^https?:$/.test(new URL(admin).protocol))
    return new URL(`/api/v1/${bodies ? 'bodies' : 'responses'}/purge`, admin);
  throw new UsageError(`--admin must be the http URL of a gateway's admin listener`);
}

function bodiesRemoved(requests: number): string {
  return `removed the bodies of ${requests} request${requests === 1 ? '' : 's'}`;
}

async function purge(flags: PurgeFlags): Promise<void> {
  const target = targetOf(flags);
  const url = purgeUrl(flags);
  const token: Record<string, string> = flags.adminToken
    ? { authorization: `Bearer ${flags.adminToken}` }
    : {};
  const headers = { 'content-type': 'application/json', 'x-cachewright-admin': '1', ...token };
  const sent = { method: 'POST', headers, body: JSON.stringify(target) };
  const answer = await fetch(url, sent).catch(() => {
    throw new CommandError(`no gateway answers at ${url.origin}`);
  });
  const said = (await answer.json().catch(() => ({}))) as {
    readonly error?: string;
    readonly requests?: number;
  };
  if (!answer.ok)
    throw new CommandError(`${url.origin} answers ${answer.status}: ${said.error ?? 'no reason'}`);
  if (flags.json) printJson(said);
  else if (flags.bodies) printLine(bodiesRemoved(said.requests ?? 0));
  else printLine('dropped here, and in every gateway on the same store within a second');
}

/** `purge`: drops kept answers of a running gateway, and of all that share its store; or kept bodies of requests. */
export function addPurgeCommand(program: Command): void {
  program
    .command('purge')
    .description('drops kept answers of a running gateway and of all that share its store, or kept bodies')
    .option('--bodies', 'what serve --keep-bodies has kept, in place of answers')
    .option('--tag <name>', 'those to requests with this tag')
    .option('--model <id>', 'those of this model')
    .option('--scope <name>', 'those of this scope, as records show it')
    .option('--content <version>', 'those made of this version of a content')
    .option('--key <key>', 'the one under this key, and a few others')
    .option('--id <id>', 'with --bodies: those of this record')
    .option('--all', 'all of them')
    .addOption(
      new Option('--admin <url>', 'the admin listener of the gateway')
        .default('http://127.0.0.1:8789')
        .env('CACHEWRIGHT_ADMIN_URL'),
    )
    .addOption(new Option('--admin-token <token>', 'what it asks for').env('CACHEWRIGHT_ADMIN_TOKEN'))
    .option('--json', 'print what the gateway answers')
    .action((flags: PurgeFlags) => purge(flags));
}
