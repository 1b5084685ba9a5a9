-- One decision about one window. KEYS: the counter, "<minute>:<count>" or "<minute>:<count>:<lent>". ARGV: the limit; how many are
-- wanted at once, 0 to only look; how many more the node would hold beforehand; the window of which it has used some that it held,
-- and how many since it told so last.
-- Gives the window's minute, its count, how many were taken, and the milliseconds until it ends.
-- The rule is `keyward_domain::take`: a window one minute ahead stays (another clock read it a moment later), one further
-- ahead means that the clock was set back, and begins anew.
-- What nodes hold of a window is lost when they end, or are asked no more. So no more is lent than one in a hundred of the limit.
local time = redis.call('TIME')
local limit, wanted, block = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seconds = tonumber(time[1])
local minute = math.floor(seconds / 60)
local window, used, lent = minute, 0, 0
local value = redis.pcall('GET', KEYS[1])
-- A list, or whatever else somebody put in its place, is no count, like a text that is none: SET takes its place.
if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then
  return value
end
if type(value) == 'string' then
  local stored, count, held = string.match(value, '^(%d+):(%d+):?(%d*)$')
  stored, count = tonumber(stored), tonumber(count)
  if stored and (stored == minute or stored == minute + 1) then
    window, used, lent = stored, count, tonumber(held) or 0
  end
end
local spent = 0
if tonumber(ARGV[4]) == window then
  spent = math.min(lent, tonumber(ARGV[5]))
end
lent = lent - spent
local taken = math.max(0, math.min(wanted, limit - used))
local more = math.max(0, math.min(block, limit - used - taken, math.floor(limit / 100) - lent))
local left = (window + 1) * 60000 - seconds * 1000 - math.floor(tonumber(time[2]) / 1000)
if taken + more + spent > 0 then
  used, lent = used + taken + more, lent + more
  value = string.format('%d:%d', window, used)
  if lent > 0 then
    value = value .. ':' .. lent
  end
  -- It stays a minute longer than its window, so that a clock that is set back a little finds it.
  redis.call('SET', KEYS[1], value, 'PX', left + 60000)
end
return {window, used, taken + more, left}
