//! The configuration language of Edgeloom: YAML as written, as meant, and
//! every problem with its place.
//!
//! This crate knows YAML; it may not know Wasm or sockets, and it reads no
//! file but the configuration itself.
//!
//! Read the modules in the order of the way from text to meaning.

mod answers; // what the edge itself says
mod clients; // what they may take
mod cluster; // who answers
mod config; // the file as meant: the whole
mod dns; // where their names lead
mod explain; // the file as meant, written again
mod filter; // which guests run, and what they may
mod limits; // how far an operator may go
mod listener; // where requests come in
mod module; // which files hold guests
mod names; // what things are called
mod problem; // what can be wrong
mod raw; // the file as written
mod report;
mod resolve; // names become positions
mod route; // which request goes where
mod schema; // the language, for editors and people
mod tree; // YAML in which everything knows its place
mod units; // numbers, sizes, durations
mod written; // how a form is read, shown and described // how that is told

use std::fs::File;
use std::io::Read;
use std::path::Path;

use problem::{Problem, Problems};
use tree::Span;
use written::Written;

pub use answers::{Answers, Page};
pub use clients::Limits;
pub use cluster::tls::{ClientCertificate, UpstreamTls};
pub use cluster::{Cluster, Health, HttpCheck, Load, ProxyHeader, Spoken, Statuses, Timeouts};
pub use config::{AccessLog, Cache, Config, GeoSource, Workers};
pub use dns::Dns;
pub use filter::{Filter, Grants, Instances, Place};
pub use listener::{
    Bind, CertificateFiles, ClientCertificates, Clients, Listener, Misdirected, ProxyProtocol, Socket, Tls,
    TlsVersion, UnknownName,
};
pub use module::Module;
pub use report::Report;
pub use route::answer::{Answer, Body};
pub use route::mirror::Mirror;
pub use route::{Link, Route, Target, Upgrades};

/// Reads a configuration from a file.
///
/// # Errors
///
/// Where the file cannot be read, or anything in it is not as it must be: the
/// report lists every problem with its place and remedy.
pub fn load(path: &Path) -> Result<Config, Report> {
    let text = text_of(path).map_err(|problem| {
        let mut problems = Problems::default();
        problems.push(Span::default(), problem);
        Report::new(path, "", problems)
    })?;
    parse(&text, path)
}

/// Reads a configuration from text. `origin` is the file it came from: named in
/// the report, and its folder is where relative paths begin.
///
/// # Errors
///
/// As [`load`], but for reading the file.
pub fn parse(text: &str, origin: &Path) -> Result<Config, Report> {
    let text = text.trim_start_matches('\u{feff}');
    let absolute = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
    let folder = absolute.parent().unwrap_or(&absolute);
    let mut problems = Problems::default();
    let config = tree::read(text, &mut problems)
        .and_then(|node| raw::File::read(&node, &mut problems))
        .and_then(|raw| resolve::resolve(raw, origin, folder, &mut problems));
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Report::new(origin, text, problems)),
    }
}

/// The configuration as YAML with every default filled in. Parses back to the
/// same configuration, but for the places.
pub fn explain(config: &Config) -> String {
    explain::explain(config)
}

/// The JSON Schema of the language, for editors.
pub fn schema() -> serde_json::Value {
    schema::schema()
}

/// The reference of the language, as Markdown: every field, its default and what it is for.
pub fn reference() -> String {
    schema::reference()
}

fn text_of(path: &Path) -> Result<String, Problem> {
    let unreadable = |why: String, remedy| Problem::Unreadable { why, remedy };
    let read = File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(limits::FILE_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.map_err(|error| {
        unreadable(error.to_string().to_lowercase(), "name a file that exists and that this user may read")
    })?;
    if bytes.len() as u64 > limits::FILE_MAX {
        return Err(unreadable("it is larger than 16MiB".to_owned(), "is this the right file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        unreadable(format!("it is not UTF-8, from byte {at} on"), "save it as UTF-8 text")
    })
}
