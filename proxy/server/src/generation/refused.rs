//! Why a configuration is no generation, as the operator is told.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use edgeloom_config::{Place, Report};
use edgeloom_host::PrepareError;
use edgeloom_host::geo::GeoError;

use super::answers::FileRefused;
use super::build::TlsRefused;
use crate::upstreams::credentials::CredentialsError;

/// Why a configuration is no generation. Nothing has changed then.
#[derive(Debug)]
pub(crate) enum Refused {
    Config(Report),
    Geo(GeoError),
    /// The name of the cluster, and what is wrong with its `tls`.
    Credentials(String, CredentialsError),
    Tls(Vec<TlsRefused>),
    Answers(Vec<FileRefused>),
    Filters(Vec<FilterRefused>),
}

/// A filter that could not be prepared.
#[derive(Debug)]
pub(crate) struct FilterRefused {
    pub(super) name: String,
    pub(super) place: Place,
    /// Of several filters, where it is their module's.
    pub(super) error: Arc<PrepareError>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(report) => write!(f, "{report}"),
            Self::Geo(error) => f.write_str(&sentence(error)),
            Self::Credentials(cluster, error) => {
                write!(f, "`tls` of cluster `{cluster}`: {}", sentence(error))
            }
            Self::Tls(refused) => {
                let lines: Vec<_> = refused.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Answers(refused) => {
                let lines: Vec<_> = refused.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Filters(refused) => {
                for (n, FilterRefused { name, place, error }) in refused.iter().enumerate() {
                    let line = if n == 0 { "" } else { "\n" };
                    write!(f, "{line}{place}: filter `{name}`: {}", sentence(&**error))?;
                }
                Ok(())
            }
        }
    }
}

impl Error for Refused {}

/// An error with its sources, in one line; some errors repeat their source's words.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
