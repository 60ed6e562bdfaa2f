//! The names of endpoints, looked up again and again for as long as somebody follows them.

mod lookup; // one look-up

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edgeloom_config::{Config, Dns};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::limits::{LOOKUP_AGAIN_MAX, REST};
use crate::metrics::Counter;
use lookup::{Answer, look_up};

/// Every name that is looked up.
#[derive(Default)]
pub(crate) struct Names {
    dns: Mutex<Dns>,
    by_host: Mutex<HashMap<Box<str>, Arc<Name>>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) host: Box<str>,
    state: Mutex<State>,
    /// There is a reason not to wait for the next look-up.
    due: Notify,
    /// The first look-up has come to its end, whichever that was.
    settled: Notify,
    pub(crate) lookups: Counter,
    pub(crate) failures: Counter,
}

#[derive(Default)]
struct State {
    found: Answer,
    /// Addresses of this version are not used for now: those of the other were faster.
    resting: Option<(Version, Instant)>,
    followers: Vec<Box<dyn Follower>>,
    /// What they were told.
    told: Vec<IpAddr>,
    is_looked_up: bool,
    is_settled: bool,
}

/// Somebody who wants to know where a name leads.
pub(crate) trait Follower: Send + Sync {
    /// Whether it still does.
    fn is_there(&self) -> bool;
    /// Where the name leads from now on. Must not ask for names: they are held meanwhile.
    fn tell(&self, addresses: &[IpAddr]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

impl Names {
    /// How names are looked up from now on.
    pub(crate) fn configure(&self, dns: &Dns) {
        let mut current = self.dns.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != *dns {
            current.clone_from(dns);
            drop(current);
            self.by_host().values().for_each(|name| name.due.notify_one());
        }
    }

    /// The name of that host; nobody looks it up before somebody follows it.
    pub(crate) fn named(&self, host: &str) -> Arc<Name> {
        let mut by_host = self.by_host();
        // What nobody holds is looked up for nobody.
        by_host.retain(|_, name| Arc::strong_count(name) > 1);
        Arc::clone(by_host.entry(host.into()).or_insert_with(|| Arc::new(Name::new(host))))
    }

    /// All that are looked up, by host.
    pub(crate) fn living(&self) -> Vec<Arc<Name>> {
        let mut names: Vec<_> = self.by_host().values().map(Arc::clone).collect();
        names.retain(|name| name.state().is_looked_up);
        names.sort_by(|a, b| a.host.cmp(&b.host));
        names
    }

    /// Tells where the name leads, now if that is known, and whenever it changes. To be called where tasks can be spawned.
    pub(crate) fn follow(self: &Arc<Self>, host: &str, follower: Box<dyn Follower>) {
        let name = self.named(host);
        let mut state = name.state();
        let usable = state.usable(Instant::now());
        if !usable.is_empty() {
            follower.tell(&usable);
        }
        state.followers.push(follower);
        if !std::mem::replace(&mut state.is_looked_up, true) {
            drop(tokio::spawn(Arc::clone(self).tend(Arc::clone(&name))));
        }
    }

    /// Waits until every name has been looked up once, but not for longer than two questions may take.
    pub(crate) async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + self.dns().timeout * 2 + Duration::from_millis(500);
        for name in self.living() {
            if tokio::time::timeout_at(deadline, name.settled()).await.is_err() {
                return;
            }
        }
    }

    /// Looks a name up, for as long as it has followers.
    async fn tend(self: Arc<Self>, name: Arc<Name>) {
        let mut failed = 0;
        loop {
            // Some may rest, or be back, since the last time.
            name.tell();
            let dns = self.dns();
            let asked = self.ask(&dns, &name).await;
            name.tell();
            name.settle();
            let pause = match asked {
                Ok(valid) => {
                    failed = 0;
                    jittered(valid.clamp(dns.refresh_min, dns.refresh_max))
                }
                Err(()) => {
                    failed += 1;
                    let longest = dns.refresh_max.min(LOOKUP_AGAIN_MAX.max(dns.refresh_min));
                    jittered(dns.refresh_min.saturating_mul(1 << failed.min(10)) / 2).min(longest)
                }
            };
            if name.is_alone() {
                return;
            }
            let rest = name.state().rest_ends();
            tokio::select! {
                () = sleep(pause) => {}
                () = name.due.notified() => {}
                () = ends(rest) => {}
            }
        }
    }

    /// One look-up, and whom it concerns is told. For how long it is valid.
    async fn ask(&self, dns: &Dns, name: &Name) -> Result<Duration, ()> {
        let known = name.state().found.clone();
        // The resolver has limits of its own; this one is for whatever it forgets.
        let asked = timeout(dns.timeout * 3, look_up(dns, &name.host, &known)).await;
        name.lookups.add();
        let answered = asked.unwrap_or_else(|_late| Err("nobody answered in time".to_owned()));
        let host = &*name.host;
        match answered {
            Ok((found, valid)) => {
                if found != known {
                    let addresses = found.all().map(|ip| ip.to_string()).collect::<Vec<_>>().join(" ");
                    name.state().found = found;
                    // Whoever reads it may count on it.
                    name.tell();
                    tracing::info!(host, addresses, "`{host}` leads to {addresses}");
                }
                Ok(valid)
            }
            Err(why) => {
                name.failures.add();
                let kept = known.all().count();
                tracing::warn!(
                    host,
                    kept,
                    why,
                    "`{host}` can not be looked up; its {kept} addresses are kept"
                );
                Err(())
            }
        }
    }

    fn dns(&self) -> Dns {
        self.dns.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn by_host(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Name>>> {
        self.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Name {
    fn new(host: &str) -> Self {
        Self {
            host: host.into(),
            state: Mutex::default(),
            due: Notify::new(),
            settled: Notify::new(),
            lookups: Counter::default(),
            failures: Counter::default(),
        }
    }

    /// Where it leads, as far as that is used.
    pub(crate) fn addresses(&self) -> usize {
        self.state().usable(Instant::now()).len()
    }

    /// An address of the other version, for when this one is slow.
    pub(super) fn other(&self, than: SocketAddr) -> Option<SocketAddr> {
        let state = self.state();
        let others = match Version::of(than.ip()) {
            Version::V4 => &state.found.v6,
            Version::V6 => &state.found.v4,
        };
        let chosen = fastrand::usize(..others.len().max(1));
        others.get(chosen).map(|ip| SocketAddr::new(*ip, than.port()))
    }

    /// Addresses of this one's version were slower than those of the other: they are left out for a while.
    pub(super) fn rest(&self, slow: IpAddr) {
        let mut state = self.state();
        if state.resting.is_some_and(|(_, until)| Instant::now() < until) {
            return;
        }
        state.resting = Some((Version::of(slow), Instant::now() + REST));
        drop(state);
        let host = &*self.host;
        tracing::warn!(host, %slow, "`{host}` is slow at {slow}; its addresses of the other version are used for {REST:?}");
        // Its followers are told by whoever looks it up: here, somebody is waiting for a connection.
        self.due.notify_one();
    }

    /// Whether nobody follows it any more: it is not looked up then.
    fn is_alone(&self) -> bool {
        let mut state = self.state();
        state.followers.retain(|follower| follower.is_there());
        state.is_looked_up = !state.followers.is_empty();
        !state.is_looked_up
    }

    fn tell(&self) {
        let mut state = self.state();
        let usable = state.usable(Instant::now());
        if usable != state.told {
            // Whoever has gone is forgotten at the next look-up.
            state.followers.iter().for_each(|follower| follower.tell(&usable));
            state.told = usable;
        }
    }

    fn settle(&self) {
        self.state().is_settled = true;
        self.settled.notify_waiters();
    }

    async fn settled(&self) {
        let settling = self.settled.notified();
        tokio::pin!(settling);
        // From here on nothing is missed.
        settling.as_mut().enable();
        if !self.state().is_settled {
            settling.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// All addresses, but for those that rest: they do only where others are left.
    fn usable(&self, now: Instant) -> Vec<IpAddr> {
        let resting = self.resting.filter(|(_, until)| now < *until).map(|(version, _)| version);
        let working: Vec<_> = self.found.all().filter(|ip| resting != Some(Version::of(*ip))).collect();
        if working.is_empty() { self.found.all().collect() } else { working }
    }

    fn rest_ends(&mut self) -> Option<Instant> {
        self.resting = self.resting.filter(|(_, until)| Instant::now() < *until);
        self.resting.map(|(_, until)| until)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("found", &self.found)
            .field("resting", &self.resting)
            .finish_non_exhaustive()
    }
}

impl Version {
    fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// The endpoints' names that lead nowhere at this moment, and why.
pub(crate) async fn concerns(config: &Config) -> Vec<String> {
    let endpoints = config.clusters.iter().flat_map(|cluster| &cluster.endpoints);
    let hosts: BTreeSet<_> = endpoints.filter_map(|endpoint| Some(endpoint.address.name()?.0)).collect();
    let mut concerns = Vec::new();
    for host in hosts {
        if let Err(why) = look_up(&config.dns, host, &Answer::default()).await {
            concerns
                .push(format!("`{host}` can not be looked up: {why}; until it can, nobody is asked there"));
        }
    }
    concerns
}

/// Up to a tenth earlier, so that many edges, and many names, do not ask at the same moment.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - fastrand::f64() / 10.0)
}

/// At that moment; never, if there is none.
async fn ends(rest: Option<Instant>) {
    match rest {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(v4: &[&str], v6: &[&str]) -> Name {
        let name = Name::new("shop.internal");
        let parse = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        name.state().found = Answer { v4: parse(v4), v6: parse(v6) };
        name
    }

    #[test]
    fn addresses_of_the_slow_version_rest_while_others_are_left() {
        let both = name(&["192.0.2.1", "192.0.2.2"], &["2001:db8::1"]);
        assert_eq!(both.addresses(), 3);
        both.rest("2001:db8::1".parse().unwrap());
        assert_eq!(both.addresses(), 2);
        // What rests is not exchanged for the other while it does: then nobody would be left.
        both.rest("192.0.2.1".parse().unwrap());
        assert_eq!(both.state().usable(Instant::now()).iter().filter(|ip| ip.is_ipv4()).count(), 2);
        assert_eq!(both.state().usable(Instant::now() + REST).len(), 3, "it ends");
        let one = name(&[], &["2001:db8::1"]);
        one.rest("2001:db8::1".parse().unwrap());
        assert_eq!(one.addresses(), 1);
    }

    #[test]
    fn the_other_address_is_of_the_other_version_and_has_the_same_port() {
        let both = name(&["192.0.2.1"], &["2001:db8::1"]);
        let (four, six) = ("192.0.2.1:80".parse().unwrap(), "[2001:db8::1]:80".parse().unwrap());
        assert_eq!((both.other(four), both.other(six)), (Some(six), Some(four)));
        assert_eq!(name(&["192.0.2.1"], &[]).other(four), None);
    }

    #[test]
    fn pauses_are_shortened_by_a_tenth_at_most() {
        for _ in 0..1000 {
            let pause = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(9)..=Duration::from_secs(10)).contains(&pause), "{pause:?}");
        }
    }
}
