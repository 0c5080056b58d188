import { isIP } from 'node:net';

/** Where a Redis server is, and how to be let in. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly servername?: string };
}

const DEFAULT_PORT = 6379;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Reads `redis://[user][:password]@host[:port][/db]`, or `rediss://` for TLS.
 *
 * @throws RangeError which does not show what was given: it may hold a password.
 */
export function readRedisUrl(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isRedis = url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== '';
  const db = isRedis ? /^\/?(\d{0,9})$/.exec(url.pathname) : null;
  if (!isRedis || !db) throw new RangeError('it must be redis://host:port or rediss://host:port');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return {
    host,
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    db: Number(db[1]),
    ...(url.username ? { username: decode(url.username) } : {}),
    ...(url.password ? { password: decode(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: servername } : {}),
  };
}

/** The address as it may be shown: without user name and password. */
export function showRedisAddress({ host, port, db, tls }: RedisAddress): string {
  return `${tls ? 'rediss' : 'redis'}://${host.includes(':') ? `[${host}]` : host}:${port}/${db}`;
}
