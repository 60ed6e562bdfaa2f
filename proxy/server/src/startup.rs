//! From a configuration to a running edge, and to its end.

use std::net::Shutdown;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use edgeloom_config::{AccessLog, Bind, Config, Listener, Socket};
use edgeloom_host::{Host, HostOptions};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::admin::{self, Admin, Readiness};
use crate::admission::Admission;
use crate::background;
use crate::descriptors;
use crate::generation::{
    Attempt, Builder, Draft, Generations, Keeper, Obituary, Reading, Seen, Trigger, bury, ended, listeners,
    sentence, watch_files,
};
use crate::limits::{CUT_TIMEOUT, DRAIN_POLL, RELOADS_WAITING_MAX};
use crate::lines::{Lines, Writer};
use crate::listen::{Bound, Connections, SocketFile, bind};
use crate::metrics::Metrics;
use crate::upstreams::{check, names};
use crate::way::{Edge, mirror};
use crate::workers::Workers;

/// Serves what the configuration says, until told to stop.
///
/// # Errors
///
/// Where anything that it names can not be used, in a sentence that says what and why.
pub(crate) fn run(path: &Path, own_log: Lines) -> anyhow::Result<()> {
    descriptors::raise();
    let (builder, obituaries, Attempt { seen, drafted }) = first_attempt(path)?;
    let draft = drafted?;
    draft.warn();
    builder.names.configure(&draft.config.dns);
    let config = draft.config.of_process();
    let bound = Sockets::bind(&config)?;
    let (log, log_writer) = access_log(&config.access_log)?;
    let first = builder.generation(1, draft, &listeners(&config), None);
    let edge = Running {
        generations: Arc::new(Generations::new(Arc::new(first))),
        connections: Connections::default(),
        admission: Admission::leaked(),
        ready: Arc::default(),
        log,
        own_log,
        cut: watch::Sender::new(false),
        config,
        builder,
    };
    // Requests have their own threads: a guest that spins on every one of them keeps nobody from the admin listener.
    let count = workers(&edge.config);
    let workers =
        Workers::start(count).with_context(|| format!("{count} worker threads can not be started"))?;
    // What it has others do for it, on threads of their own, may wait.
    let control = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(background::step_back)
        .build()?;
    let ended = control.block_on(edge.run(bound, seen, obituaries, workers.handle()));
    workers.end();
    control.shutdown_background();
    log_writer.finish();
    ended
}

/// Everything that a start does, but for listening.
///
/// # Errors
///
/// Where it can not be, for whatever reason: a report, or a sentence.
pub(crate) fn check(path: &Path) -> anyhow::Result<Draft> {
    let (_builder, _obituaries, attempt) = first_attempt(path)?;
    let mut draft = attempt.drafted?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    draft.warnings.extend(runtime.block_on(names::concerns(&draft.config)));
    Ok(draft)
}

/// What generations are built with, and what came of the first attempt: the configuration says where
/// compiled modules are kept, so it is read before there is a builder.
fn first_attempt(path: &Path) -> anyhow::Result<(Builder, mpsc::UnboundedReceiver<Obituary>, Attempt)> {
    let reading = Reading::of(path);
    let cache = match &reading.config {
        Ok(config) => config.cache.folder(|name| std::env::var_os(name)),
        // The attempt will tell.
        Err(_) => None,
    };
    let host = Host::new(&HostOptions { cache, ..HostOptions::default() })?;
    let (obituaries, buried) = mpsc::unbounded_channel();
    let builder = Builder {
        path: path.to_owned(),
        host: Arc::new(host),
        metrics: Arc::new(Metrics::new()),
        upstreams: Arc::default(),
        names: Arc::default(),
        obituaries,
    };
    // The compiler's threads are begun by whoever compiles first, and are for all that is built later, too.
    let attempt = background::run(|| builder.attempt_at(reading, None));
    Ok((builder, buried, attempt))
}

fn workers(config: &Config) -> usize {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    config.workers.count(cores).get()
}

fn access_log(target: &AccessLog) -> anyhow::Result<(Lines, Writer)> {
    match target {
        AccessLog::Off => Ok(Lines::to_nowhere()),
        AccessLog::Stdout => Ok(Lines::to_stdout()?),
        AccessLog::File(path) => Lines::to_file(path)
            .with_context(|| format!("the access log {} can not be written", path.display())),
    }
}

/// Every socket of the configuration: all of them are there, or none is used.
struct Sockets {
    listeners: Vec<Bound>,
    admin: Option<Bound>,
}

impl Sockets {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        let bound = |listener: &Listener| bind("the listener", &listener.bind, &listener.socket);
        let listeners = config.listeners.iter().map(bound).collect::<Result<_, _>>()?;
        let admin =
            config.admin.map(|address| bind("the admin listener", &Bind::Tcp(address), &Socket::default()));
        let admin = admin.transpose()?;
        Ok(Self { listeners, admin })
    }
}

/// An edge that serves.
struct Running {
    config: Config,
    builder: Builder,
    generations: Arc<Generations>,
    connections: Connections,
    admission: &'static Admission,
    ready: Arc<Readiness>,
    log: Lines,
    own_log: Lines,
    /// Told when a shutdown has waited for as long as it may.
    cut: watch::Sender<bool>,
}

impl Running {
    async fn run(
        self,
        sockets: Sockets,
        seen: Seen,
        obituaries: mpsc::UnboundedReceiver<Obituary>,
        workers: &Handle,
    ) -> anyhow::Result<()> {
        let mut signals = Signals::new()?;
        check::prepare();
        mirror::prepare();
        self.generations.current().follow(&self.builder.names);
        // What leads nowhere yet may do so later; the rest should be known to the first exchange.
        self.builder.names.settle().await;
        let (triggers, due) = mpsc::channel(RELOADS_WAITING_MAX);
        let (stop, stopped) = watch::channel(false);
        let _files = self.accept(sockets.listeners, &stopped, workers);
        self.administer(sockets.admin, triggers.clone())?;
        self.generations.current().supervise(&self.builder.upstreams);
        tokio::spawn(bury(obituaries, Arc::clone(&self.builder.host)));
        tokio::spawn(self.ebb(workers));
        let drain = self.keep(seen, triggers.clone(), due);
        self.ready.set(true);
        tracing::info!(generation = 1, "ready");
        while signals.next().await == Told::Reload {
            self.log.reopen();
            // If there is no room, an attempt is due already.
            let _ = triggers.try_send(Trigger::Signal);
        }
        self.ready.set(false);
        // Nobody is left to be told that the listeners do not listen to it.
        let _ = stop.send(true);
        // Looked at, and let go of: a swap that goes live meanwhile sets it, on this thread.
        let wait = *drain.borrow();
        self.end(wait, &mut signals).await;
        Ok(())
    }

    /// Serves what comes in on the sockets. What is returned must live as long as that.
    fn accept(
        &self,
        listeners: Vec<Bound>,
        stopped: &watch::Receiver<bool>,
        workers: &Handle,
    ) -> Vec<SocketFile> {
        let mut files = Vec::new();
        for (position, (mut bound, listener)) in listeners.into_iter().zip(&self.config.listeners).enumerate()
        {
            files.extend(bound.take_file());
            let address = bound.at.clone();
            tracing::info!(%address, listener = %listener.bind, "listening");
            let edge = Edge {
                generations: Arc::clone(&self.generations),
                listener: position,
                port: address.tcp().map(|address| http::HeaderValue::from(address.port())),
                log: self.log.clone(),
                metrics: Arc::clone(&self.builder.metrics),
                admission: self.admission,
                cut: self.cut.subscribe(),
            };
            let threads = crate::startup::workers(&self.config);
            workers.spawn(bound.serve(
                edge,
                listener.clone(),
                threads,
                self.connections.clone(),
                stopped.clone(),
            ));
        }
        files
    }

    fn administer(&self, bound: Option<Bound>, triggers: mpsc::Sender<Trigger>) -> anyhow::Result<()> {
        let Some(bound) = bound else { return Ok(()) };
        let Some(address) = bound.at.tcp() else { return Ok(()) };
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "whoever reaches the admin listener can reload the configuration; it has no password");
        }
        let listener = tokio::net::TcpListener::from_std(bound.into_std())?;
        let admin = Admin {
            generations: Arc::clone(&self.generations),
            metrics: Arc::clone(&self.builder.metrics),
            upstreams: Arc::clone(&self.builder.upstreams),
            names: Arc::clone(&self.builder.names),
            connections: self.connections.clone(),
            logs: [self.log.clone(), self.own_log.clone()],
            triggers,
            ready: Arc::clone(&self.ready),
        };
        tracing::info!(%address, "admin listening");
        tokio::spawn(admin::serve(listener, Arc::new(admin)));
        Ok(())
    }

    /// Gives memory back when clients have gone.
    fn ebb(&self, workers: &Handle) -> impl Future<Output = ()> + use<> {
        let (connections, generations) = (self.connections.clone(), Arc::clone(&self.generations));
        let load = move || connections.count() + generations.open();
        crate::ebb::watch(load, workers.clone(), crate::startup::workers(&self.config))
    }

    /// Starts what makes the next generations; returns how long a shutdown is to wait.
    fn keep(
        &self,
        seen: Seen,
        triggers: mpsc::Sender<Trigger>,
        due: mpsc::Receiver<Trigger>,
    ) -> watch::Receiver<Duration> {
        let (seen, looked) = watch::channel(seen);
        let (drain, wanted) = watch::channel(self.config.drain);
        match watch_files(looked, triggers) {
            Ok(watching) => drop(tokio::spawn(watching)),
            Err(error) => tracing::warn!(
                error = sentence(&error),
                "files can not be watched; changes are noticed at a SIGHUP or a POST to /v1/reload"
            ),
        }
        let keeper = Keeper {
            builder: self.builder.clone(),
            generations: Arc::clone(&self.generations),
            started: self.config.clone(),
            seen,
            drain,
        };
        tokio::spawn(keeper.run(due));
        wanted
    }

    /// Waits for open exchanges, but not for longer than `drain`, nor past a second signal.
    async fn end(&self, drain: Duration, signals: &mut Signals) {
        let open = self.generations.open();
        tracing::info!(open, "shutting down; waiting for {open} exchanges");
        let cut_off = tokio::select! {
            cut_off = ended(&self.generations, &self.connections, drain) => cut_off,
            () = signals.stop() => self.generations.open(),
        };
        if cut_off > 0 {
            self.cut_off(cut_off).await;
        }
        match cut_off {
            0 => tracing::info!("every exchange has ended"),
            _ => tracing::warn!(cut_off, "{cut_off} exchanges were cut off"),
        }
        // An endpoint that is being connected to, or takes nothing of a body, keeps them from noticing.
        let unlogged = self.generations.open();
        if unlogged > 0 {
            tracing::warn!(unlogged, "{unlogged} of them did not end in time, and are not in the access log");
        }
    }
}

impl Running {
    /// Ends `open` exchanges, and waits for their lines in the access log. Tunnels are told, and end by themselves; of others
    /// it is their clients that seem to fall silent, so that there can still be an answer, and then to hang up.
    async fn cut_off(&self, open: usize) {
        let tunnels = usize::try_from(self.builder.metrics.tunnels.get()).unwrap_or(usize::MAX);
        self.cut.send_replace(true);
        self.ended_but(open.saturating_sub(tunnels)).await;
        for how in [Shutdown::Read, Shutdown::Both] {
            self.connections.cut(how);
            self.ended_but(0).await;
        }
    }

    /// Waits until no more exchanges than these are left, and not for long.
    async fn ended_but(&self, left: usize) {
        let deadline = tokio::time::Instant::now() + CUT_TIMEOUT;
        while self.generations.open() > left && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}

/// What the process is told from outside.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Reload,
    Stop,
}

struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hang_up.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}
