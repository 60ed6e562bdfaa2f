//! Notices that files have changed.
//!
//! What is watched are folders, not files: editors replace files, and
//! deployments flip a link somewhere above them. What counts as a change is
//! what a look at the files says, so other files in these folders do nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::Trigger;
use crate::limits::{LINKS_MAX, WATCH_PATIENCE, WATCH_QUIET};

/// The files that the last attempt at a generation looked at, and what it saw.
pub(crate) type Seen = BTreeMap<PathBuf, Option<Stamp>>;

/// What tells a file from what it was before, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Also moves when a file is given back its old time of modification.
    changed: (i64, i64),
}

impl Stamp {
    /// Follows links; `None` where there is no file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Watches whatever files the last attempt at a generation looked at; triggers
/// an attempt when they have changed since.
///
/// # Errors
///
/// Where the system gives no way to watch.
pub(crate) fn watch(
    seen: watch::Receiver<Seen>,
    triggers: mpsc::Sender<Trigger>,
) -> notify::Result<impl Future<Output = ()>> {
    let (alarm, alarms) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // An error may mean that events were lost: look, then.
        if event.map_or(true, |event| is_change(event.kind)) {
            // If there is no room, a look is due already.
            let _ = alarm.try_send(());
        }
    })?;
    Ok(run(Folders { watcher, watched: BTreeMap::new() }, seen, alarms, triggers))
}

/// Our own reading of the files causes events, too.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if !matches!(access, notify::event::AccessKind::Close(notify::event::AccessMode::Write)))
}

async fn run(
    mut folders: Folders,
    mut seen: watch::Receiver<Seen>,
    mut alarms: mpsc::Receiver<()>,
    triggers: mpsc::Sender<Trigger>,
) {
    let mut last = seen.borrow_and_update().clone();
    loop {
        // First the folders, then the files: what changes in between is an event.
        folders.follow(last.keys());
        let now: Seen = last.keys().map(|path| (path.clone(), Stamp::of(path))).collect();
        if now != last {
            last = now;
            // If there is no room, an attempt is due already.
            let _ = triggers.try_send(Trigger::Files);
        }
        tokio::select! {
            attempted = seen.changed() => match attempted {
                Ok(()) => last = seen.borrow_and_update().clone(),
                Err(_) => return,
            },
            alarm = alarms.recv() => match alarm {
                Some(()) => settle(&mut alarms).await,
                None => return,
            },
        }
    }
}

/// Waits until the files are left alone, but not for ever.
async fn settle(alarms: &mut mpsc::Receiver<()>) {
    let patience = Instant::now() + WATCH_PATIENCE;
    while let Ok(Some(())) = timeout_at(patience.min(Instant::now() + WATCH_QUIET), alarms.recv()).await {}
}

/// The folders that are watched, each with its inode: a folder may be replaced by another of the same name.
struct Folders {
    watcher: RecommendedWatcher,
    watched: BTreeMap<PathBuf, u64>,
}

impl Folders {
    /// Watches the folders that these files depend on, and no others.
    fn follow<'a>(&mut self, files: impl Iterator<Item = &'a PathBuf>) {
        let mut wanted = BTreeMap::new();
        for folder in files.flat_map(|file| folders_of(file)) {
            if let Ok(metadata) = fs::metadata(&folder) {
                wanted.insert(folder, metadata.ino());
            }
        }
        let gone: Vec<_> = self
            .watched
            .iter()
            .filter(|(folder, inode)| wanted.get(*folder) != Some(inode))
            .map(|(folder, _)| folder.clone())
            .collect();
        for folder in gone {
            self.watched.remove(&folder);
            // The kernel has already stopped where the folder is gone.
            let _ = self.watcher.unwatch(&folder);
        }
        for (folder, inode) in wanted {
            if !self.watched.contains_key(&folder) {
                match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                    Ok(()) => drop(self.watched.insert(folder, inode)),
                    Err(error) => tracing::warn!(
                        folder = %folder.display(), %error,
                        "a folder can not be watched; changes in it are noticed at a SIGHUP or a POST to /v1/reload"
                    ),
                }
            }
        }
    }
}

/// Every folder in which something can happen that makes this path another
/// file: its own, and that of every link on the way. Where one does not exist,
/// the nearest that does.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut links = 0;
    // The way that is still to go, next part last.
    let mut ahead: Vec<PathBuf> = parts(&std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
    let mut at = PathBuf::from("/");
    while let Some(part) = ahead.pop() {
        if part == Path::new("..") {
            at.pop();
            continue;
        }
        let next = at.join(part);
        match fs::symlink_metadata(&next) {
            Ok(found) if found.is_symlink() && links < LINKS_MAX => {
                links += 1;
                folders.push(at.clone());
                let target = fs::read_link(&next).unwrap_or_default();
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                ahead.extend(parts(&target));
            }
            Ok(found) if found.is_dir() => at = next,
            Ok(_) | Err(_) => {
                folders.push(at.clone());
                break;
            }
        }
    }
    folders
}

/// The parts of a path, last first; without the root and `.`.
fn parts(path: &Path) -> Vec<PathBuf> {
    let part = |part: Component<'_>| match part {
        Component::Normal(_) | Component::ParentDir => Some(PathBuf::from(part.as_os_str())),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}

#[cfg(test)]
mod tests;
