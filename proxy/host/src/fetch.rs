//! Source → bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use edgeloom_core::digest::Digest;
use edgeloom_core::units::Bytes;

/// Where a module comes from, and what the operator expects of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// The only digest accepted, where the operator has pinned one.
    pub sha256: Option<Digest>,
    pub size_max: Bytes,
}

/// Why the bytes of a module could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("there is no such file; build the filter, or correct `from:`")]
    Missing,
    #[error("it is a directory, not a file")]
    Directory,
    #[error("the file is more than the {limit} allowed; raise `size_max:` if that is right")]
    TooLarge { limit: Bytes },
    #[error("the file can not be read")]
    Unreadable(#[source] io::Error),
}

/// Reads the whole file, and no more than one byte past the limit of it.
pub(crate) fn fetch(path: &Path, size_max: Bytes) -> Result<Vec<u8>, FetchError> {
    let file = File::open(path).map_err(blame)?;
    if file.metadata().map_err(blame)?.is_dir() {
        return Err(FetchError::Directory);
    }
    let mut bytes = Vec::new();
    file.take(size_max.0.saturating_add(1)).read_to_end(&mut bytes).map_err(blame)?;
    if bytes.len() as u64 > size_max.0 {
        return Err(FetchError::TooLarge { limit: size_max });
    }
    Ok(bytes)
}

fn blame(error: io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::NotFound => FetchError::Missing,
        io::ErrorKind::IsADirectory => FetchError::Directory,
        _ => FetchError::Unreadable(error),
    }
}
