-- One decision about one window. KEYS: the counter, "<minute>:<count>". ARGV: the limit; how many are wanted, 0 to only look.
-- Gives the window's minute, its count, how many were taken, and the milliseconds until it ends.
-- The rule is `keyward_domain::take`: a window one minute ahead stays (another clock read it a moment later), one further
-- ahead means that the clock was set back, and begins anew.
local time = redis.call('TIME')
local seconds = tonumber(time[1])
local minute = math.floor(seconds / 60)
local window, used = minute, 0
local value = redis.pcall('GET', KEYS[1])
-- A list, or whatever else somebody put in its place, is no count, like a text that is none: SET takes its place.
if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then
  return value
end
if type(value) == 'string' then
  local stored, count = string.match(value, '^(%d+):(%d+)$')
  stored, count = tonumber(stored), tonumber(count)
  if stored and (stored == minute or stored == minute + 1) then
    window, used = stored, count
  end
end
local taken = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[1]) - used))
local left = (window + 1) * 60000 - seconds * 1000 - math.floor(tonumber(time[2]) / 1000)
if taken > 0 then
  used = used + taken
  -- It stays a minute longer than its window, so that a clock that is set back a little finds it.
  redis.call('SET', KEYS[1], string.format('%d:%d', window, used), 'PX', left + 60000)
end
return {window, used, taken, left}
