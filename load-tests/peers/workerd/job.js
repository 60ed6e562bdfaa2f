// The four-part job.
import database from "places.mmdb";
import { Places } from "places.js";

const places = new Places(database);
const NORTH = new Set(["DK", "FI", "IS", "NO", "SE"]);
const COOKIES = {
  blue: "ab=checkout.blue; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
  green: "ab=checkout.green; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
};

export default {
  async fetch(request, clusters) {
    // Whose connection it is, workerd does not tell: the hop before it is trusted, whoever that is.
    const client = (request.headers.get("x-forwarded-for") ?? "").split(",").at(-1).trim();
    const place = places.find(client);
    const url = new URL(request.url);
    if (url.pathname.startsWith("/shop/")) url.pathname = url.pathname.slice(5);
    const asked = new Request(url, request);
    const headers = asked.headers;
    tell(headers, "x-geo-country", place?.country);
    tell(headers, "x-geo-city", place?.city);
    const kept = keptVariant(headers.get("cookie"));
    const variant = kept ?? drawnVariant(client);
    headers.set("x-ab-checkout", variant);
    for (const name of [...headers.keys()]) {
      if (name.startsWith("x-internal-")) headers.delete(name);
    }
    headers.set("x-edge", "workerd");
    headers.set("x-client", client);

    const cluster = NORTH.has(place?.country) ? clusters.north : clusters.south;
    const answered = await cluster.fetch(asked);
    const response = new Response(answered.body, answered);
    if (kept === undefined) response.headers.append("set-cookie", COOKIES[variant]);
    response.headers.delete("server");
    response.headers.delete("x-powered-by");
    response.headers.set("x-served-by", "workerd");
    return response;
  },
};

// What a client says of its own place is replaced, or removed where nothing is known.
function tell(headers, name, value) {
  if (value) headers.set(name, value);
  else headers.delete(name);
}

// The variant that the cookie remembers, if it is one that exists.
function keptVariant(line) {
  return line?.match(/(?:^|;)\s*ab=checkout\.(blue|green)\s*(?:;|$)/)?.[1];
}

// FNV-1a.
function drawnVariant(client) {
  let hash = 0x811c9dc5;
  for (const letter of "checkout" + client) {
    hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash % 10000 < 5000 ? "blue" : "green";
}
