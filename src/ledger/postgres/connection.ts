import type { Pool, PoolClient } from 'pg';

import { LedgerError } from '../ledger.ts';

/** How long a connection may take, a statement on the server, and an answer here, in ms: a frozen server gives none. */
const CONNECT_MS = 5_000;
const STATEMENT_MS = 20_000;
const ANSWER_MS = 25_000;

/** Connections: one writes, the others answer questions. */
const CONNECTIONS_MAX = 3;

/** @throws RangeError when it is no URL of a Postgres server; what was given is not shown, for it may hold a password. */
function checkUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol) && parsed.hostname !== '') return parsed;
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol) && parsed.searchParams.has('host')) return parsed;
  throw new RangeError('it must be a URL like postgres://user:password@host:5432/database');
}

/** Both forms in which a password may stand in a text. */
function secretsOf(url: URL): readonly string[] {
  const { password } = url;
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** How to reach a server, and for how long to wait for it. */
export interface PostgresTarget {
  readonly url: string;
  /** How long an answer may take, in ms. */
  readonly answerMs?: number | undefined;
}

/** Connections to a Postgres server; none is made before the first question. */
export class PostgresConnection {
  readonly #pool: Pool;
  readonly #secrets: readonly string[];
  readonly #place: string;

  private constructor(pool: Pool, url: URL) {
    this.#pool = pool;
    this.#secrets = secretsOf(url);
    this.#place = url.host === '' ? 'the Postgres server' : `Postgres at ${url.host}`;
  }

  /** @throws RangeError for a URL that is none; LedgerError `LEDGER_UNUSABLE` when the package pg is not installed. */
  static async open({ url, answerMs = ANSWER_MS }: PostgresTarget): Promise<PostgresConnection> {
    const parsed = checkUrl(url);
    const { default: pg } = await import('pg').catch((error: unknown) => {
      throw new LedgerError(
        'LEDGER_UNUSABLE',
        'a ledger in Postgres needs the package pg: npm install pg',
        error,
      );
    });
    const pool = new pg.Pool({
      connectionString: url,
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: Math.min(CONNECT_MS, answerMs),
      statement_timeout: Math.min(STATEMENT_MS, answerMs),
      query_timeout: answerMs,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
      application_name: 'cachewright',
    });
    // A connection that breaks while nobody uses it: the next question makes another.
    pool.on('error', () => undefined);
    // One that breaks while a transaction has it, between two statements or after it was given up: the pool does not listen
    // then, and an error that nobody listens to would end the process. The statement that comes next fails.
    pool.on('connect', (client) => client.on('error', () => undefined));
    return new PostgresConnection(pool, parsed);
  }

  /** Runs statements in one transaction. @throws the server's error, or LedgerError `LEDGER_UNUSABLE` without one. */
  async transact<Result>(begin: string, run: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw this.describe(error);
    });
    let isBroken = true;
    try {
      await client.query(begin);
      const result = await run(client);
      await client.query('COMMIT');
      isBroken = false;
      return result;
    } catch (error) {
      throw this.describe(error);
    } finally {
      // What a connection in the middle of something would do next nobody knows: it is closed.
      client.release(isBroken);
    }
  }

  /** What went wrong as a sentence without the password; the server's own code is kept. */
  describe(error: unknown): Error {
    if (error instanceof LedgerError) return error;
    const detail = error instanceof Error && error.message !== '' ? error.message : 'no answer';
    const shown = this.#secrets.reduce((text, secret) => text.replaceAll(secret, '***'), detail);
    return new PostgresError(`${this.#place}: ${shown}`, sqlStateOf(error));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** An error of the server, or of the way to it. */
export class PostgresError extends LedgerError {
  /** The server's own code; null when it gave no answer. */
  readonly sqlState: string | null;

  constructor(message: string, sqlState: string | null) {
    super('LEDGER_UNUSABLE', message);
    this.sqlState = sqlState;
  }
}

function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}
