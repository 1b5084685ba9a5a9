-- A node says that it is there. KEYS: who was seen lately; a count of all beats. ARGV: the node's name.
-- Gives how many nodes were seen in the last ten seconds, and the count. A count that is lower than it was means that what
-- Redis holds is older than it was, or gone.
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 10)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 10, '+inf')
redis.call('EXPIRE', KEYS[1], 60)
local beats = redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], 86400)
return {redis.call('ZCARD', KEYS[1]), beats}
