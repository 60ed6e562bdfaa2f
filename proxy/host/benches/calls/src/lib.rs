//! Makes one host call, again and again: the guest that tells what each kind costs.
use std::hint::black_box;
use std::net::IpAddr;

use edgeloom_sdk::{Cluster, Edits, HeaderName, Request, Settings, filter, geo, header, log};

#[derive(Settings)]
#[settings(from = Written)]
struct Calls {
    call: Call,
    /// `x-0` and so on, one for each call, so that no edit finds the work of another.
    names: Vec<HeaderName>,
    cluster: Cluster,
}

#[derive(Settings)]
struct Written {
    call: Call,
    times: u32,
    cluster: Cluster,
}

/// What is called.
#[derive(Clone, Copy, Settings)]
enum Call {
    Nothing,
    Client,
    Id,
    Method,
    Host,
    Path,
    Query,
    Target,
    Header,
    Headers,
    Fact,
    SetPath,
    SetHeader,
    AddHeader,
    RemoveHeader,
    Apply,
    RouteTo,
    Country,
    Locate,
    Log,
}

impl TryFrom<Written> for Calls {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let name = |n: u32| HeaderName::new(["x-", &n.to_string()].concat());
        let names = (0..written.times).map(name).collect::<Result<_, _>>();
        let names = names.map_err(|_illegal| "a name is illegal".to_owned())?;
        Ok(Self { call: written.call, names, cluster: written.cluster })
    }
}

#[filter]
impl Calls {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        let visitor = IpAddr::from([89, 160, 20, 112]);
        match self.call {
            Call::Nothing => {}
            Call::Client => self.each(|_| request.client()),
            Call::Id => self.each(|_| request.id()),
            Call::Method => self.each(|_| request.method()),
            Call::Host => self.each(|_| request.host()),
            Call::Path => self.each(|_| request.path()),
            Call::Query => self.each(|_| request.query()),
            Call::Target => self.each(|_| request.target()),
            Call::Header => self.each(|_| request.header("cookie")),
            Call::Headers => self.each(|_| request.headers()),
            Call::Fact => self.each(|_| request.fact("geo.city")),
            Call::SetPath => self.each(|_| request.set_path("/articles/swedish-wood?page=2")),
            Call::SetHeader => self.each(|name| request.set_header(name, "Stockholm")),
            Call::AddHeader => self.each(|name| request.add_header(name, "Stockholm")),
            Call::RemoveHeader => self.each(|name| request.remove_header(name)),
            Call::Apply => self.each(|name| {
                let mut edits = Edits::with_capacity(3);
                edits.set(name, "SE").add(name, "Stockholm").remove(header!("x-debug"));
                request.apply(&edits);
            }),
            Call::RouteTo => self.each(|_| request.route_to(&self.cluster)),
            Call::Country => self.each(|_| geo::country(visitor)),
            Call::Locate => self.each(|_| geo::locate(visitor)),
            Call::Log => self.each(|_| log::info("a visitor from Stockholm was sent north")),
        }
    }
}

impl Calls {
    fn each<R>(&self, mut call: impl FnMut(&HeaderName) -> R) {
        for name in &self.names {
            black_box(call(name));
        }
    }
}
