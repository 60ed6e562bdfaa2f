//! The lent request and response: what a guest's calls act on.
//!
//! Guest input is hostile. Core checks names, values and targets; here the
//! edits of one `apply` are made all or none, and a cluster only by its grant.

use std::convert::Infallible;
use std::sync::Arc;

use edgeloom_core::client::{Client, Tls};
use edgeloom_core::facts::Facts;
use edgeloom_core::head::{Change, Edit, Headers, Journal, Refusal, RequestHead, ResponseHead, apply};
use edgeloom_core::ids::ClusterId;
use http::HeaderMap;
use http::uri::PathAndQuery;
use wasmtime::component::Resource;

use crate::bindings::http as contract;
use crate::budget::Budget;
use crate::call::Limits;
use crate::direct::{Guest, Reply, Touched};
use crate::filter::Terms;

/// What a filter is shown in the request phase. Moved into the instance's
/// store for the call, and back out.
#[derive(Debug)]
pub struct RequestSubject {
    pub head: RequestHead,
    pub client: Client,
    /// Of the connection that it came on; none in the clear.
    pub tls: Option<Arc<Tls>>,
    pub id: Box<str>,
    pub facts: Facts,
    /// The cluster that a filter chose; the route's own while there is none.
    pub cluster: Option<ClusterId>,
    cluster_before: Option<Option<ClusterId>>,
}

/// What a filter is shown in the response phase.
#[derive(Debug, Default)]
pub struct ResponseSubject {
    pub head: ResponseHead,
    pub facts: Facts,
    /// As in the request.
    pub tls: Option<Arc<Tls>>,
}

impl RequestSubject {
    /// Boxed, as an instance wants it lent: then lending it is an exchange of two pointers.
    pub fn new(head: RequestHead, client: Client, id: Box<str>) -> Box<Self> {
        Box::new(Self {
            head,
            client,
            tls: None,
            id,
            facts: Facts::default(),
            cluster: None,
            cluster_before: None,
        })
    }

    /// Keeps what the call that this journal is of has changed.
    pub(crate) fn commit(&mut self, journal: &mut Journal) {
        self.head.commit();
        self.cluster_before = None;
        journal.commit();
    }

    /// Takes it back.
    pub(crate) fn rollback(&mut self, journal: &mut Journal) {
        self.head.rollback(journal);
        self.facts.rollback(journal);
        if let Some(before) = self.cluster_before.take() {
            self.cluster = before;
        }
    }
}

impl Default for RequestSubject {
    fn default() -> Self {
        let head =
            RequestHead::new(http::Method::GET, "".into(), PathAndQuery::from_static("/"), HeaderMap::new());
        let client = Client { address: std::net::Ipv4Addr::UNSPECIFIED.into(), secure: false };
        let id = "".into();
        Self { head, client, tls: None, id, facts: Facts::default(), cluster: None, cluster_before: None }
    }
}

impl ResponseSubject {
    /// Boxed, as an instance wants it lent.
    pub fn new(head: ResponseHead, facts: Facts) -> Box<Self> {
        Box::new(Self { head, facts, tls: None })
    }

    /// Keeps what the call that this journal is of has changed.
    pub(crate) fn commit(&mut self, journal: &mut Journal) {
        self.head.commit();
        journal.commit();
    }

    /// Takes it back.
    pub(crate) fn rollback(&mut self, journal: &mut Journal) {
        self.head.rollback(journal);
        self.facts.rollback(journal);
    }
}

/// Names the resource that a guest holds; what it stands for is the store's subject.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Request {}
/// Names the resource that a guest holds; what it stands for is the store's subject.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Response {}

/// What a store holds: the filter's permissions, and the subject of the call at hand.
pub(crate) struct CallState {
    /// Of the filter whose instance this is at present.
    pub(crate) terms: Arc<Terms>,
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    pub(crate) log_lines: u32,
    /// The guest's memory, where it is driven directly.
    pub(crate) guest: Option<Guest>,
    /// Where the host wrote into it.
    pub(crate) touched: Touched,
    pub(crate) reply: Reply,
    /// How what the present call edits is taken back.
    pub(crate) journal: Journal,
    pub(crate) request: Box<RequestSubject>,
    pub(crate) response: Box<ResponseSubject>,
}

impl CallState {
    /// Chooses the cluster, if the filter may.
    pub(crate) fn route_to(&mut self, cluster: &str) -> Result<(), Refusal> {
        let id = self.terms.grants.cluster(cluster).ok_or(Refusal::NotGranted)?;
        let before = self.request.cluster.replace(id);
        self.request.cluster_before.get_or_insert(before);
        Ok(())
    }
}

impl contract::Host for CallState {}

impl contract::HostRequest for CallState {
    fn client(&mut self, _: Resource<Request>) -> contract::Client {
        let client = &self.request.client;
        contract::Client { address: client.address.into(), secure: client.secure }
    }

    fn id(&mut self, _: Resource<Request>) -> String {
        self.request.id.as_ref().to_owned()
    }

    fn method(&mut self, _: Resource<Request>) -> String {
        self.request.head.method.as_str().to_owned()
    }

    fn host(&mut self, _: Resource<Request>) -> String {
        self.request.head.host.as_ref().to_owned()
    }

    fn path(&mut self, _: Resource<Request>) -> String {
        self.request.head.path().to_owned()
    }

    fn query(&mut self, _: Resource<Request>) -> Option<String> {
        self.request.head.query().map(str::to_owned)
    }

    fn target(&mut self, _: Resource<Request>) -> String {
        self.request.head.target.as_str().to_owned()
    }

    fn header(&mut self, _: Resource<Request>, name: String) -> Option<Vec<u8>> {
        first(&self.request.head.headers, &name)
    }

    fn headers(&mut self, _: Resource<Request>) -> Vec<contract::Header> {
        lines(&self.request.head.headers)
    }

    fn fact(&mut self, _: Resource<Request>, name: String) -> Option<String> {
        self.request.facts.get(&name).map(str::to_owned)
    }

    fn set_path(&mut self, _: Resource<Request>, target: String) -> Answered {
        Ok(self.request.head.set_target(&target)?)
    }

    fn set_header(&mut self, _: Resource<Request>, name: String, value: Vec<u8>) -> Answered {
        Ok(self.request.head.headers.edit(&Edit::Set(&name, &value), &mut self.journal)?)
    }

    fn add_header(&mut self, _: Resource<Request>, name: String, value: Vec<u8>) -> Answered {
        Ok(self.request.head.headers.edit(&Edit::Add(&name, &value), &mut self.journal)?)
    }

    fn remove_header(&mut self, _: Resource<Request>, name: String) -> Answered {
        Ok(self.request.head.headers.edit(&Edit::Remove(&name), &mut self.journal)?)
    }

    fn apply(&mut self, _: Resource<Request>, edits: Vec<contract::Edit>) -> Answered {
        Ok(changed(&mut self.request.head.headers, &mut self.request.facts, &mut self.journal, &edits)?)
    }

    fn route_to(&mut self, _: Resource<Request>, cluster: String) -> Answered {
        Ok(Self::route_to(self, &cluster)?)
    }

    fn drop(&mut self, _: Resource<Request>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl contract::HostResponse for CallState {
    fn status(&mut self, _: Resource<Response>) -> u16 {
        self.response.head.status.as_u16()
    }

    fn header(&mut self, _: Resource<Response>, name: String) -> Option<Vec<u8>> {
        first(&self.response.head.headers, &name)
    }

    fn headers(&mut self, _: Resource<Response>) -> Vec<contract::Header> {
        lines(&self.response.head.headers)
    }

    fn fact(&mut self, _: Resource<Response>, name: String) -> Option<String> {
        self.response.facts.get(&name).map(str::to_owned)
    }

    fn set_status(&mut self, _: Resource<Response>, status: u16) -> Answered {
        Ok(self.response.head.set_status(status)?)
    }

    fn set_header(&mut self, _: Resource<Response>, name: String, value: Vec<u8>) -> Answered {
        Ok(self.response.head.headers.edit(&Edit::Set(&name, &value), &mut self.journal)?)
    }

    fn add_header(&mut self, _: Resource<Response>, name: String, value: Vec<u8>) -> Answered {
        Ok(self.response.head.headers.edit(&Edit::Add(&name, &value), &mut self.journal)?)
    }

    fn remove_header(&mut self, _: Resource<Response>, name: String) -> Answered {
        Ok(self.response.head.headers.edit(&Edit::Remove(&name), &mut self.journal)?)
    }

    fn apply(&mut self, _: Resource<Response>, edits: Vec<contract::Edit>) -> Answered {
        Ok(changed(&mut self.response.head.headers, &mut self.response.facts, &mut self.journal, &edits)?)
    }

    fn drop(&mut self, _: Resource<Response>) -> wasmtime::Result<()> {
        Ok(())
    }
}

type Answered = Result<(), contract::Refusal>;

fn first(headers: &Headers, name: &str) -> Option<Vec<u8>> {
    headers.get(name).map(|value| value.as_bytes().to_vec())
}

fn lines(headers: &Headers) -> Vec<contract::Header> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| contract::Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    headers.map().iter().map(line).collect()
}

fn changed(
    headers: &mut Headers,
    facts: &mut Facts,
    journal: &mut Journal,
    edits: &[contract::Edit],
) -> Result<(), Refusal> {
    let changes = edits.iter().map(|edit| {
        Ok::<_, Infallible>(match edit {
            contract::Edit::Set(line) => Change::Line(Edit::Set(&line.name, &line.value)),
            contract::Edit::Add(line) => Change::Line(Edit::Add(&line.name, &line.value)),
            contract::Edit::Remove(name) => Change::Line(Edit::Remove(name)),
            contract::Edit::RemoveLike(pattern) => Change::Line(Edit::RemoveLike(pattern)),
            contract::Edit::Fact((name, value)) => Change::Fact(name, value),
        })
    });
    let Ok(applied) = apply(headers, facts, journal, changes);
    applied
}

impl From<Refusal> for contract::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::Malformed,
            Refusal::Reserved => Self::Reserved,
            Refusal::TooLarge => Self::TooLarge,
            Refusal::NotGranted => Self::NotGranted,
        }
    }
}

impl From<std::net::IpAddr> for contract::Address {
    fn from(address: std::net::IpAddr) -> Self {
        match address {
            std::net::IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self::Ipv4((a, b, c, d))
            }
            std::net::IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h] = v6.segments();
                Self::Ipv6((a, b, c, d, e, f, g, h))
            }
        }
    }
}
