-- The parts of the job that Envoy's own filters do not do: the sticky experiment, the route, and header
-- rules.
local north = { DK = true, FI = true, IS = true, NO = true, SE = true }
local cookies = {
    blue = "ab=checkout.blue; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
    green = "ab=checkout.green; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
}
local METADATA = "envoy.filters.http.lua"

-- The variant that the cookie remembers, if it is one that exists.
local function kept(line)
    local variant = line and string.match("; " .. line, ";%s*ab=checkout%.(%l+)%f[;%z]")
    return cookies[variant or ""] and variant
end

-- FNV-1a, with the multiplication by its prime in parts that a double holds exactly.
local function drawn(client)
    local hash = 2166136261
    for at = 1, #client do
        hash = bit.bxor(hash, string.byte(client, at)) % 4294967296
        hash = (bit.lshift(hash, 24) % 4294967296 + hash * 403) % 4294967296
    end
    return hash % 10000 < 5000 and "blue" or "green"
end

local function assign(handle, headers, client)
    local variant = kept(headers:get("cookie"))
    if not variant then
        variant = drawn("checkout" .. client)
        handle:streamInfo():dynamicMetadata():set(METADATA, "drawn", variant)
    end
    headers:replace("x-ab-checkout", variant)
end

local function route(headers)
    headers:replace("x-cluster", north[headers:get("x-geo-country")] and "north" or "south")
    local target = headers:get(":path")
    if string.sub(target, 1, 6) == "/shop/" then
        headers:replace(":path", string.sub(target, 6))
    end
end

local function tidy(headers, client)
    -- What is iterated over can not be changed.
    local internal = {}
    for name in pairs(headers) do
        if string.sub(name, 1, 11) == "x-internal-" then
            internal[#internal + 1] = name
        end
    end
    for _, name in ipairs(internal) do
        headers:remove(name)
    end
    headers:replace("x-edge", "envoy")
    headers:replace("x-client", client)
end

function envoy_on_request(handle)
    local headers = handle:headers()
    -- With a port behind it.
    local client = string.match(handle:streamInfo():downstreamRemoteAddress(), "^%[?(.-)%]?:%d+$")
    assign(handle, headers, client)
    route(headers)
    tidy(headers, client)
end

function envoy_on_response(handle)
    local headers = handle:headers()
    local decided = handle:streamInfo():dynamicMetadata():get(METADATA)
    if decided then
        headers:add("set-cookie", cookies[decided.drawn])
    end
    headers:remove("server")
    headers:remove("x-powered-by")
    headers:replace("x-served-by", "envoy")
end
