//! How the process speaks of itself: sentences with fields on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

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
pub(crate) fn start(format: Option<LogFormat>) -> anyhow::Result<()> {
    let filter = match std::env::var("EDGELOOM_LOG") {
        Ok(wanted) => EnvFilter::try_new(&wanted).map_err(|error| {
            anyhow::anyhow!(
                "EDGELOOM_LOG={wanted} is not a log filter such as `info,edgeloom=debug`: {error}"
            )
        })?,
        Err(_) => EnvFilter::new(DEFAULT),
    };
    let terminal = std::io::stderr().is_terminal();
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_timer(SystemTime);
    match format.unwrap_or(if terminal { LogFormat::Human } else { LogFormat::Json }) {
        LogFormat::Human => lines.with_target(false).with_ansi(terminal).init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
    }
    // A bug of ours ends one connection; its story belongs where all others are.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}
