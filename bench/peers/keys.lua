-- wrk: goes round the keys of the file KEYS (key and site a line) on the path of PATH_OF ("api": /api/<site>/items).
local requests, count, at = {}, 0, 0
function init(args)
  for line in io.lines(os.getenv("KEYS")) do
    local key, site = line:match("^(%S+) (%S+)")
    count = count + 1
    local path = os.getenv("FIXED_PATH") or ("/api/" .. site .. "/items")
    requests[count] = wrk.format("GET", path, { ["X-API-KEY"] = key, ["Host"] = "127.0.0.1" })
  end
end
function request()
  at = at % count + 1
  return requests[at]
end
-- With PAUSE_MS a connection waits before each request: a load below what the server can do.
local pause = tonumber(os.getenv("PAUSE_MS") or "0")
if pause > 0 then
  function delay() return pause end
end
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format('JSON {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
