//! One attempt after the other at the next generation.

use std::sync::Arc;
use std::time::Duration;

use edgeloom_config::{Bind, Config, Listener};
use tokio::sync::{mpsc, oneshot, watch};

use super::build::Attempt;
use super::watch::Seen;
use super::{Builder, Draft, Generations};

/// Why an attempt is made.
pub(crate) enum Trigger {
    /// Files have changed.
    Files,
    /// SIGHUP.
    Signal,
    /// POST /v1/reload; answered with the outcome.
    Request(oneshot::Sender<Outcome>),
}

/// The number of the generation that runs now, or the report on why nothing has changed.
pub(crate) type Outcome = Result<u64, Arc<str>>;

/// Makes attempts, one at a time; what triggers come meanwhile are one more.
pub(crate) struct Keeper {
    pub(crate) builder: Builder,
    pub(crate) generations: Arc<Generations>,
    /// What the process was started with, and can not change without a restart.
    pub(crate) started: Config,
    pub(crate) seen: watch::Sender<Seen>,
    /// How long a shutdown waits: the one fixed thing of a process that may change.
    pub(crate) drain: watch::Sender<Duration>,
}

impl Keeper {
    pub(crate) async fn run(self, mut triggers: mpsc::Receiver<Trigger>) {
        while let Some(first) = triggers.recv().await {
            let mut due = vec![first];
            while let Ok(next) = triggers.try_recv() {
                due.push(next);
            }
            let outcome = self.attempt(&due).await;
            for trigger in due {
                if let Trigger::Request(reply) = trigger {
                    // Who asked may have gone.
                    let _ = reply.send(outcome.clone());
                }
            }
        }
    }

    async fn attempt(&self, due: &[Trigger]) -> Outcome {
        let running = self.generations.current();
        let builder = self.builder.clone();
        let attempt = tokio::task::spawn_blocking(move || builder.attempt(Some(&running)));
        let Ok(Attempt { seen, drafted }) = attempt.await else {
            return Err(self.refuse("an error of the edge itself; its log says more"));
        };
        self.seen.send_replace(seen);
        match drafted {
            Ok(draft) => Ok(self.publish(draft, due).await),
            Err(refused) => Err(self.refuse(&refused.to_string())),
        }
    }

    async fn publish(&self, draft: Draft, due: &[Trigger]) -> u64 {
        let running = self.generations.current();
        let only_files = due.iter().all(|trigger| matches!(trigger, Trigger::Files));
        if only_files && draft.is(&running) {
            tracing::debug!(generation = running.number, "files have changed, but nothing that they mean");
            return running.number;
        }
        draft.warn();
        self.tell_what_waits(&draft.config);
        self.drain.send_replace(draft.config.drain);
        let (made, filters) = (draft.made, draft.filters());
        let number = running.number + 1;
        self.builder.names.configure(&draft.config.dns);
        let next = self.builder.generation(number, draft, &listeners(&self.started), Some(&running));
        let (digest, next) = (next.digest, Arc::new(next));
        next.follow(&self.builder.names);
        // Whoever is new in it is not to be asked in vain.
        self.builder.names.settle().await;
        self.generations.publish(Arc::clone(&next));
        next.supervise(&self.builder.upstreams);
        drop(next);
        self.builder.metrics.swaps.add();
        tracing::info!(
            generation = number, %digest, filters, made,
            "generation {number} is live; {made} of {filters} filters made, {} reused", filters - made
        );
        number
    }

    fn refuse(&self, reason: &str) -> Arc<str> {
        self.builder.metrics.swaps_refused.add();
        let generation = self.generations.current().number;
        tracing::error!(generation, reason, "swap refused; generation {generation} stays");
        reason.into()
    }

    /// Sockets, threads and files that stay as they are until the process is restarted.
    fn tell_what_waits(&self, wanted: &Config) {
        let fields = restart_fields(&self.started, wanted);
        if !fields.is_empty() {
            let fields = fields.join(", ");
            tracing::warn!(
                fields,
                "restart needed: {fields} can not change while the edge runs; the rest has changed"
            );
        }
    }
}

pub(crate) fn listeners(config: &Config) -> Vec<Bind> {
    config.listeners.iter().map(|listener| listener.bind.clone()).collect()
}

/// The fields in which two configurations differ and that a swap does not reach.
fn restart_fields(started: &Config, wanted: &Config) -> Vec<&'static str> {
    let socket =
        |listener: &Listener| (listener.bind.clone(), listener.h2c, listener.proxy_protocol, listener.socket);
    let sockets = |config: &Config| -> Vec<_> { config.listeners.iter().map(socket).collect() };
    let differ = [
        ("listeners", sockets(started) != sockets(wanted)),
        ("admin", started.admin != wanted.admin),
        ("workers", started.workers != wanted.workers),
        ("access_log", started.access_log != wanted.access_log),
        ("cache", started.cache != wanted.cache),
    ];
    differ.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
}
