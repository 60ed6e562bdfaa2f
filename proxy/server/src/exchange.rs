//! One request and its response: what is known of it so far.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use edgeloom_core::fault::Fault;
use edgeloom_core::forward::Trace;
use edgeloom_core::ids::{ClusterId, FilterId, RouteId};
use edgeloom_host::RequestSubject;
use http::uri::PathAndQuery;

use crate::generation::{Cluster, Lease, Route, Target};
use crate::rescue::Failure;
use crate::way::Tunnel;

/// One exchange, from the request's head to the log line.
pub(crate) struct Exchange {
    /// Taken when the exchange began, and the only one it ever sees.
    pub(crate) generation: Lease,
    pub(crate) began: Instant,
    pub(crate) peer: Option<SocketAddr>,
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
    /// The cluster that was asked, and the position of its endpoint in it.
    pub(crate) upstream: Option<(ClusterId, usize)>,
    /// Whose turn it is in the cluster; the same for every try.
    pub(crate) turn: Option<u64>,
    /// Positions of endpoints that could not be connected to.
    pub(crate) unreachable: Vec<usize>,
    /// When the upstream had the request's head, and when its response's head came.
    pub(crate) asked_upstream: Option<Instant>,
    pub(crate) heard_upstream: Option<Instant>,
    pub(crate) failure: Option<Failure>,
    /// How a call of gRPC ended, as its trailers say.
    pub(crate) grpc_status: Option<u16>,
    /// What followed, where the connection went on in another protocol.
    pub(crate) tunnel: Option<Box<Tunnel>>,
    /// The response chain runs once, whoever made the response.
    pub(crate) response_chain_ran: bool,
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
            subject: Box::default(),
            trace: None,
            asked: None,
            route: None,
            ran: Vec::new(),
            calls: Vec::new(),
            upstream: None,
            turn: None,
            unreachable: Vec::new(),
            asked_upstream: None,
            heard_upstream: None,
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
