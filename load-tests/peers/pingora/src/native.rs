//! The four-part job, as somebody writes it who knows Pingora well and needs no filters.
//!
//! Everything is decided in one look at the request; no more is done than the job asks for, and
//! nothing less than the filters do.

mod client; // who is asking
mod places; // where that is

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use edgeloom_peer_job::{Variant, is_internal, is_north, without_prefix};
use http::header::{COOKIE, HeaderName, HeaderValue, SERVER, SET_COOKIE};
use pingora_core::Result;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{ProxyHttp, Session};

use places::{Place, Places};

pub(crate) struct Native {
    north: HttpPeer,
    south: HttpPeer,
    places: Places,
}

impl Native {
    /// # Errors
    ///
    /// Where the database can not be read.
    pub(crate) fn new(north: SocketAddr, south: SocketAddr, database: &Path) -> anyhow::Result<Self> {
        Ok(Self { north: peer(north), south: peer(south), places: Places::open(database)? })
    }
}

/// An endpoint, with the timeouts that the edge has for its own.
fn peer(address: SocketAddr) -> HttpPeer {
    let mut peer = HttpPeer::new(address, false, String::new());
    peer.options.connection_timeout = Some(Duration::from_secs(1));
    peer.options.total_connection_timeout = Some(Duration::from_secs(1));
    peer.options.read_timeout = Some(Duration::from_secs(30));
    peer.options.write_timeout = Some(Duration::from_secs(30));
    peer.options.idle_timeout = Some(Duration::from_secs(60));
    peer
}

/// What a request decides for its response and for its way.
#[derive(Default)]
pub(crate) struct Decided {
    is_north: bool,
    /// The variant, where the client has no cookie of it yet.
    drawn: Option<Variant>,
}

#[async_trait]
impl ProxyHttp for Native {
    type CTX = Decided;

    fn new_ctx(&self) -> Decided {
        Decided::default()
    }

    /// None: compression is not part of the job.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, decided: &mut Decided) -> Result<bool> {
        let client = client::of(session);
        let place = self.places.find(client);
        // Of digits, letters, dots and colons.
        let client = HeaderValue::try_from(client.to_string())
            .unwrap_or_else(|_illegal| HeaderValue::from_static("unknown"));
        let head = session.req_header_mut();
        decided.is_north = place.country.as_ref().is_some_and(|country| is_north(country.as_bytes()));
        tell_place(head, place)?;
        let variant = assign(head, &client, decided);
        head.insert_header("x-ab-checkout", HeaderValue::from_static(variant.name()))?;
        strip_prefix(head);
        tidy(head, client)?;
        Ok(false)
    }

    async fn upstream_peer(&self, _: &mut Session, decided: &mut Decided) -> Result<Box<HttpPeer>> {
        Ok(Box::new(if decided.is_north { self.north.clone() } else { self.south.clone() }))
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        head: &mut ResponseHeader,
        decided: &mut Decided,
    ) -> Result<()> {
        if let Some(variant) = decided.drawn {
            head.append_header(SET_COOKIE, HeaderValue::from_static(variant.cookie()))?;
        }
        head.remove_header(&SERVER);
        head.remove_header("x-powered-by");
        head.insert_header("x-served-by", HeaderValue::from_static("pingora"))
    }
}

/// What a client says of its own place is replaced, or removed where nothing is known.
fn tell_place(head: &mut RequestHeader, place: Place) -> Result<()> {
    for (name, value) in [("x-geo-country", place.country), ("x-geo-city", place.city)] {
        match value {
            Some(value) => head.insert_header(name, value)?,
            None => drop(head.remove_header(name)),
        }
    }
    Ok(())
}

fn assign(head: &RequestHeader, client: &HeaderValue, decided: &mut Decided) -> Variant {
    let mut cookies = head.headers.get_all(COOKIE).iter();
    cookies.find_map(|line| Variant::kept(line.as_bytes())).unwrap_or_else(|| {
        let drawn = Variant::drawn(client.as_bytes());
        decided.drawn = Some(drawn);
        drawn
    })
}

fn strip_prefix(head: &mut RequestHeader) {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    // What is left of a target that was parsed can be parsed.
    if let Some(Ok(uri)) = without_prefix(target).map(http::Uri::try_from) {
        head.set_uri(uri);
    }
}

fn tidy(head: &mut RequestHeader, client: HeaderValue) -> Result<()> {
    let internal: Vec<HeaderName> =
        head.headers.keys().filter(|name| is_internal(name.as_str().as_bytes())).cloned().collect();
    for name in &internal {
        head.remove_header(name);
    }
    head.insert_header("x-edge", HeaderValue::from_static("pingora"))?;
    head.insert_header("x-client", client)
}
