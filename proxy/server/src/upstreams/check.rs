//! Whether endpoints are well: asked again and again, on the control runtime, where no guest is in the way.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use edgeloom_config::{Health, HttpCheck};
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::uri::Authority;
use pingora_core::Error;
use pingora_core::connectors::{ConnectorOptions, http as pingora};
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::endpoint::Endpoint;
use super::http2::Http2;
use super::{Connector, Member, Roster};
use crate::descriptors;
use crate::generation::sentence;
use crate::limits::{CHECK_BODY_MAX, CHECKS_FIRST};

/// The checks of a cluster that are under way.
#[derive(Default)]
pub(super) struct Checks(Mutex<State>);

#[derive(Default)]
struct State {
    /// Where they run, and the roster whose members are checked, by its place in memory: another generation's
    /// must not end them.
    runtime: Option<Handle>,
    roster: usize,
    running: HashMap<Key, Running>,
}

/// An endpoint, by the place in memory of what is known of it.
type Key = usize;

struct Running {
    health: Health,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Checks {
    /// From now on the members of this roster are checked, from the runtime that this is called on.
    pub(super) fn begin(&self, roster: &Roster) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.runtime = Some(Handle::current());
        state.roster = std::ptr::from_ref(roster).addr();
    }

    /// Nobody is checked any more.
    pub(super) fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.roster = 0;
        state.running.clear();
    }

    /// Begins the checks that are missing, and ends those of whoever is no member.
    pub(super) fn tend(&self, cluster: &str, roster: &Roster) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { runtime: Some(runtime), roster: current, running } = &mut *state else { return };
        if *current != std::ptr::from_ref(roster).addr() {
            return;
        }
        let Some(health) = roster.plan().health.as_ref() else { return running.clear() };
        let mut kept = HashMap::new();
        roster.with(|members| {
            for member in members.iter() {
                let key = Arc::as_ptr(&member.endpoint).addr();
                let same = running.remove(&key).filter(|running| running.health == *health);
                kept.insert(key, same.unwrap_or_else(|| begin(runtime, cluster, member, health)));
            }
        });
        *running = kept;
    }
}

fn begin(runtime: &Handle, cluster: &str, member: &Member, health: &Health) -> Running {
    let check = Check {
        cluster: cluster.into(),
        endpoint: Arc::clone(&member.endpoint),
        peer: untimed(member.peer.clone()),
        host: member.address.to_string().into(),
        health: health.clone(),
    };
    Running { health: health.clone(), task: runtime.spawn(check.run()).abort_handle() }
}

/// A check has one clock, its own: another that rings at the same moment would say why in other words.
fn untimed(mut peer: HttpPeer) -> HttpPeer {
    peer.options.read_timeout = None;
    peer.options.write_timeout = None;
    peer
}

/// One endpoint, asked again and again.
struct Check {
    cluster: Box<str>,
    endpoint: Arc<Endpoint>,
    peer: HttpPeer,
    /// Its address, as the operator wrote it.
    host: Box<str>,
    health: Health,
}

/// Why a check has failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("it could not be connected to: {0}")]
    Connect(String),
    #[error("no more files can be opened")]
    NoFiles,
    #[error("it did not answer within {}", edgeloom_core::units::show_duration(*.0))]
    Late(Duration),
    #[error("it did not answer: {0}")]
    Exchange(String),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer does not hold `{0}`")]
    Body(Box<str>),
}

impl Failed {
    fn to_connect(error: &Error) -> Self {
        if descriptors::is_shortage(error.root_cause()) {
            Self::NoFiles
        } else {
            Self::Connect(sentence(error))
        }
    }
}

impl Check {
    async fn run(self) {
        // At once, but not all at the same moment.
        tokio::time::sleep(part(CHECKS_FIRST.min(self.health.interval))).await;
        loop {
            let asked = tokio::time::timeout(self.health.timeout, self.ask()).await;
            let heard = asked.unwrap_or(Err(Failed::Late(self.health.timeout)));
            // What we have none left of says nothing of the endpoint.
            if !matches!(heard, Err(Failed::NoFiles)) {
                self.tell(heard.map_err(|failed| failed.to_string()));
            }
            let tenth = self.health.interval / 10;
            tokio::time::sleep(self.health.interval - tenth + part(tenth * 2)).await;
        }
    }

    fn tell(&self, heard: Result<(), String>) {
        let (cluster, endpoint) = (&*self.cluster, &self.endpoint.at);
        let reason = heard.as_ref().err().cloned().unwrap_or_default();
        match self.endpoint.heard(heard, self.health.thresholds) {
            Some(true) => tracing::info!(cluster, %endpoint, "endpoint {endpoint} is well again"),
            Some(false) => {
                tracing::warn!(cluster, %endpoint, reason, "endpoint {endpoint} is unwell: {reason}");
            }
            None => {}
        }
    }

    async fn ask(&self) -> Result<(), Failed> {
        match &self.health.http {
            None => {
                let connected = CONNECTOR.stream(&self.peer).await;
                connected.map(drop).map_err(|error| Failed::to_connect(&error))
            }
            Some(check) => self.exchange(check).await,
        }
    }

    async fn exchange(&self, check: &HttpCheck) -> Result<(), Failed> {
        let connected = HTTP.get_http_session(&self.peer).await;
        let (mut session, _new) = connected.map_err(|error| Failed::to_connect(&error))?;
        let answered = self.answer(check, &mut session).await;
        session.shutdown().await;
        let (status, body) = answered.map_err(|error| Failed::Exchange(sentence(&*error)))?;
        if !check.status.iter().any(|wanted| wanted.contains(status)) {
            return Err(Failed::Status(status));
        }
        match &check.body {
            Some(wanted) if !holds(&body, wanted.as_bytes()) => Err(Failed::Body(wanted.clone())),
            Some(_) | None => Ok(()),
        }
    }

    /// The status and, where somebody wants it, the beginning of the body.
    async fn answer(
        &self,
        check: &HttpCheck,
        session: &mut HttpSession<Http2>,
    ) -> pingora_core::Result<(u16, Vec<u8>)> {
        let request = self.request(check)?;
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        let status = loop {
            session.read_response_header().await?;
            let status = session.response_header().map_or(0, |header| header.status.as_u16());
            if !(100..200).contains(&status) {
                break status;
            }
        };
        let mut body = Vec::new();
        while check.body.is_some() && body.len() < CHECK_BODY_MAX {
            let Some(more) = session.read_response_body().await? else { break };
            body.extend_from_slice(&more);
        }
        body.truncate(CHECK_BODY_MAX);
        Ok((status, body))
    }

    /// As HTTP/1.1 has it: a stream of HTTP/2 puts the host where it belongs there.
    fn request(&self, check: &HttpCheck) -> pingora_core::Result<RequestHeader> {
        let host = check.host.as_ref().unwrap_or(&self.host);
        // What is no host name, the path of a socket, is not said.
        let host = if host.parse::<Authority>().is_ok() { host } else { "localhost" };
        let mut request =
            RequestHeader::build(check.method.clone(), check.path.as_str().as_bytes(), Some(2))?;
        request.insert_header(HOST, host)?;
        request.insert_header(USER_AGENT, HeaderValue::from_static("edgeloom-check"))?;
        Ok(request)
    }
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len().max(1)).any(|window| window == wanted)
}

/// From nothing to all of it, by chance.
fn part(of: Duration) -> Duration {
    of.mul_f64(fastrand::f64())
}

/// Makes what checks connect with, while there are files to be had: Pingora reads one for it, and takes for granted that
/// it can.
pub(crate) fn prepare() {
    LazyLock::force(&HTTP);
}

/// Connections of checks are no exchange's: nothing of theirs is kept.
static HTTP: LazyLock<pingora::Connector<Connector>> =
    LazyLock::new(|| pingora::Connector::new_custom(Some(options()), CONNECTOR.clone()));
static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| Connector::new(options(), 1));

fn options() -> ConnectorOptions {
    let mut options = ConnectorOptions::new(1);
    // As where requests are sent: a machine without root certificates must not keep the edge from starting.
    options.ca_file = Some("/dev/null".to_owned());
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_is() {
        assert!(holds(b"all is well", b"well") && holds(b"well", b"well"));
        assert!(!holds(b"wel", b"well") && !holds(b"", b"well"));
    }
}
