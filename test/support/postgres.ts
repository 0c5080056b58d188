import { spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { endServer, freePort, launchServer } from './real-server.ts';

const ROOT = '/usr/lib/postgresql';

/** Folder of the programs of the newest version that is installed. */
function findBinaries(): string | null {
  const versions = existsSync(ROOT) ? readdirSync(ROOT).toSorted((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(ROOT, version, 'bin'))
    .find((path) => existsSync(join(path, 'initdb')));
  return found ?? null;
}

/** The servers refuse to run for root: another user is needed then. */
function findUser(): { readonly uid?: number; readonly gid?: number } | null {
  if (process.getuid?.() !== 0) return {};
  const ask = (flag: string): number =>
    Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout || NaN);
  const [uid, gid] = [ask('-u'), ask('-g')];
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : null;
}

const binaries = findBinaries();
const user = findUser();

/** Is there a Postgres to test with? */
export const hasPostgres: boolean = binaries !== null && user !== null;

const PASSWORD = 's3cret/with?odd';

/** A real Postgres server on a port of its own. */
export interface PostgresServer {
  /** URL of an empty database of this name. */
  database(name: string): Promise<string>;
  readonly url: string;
  readonly password: string;
  /** Stops it where it stands; it keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it had stored. */
  start(): Promise<void>;
  close(): Promise<void>;
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(join(binaries ?? '', program), [...args], {
    ...user,
    encoding: 'utf8',
    cwd: tmpdir(),
  });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

function launch(folder: string, port: number): Promise<ChildProcess> {
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'shared_buffers=32MB',
    'max_connections=40',
  ].flatMap((setting) => ['-c', setting]);
  const args = ['-D', folder, '-p', String(port), ...settings];
  const readiness = { stream: 'stderr', sentence: 'ready to accept connections' } as const;
  return launchServer(join(binaries ?? '', 'postgres'), args, readiness, { ...user, cwd: folder });
}

/** All processes of a server: the first one, and its children. */
function processesOf(pid: number): readonly number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return [
    pid,
    ...stdout
      .split('\n')
      .map(Number)
      .filter((child) => child > 0),
  ];
}

/** Starts a server in a temporary folder. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-postgres-'));
  if (user?.uid !== undefined) chownSync(folder, user.uid, user.gid ?? 0);
  chmodSync(folder, 0o700);
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD);
  const settings = ['-U', 'cw', '-A', 'scram-sha-256', '--no-sync', '-E', 'UTF8', '--locale=C'];
  run('initdb', ['-D', data, ...settings, `--pwfile=${passwordFile}`]);
  const port = await freePort();
  let child = await launch(data, port);
  const urlOf = (name: string): string =>
    `postgres://cw:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${name}`;
  const signalAll = (signal: NodeJS.Signals): void => {
    for (const pid of processesOf(child.pid ?? 0)) process.kill(pid, signal);
  };
  const stop = (signal: NodeJS.Signals): Promise<void> => endServer(child, signal);
  return {
    url: urlOf('postgres'),
    password: PASSWORD,
    async database(name) {
      const { default: pg } = await import('pg');
      const client = new pg.Client({ connectionString: urlOf('postgres') });
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return urlOf(name);
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    // Its own fast way to end without any order.
    kill: () => stop('SIGQUIT'),
    async start() {
      child = await launch(data, port);
    },
    async close() {
      await stop('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
