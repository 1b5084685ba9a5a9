-- Asks Keyward's authz plane about each request: the action `http-request lua.keyward`. Whatever goes wrong, nobody passes.

local AUTHZ = os.getenv("KEYWARD_AUTHZ")
local URL = "http://" .. AUTHZ .. "/authz/forward-auth"
local TIMEOUT_MS = 2000
local AWAY = '{"type":"about:blank","title":"Not available","status":503,"code":"unavailable",'
  .. '"detail":"API keys cannot be checked now. Try again."}'
local BAD = '{"type":"about:blank","title":"Bad request","status":400,"code":"bad_request",'
  .. '"detail":"Connection lists a field that may not be listed."}'

-- Fields of one connection alone.
local HOP = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true,
}

-- What is granted tells these, and the API gets them.
local IDENTITY = { "x-keyward-key-id", "x-keyward-user-id", "x-keyward-use-case", "x-keyward-site", "x-keyward-request-id" }

-- For the client, when a request is granted: haproxy.cfg puts these variables on the answer.
local TOLD = {
  limit = "x-ratelimit-limit", remaining = "x-ratelimit-remaining", reset = "x-ratelimit-reset",
  cors_origin = "access-control-allow-origin", cors_expose = "access-control-expose-headers",
}

-- Fields that a client may not say: who is calling in Keyward's name, where a request comes from, what changes its method or
-- path, or the proxy of a program of CGI. The name is looked at in lower case, with every other sign taken for `-`, as some servers do.
local FORGED = {
  "^x%-keyward%-", "^x%-forwarded", "^forwarded$", "real%-?ip$", "client%-?ip$", "forwarded%-for$", "forwarder%-for$",
  "forward%-for$", "connecting%-ip", "remote%-ip$", "remote%-addr$", "originating%-ip$", "original%-ip$", "user%-ip$",
  "^x%-scheme$", "^x%-url%-scheme$", "^front%-end%-https$", "^x%-host$", "^x%-original%-", "^x%-http%-host",
  "^x%-http%-method", "^x%-http%-path", "^x%-method%-override$", "^x%-rewrite%-", "^x%-override%-", "^x%-request%-uri$",
  "^x%-envoy%-", "^x%-waws%-", "^proxy$",
}

local function is_forged(name)
  local folded = name:lower():gsub("[^a-z0-9]", "-")
  -- A name with other signs is one that some servers take for a plain one: for that of the key, of the site, of a length.
  if folded ~= name:lower() then
    return true
  end
  for _, pattern in ipairs(FORGED) do
    if folded:find(pattern) then
      return true
    end
  end
  return false
end

local function answer(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for name, values in pairs(headers) do
    for _, value in pairs(values) do
      reply:add_header(name, value)
    end
  end
  reply:set_body(body)
  txn:done(reply)
end

local function problem(txn, status, body)
  answer(txn, status, {
    ["content-type"] = { "application/problem+json" },
    ["cache-control"] = { "no-store" },
    ["retry-after"] = status == 503 and { "1" } or nil,
  }, body)
end

-- Whether `Connection` says more than that a connection ends or stays.
local function lists_fields(headers)
  for _, value in pairs(headers["connection"] or {}) do
    for word in value:gmatch("[^,]+") do
      local plain = word:lower():match("^%s*(.-)%s*$")
      if plain ~= "close" and plain ~= "keep-alive" and plain ~= "" then
        return true
      end
    end
  end
  return false
end

-- The client's own fields, without what it may not say, and what was asked.
local function question(txn, headers)
  local asked = {}
  for name, values in pairs(headers) do
    if not HOP[name] and not is_forged(name) then
      local list = {}
      for _, value in pairs(values) do
        list[#list + 1] = value
      end
      asked[name] = list
    end
  end
  asked["x-forwarded-method"] = { txn.f:method() }
  asked["x-forwarded-uri"] = { txn.f:url() }
  asked["x-forwarded-for"] = { txn.f:src() }
  asked["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  local host = {}
  for _, value in pairs(headers["host"] or {}) do
    host[#host + 1] = value
  end
  asked["x-forwarded-host"] = host
  return asked
end

local function first(headers, name)
  local values = headers and headers[name]
  return values and values[0]
end

local function go_on(txn, headers, told)
  for name, _ in pairs(headers) do
    -- Nothing is announced, and nothing asked for, in trailers: nobody looks at what they say.
    if name == "x-api-key" or name == "trailer" or name == "te" or is_forged(name) then
      txn.http:req_del_header(name)
    end
  end
  for _, name in ipairs(IDENTITY) do
    local value = first(told, name)
    if value then
      txn.http:req_set_header(name, value)
    end
  end
  if first(told, "x-keyward-key-id") then
    txn:set_var("txn.keyward_keyed", "1")
  end
  txn.http:req_set_header("x-forwarded-for", txn.f:src())
  for what, name in pairs(TOLD) do
    local value = first(told, name)
    if value then
      txn:set_var("txn.keyward_" .. what, value)
    end
  end
end

core.register_action("keyward", { "http-req" }, function(txn)
  local headers = txn.http:req_get_headers()
  if lists_fields(headers) then
    return problem(txn, 400, BAD)
  end
  local asked = question(txn, headers)
  local done, said = pcall(function()
    return core.httpclient():get({ url = URL, headers = asked, timeout = TIMEOUT_MS })
  end)
  if done and said and said.status == 200 then
    return go_on(txn, headers, said.headers)
  end
  -- HAProxy answers for a Keyward that is away, too; Keyward's own refusals are problem documents.
  local form = done and said and first(said.headers, "content-type")
  if not done or not said or (said.status ~= 204 and form ~= "application/problem+json") then
    return problem(txn, 503, AWAY)
  end
  local told = {}
  for name, values in pairs(said.headers or {}) do
    if not HOP[name] then
      told[name] = values
    end
  end
  return answer(txn, said.status, told, said.body or "")
end)
