import { hash } from 'node:crypto';

import { openRedisLink, runScript, type RedisLink, type RedisScript } from './redis-link.ts';

/** A flight and the word of whoever leads it, which no other leader of it ever had. */
export interface LedFlight {
  readonly id: string;
  readonly fence: string;
}

/**
 * What several processes fetch, each thing by one of them. The lead is a lease that ends by itself, so that the others take
 * over from a leader that is gone; its word is the fence, behind which one that comes back too late can do nothing.
 */
export interface SharedFlights {
  /**
   * Takes the lead where nobody has it.
   *
   * @param waits the caller will `look` for what another leader hands over
   * @returns the fence of whoever leads: one's own, or another's
   */
  lead(flight: LedFlight, ttlMs: number, waits: boolean): Promise<string>;
  /** Keeps leads for longer; gives those that are lost to others. */
  renew(flights: readonly LedFlight[], ttlMs: number): Promise<readonly LedFlight[]>;
  /** For each flight what its leader has handed over, or how it stands. */
  look(flights: readonly LedFlight[]): Promise<readonly (Uint8Array | 'flying' | 'gone')[]>;
  /** Ends the lead, unless somebody waits: then what has come is to be handed over. */
  finish(flight: LedFlight): Promise<'ended' | 'wanted' | 'lost'>;
  /** Gives those who wait what has come, for a short time, and ends the lead; false: it was lost, and nothing was given. */
  hand(flight: LedFlight, bytes: Uint8Array): Promise<boolean>;
  /** Ends the lead with nothing to hand over: whoever waits takes it. */
  release(flight: LedFlight): Promise<void>;
  close(): Promise<void>;
}

export interface RedisFlightsOptions {
  readonly url: string;
  /** Flights under different names know nothing of each other. @default 'cache' */
  readonly name?: string;
  /** The most that one call may take, in ms. @default 50 */
  readonly timeoutMs?: number;
}

/** Whoever waits looks several times a second. */
const HANDED_MS = 10_000;
/** Nobody waits for longer. */
const WANTED_MS = 600_000;

function toScript(lua: string): RedisScript {
  return { lua, id: hash('sha1', lua, 'hex') };
}

/** Keys: lead, wanted. Arguments: fence, lifetime in ms, whether to wait. */
const LEAD = toScript(`
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then
  if ARGV[3] == '1' then redis.call('SET', KEYS[2], '1', 'PX', ${WANTED_MS}) end
  return leader
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`);

/** Keys: leads. Arguments: lifetime in ms, then a fence for each. Answers with the numbers of those that are lost. */
const RENEW = toScript(`
local lost = {}
for at, key in ipairs(KEYS) do
  local leader = redis.call('GET', key)
  if leader and leader ~= ARGV[at + 1] then lost[#lost + 1] = at - 1
  else redis.call('SET', key, ARGV[at + 1], 'PX', ARGV[1]) end
end
return lost
`);

/** Keys: lead, wanted. Argument: fence. */
const FINISH = toScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'wanted' end
redis.call('DEL', KEYS[1])
return 'ended'
`);

/** Keys: lead, wanted, handed over. Arguments: fence, bytes. */
const HAND = toScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ${HANDED_MS})
redis.call('DEL', KEYS[1], KEYS[2])
return 1
`);

/** Keys: lead, wanted. Argument: fence. */
const RELEASE = toScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
return 1
`);

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : '';
}

/** Shared flights on a Redis server. Whoever waits looks, so that nothing has to be told and no connection be kept for it. */
export class RedisFlights implements SharedFlights {
  readonly #link: RedisLink;
  readonly #prefix: string;

  static async open({ url, name = 'cache', timeoutMs }: RedisFlightsOptions): Promise<RedisFlights> {
    return new RedisFlights(await openRedisLink({ url, timeoutMs }), name);
  }

  constructor(link: RedisLink, name: string) {
    this.#link = link;
    // In braces is what a cluster places keys by: a script touches several of them.
    this.#prefix = `{cachewright:${name}:flights}:`;
  }

  async lead({ id, fence }: LedFlight, ttlMs: number, waits: boolean): Promise<string> {
    const args = [fence, Math.ceil(ttlMs), waits ? 1 : 0];
    return textOf(await runScript(this.#link, LEAD, [this.#lead(id), this.#wanted(id)], args));
  }

  async renew(flights: readonly LedFlight[], ttlMs: number): Promise<readonly LedFlight[]> {
    const keys = flights.map(({ id }) => this.#lead(id));
    const fences = flights.map(({ fence }) => fence);
    const answer = await runScript(this.#link, RENEW, keys, [Math.ceil(ttlMs), ...fences]);
    const lost: readonly unknown[] = Array.isArray(answer) ? answer : [];
    return flights.filter((_, at) => lost.includes(at));
  }

  async look(flights: readonly LedFlight[]): Promise<readonly (Uint8Array | 'flying' | 'gone')[]> {
    // Both of a flight in one step: there is no moment at which neither would be seen.
    const keys = flights.flatMap((flight) => [this.#lead(flight.id), this.#handed(flight)]);
    const answer = await this.#link.call('MGET', keys);
    const found: readonly unknown[] = Array.isArray(answer) ? answer : [];
    return flights.map(({ fence }, at) => {
      const handed = found[2 * at + 1];
      if (Buffer.isBuffer(handed)) return handed;
      return textOf(found[2 * at]) === fence ? 'flying' : 'gone';
    });
  }

  async finish({ id, fence }: LedFlight): Promise<'ended' | 'wanted' | 'lost'> {
    const answer = textOf(await runScript(this.#link, FINISH, [this.#lead(id), this.#wanted(id)], [fence]));
    return answer === 'ended' || answer === 'wanted' ? answer : 'lost';
  }

  async hand(flight: LedFlight, bytes: Uint8Array): Promise<boolean> {
    const keys = [this.#lead(flight.id), this.#wanted(flight.id), this.#handed(flight)];
    return (await runScript(this.#link, HAND, keys, [flight.fence, bytes])) === 1;
  }

  async release({ id, fence }: LedFlight): Promise<void> {
    await runScript(this.#link, RELEASE, [this.#lead(id), this.#wanted(id)], [fence]);
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  #lead(id: string): string {
    return `${this.#prefix}${id}`;
  }

  #wanted(id: string): string {
    return `${this.#prefix}${id}:wanted`;
  }

  #handed({ id, fence }: LedFlight): string {
    return `${this.#prefix}${id}:${fence}`;
  }
}
