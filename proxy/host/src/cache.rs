//! Compiled components on disk, so that a restart compiles nothing.
//!
//! A cache may lose anything at any time and never fails a caller: a file that
//! can not be read is compiled anew, one that can not be written is only warned of.

use std::cmp::Reverse;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use edgeloom_core::digest::Digest;
use edgeloom_core::limits::CACHE_MAX;
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::verify::digest;

/// A folder of `<key>.cwasm` files, each one its own SHA-256 and what Wasmtime serialised.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Makes the folder for its owner alone: what is in it is executed.
    pub(crate) fn open(folder: Option<PathBuf>) -> Self {
        let folder = folder.filter(|folder| match make_private(folder) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "compiled filters are not kept: the cache folder can not be used");
                false
            }
        });
        Self { folder }
    }

    /// What is kept under this key for this engine, if it is whole.
    pub(crate) fn load<C: Compiled>(&self, engine: &Engine, key: &[&[u8]]) -> Option<C> {
        let path = self.path(engine, key)?;
        let file = fs::read(&path).ok()?;
        let (kept, compiled) = file.split_at_checked(32)?;
        if digest(compiled).0 != kept {
            return None;
        }
        C::load(engine, compiled)
    }

    pub(crate) fn store<C: Compiled>(&self, engine: &Engine, key: &[&[u8]], compiled: &C) {
        let Some(path) = self.path(engine, key) else { return };
        let written = compiled.bytes().map_err(io::Error::other).and_then(|compiled| {
            let mut file = digest(&compiled).0.to_vec();
            file.extend_from_slice(&compiled);
            replace(&path, &file)
        });
        match written {
            Ok(()) => self.trim(),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a compiled filter could not be kept");
            }
        }
    }

    fn path(&self, engine: &Engine, key: &[&[u8]]) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let mut name = Sha256::new();
        name.update(hasher.finish().to_le_bytes());
        for part in key {
            name.update(part.len().to_le_bytes());
            name.update(part);
        }
        Some(folder.join(format!("{}.cwasm", Digest(name.finalize().into()))))
    }

    /// Removes the files written longest ago until the rest fits.
    fn trim(&self) {
        let Some(folder) = &self.folder else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let about = entry.metadata().ok()?;
                let ours = entry.path().extension().is_some_and(|extension| extension == "cwasm");
                ours.then_some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        files.sort_by_key(|(written, _, _)| Reverse(*written));
        let mut kept = 0;
        for (_, size, path) in files {
            kept += size;
            if kept > CACHE_MAX.0 {
                let _gone_or_kept = fs::remove_file(path);
            }
        }
    }
}

/// What Wasmtime compiles.
pub(crate) trait Compiled: Sized {
    fn bytes(&self) -> wasmtime::Result<Vec<u8>>;

    /// The bytes are those that [`Cache::store`] wrote, as their digest says.
    fn load(engine: &Engine, bytes: &[u8]) -> Option<Self>;
}

// SAFETY of both: Wasmtime trusts what it deserialises. The bytes are those that `store` wrote, in
// a folder that only this user can write to; Wasmtime itself refuses another version's.
#[expect(unsafe_code, reason = "Wasmtime marks loading compiled code unsafe; see above")]
impl Compiled for Component {
    fn bytes(&self) -> wasmtime::Result<Vec<u8>> {
        self.serialize()
    }

    fn load(engine: &Engine, bytes: &[u8]) -> Option<Self> {
        unsafe { Self::deserialize(engine, bytes) }.ok()
    }
}

#[expect(unsafe_code, reason = "Wasmtime marks loading compiled code unsafe; see above")]
impl Compiled for Module {
    fn bytes(&self) -> wasmtime::Result<Vec<u8>> {
        self.serialize()
    }

    fn load(engine: &Engine, bytes: &[u8]) -> Option<Self> {
        unsafe { Self::deserialize(engine, bytes) }.ok()
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "others than its owner can write to it, and what is in it is executed; `chmod go-w` it",
    ))
}

/// Writes beside and renames, so that a reader never sees half a file.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        let _was_never_made = fs::remove_file(&beside);
    })
}
