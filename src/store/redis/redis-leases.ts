import { hash } from 'node:crypto';

import { openRedisLink, runScript, type RedisLink, type RedisScript } from './redis-link.ts';

/** Leases on names, which several machines take before they do what only one of them should do. Each ends by itself. */
export interface Leases {
  /**
   * Takes all names or none.
   *
   * @returns those that were settled and need no owner; null: another has one of the names
   */
  take(names: readonly string[], owner: string, ttlMs: number): Promise<readonly string[] | null>;
  /** It is done: for half a minute nobody has to wait for these names. */
  settle(names: readonly string[], owner: string): Promise<void>;
  /** It was not done: whoever asks next may. */
  release(names: readonly string[], owner: string): Promise<void>;
  close(): Promise<void>;
}

export interface RedisLeasesOptions {
  readonly url: string;
  /** The most that one call may take, in ms. @default 50 */
  readonly timeoutMs?: number | undefined;
}

/** By then the others have heard of it in other ways. */
const SETTLED_MS = 30_000;
const SETTLED = '+';

function toScript(lua: string): RedisScript {
  return { lua, id: hash('sha1', lua, 'hex') };
}

/** Arguments: owner, lifetime in ms. Answers with the numbers of the names that are settled, or with -1. */
const TAKE = toScript(`
for _, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if owner and owner ~= ARGV[1] and owner ~= '${SETTLED}' then return {-1} end
end
local settled = {}
for at, key in ipairs(KEYS) do
  if redis.call('GET', key) == '${SETTLED}' then settled[#settled + 1] = at - 1
  else redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
end
return settled
`);

const SETTLE = toScript(`
for _, key in ipairs(KEYS) do redis.call('SET', key, '${SETTLED}', 'PX', ${SETTLED_MS}) end
return 1
`);

/** Argument: owner. */
const RELEASE = toScript(`
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
return 1
`);

/** Keys in one slot, so that a script may touch all of them also where a cluster serves them. */
function keysOf(names: readonly string[]): readonly string[] {
  return names.map((name) => `{cachewright:leases}:${name}`);
}

/** Leases on a Redis server, of which each is one key with a lifetime. */
export class RedisLeases implements Leases {
  readonly #link: RedisLink;

  static async open({ url, timeoutMs }: RedisLeasesOptions): Promise<RedisLeases> {
    return new RedisLeases(await openRedisLink({ url, timeoutMs }));
  }

  private constructor(link: RedisLink) {
    this.#link = link;
  }

  async take(names: readonly string[], owner: string, ttlMs: number): Promise<readonly string[] | null> {
    const answer = await runScript(this.#link, TAKE, keysOf(names), [owner, Math.max(1, Math.ceil(ttlMs))]);
    const settled: readonly unknown[] = Array.isArray(answer) ? answer : [];
    return settled[0] === -1 ? null : names.filter((_, at) => settled.includes(at));
  }

  async settle(names: readonly string[]): Promise<void> {
    await runScript(this.#link, SETTLE, keysOf(names), []);
  }

  async release(names: readonly string[], owner: string): Promise<void> {
    await runScript(this.#link, RELEASE, keysOf(names), [owner]);
  }

  async close(): Promise<void> {
    this.#link.close();
  }
}
