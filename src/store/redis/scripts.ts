import { hash } from 'node:crypto';

import type { RedisScript } from './redis-link.ts';

/**
 * A store is five Redis keys: the values, the order of writing (whose numbers are the versions), the ends of lifetimes,
 * the names for lists, and the sums. None of them expires, so that a server which evicts keys with a lifetime first
 * leaves them alone. Every call is one script, and a script is one step for everybody.
 */
export const STORE_KEYS: readonly string[] = ['values', 'order', 'expiry', 'names', 'total'];

/** The time is the server's own, one for all machines, unless the caller has a clock of its own. */
const HEAD = `
local values, order, expiry, names, total = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local time = redis.call('TIME')
local serverMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = ARGV[1] == '' and serverMs or tonumber(ARGV[1])
local function whole(number) return string.format('%.0f', number) end
local function versionOf(key)
  local version = redis.call('ZSCORE', order, key)
  if not version then return nil end
  local ends = redis.call('ZSCORE', expiry, key)
  if ends and tonumber(ends) <= now then return nil end
  return whole(version), ends and whole(ends) or ''
end
local function forget(key)
  local size = redis.call('HSTRLEN', values, key)
  if redis.call('ZREM', order, key) == 1 then redis.call('HINCRBY', total, 'bytes', -(size + #key)) end
  redis.call('HDEL', values, key)
  redis.call('ZREM', expiry, key)
  redis.call('ZREM', names, key)
end
`;

const GET = `
local version, ends = versionOf(ARGV[2])
local bytes = redis.call('HGET', values, ARGV[2])
if not version or not bytes then return false end
return {bytes, version, ends}
`;

/** Arguments: key, condition (`any`, `absent`, or `is` with a version), bytes, ttl, most keys, most bytes, what when full. */
const PUT = `
local key, condition, wanted, bytes, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local keysMax, bytesMax, drops = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == 'drop-oldest'
local known = versionOf(key)
if condition == 'absent' and known then return false end
if condition == 'is' and known ~= wanted then return false end
local own = redis.call('ZSCORE', order, key)
local addedKeys = own and 0 or 1
local addedBytes = #bytes + (own and -redis.call('HSTRLEN', values, key) or #key)
local function isOver()
  local used = tonumber(redis.call('HGET', total, 'bytes') or 0)
  return redis.call('ZCARD', order) + addedKeys > keysMax or used + addedBytes > bytesMax
end
if isOver() then
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', whole(now))) do
    if other ~= key then forget(other) end
  end
  if isOver() and not drops then return 'full' end
  while isOver() do
    local oldest = redis.call('ZRANGE', order, 0, 1)
    local other = oldest[1] ~= key and oldest[1] or oldest[2]
    if not other then return 'full' end
    forget(other)
  end
end
-- First of all: where the server has no memory left, it refuses here, before anything has changed.
redis.call('HSET', values, key, bytes)
-- A server that has lost everything begins above all numbers that it can have given before.
if redis.call('HEXISTS', total, 'version') == 0 then redis.call('HSET', total, 'version', whole(serverMs * 1024)) end
local version = redis.call('HINCRBY', total, 'version', 1)
redis.call('HINCRBY', total, 'bytes', addedBytes)
redis.call('ZADD', order, whole(version), key)
redis.call('ZADD', names, 0, key)
if ttl == '' then redis.call('ZREM', expiry, key) else redis.call('ZADD', expiry, whole(now + tonumber(ttl)), key) end
return whole(version)
`;

const REMOVE = `
local key, wanted = ARGV[2], ARGV[3]
local known = versionOf(key)
if not known or (wanted ~= '' and known ~= wanted) then return 0 end
forget(key)
return 1
`;

/** Arguments: first and behind-the-last name as `ZRANGEBYLEX` takes them, limit. */
const LIST = `
local limit, found, at = tonumber(ARGV[4]), {}, 0
while #found < limit * 4 do
  local page = redis.call('ZRANGEBYLEX', names, ARGV[2], ARGV[3], 'LIMIT', at, limit)
  if #page == 0 then break end
  at = at + #page
  for _, key in ipairs(page) do
    local version, ends = versionOf(key)
    if version and #found < limit * 4 then
      for _, part in ipairs({key, version, ends, whole(redis.call('HSTRLEN', values, key))}) do
        found[#found + 1] = part
      end
    end
  end
end
return found
`;

function toScript(body: string): RedisScript {
  const lua = `${HEAD}${body}`;
  return { lua, id: hash('sha1', lua, 'hex') };
}

export const STORE_SCRIPTS: Readonly<Record<'get' | 'put' | 'remove' | 'list', RedisScript>> = {
  get: toScript(GET),
  put: toScript(PUT),
  remove: toScript(REMOVE),
  list: toScript(LIST),
};
