use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;

/// A watcher that has seen these files as they are now.
struct Watching {
    seen: watch::Sender<Seen>,
    triggers: mpsc::Receiver<Trigger>,
}

impl Watching {
    fn files(paths: &[&Path]) -> Self {
        let (seen, attempts) = watch::channel(as_seen(paths));
        let (sender, triggers) = mpsc::channel(8);
        tokio::spawn(watch(attempts, sender).unwrap());
        Self { seen, triggers }
    }

    fn look(&self, paths: &[&Path]) {
        self.seen.send_replace(as_seen(paths));
    }

    async fn notices(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(5), self.triggers.recv()).await.is_ok()
    }

    async fn notices_nothing(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.triggers.recv()).await.is_err()
    }
}

fn as_seen(paths: &[&Path]) -> Seen {
    paths.iter().map(|path| (path.to_path_buf(), Stamp::of(path))).collect()
}

#[tokio::test]
async fn a_file_written_in_place_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.yaml");
    fs::write(&file, "a").unwrap();
    let mut watching = Watching::files(&[&file]);
    fs::write(&file, "b").unwrap();
    assert!(watching.notices().await);
}

#[tokio::test]
async fn a_file_replaced_by_another_is_noticed_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let (file, fresh) = (folder.path().join("edge.yaml"), folder.path().join(".edge.yaml.swp"));
    fs::write(&file, "a").unwrap();
    let mut watching = Watching::files(&[&file]);
    for _ in 0..3 {
        fs::write(&fresh, "b").unwrap();
        fs::rename(&fresh, &file).unwrap();
        assert!(watching.notices().await);
        watching.look(&[&file]);
    }
}

#[tokio::test]
async fn other_files_and_reading_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.yaml");
    fs::write(&file, "a").unwrap();
    let mut watching = Watching::files(&[&file]);
    fs::write(folder.path().join("other"), "x").unwrap();
    fs::read(&file).unwrap();
    assert!(watching.notices_nothing().await);
}

#[tokio::test]
async fn a_flipped_link_above_the_file_is_noticed() {
    // As Kubernetes mounts a ConfigMap: edge.yaml → ..data/edge.yaml, ..data → ..1.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("..1", "a"), ("..2", "b")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("edge.yaml"), text).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/edge.yaml", at("edge.yaml")).unwrap();
    let mut watching = Watching::files(&[&at("edge.yaml")]);
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert!(watching.notices().await);
}

#[tokio::test]
async fn a_folder_that_is_replaced_is_watched_on() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("filters");
    let file = inner.join("geo.wasm");
    fs::create_dir(&inner).unwrap();
    fs::write(&file, "a").unwrap();
    let mut watching = Watching::files(&[&file]);
    fs::remove_dir_all(&inner).unwrap();
    assert!(watching.notices().await);
    watching.look(&[&file]);
    fs::create_dir(&inner).unwrap();
    fs::write(&file, "b").unwrap();
    assert!(watching.notices().await);
}

#[tokio::test]
async fn what_changed_before_the_look_is_noticed_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.yaml");
    fs::write(&file, "a").unwrap();
    let stale = Seen::from([(file.clone(), Stamp::of(&file))]);
    fs::write(&file, "changed while it was read").unwrap();
    let mut watching = Watching::files(&[]);
    watching.seen.send_replace(stale);
    assert!(watching.notices().await);
}

#[test]
fn the_folders_of_a_path_are_those_where_it_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("real/deep")).unwrap();
    fs::write(root.join("real/deep/file"), "x").unwrap();
    symlink("real", root.join("link")).unwrap();
    symlink(root.join("link/deep/file"), root.join("file")).unwrap();
    assert_eq!(folders_of(&root.join("file")), [root.clone(), root.clone(), root.join("real/deep")]);
    assert_eq!(folders_of(&root.join("real/../real/deep/file")), [root.join("real/deep")]);
    assert_eq!(folders_of(&root.join("none/at/all")), std::slice::from_ref(&root));
    symlink("loop", root.join("loop")).unwrap();
    assert!(folders_of(&root.join("loop")).len() <= LINKS_MAX + 1);
}
