//! One request and its response: what is known of it so far.

use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edgeloom_core::fault::Fault;
use edgeloom_core::forward::Trace;
use edgeloom_core::ids::{ClusterId, FilterId, RouteId};
use edgeloom_core::retry::Trouble;
use edgeloom_core::survey::Survey;
use edgeloom_host::RequestSubject;
use http::StatusCode;
use http::uri::PathAndQuery;
use pingora_http::RequestHeader;

use crate::admission::Admitted;
use crate::generation::{Cluster, Generation, Lease, Route, Target};
use crate::rescue::Failure;
use crate::upstreams::endpoint::{Busy, Endpoint};
use crate::upstreams::{GivenUp, Inside, Member, Members, Sent, Times, Watch};
use crate::way::compress::Compressor;
use crate::way::{Chosen, Mirrored, Tunnel};

/// One exchange, from the request's head to the log line.
pub(crate) struct Exchange {
    /// Taken when the exchange began, and the only one it ever sees.
    pub(crate) generation: Lease,
    pub(crate) began: Instant,
    pub(crate) peer: Option<SocketAddr>,
    /// Its place among all exchanges; without one it is refused.
    pub(crate) admitted: Option<Admitted>,
    /// How much of the request's body has come.
    pub(crate) body: u64,
    /// What was in its head as it came.
    pub(crate) survey: Survey,
    /// Whether there is nothing in it, as it goes on, that is meant for us alone.
    pub(crate) is_for_next_hop: bool,
    /// What filters see. The headers are here during the request chain only:
    /// before and after, Pingora's session has them.
    pub(crate) subject: Box<RequestSubject>,
    /// Our span, where we take part in traces.
    pub(crate) trace: Option<Box<Trace>>,
    /// What the client asked for, before any filter rewrote it.
    pub(crate) asked: Option<PathAndQuery>,
    pub(crate) route: Option<RouteId>,
    /// The filters whose response phase is due, in the order of the chain.
    pub(crate) ran: Vec<Ran>,
    pub(crate) calls: Vec<Call>,
    /// The try that is under way, or the last one.
    pub(crate) attempt: Option<Attempt>,
    /// The tries before it.
    pub(crate) tried: Vec<Tried>,
    /// Who is to be tried next.
    pub(crate) next: Option<Chosen>,
    /// Whether it was decided if the request is copied; and the copy, while the body passes.
    pub(crate) mirroring: bool,
    pub(crate) mirrored: Option<Box<Mirrored>>,
    /// Whose turn it is in the cluster; the same for every try.
    pub(crate) turn: Option<u64>,
    /// How often a connection turned out to have been closed while it lay idle.
    pub(crate) stale: u8,
    /// Whether it asks to go on in another protocol: once it was sent, it is not sent again.
    pub(crate) switches: bool,
    /// A place in a cluster that has only so many.
    pub(crate) inside: Option<(ClusterId, Inside)>,
    /// When the upstream had the request's head, and when its response's head came.
    pub(crate) asked_upstream: Option<Instant>,
    pub(crate) heard_upstream: Option<Instant>,
    /// Of a response that is being compressed. In a box: mostly there is none.
    pub(crate) compressor: Option<Box<Compressor>>,
    pub(crate) failure: Option<Failure>,
    /// How a call of gRPC ended, as its trailers say.
    pub(crate) grpc_status: Option<u16>,
    /// What followed, where the connection went on in another protocol.
    pub(crate) tunnel: Option<Box<Tunnel>>,
    /// The response chain runs once, whoever made the response.
    pub(crate) response_chain_ran: bool,
}

/// A request that was sent to an endpoint, or is to be.
#[derive(Default)]
pub(crate) struct Attempt {
    pub(crate) cluster: ClusterId,
    /// Where the members of the cluster change: those of when the endpoint was chosen. Else the generation has them.
    pub(crate) members: Option<Arc<Members>>,
    /// Which of them it is.
    pub(crate) position: usize,
    /// Whether a breaker wants to know what comes of it.
    pub(crate) probe: bool,
    /// Whether the client is told which endpoint it was.
    pub(crate) names: bool,
    pub(crate) busy: Option<Busy>,
    /// Whether its connection has had a request before.
    pub(crate) reused: bool,
    /// The head of the request, while Pingora makes a copy of what it has of it; and where it is sent.
    pub(crate) head: Option<(RequestHeader, Sent)>,
    /// When its connection is to be cut off, until that is watched over.
    pub(crate) due: Option<(RawFd, Instant)>,
    /// What it may take instead, where others share its connection.
    pub(crate) times: Option<Times>,
    /// There, and where the client may send more than it has announced: told when it is too much.
    pub(crate) given_up: Option<GivenUp>,
    pub(crate) watch: Option<Watch>,
    /// When the time of the whole exchange is up.
    pub(crate) total: Option<Instant>,
    /// What the endpoint answered, and what it answered if that is not passed on.
    pub(crate) status: Option<StatusCode>,
    pub(crate) refused: Option<StatusCode>,
    /// What the endpoint did wrong.
    pub(crate) trouble: Option<Trouble>,
}

/// A try that came to nothing.
pub(crate) struct Tried {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) trouble: Trouble,
}

impl Attempt {
    pub(crate) fn member<'a>(&'a self, generation: &'a Generation) -> Option<&'a Member> {
        let fixed = || generation.cluster(self.cluster)?.roster.fixed();
        self.members.as_deref().or_else(fixed)?.get(self.position)
    }
}

/// A filter that saw the request, and what it wants to remember of it.
pub(crate) struct Ran {
    pub(crate) filter: FilterId,
    pub(crate) memo: Vec<u8>,
}

/// One call of one phase of one filter.
pub(crate) struct Call {
    pub(crate) filter: FilterId,
    pub(crate) phase: Phase,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Request,
    Response,
}

pub(crate) enum Outcome {
    Proceeded,
    Answered,
    Faulted(Fault),
}

impl Exchange {
    pub(crate) fn begin(generation: Lease) -> Self {
        Self {
            generation,
            began: Instant::now(),
            peer: None,
            admitted: None,
            body: 0,
            survey: Survey::default(),
            is_for_next_hop: false,
            subject: Box::default(),
            trace: None,
            asked: None,
            route: None,
            ran: Vec::new(),
            calls: Vec::new(),
            attempt: None,
            tried: Vec::new(),
            next: None,
            mirroring: false,
            mirrored: None,
            turn: None,
            stale: 0,
            switches: false,
            inside: None,
            asked_upstream: None,
            heard_upstream: None,
            compressor: None,
            failure: None,
            grpc_status: None,
            tunnel: None,
            response_chain_ran: false,
        }
    }

    pub(crate) fn route(&self) -> Option<&Route> {
        self.generation.route(self.route?)
    }

    /// The cluster that a filter chose, or else the route's own.
    pub(crate) fn cluster(&self) -> Option<(ClusterId, &Cluster)> {
        let chosen = self.subject.cluster.or_else(|| match self.route()?.target {
            Target::Cluster(cluster) => Some(cluster),
            Target::Answer(_) => None,
        })?;
        Some((chosen, self.generation.cluster(chosen)?))
    }
}
