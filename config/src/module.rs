//! Which files hold guests.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use edgeloom_core::digest::Digest;
use edgeloom_core::limits::MODULE_MAX;
use edgeloom_core::units::Bytes;

use crate::limits::ModuleSize;
use crate::raw;
use crate::written::{OneOf, meant, texts};

/// A file that holds a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    pub name: String,
    pub path: PathBuf,
    /// The only bytes accepted, if pinned.
    pub sha256: Option<Digest>,
    pub size_max: Bytes,
}

impl Module {
    pub(crate) fn resolve(name: String, raw: &OneOf<FileSource, raw::Module>, folder: &Path) -> Option<Self> {
        Some(match raw {
            OneOf::Short(from) => {
                Self { name, path: folder.join(&from.0), sha256: None, size_max: MODULE_MAX }
            }
            OneOf::Full(raw) => Self {
                name,
                path: folder.join(&raw.from.as_ref()?.value.0),
                sha256: raw.sha256.as_ref()?.value,
                size_max: raw.size_max.as_ref()?.value.0,
            },
        })
    }

    pub(crate) fn write(&self) -> OneOf<FileSource, raw::Module> {
        OneOf::Full(raw::Module {
            from: meant(FileSource(self.path.clone())),
            sha256: meant(self.sha256),
            size_max: meant(ModuleSize(self.size_max)),
        })
    }
}

/// `file:` and a path: what else there may be, such as `https:`, is to be told apart.
#[derive(Debug, Clone)]
pub(crate) struct FileSource(pub(crate) PathBuf);

/// A path, relative to the folder of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct FilePath(pub(crate) PathBuf);

/// A text that names no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAFile {
    #[error("write `file:` and a path, such as `file:filters/geo.wasm`")]
    Source,
    #[error("write a path, such as `city.mmdb`")]
    Path,
}

impl FromStr for FileSource {
    type Err = NotAFile;

    fn from_str(text: &str) -> Result<Self, NotAFile> {
        let path = text.strip_prefix("file:").filter(|path| !path.is_empty());
        path.map(|path| Self(path.into())).ok_or(NotAFile::Source)
    }
}

impl fmt::Display for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file:{}", self.0.display())
    }
}

impl FromStr for FilePath {
    type Err = NotAFile;

    fn from_str(text: &str) -> Result<Self, NotAFile> {
        if text.is_empty() { Err(NotAFile::Path) } else { Ok(Self(text.into())) }
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

texts! {
    FileSource = "a file" like "file:filters/geo.wasm" matching "^file:.";
    FilePath = "a path" like "city.mmdb";
    Digest = "a SHA-256 digest" like "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        matching "^[0-9A-Fa-f]{64}$";
}
