//! What is done when endpoints fail, and how much a cluster is asked at one time: as written and as meant.

use std::time::Duration;

use edgeloom_core::breaker::Break;
use edgeloom_core::outlier::Eject;
use edgeloom_core::retry::{Occasion, Retry};
use edgeloom_core::units::Percent;
use http::StatusCode;
use serde_json::{Value, json};

use crate::limits::{Concurrency, Failures, Pause, Retries, Sample, Timeout, Waiting};
use crate::tree::At;
use crate::written::{Leaf, List, OneOf, meant, section, words};

/// How much a cluster is asked at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Of the whole cluster.
    pub requests: Option<u32>,
    pub per_endpoint: Option<u32>,
    /// How many may wait for others to end.
    pub waiting: u32,
    pub wait: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self { requests: None, per_endpoint: None, waiting: 0, wait: Duration::from_secs(1) }
    }
}

section! {
    /// When another endpoint is tried after one has failed. Short form: only its `tries`. What may be sent twice is; of other methods only what has reached nobody. Nothing is tried again once the client has seen the beginning of a response, nor where the body is longer than the 64KiB that are kept for it.
    Retrying = "retries" {
        /// How many further tries there are, each at another endpoint.
        tries: Retries = Retries(1),
        /// After what: `connect` (it could not be connected to), `reset` (it broke off before a response, or what it said is no HTTP), `timeout` (it took too long to begin a response), or the status of a response, such as `503`.
        on: List<After> = List(default_occasions().into_iter().map(After).map(At::unwritten).collect()),
        /// How long each try may take to begin its response. By default only `timeouts` bound it.
        per_try: Option<Timeout> = None,
        /// The share of the requests of the last ten seconds that may be tries again, so that tries do not bury a cluster that is in trouble. Ten are always left, for sites with hardly any requests.
        budget: Percent = DEFAULT_BUDGET,
    }
}

section! {
    /// When an endpoint is passed over for what came of the requests that were sent to it: connections that fail, responses that never come or break off, statuses 502, 503 and 504.
    Ejecting = "eject" {
        /// How many failures in a row.
        failures: Failures = Failures(DEFAULT_EJECT.failures),
        /// How long, the first time; the second time twice as long, up to ten times. One failure right afterwards, and it is ejected again.
        time: Pause = Pause(DEFAULT_EJECT.time),
        /// The most of the endpoints that are ejected at one time; one of several always may be.
        at_most: Percent = DEFAULT_EJECT.at_most,
    }
}

section! {
    /// How much the cluster is asked at one time. What is too much is answered with 503 and `retry-after`.
    Loading = "limits" {
        /// The most requests at one time. Unlimited by default.
        requests: Option<Concurrency> = None,
        /// The most requests at one time for each endpoint: one that is full is passed over. Unlimited by default.
        per_endpoint: Option<Concurrency> = None,
        /// How many requests above `requests` may wait for others to end, in the order in which they came.
        waiting: Waiting = Waiting(0),
        /// How long each of them waits.
        wait: Timeout = Timeout(Load::default().wait),
    }
}

section! {
    /// When the whole cluster is left in peace: requests are answered with 503 at once or, where there is one, sent to a cluster of `failover`. After the pause one request is let through, and decides whether it goes on.
    Breaking = "breaker" {
        /// The share of requests that must have failed, as with `eject`.
        failures: Percent = Percent(50),
        /// Of how many requests at least.
        requests: Sample = Sample(20),
        /// In how long.
        window: Pause = Pause(Duration::from_secs(10)),
        /// How long it is left in peace.
        pause: Pause = Pause(Duration::from_secs(5)),
    }
}

/// A minute is too long to be without half of a cluster, and a few seconds make clients meet a dead endpoint often.
pub(crate) const DEFAULT_EJECT: Eject =
    Eject { failures: 5, time: Duration::from_secs(30), at_most: Percent(50) };

/// What Finagle and Linkerd take.
const DEFAULT_BUDGET: Percent = Percent(20);

/// What says that an endpoint is not there. A timeout may be the request's own fault, and a status the application's.
fn default_occasions() -> Vec<Occasion> {
    vec![Occasion::Connect, Occasion::Reset]
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Without {
    Off,
}

words! {
    Without = "`off`" or "a map" { "off" => Without::Off }
}

pub(crate) fn default_retry() -> Retry {
    Retry { tries: 1, on: default_occasions(), per_try: None, budget: DEFAULT_BUDGET }
}

pub(super) fn retry(raw: OneOf<Retries, Retrying>) -> Option<Retry> {
    let raw = match raw {
        OneOf::Short(tries) => return Some(Retry { tries: u8::try_from(tries.0).ok()?, ..default_retry() }),
        OneOf::Full(raw) => raw,
    };
    Some(Retry {
        tries: u8::try_from(raw.tries?.value.0).ok()?,
        on: raw.on?.value.0.into_iter().map(|after| after.value.0).collect(),
        per_try: raw.per_try?.value.map(|timeout| timeout.0),
        budget: raw.budget?.value,
    })
}

pub(super) fn write_retry(retry: &Retry) -> OneOf<Retries, Retrying> {
    OneOf::Full(Retrying {
        tries: meant(Retries(retry.tries.into())),
        on: meant(List(retry.on.iter().copied().map(After).map(At::unwritten).collect())),
        per_try: meant(retry.per_try.map(Timeout)),
        budget: meant(retry.budget),
    })
}

pub(super) fn eject(raw: OneOf<Without, Ejecting>) -> Option<Option<Eject>> {
    match raw {
        OneOf::Short(Without::Off) => Some(None),
        OneOf::Full(raw) => Some(Some(Eject {
            failures: raw.failures?.value.0,
            time: raw.time?.value.0,
            at_most: raw.at_most?.value,
        })),
    }
}

pub(crate) fn write_eject(eject: Option<&Eject>) -> OneOf<Without, Ejecting> {
    eject.map_or(OneOf::Short(Without::Off), |eject| {
        OneOf::Full(Ejecting {
            failures: meant(Failures(eject.failures)),
            time: meant(Pause(eject.time)),
            at_most: meant(eject.at_most),
        })
    })
}

pub(super) fn load(raw: Loading) -> Option<Load> {
    Some(Load {
        requests: raw.requests?.value.map(|most| most.0),
        per_endpoint: raw.per_endpoint?.value.map(|most| most.0),
        waiting: raw.waiting?.value.0,
        wait: raw.wait?.value.0,
    })
}

impl From<Load> for Loading {
    fn from(load: Load) -> Self {
        Self {
            requests: meant(load.requests.map(Concurrency)),
            per_endpoint: meant(load.per_endpoint.map(Concurrency)),
            waiting: meant(Waiting(load.waiting)),
            wait: meant(Timeout(load.wait)),
        }
    }
}

pub(super) fn breaker(raw: OneOf<Without, Breaking>) -> Option<Option<Break>> {
    match raw {
        OneOf::Short(Without::Off) => Some(None),
        OneOf::Full(raw) => Some(Some(Break {
            failures: raw.failures?.value,
            requests: raw.requests?.value.0,
            window: raw.window?.value.0,
            pause: raw.pause?.value.0,
        })),
    }
}

pub(super) fn write_breaker(breaker: Option<&Break>) -> OneOf<Without, Breaking> {
    breaker.map_or(OneOf::Short(Without::Off), |breaker| {
        OneOf::Full(Breaking {
            failures: meant(breaker.failures),
            requests: meant(Sample(breaker.requests)),
            window: meant(Pause(breaker.window)),
            pause: meant(Pause(breaker.pause)),
        })
    })
}

/// [`Occasion`], as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct After(Occasion);

/// `503` is taken as the number that it is in YAML.
impl Leaf for After {
    const NAME: &'static str = "what a try is made again after";
    const EXAMPLE: &'static str = "connect";

    fn parse(text: &str) -> Result<Self, String> {
        let wanted =
            |_no_status| "write `connect`, `reset`, `timeout`, or a status from 400 to 599".to_owned();
        Ok(Self(match text {
            "connect" => Occasion::Connect,
            "reset" => Occasion::Reset,
            "timeout" => Occasion::Timeout,
            _ => {
                let status: u16 = text.parse().map_err(|_no_number| wanted(()))?;
                let failed = |status: &StatusCode| (400..=599).contains(&status.as_u16());
                let status = StatusCode::from_u16(status).ok().filter(failed);
                Occasion::Status(status.ok_or(()).map_err(wanted)?)
            }
        }))
    }

    fn show(&self) -> Value {
        match self.0 {
            Occasion::Connect => "connect".into(),
            Occasion::Reset => "reset".into(),
            Occasion::Timeout => "timeout".into(),
            Occasion::Status(status) => status.as_u16().into(),
        }
    }

    fn schema() -> Value {
        let words = json!({ "enum": ["connect", "reset", "timeout"] });
        json!({ "anyOf": [words, { "type": "integer", "minimum": 400, "maximum": 599 }] })
    }
}
