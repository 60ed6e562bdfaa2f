-- The parts of the job that nginx's own directives do not do: the sticky experiment, the route, and
-- removing request headers by the beginning of their names.
local ngx = ngx
local byte, lower, sub = string.byte, string.lower, string.sub

local north = { DK = true, FI = true, IS = true, NO = true, SE = true }
local kept = { ["checkout.blue"] = "blue", ["checkout.green"] = "green" }
local cookies = {
    blue = "ab=checkout.blue; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
    green = "ab=checkout.green; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
}

local job = {}

-- A visitor with a good cookie keeps its variant, any other is drawn one by a stable hash.
local function assign(var)
    local variant = kept[var.cookie_ab]
    if not variant then
        variant = ngx.crc32_short("checkout" .. var.remote_addr) % 2 == 0 and "blue" or "green"
        var.fresh_cookie = cookies[variant]
    end
    var.variant = variant
end

local function route(var)
    if north[var.country] then
        var.cluster = "north"
    end
    local uri = var.uri
    if sub(uri, 1, 6) == "/shop/" then
        ngx.req.set_uri(sub(uri, 6))
    end
end

local function tidy()
    -- Raw: without the metatable that makes look-ups forgiving, which is not needed here.
    for name in pairs(ngx.req.get_headers(0, true)) do
        if (byte(name) == 120 or byte(name) == 88) and lower(sub(name, 1, 11)) == "x-internal-" then
            ngx.req.clear_header(name)
        end
    end
end

function job.request()
    local var = ngx.var
    assign(var)
    route(var)
    tidy()
end

return job
