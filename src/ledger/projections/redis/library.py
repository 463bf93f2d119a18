"""The functions that run inside Redis: each call is atomic, guarded by version and by the writer's generation.

`ledger_claim` makes its caller the one writer: a later claim fences it. `ledger_apply` writes entities and the offset of
one journal in one step; an entity whose stored version is newer is left alone, so a resend and a late write change
nothing (I-42). An offset that is missing, or is not the one that the writer last saw, is told and never guessed. Redis
does not roll a script back, so each call looks at everything before its first write.

An entry is packed with msgpack as [kind, key, version, ttl_ms, guard, values...]: `h` a hash whose fields replace the
old ones, `z` a sorted set (score, member, ...), `d` a key to be removed. The version of a sorted set is that of its
companion hash `guard`; where that one may live on another node (`guard` empty), it is a member "@version" of the set
itself, placed behind every level.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

NAME: Final = "ledger_projection"
CODE: Final = """
local function guard_member(key)
  for _, edge in ipairs({redis.call('ZRANGE', key, 0, 0)[1], redis.call('ZRANGE', key, -1, -1)[1]}) do
    if edge and string.sub(edge, 1, 1) == '@' then return tonumber(string.sub(edge, 2)) end
  end
  return nil
end

local function is(key, kind) return redis.call('TYPE', key).ok == kind end

local function stored_version(entry)
  local key = entry[2]
  if entry[1] == 'z' then
    if entry[5] == '' then return is(key, 'zset') and guard_member(key) or nil end
    key = entry[5]
  end
  return is(key, 'hash') and tonumber(redis.call('HGET', key, 'version') or '') or nil
end

local function write(entry)
  local key, ttl = entry[2], entry[4]
  redis.call('DEL', key)
  if entry[1] == 'd' then return end
  local i = 6
  while i <= #entry do
    local last = math.min(i + 199, #entry)
    redis.call(entry[1] == 'z' and 'ZADD' or 'HSET', key, unpack(entry, i, last))
    i = last + 1
  end
  if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
end

local function write_all(packed)
  local entries, due, written = cmsgpack.unpack(packed), {}, 0
  for i, entry in ipairs(entries) do
    local version = stored_version(entry)
    due[i] = version == nil or version <= entry[3]
  end
  for i, entry in ipairs(entries) do
    if due[i] then write(entry); written = written + 1 end
  end
  return written
end

-- keys: offset. args: lineage, who.
local function claim(keys, args)
  local held = redis.call('HGET', keys[1], 'lineage')
  if held and held ~= args[1] then return {'LINEAGE', held} end
  local generation = redis.call('HINCRBY', keys[1], 'generation', 1)
  redis.call('HSET', keys[1], 'lineage', args[1], 'writer', args[2])
  return {'OK', tostring(generation)}
end

-- keys: offset, then every key written. args: lineage, generation, journal, offset as last seen ('' for none),
-- new offset, packed entries.
local function apply(keys, args)
  local held = redis.call('HMGET', keys[1], 'lineage', 'generation', args[3])
  if not held[1] then return {'LOST', ''} end
  if held[1] ~= args[1] then return {'LINEAGE', held[1]} end
  if held[2] ~= args[2] then return {'FENCED', held[2]} end
  if (held[3] or '') ~= args[4] then return {'LOST', held[3] or ''} end
  local written = write_all(args[6])
  redis.call('HSET', keys[1], args[3], args[5])
  return {'OK', tostring(written)}
end

-- keys: those of one slot. args: packed entries. Without an offset, which a cluster keeps apart.
local function put(keys, args)
  return {'OK', tostring(write_all(args[1]))}
end

local function content(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'hash' then return {key, kind, redis.call('HGETALL', key)} end
  if kind == 'zset' then return {key, kind, redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')} end
  return {key, kind, {}}
end

-- keys: offset. args: journal, then patterns. Everything that matches, at one moment; not for a cluster.
local function dump(keys, args)
  local found = {redis.call('HGET', keys[1], args[1]) or ''}
  for i = 2, #args do
    for _, key in ipairs(redis.call('KEYS', args[i])) do table.insert(found, content(key)) end
  end
  return found
end

-- keys: offset, then those to be shown. args: journal. What is there of them, at one moment.
local function pick(keys, args)
  local found = {redis.call('HGET', keys[1], args[1]) or ''}
  for i = 2, #keys do
    if redis.call('EXISTS', keys[i]) == 1 then table.insert(found, content(keys[i])) end
  end
  return found
end

redis.register_function('ledger_claim', claim)
redis.register_function('ledger_apply', apply)
redis.register_function('ledger_put', put)
redis.register_function('ledger_dump', dump)
redis.register_function('ledger_pick', pick)
"""
SOURCE: Final = f"#!lua name={NAME}\n-- {sha256(CODE.encode()).hexdigest()[:16]}\n{CODE}"
