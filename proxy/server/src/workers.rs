//! The threads that serve requests.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// Threads that run what is spawned on them until they are ended.
pub(crate) enum Workers {
    /// It has nobody to take tasks from, and does without the queues that are made for that.
    Alone(Handle, oneshot::Sender<()>),
    Together(Runtime),
}

impl Workers {
    /// # Errors
    ///
    /// Where the system has no thread or file to spare.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        if count > 1 {
            let runtime =
                Builder::new_multi_thread().worker_threads(count).thread_name(NAME).enable_all().build()?;
            return Ok(Self::Together(runtime));
        }
        let runtime = Builder::new_current_thread().thread_name(NAME).enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
        Ok(Self::Alone(handle, end))
    }

    pub(crate) fn handle(&self) -> &Handle {
        match self {
            Self::Alone(handle, _) => handle,
            Self::Together(runtime) => runtime.handle(),
        }
    }

    /// Ends them, without waiting for what runs on them.
    pub(crate) fn end(self) {
        match self {
            Self::Alone(_, end) => {
                let _ = end.send(());
            }
            Self::Together(runtime) => runtime.shutdown_background(),
        }
    }
}

const NAME: &str = "worker";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_many_run_what_is_spawned_on_threads_of_their_own_and_end() {
        for count in [1, 2] {
            let workers = Workers::start(count).unwrap();
            let control = Builder::new_current_thread().build().unwrap();
            let (held, gone) = oneshot::channel::<()>();
            let name = control.block_on(async {
                // What is not done is let go of when they end.
                drop(workers.handle().spawn(async move {
                    std::future::pending::<()>().await;
                    drop(held);
                }));
                let name = workers.handle().spawn(async { thread::current().name().map(str::to_owned) });
                name.await.unwrap()
            });
            assert_eq!(name.as_deref(), Some(NAME));
            workers.end();
            assert!(control.block_on(gone).is_err(), "{count}");
        }
    }
}
