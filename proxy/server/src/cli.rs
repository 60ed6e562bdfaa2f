//! What the operator typed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use edgeloom_host::{Host, HostOptions};

use crate::generation::sentence;
use crate::startup;
use crate::telemetry::{self, LogFormat};

/// An edge proxy that sends every request through a chain of WebAssembly
/// filters, and swaps them while traffic flows.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "\
Begin with `edgeloom check edge.yaml`, which says all that is wrong with a configuration, and go on with
`edgeloom run --config edge.yaml`. A running edge reads its configuration again when the file, a module or a
geo database changes, at SIGHUP, and at POST /v1/reload on its admin listener (127.0.0.1:9901); what can not be
used is refused, with the reason, and nothing changes. SIGTERM drains and ends it; a second one ends it at once."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests, until told to stop
    #[command(after_help = "\
Logs go to stderr (EDGELOOM_LOG=info,edgeloom=debug says more), the access log to where the configuration says.
Signals: SIGHUP reads the configuration again and opens the access log's file anew; SIGTERM and SIGINT stop
accepting, wait for open exchanges for as long as `drain` says, and end; a second one ends at once.")]
    Run {
        /// The configuration, in YAML
        #[arg(long, short, value_name = "PATH")]
        config: PathBuf,
        /// How log lines look; by default for people on a terminal, else JSON
        #[arg(long, value_enum)]
        log_format: Option<LogFormat>,
    },
    /// Say all that is wrong with a configuration
    #[command(after_help = "\
Does everything that a start does, but for listening: reads the configuration, verifies, compiles and configures
every module, and opens the geo databases and the certificates. Exits with 1, and a report, where any of it fails.
Says which certificates there are, and warns of those that end within 30 days, and where the system lets a process
have too few files open for the connections that the configuration allows.")]
    Check {
        /// Print the configuration with every default filled in
        #[arg(long)]
        explain: bool,
        /// The configuration, in YAML
        path: PathBuf,
    },
    /// Say what a module is: its phases, the grants it wants, its size and digest
    Inspect {
        /// The module, a .wasm file
        path: PathBuf,
    },
    /// Print the JSON Schema of the configuration, for editors
    Schema,
}

/// Does what the operator typed. Errors are one sentence, or a report, on stderr.
pub(crate) fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run { config, log_format } => serve(&config, log_format),
        Command::Check { explain, path } => check(&path, explain),
        Command::Inspect { path } => inspect(&path),
        Command::Schema => say(&format!("{:#}", edgeloom_config::schema())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code must do.
            let _ = writeln!(std::io::stderr(), "{}", sentence(error.as_ref()).trim_end());
            ExitCode::FAILURE
        }
    }
}

fn serve(config: &Path, format: Option<LogFormat>) -> anyhow::Result<()> {
    let (lines, writer) = telemetry::start(format)?;
    let served = startup::run(config, lines);
    writer.finish();
    served
}

fn check(path: &Path, explain: bool) -> anyhow::Result<()> {
    let draft = startup::check(path)?;
    for warning in &draft.warnings {
        // If stderr is closed, nobody wants to know.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    if explain {
        return say(edgeloom_config::explain(&draft.config).trim_end());
    }
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let config = &draft.config;
    say(&format!(
        "{} is fine: {}, {}, {}, {}",
        path.display(),
        count(config.listeners.len(), "listener"),
        count(config.routes.len(), "route"),
        count(config.clusters.len(), "cluster"),
        count(config.filters.len(), "filter"),
    ))?;
    let now = jiff::Timestamp::now();
    for certificate in draft.tls().flat_map(|tls| tls.certificates()) {
        say(&certificate.summary(now))?;
    }
    Ok(())
}

fn inspect(path: &Path) -> anyhow::Result<()> {
    let host = Host::new(&HostOptions::default())?;
    say(&host.inspect(path)?.to_string())
}

fn say(text: &str) -> anyhow::Result<()> {
    // A reader like `head` may have had enough.
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
