//! The contract's bindings. Generated code lowers and lifts by the canonical ABI, which is unsafe by nature.
#![allow(unsafe_code, missing_docs, clippy::all, reason = "generated from sdk/wit; see wit-bindgen")]

use std::mem::ManuallyDrop;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use crate::refusal::Refused;
use crate::verdict::{OnRequest, OnResponse, Verdict};
use crate::{Answer, Client, Edits, HeaderName, Refusal, Settings};

mod lowered;

mod imports {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world imports { import edgeloom:filter/http@0.1.0; }",
        generate_all,
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
#[cfg(feature = "geo")]
mod geo {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world geo { import edgeloom:grants/geo@0.1.0; }",
        with: {
            "edgeloom:filter/http@0.1.0": super::http,
            "edgeloom:grants/geo@0.1.0": generate,
        },
    });
}
#[cfg(feature = "log")]
mod log {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world log { import edgeloom:grants/log@0.1.0; }",
        generate_all,
    });
}

#[cfg(feature = "tls")]
mod tls {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world tls { import edgeloom:grants/tls@0.1.0; }",
        generate_all,
    });
}

// A guest exports the interfaces of the phases that it has, and each brings
// its own description; `wit-component` makes the union of them.
pub mod setup {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world setup { export edgeloom:filter/setup@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_setup",
        disable_run_ctors_once_workaround: true,
    });
    pub use exports::edgeloom::filter::setup::Guest;
}
pub mod request_phase {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world request { export edgeloom:filter/request-phase@0.1.0; }",
        with: { "edgeloom:filter/http@0.1.0": crate::wire::http },
        ownership: Borrowing { duplicate_if_necessary: true },
        pub_export_macro: true,
        export_macro_name: "export_request",
        disable_run_ctors_once_workaround: true,
    });
    pub use crate::wire::http::Request;
    pub use exports::edgeloom::filter::request_phase::{Guest, Verdict};
}
pub mod response_phase {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package edgeloom:sdk; world response { export edgeloom:filter/response-phase@0.1.0; }",
        with: { "edgeloom:filter/http@0.1.0": crate::wire::http },
        ownership: Borrowing { duplicate_if_necessary: true },
        pub_export_macro: true,
        export_macro_name: "export_response",
        disable_run_ctors_once_workaround: true,
    });
    pub use crate::wire::http::Response;
    pub use exports::edgeloom::filter::response_phase::Guest;
}

pub(crate) use imports::edgeloom::filter::http;

/// Where a guest keeps its filter: filled by `configure`, then frozen with the rest of its memory.
pub struct Slot<F>(OnceLock<F>);

impl<F> Slot<F> {
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn filter(&self) -> Result<&F, String> {
        self.0.get().ok_or_else(|| "called before it was configured".to_owned())
    }
}

impl<F: Settings> Slot<F> {
    pub fn configure(&self, settings: &str) -> Result<(), String> {
        let filter = F::from_json(settings).map_err(|error| error.into_string())?;
        self.0.set(filter).map_err(|_| "configured twice".to_owned())?;
        // Calls start from a copy of this memory. Room that is free at its end
        // now need not be asked for by every one of them.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(HEAP_ROOM)));
        Ok(())
    }
}

/// What a call usually needs for the headers it reads and the edits it makes.
const HEAP_ROOM: usize = 8 * 1024;

impl<F: OnRequest> Slot<F> {
    pub fn on_request(&self, request: &http::Request) -> Result<request_phase::Verdict, String> {
        let mut request = crate::Request { wire: Request::lent(request), refused: Refused::default() };
        match crate::verdict::verdict(self.filter()?, &mut request)? {
            Verdict::Proceed(memo) if memo.is_empty() && !F::RESPONDS_WITHOUT_MEMO => {
                Ok(request_phase::Verdict::Done)
            }
            Verdict::Proceed(memo) => Ok(request_phase::Verdict::Proceed(memo)),
            Verdict::Answer(answer) => Ok(request_phase::Verdict::Answer(lower(answer))),
        }
    }
}

impl<F: OnResponse> Slot<F> {
    pub fn on_response(&self, response: &http::Response, memo: &[u8]) -> Result<(), String> {
        let mut response = crate::Response { wire: Response::lent(response), refused: Refused::default() };
        crate::verdict::outcome(self.filter()?, &mut response, memo)
    }
}

/// The lent request. Not dropped: the glue that was called gives the handle back.
#[derive(Debug)]
pub(crate) struct Request(ManuallyDrop<http::Request>);

impl Request {
    fn lent(request: &http::Request) -> Self {
        // SAFETY: the handle is valid until the glue returns, and this copy of it does not outlive
        // the call: a filter's method gets it by reference. `ManuallyDrop` leaves dropping to the glue.
        Self(ManuallyDrop::new(unsafe { http::Request::from_handle(request.handle()) }))
    }

    pub(crate) fn client(&self) -> Client {
        let http::Client { address, secure } = self.0.client();
        let address = match address {
            http::Address::Ipv4((a, b, c, d)) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            http::Address::Ipv6((a, b, c, d, e, f, g, h)) => {
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
            }
        };
        Client { address, secure }
    }

    pub(crate) fn id(&self) -> String {
        self.0.id()
    }

    pub(crate) fn method(&self) -> String {
        self.0.method()
    }

    pub(crate) fn host(&self) -> String {
        self.0.host()
    }

    pub(crate) fn path(&self) -> String {
        self.0.path()
    }

    pub(crate) fn query(&self) -> Option<String> {
        self.0.query()
    }

    pub(crate) fn target(&self) -> String {
        self.0.target()
    }

    pub(crate) fn set_path(&mut self, path_and_query: &str) -> Result<(), Refusal> {
        self.0.set_path(path_and_query).map_err(Refusal::from)
    }

    pub(crate) fn route_to(&mut self, cluster: &str) -> Result<(), Refusal> {
        self.0.route_to(cluster).map_err(Refusal::from)
    }
}

/// The lent response.
#[derive(Debug)]
pub(crate) struct Response(ManuallyDrop<http::Response>);

impl Response {
    fn lent(response: &http::Response) -> Self {
        // SAFETY: as for `Request::lent`.
        Self(ManuallyDrop::new(unsafe { http::Response::from_handle(response.handle()) }))
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    pub(crate) fn set_status(&mut self, status: u16) -> Result<(), Refusal> {
        self.0.set_status(status).map_err(Refusal::from)
    }
}

/// What both heads can do.
macro_rules! head {
    ($head:ident, $apply:path) => {
        impl $head {
            pub(crate) fn apply(&mut self, edits: &Edits<'_>) -> Result<(), Refusal> {
                $apply(&self.0, edits)
            }

            pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
                self.0.header(name)
            }

            pub(crate) fn headers(&self) -> Vec<(HeaderName, Vec<u8>)> {
                let headers = self.0.headers().into_iter();
                headers.map(|header| (HeaderName::checked(header.name), header.value)).collect()
            }

            pub(crate) fn fact(&self, name: &str) -> Option<String> {
                self.0.fact(name)
            }

            pub(crate) fn set_header(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
                self.0.set_header(name, value).map_err(Refusal::from)
            }

            pub(crate) fn add_header(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
                self.0.add_header(name, value).map_err(Refusal::from)
            }

            pub(crate) fn remove_header(&mut self, name: &str) -> Result<(), Refusal> {
                self.0.remove_header(name).map_err(Refusal::from)
            }
        }
    };
}

head!(Request, lowered::to_request);
head!(Response, lowered::to_response);

fn lower(answer: Answer) -> http::Answer {
    let headers = answer.headers.into_iter();
    http::Answer {
        status: answer.status,
        headers: headers
            .map(|(name, value)| http::HeaderResult { name: name.into_string(), value })
            .collect(),
        body: answer.body,
    }
}

impl From<http::Refusal> for Refusal {
    fn from(refusal: http::Refusal) -> Self {
        match refusal {
            http::Refusal::Malformed => Self::Malformed,
            http::Refusal::Reserved => Self::Reserved,
            http::Refusal::TooLarge => Self::TooLarge,
            http::Refusal::NotGranted => Self::NotGranted,
        }
    }
}

#[cfg(feature = "geo")]
mod grant_geo {
    use std::net::IpAddr;

    use super::geo::edgeloom::grants::geo;
    use super::http::Address;
    use crate::Country;
    use crate::geo::Place;

    pub(crate) fn locate(address: IpAddr) -> Option<Place> {
        let place = geo::locate(lower(address))?;
        Some(Place {
            country: country_of(place.country),
            country_name: place.country_name,
            eu: place.eu,
            continent: place.continent,
            region: place.region,
            region_name: place.region_name,
            city: place.city,
            postal_code: place.postal_code,
            latitude: place.latitude,
            longitude: place.longitude,
            time_zone: place.time_zone,
            asn: place.asn,
            as_organization: place.as_organization,
        })
    }

    pub(crate) fn country(address: IpAddr) -> Option<Country> {
        country_of(geo::country(lower(address)))
    }

    fn country_of(code: Option<String>) -> Option<Country> {
        code?.parse().ok()
    }

    fn lower(address: IpAddr) -> Address {
        match address {
            IpAddr::V4(address) => Address::Ipv4(address.octets().into()),
            IpAddr::V6(address) => Address::Ipv6(address.segments().into()),
        }
    }
}
#[cfg(feature = "geo")]
pub(crate) use grant_geo::{country, locate};

#[cfg(feature = "log")]
pub(crate) fn log(level: crate::log::Level, message: &str) {
    use crate::log::Level;
    use log::edgeloom::grants::log;

    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::write(level, message);
}

#[cfg(feature = "tls")]
mod grant_tls {
    use super::tls::edgeloom::grants::tls;
    use crate::tls::{AlternativeName, ClientCertificate, Connection};

    pub(crate) fn connection() -> Option<Connection> {
        let tls::TlsConnection { version, cipher, server_name } = tls::connection()?;
        Some(Connection { version, cipher, server_name })
    }

    pub(crate) fn certificate() -> Option<ClientCertificate> {
        let tls::ClientCertificate { subject, sha256 } = tls::certificate()?;
        Some(ClientCertificate { subject, sha256 })
    }

    pub(crate) fn names() -> Vec<AlternativeName> {
        let known = |tls::AlternativeName { kind, name }: tls::AlternativeName| match &*kind {
            "dns" => Some(AlternativeName::Dns(name)),
            "email" => Some(AlternativeName::Email(name)),
            "uri" => Some(AlternativeName::Uri(name)),
            "ip" => Some(AlternativeName::Ip(name)),
            // Of a proxy that is newer than this crate.
            _ => None,
        };
        tls::names().into_iter().filter_map(known).collect()
    }
}
#[cfg(feature = "tls")]
pub(crate) use grant_tls::{certificate, connection, names};
