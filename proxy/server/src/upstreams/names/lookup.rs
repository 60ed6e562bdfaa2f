//! One look-up of a name: both versions at once, and what is known of one where only the other is answered.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use edgeloom_config::Dns;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RecordType;

use crate::limits::NAME_ADDRESSES_MAX;

/// Where a name leads: in an order of its own, none twice.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) v4: Vec<IpAddr>,
    pub(super) v6: Vec<IpAddr>,
}

impl Answer {
    pub(super) fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.v6.iter().chain(&self.v4).copied()
    }
}

/// What resolvers say now, and for how long that is valid.
///
/// # Errors
///
/// Where there is no address at all, in words for the log.
pub(super) async fn look_up(dns: &Dns, host: &str, known: &Answer) -> Result<(Answer, Duration), String> {
    let resolver = resolver(dns).map_err(|error| error.to_string())?;
    let (v4, v6) =
        tokio::join!(resolver.lookup(host, RecordType::A), resolver.lookup(host, RecordType::AAAA));
    let mut valid = None;
    let mut why = None;
    let mut take =
        |asked: Result<hickory_resolver::lookup::Lookup, NetError>, known: &Vec<IpAddr>| match asked {
            Ok(found) => {
                let left = found.valid_until().saturating_duration_since(Instant::now());
                valid = Some(valid.map_or(left, |valid: Duration| valid.min(left)));
                let mut addresses: Vec<_> =
                    found.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(NAME_ADDRESSES_MAX);
                addresses
            }
            Err(error) => {
                let is_answer = error.is_no_records_found();
                why.get_or_insert_with(|| error.to_string());
                // "There are none" is an answer; silence is not.
                if is_answer { Vec::new() } else { known.clone() }
            }
        };
    let answer = Answer { v4: take(v4, &known.v4), v6: take(v6, &known.v6) };
    match (valid, why) {
        (Some(valid), _) if answer.all().next().is_some() => Ok((answer, valid)),
        (_, why) => Err(why.unwrap_or_else(|| "it has no addresses".to_owned())),
    }
}

/// Made for each look-up: what the system asks, and its own names, may have been changed since the last one.
fn resolver(dns: &Dns) -> Result<TokioResolver, NetError> {
    let mut builder = if dns.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = dns.servers.iter().map(|server| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.iter_mut().for_each(|connection| connection.port = server.port());
            NameServerConfig::new(server.ip(), true, connections)
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = dns.timeout;
    options.attempts = 1;
    // Names are asked for when their records have run out: what was kept would be of no use.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
    builder.build()
}
