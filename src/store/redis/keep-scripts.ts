import { hash } from 'node:crypto';
import type { RedisScript } from './redis-link.ts';

/**
 * Entries that a fleet keeps alive: a sorted set of what is due when, and for each entry a hash and a set of the machines
 * that hold what a ping takes. All times are the server's, one clock for all machines. Every call is one step for everybody.
 */
const HEAD = `
local base = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local due, machines, run, news = base .. ':due', base .. ':machines', base .. ':run', base .. ':news'
local function whole(number) return string.format('%.0f', number) end
local function entryOf(key) return base .. ':entry:' .. key end
local function holdersOf(key) return base .. ':holders:' .. key end
local function put(key, at, margin)
  redis.call('ZADD', due, whole(at), key)
  local ends = math.max(now, tonumber(redis.call('HGET', entryOf(key), 'expires') or 0), at) + margin
  redis.call('PEXPIREAT', entryOf(key), whole(ends))
  redis.call('PEXPIREAT', holdersOf(key), whole(ends))
end
local function forget(key)
  redis.call('ZREM', due, key)
  redis.call('DEL', entryOf(key), holdersOf(key))
end
`;

/** How long an entry's facts outlive it, in ms. */
const MARGIN = 'local margin = 600000\n';

/** Arguments: key, machine, start of the request, TTL, lead. */
const VISIT = `
local key, machine, at = ARGV[1], ARGV[2], math.min(now, tonumber(ARGV[3]))
local ttl, lead = tonumber(ARGV[4]), tonumber(ARGV[5])
local known = redis.call('HMGET', entryOf(key), 'visited', 'expires', 'ttl', 'ping')
redis.call('SADD', holdersOf(key), machine)
local visited, expires = tonumber(known[1] or -1), tonumber(known[2] or -1)
if visited > at then return false end
local ends = at + ttl
if at < expires and expires > ends then ends = expires end
redis.call('HSET', entryOf(key), 'visited', whole(at), 'expires', whole(ends), 'ttl', whole(ttl), 'pings', 0, 'spent', '0')
redis.call('HDEL', entryOf(key), 'ping', 'ending')
put(key, ends - lead, margin)
if not known[4] then return false end
local bridged = at >= visited + tonumber(known[3]) and at < expires
return {known[4], bridged and 1 or 0}
`;

/** What a machine knows, told again after the server has lost it. Arguments: machine, lead, then key, visit, end, TTL of each. */
const TELL = `
local machine, lead = ARGV[1], tonumber(ARGV[2])
for index = 3, #ARGV, 4 do
  local key, visited, expires, ttl = ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]
  redis.call('SADD', holdersOf(key), machine)
  local known = redis.call('HGET', entryOf(key), 'expires')
  if not known or tonumber(known) < tonumber(expires) then
    redis.call('HSET', entryOf(key), 'visited', visited, 'expires', expires, 'ttl', ttl)
    redis.call('HSETNX', entryOf(key), 'pings', 0)
    redis.call('HSETNX', entryOf(key), 'spent', '0')
    put(key, tonumber(expires) - lead, margin)
  end
end
return 1
`;

/**
 * What is due, each for a lease, so that it comes again if whoever takes it dies; and which entries others have renewed, so
 * that each machine can tell it should the server lose it. Arguments: machine, lease, limit, how long a server that was
 * started again gives nothing out, so that all can tell it what they know, and the last news that the machine has seen.
 */
const TAKE = `
local machine, lease, limit, quiet = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZADD', machines, now, machine)
redis.call('ZREMRANGEBYSCORE', machines, '-inf', now - 600000)
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
if redis.call('HGET', run, 'id') ~= id then redis.call('HSET', run, 'id', id, 'quiet', whole(now + quiet)) end
local orders = redis.call('HGET', run, 'orders') or '0'
local found, ended = {}, {}
if now >= tonumber(redis.call('HGET', run, 'quiet')) then
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)) do
    local known = redis.call('HMGET', entryOf(key), 'expires', 'ending', 'ping')
    if not known[1] or known[2] then
      if known[3] then ended[#ended + 1] = known[3] end
      forget(key)
    else
      redis.call('ZADD', due, whole(now + lease), key)
      local turn = redis.call('HINCRBY', entryOf(key), 'turn', 1)
      found[#found + 1] = key
      found[#found + 1] = whole(tonumber(known[1]))
      found[#found + 1] = whole(turn)
    end
  end
end
local told = redis.call('XRANGE', news, '(' .. ARGV[5], '+', 'COUNT', 2000)
return {whole(now), id, orders, found, ended, told}
`;

/** Arguments: key, end for which it was due, lease. */
const CLAIM = `
local key, wanted, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local known = redis.call('HMGET', entryOf(key), 'visited', 'expires', 'pings', 'spent', 'ping', 'claimed', 'ending')
if not known[2] or known[2] ~= wanted or known[7] then return false end
if known[6] and tonumber(known[6]) > now then return false end
local fence = redis.call('HINCRBY', entryOf(key), 'fence', 1)
redis.call('HSET', entryOf(key), 'claimed', whole(now + lease))
redis.call('ZADD', due, whole(now + lease), key)
return {whole(fence), known[1], known[2], known[3] or '0', known[4] or '0', known[5] or '', whole(now)}
`;

/** Arguments: key, fence, lease. 0 where another has it now. */
const EXTEND = `
local key, lease = ARGV[1], tonumber(ARGV[3])
if redis.call('HGET', entryOf(key), 'fence') ~= ARGV[2] then return 0 end
redis.call('HSET', entryOf(key), 'claimed', whole(now + lease))
redis.call('ZADD', due, whole(now + lease), key)
return 1
`;

/** Arguments: key, fence, lead, start of the ping, its cost, its id. It was sent: it counts, whoever has the entry now. */
const PINGED = `
local key, lead, at = ARGV[1], tonumber(ARGV[3]), math.min(now, tonumber(ARGV[4]))
local known = redis.call('HMGET', entryOf(key), 'expires', 'ttl', 'spent', 'fence')
if not known[1] then return 0 end
local ends = math.max(tonumber(known[1]), at + tonumber(known[2]))
redis.call('HINCRBY', entryOf(key), 'pings', 1)
local spent = whole(tonumber(known[3] or 0) + tonumber(ARGV[5]))
redis.call('HSET', entryOf(key), 'expires', whole(ends), 'spent', spent, 'ping', ARGV[6])
if known[4] == ARGV[2] then redis.call('HDEL', entryOf(key), 'claimed') end
redis.call('XADD', news, 'MAXLEN', '~', 10000, '*', 'key', key, 'expires', whole(ends))
put(key, ends - lead, margin)
return 1
`;

/** Arguments: key, fence, when to look again. */
const LATER = `
local key = ARGV[1]
if redis.call('HGET', entryOf(key), 'fence') ~= ARGV[2] then return 0 end
redis.call('HDEL', entryOf(key), 'claimed')
put(key, tonumber(ARGV[3]), margin)
return 1
`;

/** Arguments: key, fence. Its end is waited for, so that a late user is counted. */
const LET_GO = `
local key = ARGV[1]
if redis.call('HGET', entryOf(key), 'fence') ~= ARGV[2] then return 0 end
redis.call('HDEL', entryOf(key), 'claimed')
redis.call('HSET', entryOf(key), 'ending', 1)
redis.call('ZADD', due, redis.call('HGET', entryOf(key), 'expires'), key)
return 1
`;

/** Arguments: key, fence or nothing, machine, since when a machine is alive that was heard of, pause. 0 when nobody else holds it. */
const PASS = `
local key, machine, since = ARGV[1], ARGV[3], now - tonumber(ARGV[4])
redis.call('SREM', holdersOf(key), machine)
if ARGV[2] ~= '' and redis.call('HGET', entryOf(key), 'fence') ~= ARGV[2] then return 1 end
local isHeld = false
for _, other in ipairs(redis.call('SMEMBERS', holdersOf(key))) do
  local seen = redis.call('ZSCORE', machines, other)
  if seen and tonumber(seen) >= since then isHeld = true else redis.call('SREM', holdersOf(key), other) end
end
if not isHeld then
  forget(key)
  return 0
end
if ARGV[2] ~= '' then
  redis.call('HDEL', entryOf(key), 'claimed')
  redis.call('ZADD', due, whole(now + tonumber(ARGV[5])), key)
end
return 1
`;

/** Arguments: scope (empty: all), state. */
const ORDER = `
redis.call('HSET', base .. ':orders', ARGV[1], ARGV[2])
return redis.call('HINCRBY', run, 'orders', 1)
`;

/**
 * Money, in millionths of a dollar: for each machine a hash of minutes. Arguments: machine, amount, then limit and length
 * of each window in ms. A minute counts until its end has left the window.
 */
const RESERVE = `
local machine, amount, minute = ARGV[1], tonumber(ARGV[2]), math.floor(now / 60000)
if now < tonumber(redis.call('HGET', run, 'quiet') or now + 1) then return false end
local sums, longest = {}, 0
for index = 3, #ARGV, 2 do
  sums[index] = amount
  longest = math.max(longest, tonumber(ARGV[index + 1]))
end
for _, spender in ipairs(redis.call('SMEMBERS', base .. ':spenders')) do
  local fields = redis.call('HGETALL', base .. ':spent:' .. spender)
  if #fields == 0 then redis.call('SREM', base .. ':spenders', spender) end
  for at = 1, #fields, 2 do
    local ends = (tonumber(fields[at]) + 1) * 60000
    if ends <= now - longest then redis.call('HDEL', base .. ':spent:' .. spender, fields[at]) end
    for index = 3, #ARGV, 2 do
      if ends > now - tonumber(ARGV[index + 1]) then sums[index] = sums[index] + tonumber(fields[at + 1]) end
    end
  end
end
for index = 3, #ARGV, 2 do
  if sums[index] > tonumber(ARGV[index]) then return false end
end
redis.call('SADD', base .. ':spenders', machine)
redis.call('HINCRBY', base .. ':spent:' .. machine, whole(minute), ARGV[2])
return whole(minute)
`;

/** Arguments: machine, then minute and amount of each. What a machine has spent can only have become more. */
const SPENT = `
local mine = base .. ':spent:' .. ARGV[1]
redis.call('SADD', base .. ':spenders', ARGV[1])
for index = 2, #ARGV, 2 do
  local known = tonumber(redis.call('HGET', mine, ARGV[index]) or 0)
  if tonumber(ARGV[index + 1]) > known then redis.call('HSET', mine, ARGV[index], ARGV[index + 1]) end
end
return 1
`;

function toScript(body: string): RedisScript {
  const lua = `${HEAD}${MARGIN}${body}`;
  return { lua, id: hash('sha1', lua, 'hex') };
}

type ScriptName =
  | 'visit'
  | 'tell'
  | 'take'
  | 'claim'
  | 'extend'
  | 'pinged'
  | 'later'
  | 'letGo'
  | 'pass'
  | 'order'
  | 'reserve'
  | 'spent';

export const KEEP_SCRIPTS: Readonly<Record<ScriptName, RedisScript>> = {
  visit: toScript(VISIT),
  tell: toScript(TELL),
  take: toScript(TAKE),
  claim: toScript(CLAIM),
  extend: toScript(EXTEND),
  pinged: toScript(PINGED),
  later: toScript(LATER),
  letGo: toScript(LET_GO),
  pass: toScript(PASS),
  order: toScript(ORDER),
  reserve: toScript(RESERVE),
  spent: toScript(SPENT),
};
