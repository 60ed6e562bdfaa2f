//! Pingora as a peer: what it costs by itself, and with the job written into it.
//!
//! Two binaries serve this, which differ in the allocator alone.

mod bare; // proxies, and nothing else
mod native; // the four-part job in Rust

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{ProxyHttp, http_proxy_service};

use bare::Bare;
use native::Native;

/// Serves one of the benchmark's jobs with Pingora, until it is killed.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// The origin of the cluster `north`.
    #[arg(long)]
    north: SocketAddr,
    /// The origin of the cluster `south`, which has everything in the bare job.
    #[arg(long)]
    south: SocketAddr,
    /// A city database in the flat layout, as DB-IP's are published; wanted by the native job.
    #[arg(long, required_if_eq("job", "native"))]
    database: Option<PathBuf>,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Let no thread take tasks from another.
    #[arg(long)]
    no_stealing: bool,
    /// What to do with a request.
    #[arg(long, value_enum)]
    job: Job,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Job {
    /// Send it to `south`.
    Bare,
    /// Geolocation, a sticky experiment, a route and header rules.
    Native,
}

/// Serves, and does not return.
///
/// # Errors
///
/// Where the database can not be used.
pub fn serve(options: &Options) -> Result<()> {
    match options.job {
        Job::Bare => run(options, Bare { south: options.south }),
        Job::Native => {
            let database = options.database.as_deref().context("the native job wants a `--database`")?;
            run(options, Native::new(options.north, options.south, database)?)
        }
    }
}

fn run<P: ProxyHttp + Send + Sync + 'static>(options: &Options, proxy: P) -> Result<()>
where
    P::CTX: Send + Sync,
{
    let conf = ServerConf {
        threads: options.workers,
        work_stealing: !options.no_stealing,
        // Origins are spoken to in the clear: a machine without root certificates will do.
        ca_file: Some("/dev/null".to_owned()),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&Arc::clone(&server.configuration), proxy);
    service.add_tcp(&options.listen.to_string());
    server.add_service(service);
    server.run_forever()
}
