//! What is asked: a visitor of a shop, again and again.

use std::net::SocketAddr;

use edgeloom_testbed::Request;

use crate::atlas::Place;

/// A visitor with a browser's headers.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    place: Place,
    address: String,
    cookie: String,
}

impl Visitor {
    /// Who comes for the first time: with a cookie of the shop, but with none of an experiment.
    pub(crate) fn new(place: Place) -> Self {
        Self { address: place.address.to_string(), place, cookie: "session=0f2c9a417be35d68".to_owned() }
    }

    /// With a cookie of an experiment, as whoever asked it has set it.
    pub(crate) fn with_cookie(self, issued: &str) -> Self {
        let cookie = format!("{}; {COOKIE}={issued}", self.cookie);
        Self { cookie, ..self }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Fourteen lines.
    pub(crate) fn headers(&self) -> Vec<(&'static str, &str)> {
        // The loopback is trusted, so this is the client.
        BROWSER.into_iter().chain([("x-forwarded-for", &*self.address), ("cookie", &*self.cookie)]).collect()
    }

    /// For oha, which makes another path of it for every request.
    pub(crate) fn url_pattern(&self, address: SocketAddr) -> String {
        format!("http://{address}/shop/articles/[a-z]{{8}}\\?page=[1-9]")
    }

    /// As bytes, for a connection of one's own.
    pub(crate) fn head(&self) -> String {
        let lines: String =
            self.headers().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("GET {PATH} HTTP/1.1\r\n{lines}\r\n")
    }

    /// As fields of HTTP/2, for a connection of one's own.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &str)> {
        let pseudo = [(":method", "GET"), (":scheme", "https"), (":path", PATH)];
        let named = |(name, value)| if name == "host" { (":authority", value) } else { (name, value) };
        // The host is the first of the headers, so that what begins with a colon stays together.
        pseudo.into_iter().chain(self.headers().into_iter().map(named)).collect()
    }

    pub(crate) fn request(&self) -> Request {
        let request = Request::get(PATH);
        self.headers().into_iter().fold(request, |request, (name, value)| match name {
            "host" => request.host(value),
            _ => request.header(name, value),
        })
    }
}

const PATH: &str = "/shop/articles/trousers?page=2";

/// [`PATH`] without the prefix that is stripped.
pub(crate) const STRIPPED: &str = "/articles/trousers?page=2";

/// The cookie of the experiment.
pub(crate) const COOKIE: &str = "ab";

/// What browsers send, give or take, without what differs from visitor to visitor.
const BROWSER: [(&str, &str); 12] = [
    ("host", "shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "sv-SE,sv;q=0.8,en-US;q=0.5,en;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "http://shop.example/shop/"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("priority", "u=0, i"),
    ("x-internal-debug", "1"),
];
