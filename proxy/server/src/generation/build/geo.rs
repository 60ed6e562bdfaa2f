//! The geo database of a generation.

use std::path::PathBuf;
use std::sync::Arc;

use edgeloom_config::GeoSource;
use edgeloom_host::Geo;
use edgeloom_host::geo::GeoError;

use super::stamped;
use crate::generation::Generation;
use crate::generation::watch::Stamp;

/// A geo database, and what its files were when it was read.
#[derive(Clone)]
pub(crate) struct OpenGeo {
    pub(super) files: Vec<(PathBuf, Option<Stamp>)>,
    pub(super) geo: Arc<Geo>,
}

/// The running generation's database where its files are the same, else a new one.
pub(super) fn open(source: &GeoSource, running: Option<&Generation>) -> Result<OpenGeo, GeoError> {
    let files: Vec<_> = geo_files(source).map(stamped).collect();
    if let Some(open) = running.and_then(|running| running.geo.as_ref()).filter(|open| open.files == files) {
        return Ok(open.clone());
    }
    let geo = Geo::open(&source.database, source.asn.as_deref())?;
    Ok(OpenGeo { files, geo: Arc::new(geo) })
}

pub(super) fn geo_files(source: &GeoSource) -> impl Iterator<Item = &PathBuf> {
    [&source.database].into_iter().chain(&source.asn)
}
