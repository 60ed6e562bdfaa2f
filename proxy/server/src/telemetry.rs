//! How the process speaks of itself: sentences with fields on stderr.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::lines::{Lines, Writer};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people, in colour.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged unless `EDGELOOM_LOG` says otherwise.
///
/// Pingora reports what clients do wrong (heads cut off, broken prefaces) as
/// errors of ours, a line each; who may connect could fill a disk with them.
/// What becomes of an exchange is in the access log.
const DEFAULT: &str =
    "info,pingora_core=error,pingora_core::apps=off,pingora_proxy=off,wasmtime=warn,cranelift=warn";

/// Starts logging; `None` is JSON unless a person is looking.
///
/// # Errors
///
/// Where `EDGELOOM_LOG` is not a filter of the kind `info,edgeloom=debug`.
pub(crate) fn start(format: Option<LogFormat>) -> anyhow::Result<(Lines, Writer)> {
    let filter = match std::env::var("EDGELOOM_LOG") {
        Ok(wanted) => EnvFilter::try_new(&wanted).map_err(|error| {
            anyhow::anyhow!(
                "EDGELOOM_LOG={wanted} is not a log filter such as `info,edgeloom=debug`: {error}"
            )
        })?,
        Err(_) => EnvFilter::new(DEFAULT),
    };
    let (lines, writer) = Lines::to_stderr()?;
    let terminal = io::stderr().is_terminal();
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr(lines.clone()))
        .with_timer(SystemTime);
    match format.unwrap_or(if terminal { LogFormat::Human } else { LogFormat::Json }) {
        LogFormat::Human => events.with_target(false).with_ansi(terminal).init(),
        LogFormat::Json => {
            events.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
    }
    log_panics();
    Ok((lines, writer))
}

/// A bug of ours ends one connection; its story belongs where all others are.
fn log_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        // The process ends with this thread, before the log is written.
        if std::thread::current().name() == Some("main") {
            print(panic);
        }
    }));
}

/// Through the queue: guests with the `log` grant write lines, and must not
/// make a worker wait for whoever reads stderr.
struct Stderr(Lines);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// One event: it is written at once.
struct Line<'a>(&'a Lines);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
