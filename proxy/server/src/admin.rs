//! The operator's port: on a listener of its own, on a thread of its own.

mod clusters;
mod generation;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::descriptors::Shortage;
use crate::generation::{Generations, Trigger};
use crate::limits::{ACCEPT_PAUSE, ADMIN_CONNECTIONS_MAX, ADMIN_HEAD_TIMEOUT};
use crate::lines::Lines;
use crate::listen::Connections;
use crate::listen::tls::Certificate;
use crate::metrics::{CertificateLeft, Metrics, Scrape};
use crate::upstreams::Upstreams;
use crate::upstreams::names::Names;

/// What the operator can ask about, and for.
pub(crate) struct Admin {
    pub(crate) generations: Arc<Generations>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) names: Arc<Names>,
    pub(crate) connections: Connections,
    /// The access log, and the process's own.
    pub(crate) logs: [Lines; 2],
    pub(crate) triggers: mpsc::Sender<Trigger>,
    pub(crate) ready: Arc<Readiness>,
}

/// Whether a load balancer should send clients here.
#[derive(Default)]
pub(crate) struct Readiness(AtomicBool);

impl Readiness {
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const INDEX: &str = "\
Edgeloom

GET  /healthz        the process is alive
GET  /readyz         whether to send clients here: 503 before it serves, and while it shuts down
GET  /metrics        counters, as Prometheus reads them
GET  /v1/generation  what runs: number, digests, filters, and what still drains
GET  /v1/clusters    who can answer: endpoints, whether they are well, and what they failed
POST /v1/reload      read the configuration again; 200 with the generation, or 422 with the report
";

/// Serves until the listener is dropped with the runtime.
pub(crate) async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let room = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    let mut shortage = Shortage::default();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let admin = Arc::clone(&admin);
                tokio::spawn(async move {
                    converse(stream, admin).await;
                    drop(permit);
                });
            }
            Err(error) => tokio::time::sleep(shortage.met(&"the admin listener", &error, ACCEPT_PAUSE)).await,
        }
    }
}

async fn converse(stream: TcpStream, admin: Arc<Admin>) {
    let service = service_fn(|request| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, Infallible>(admin.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ADMIN_HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the admin listener broke off");
    }
}

impl Admin {
    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let reading = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/" if reading => text(StatusCode::OK, TEXT, INDEX),
            "/healthz" if reading => text(StatusCode::OK, TEXT, "alive\n"),
            "/readyz" if reading && self.ready.get() => text(StatusCode::OK, TEXT, "ready\n"),
            "/readyz" if reading => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n"),
            "/metrics" if reading => text(StatusCode::OK, OPEN_METRICS, self.scrape()),
            "/v1/generation" if reading => text(StatusCode::OK, JSON, generation::show(&self.generations)),
            "/v1/clusters" if reading => text(StatusCode::OK, JSON, clusters::show(&self.upstreams)),
            "/v1/reload" if request.method() == Method::POST => self.reload(request).await,
            "/v1/reload" => refused_method("POST"),
            "/" | "/healthz" | "/readyz" | "/metrics" | "/v1/generation" | "/v1/clusters" => {
                refused_method("GET, HEAD")
            }
            _ => text(StatusCode::NOT_FOUND, TEXT, INDEX),
        }
    }

    async fn reload(&self, request: &Request<Incoming>) -> Answer {
        // A page in the operator's browser can reach loopback, too; browsers say so.
        if request.headers().contains_key(ORIGIN) {
            return text(StatusCode::FORBIDDEN, TEXT, "not from a browser\n");
        }
        let (reply, outcome) = oneshot::channel();
        if self.triggers.try_send(Trigger::Request(reply)).is_err() {
            return text(StatusCode::SERVICE_UNAVAILABLE, TEXT, "too many reloads are waiting\n");
        }
        match outcome.await {
            Ok(Ok(_)) => text(StatusCode::OK, JSON, generation::show(&self.generations)),
            Ok(Err(report)) => {
                text(StatusCode::UNPROCESSABLE_ENTITY, TEXT, format!("{}\n", report.trim_end()))
            }
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the edge is shutting down\n"),
        }
    }

    fn scrape(&self) -> String {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let running = self.generations.current();
        let now = jiff::Timestamp::now();
        let left = |certificate: &Arc<Certificate>| CertificateLeft {
            chain: certificate.chain.display().to_string(),
            name: certificate.names.first().map(ToString::to_string).unwrap_or_default(),
            algorithm: certificate.algorithm.name(),
            days: certificate.days_left(now),
        };
        let scrape = Scrape {
            metrics: Arc::clone(&self.metrics),
            generation: running.number,
            certificates: running.certificates().map(left).collect(),
            upstreams: Arc::clone(&self.upstreams),
            names: self.names.living(),
            draining: count(self.generations.draining().len()),
            exchanges_open: count(self.generations.open()),
            connections_open: count(self.connections.count()),
            log_lines_dropped: self.logs.each_ref().map(Lines::dropped),
        };
        scrape.into_text()
    }
}

fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn refused_method(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "not with this method\n");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}
