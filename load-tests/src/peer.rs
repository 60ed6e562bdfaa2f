//! Who else is measured: the same jobs in what a user would pick instead.
//!
//! Each peer's configuration is a file in `load-tests/peers/`, written as its users would write it; only
//! addresses and paths in it are filled in here.

mod programs; // where they are
mod template; // their configurations, filled in
mod derived; // what is made of the database for those that can not read it
mod running; // one of them, started
mod pingora;
mod envoy;
mod nginx;
mod haproxy;
mod workerd;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub(crate) use programs::Programs;
pub(crate) use running::Running;

/// What a contender is started with.
pub(crate) struct Ground<'a> {
    /// Its own, empty, gone after the run.
    pub(crate) folder: &'a Path,
    pub(crate) north: SocketAddr,
    pub(crate) south: SocketAddr,
    /// A city database of IPv4 addresses in the flat layout, as DB-IP's are published.
    pub(crate) database: &'a Path,
    /// Threads, or processes, that serve.
    pub(crate) workers: usize,
    /// Where all of it runs, if not everywhere.
    pub(crate) core: Option<usize>,
}

/// Who is measured beside Edgeloom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Pingora,
    Nginx,
    Haproxy,
    Envoy,
    Workerd,
}

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Proxies to the south, and nothing else; as the peer comes.
    Bare,
    /// The same, built like the edge: with its allocator, and optimised as it is.
    BareTuned,
    /// The four-part job.
    Four,
    /// The same on a runtime whose threads take no tasks from each other, as a single worker of the edge has it.
    FourAlone,
    /// The header rules of it, in one Wasm filter.
    OneWasm,
    /// The four-part job, in a script rather than in Wasm.
    Lua,
}

/// A part of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Country,
    City,
    Experiment,
    Route,
    Headers,
}

impl Job {
    /// For the raw data, where it is looked up again.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::BareTuned => "bare-tuned",
            Self::Four => "four",
            Self::FourAlone => "four-alone",
            Self::OneWasm => "one-wasm",
            Self::Lua => "lua",
        }
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Self::Bare | Self::BareTuned => &[],
            Self::OneWasm => &[Part::Headers],
            Self::Four | Self::FourAlone | Self::Lua => {
                &[Part::Country, Part::City, Part::Experiment, Part::Route, Part::Headers]
            }
        }
    }
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [Self::Pingora, Self::Nginx, Self::Haproxy, Self::Envoy, Self::Workerd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pingora => "pingora",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Workerd => "workerd",
        }
    }

    /// What it can be measured doing.
    pub(crate) fn jobs(self) -> &'static [Job] {
        match self {
            Self::Pingora => &[Job::Bare, Job::BareTuned, Job::Four, Job::FourAlone],
            Self::Nginx | Self::Haproxy | Self::Workerd => &[Job::Bare, Job::Four],
            Self::Envoy => &[Job::Bare, Job::OneWasm, Job::Four, Job::Lua],
        }
    }

    /// For people.
    pub(crate) fn title(self, job: Job) -> &'static str {
        match (self, job) {
            (Self::Pingora, Job::BareTuned) => "Pingora, bare, built like the edge",
            (Self::Pingora, Job::Four) => "Pingora, the job natively in Rust",
            (Self::Pingora, Job::FourAlone) => "Pingora, the job in Rust, without work stealing",
            (Self::Pingora, _) => "Pingora, bare",
            (Self::Nginx, Job::Four) => "nginx, geoip2 and Lua",
            (Self::Nginx, _) => "nginx, bare",
            (Self::Haproxy, Job::Four) => "HAProxy, maps (without the city)",
            (Self::Haproxy, _) => "HAProxy, bare",
            (Self::Envoy, Job::OneWasm) => "Envoy, one Wasm filter (header rules)",
            (Self::Envoy, Job::Four) => "Envoy, four filters (geoip, three of Wasm)",
            (Self::Envoy, Job::Lua) => "Envoy, geoip and Lua",
            (Self::Envoy, _) => "Envoy, bare",
            (Self::Workerd, Job::Four) => "workerd, JavaScript",
            (Self::Workerd, _) => "workerd, bare",
        }
    }

    /// Which parts it does of the job.
    pub(crate) fn does(self, job: Job) -> impl Iterator<Item = Part> {
        // HAProxy reads no MaxMind DB files, and its map of networks knows their countries alone.
        let lacks = move |part| self == Self::Haproxy && part == Part::City;
        job.parts().iter().copied().filter(move |part| !lacks(*part))
    }

    /// As it says itself.
    ///
    /// # Errors
    ///
    /// Where its program is not there.
    pub(crate) fn version(self, programs: &Programs) -> Result<String> {
        match self {
            Self::Pingora => pingora::version(),
            Self::Nginx => nginx::version(programs),
            Self::Haproxy => haproxy::version(programs),
            Self::Envoy => envoy::version(programs),
            Self::Workerd => workerd::version(programs),
        }
    }

    /// Starts it; returns when it accepts connections.
    ///
    /// # Errors
    ///
    /// Where its program is not there, or ends: with what it printed.
    pub(crate) fn start(self, job: Job, ground: &Ground<'_>, programs: &Programs) -> Result<Running> {
        let name = self.name();
        ensure!(self.jobs().contains(&job), "{name} has no job `{}`", job.name());
        let listen = free_address()?;
        let start = Start { job, ground, programs, listen };
        let mut command = pinned(self.command(&start)?, ground.core);
        Running::start(&mut command, listen).with_context(|| format!("{name} can not be started"))
    }

    fn command(self, start: &Start<'_>) -> Result<Command> {
        match self {
            Self::Pingora => pingora::command(start),
            Self::Nginx => nginx::command(start),
            Self::Haproxy => haproxy::command(start),
            Self::Envoy => envoy::command(start),
            Self::Workerd => workerd::command(start),
        }
    }
}

/// All that a peer's command is made of.
struct Start<'a> {
    job: Job,
    ground: &'a Ground<'a>,
    programs: &'a Programs,
    listen: SocketAddr,
}

impl Start<'_> {
    /// Puts a configuration into the peer's folder.
    fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.ground.folder.join(name);
        std::fs::write(&path, content).with_context(|| format!("{} can not be written", path.display()))?;
        Ok(path)
    }
}

/// Free until a moment ago: most peers do not tell which port they were given.
fn free_address() -> Result<SocketAddr> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = TcpListener::bind(any).and_then(|listener| listener.local_addr());
    address.context("no port of the loopback is free")
}

/// The same command with all its threads on this core.
fn pinned(command: Command, core: Option<usize>) -> Command {
    let Some(core) = core else { return command };
    let mut pinned = Command::new("taskset");
    pinned.args(["--cpu-list", &core.to_string()]).arg(command.get_program()).args(command.get_args());
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(variable, value),
            None => pinned.env_remove(variable),
        };
    }
    pinned
}

#[cfg(test)]
mod tests;
