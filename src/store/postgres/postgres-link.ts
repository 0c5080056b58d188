import type { Pool, PoolClient } from 'pg';

import { StoreError } from '../store.ts';

/** How long a call may take, in ms. */
const TIMEOUT_MS = 5_000;

const CONNECTIONS_MAX = 4;

/** @throws RangeError when it is no URL of a Postgres server; what was given is not shown, for it may hold a password. */
function checkUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isPlaced = parsed !== null && (parsed.hostname !== '' || parsed.searchParams.has('host'));
  if (parsed && isPlaced && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  throw new RangeError('it must be a URL like postgres://user:password@host:5432/database');
}

/** Both forms in which a password may stand in a text. */
function secretsOf({ password }: URL): readonly string[] {
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** Connections to one server; the first is made by the first call. */
export class PostgresLink {
  readonly #pool: Pool;
  readonly #url: URL;
  #isClosed = false;

  private constructor(pool: Pool, url: URL) {
    this.#pool = pool;
    this.#url = url;
  }

  /** @throws RangeError for a URL that is none; StoreError `STORE_UNUSABLE` when the package pg is not installed. */
  static async open(url: string, timeoutMs: number = TIMEOUT_MS): Promise<PostgresLink> {
    const parsed = checkUrl(url);
    const { default: pg } = await import('pg').catch((error: unknown) => {
      throw new StoreError(
        'STORE_UNUSABLE',
        'a store in Postgres needs the package pg: npm install pg',
        error,
      );
    });
    const pool = new pg.Pool({
      connectionString: url,
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: timeoutMs,
      statement_timeout: timeoutMs,
      query_timeout: timeoutMs,
      allowExitOnIdle: true,
      application_name: 'cachewright',
    });
    // A connection that breaks while nobody uses it, or between two statements: whoever needs it next is told.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    return new PostgresLink(pool, parsed);
  }

  /** Runs statements as one step. @throws StoreError; what the statements changed is undone then. */
  async transact<Result>(run: (client: PoolClient) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new StoreError('STORE_CLOSED', 'the store is closed');
    let client: PoolClient | null = null;
    let isBroken = true;
    try {
      client = await this.#pool.connect();
      await client.query('BEGIN');
      const result = await run(client);
      await client.query('COMMIT');
      isBroken = false;
      return result;
    } catch (error) {
      throw this.#describe(error);
    } finally {
      // What a connection in the middle of something would do next nobody knows: it is closed.
      client?.release(isBroken);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#pool.end();
  }

  /** What went wrong as a sentence without the password. */
  #describe(error: unknown): Error {
    if (error instanceof StoreError) return error;
    const detail = error instanceof Error && error.message !== '' ? error.message : 'no answer';
    const shown = secretsOf(this.#url).reduce((text, secret) => text.replaceAll(secret, '***'), detail);
    return new StoreError('STORE_UNUSABLE', `Postgres at ${this.#url.host}: ${shown}`);
  }
}
