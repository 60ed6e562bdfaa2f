//! What is kept of earlier work, in memory and on disk.

use std::sync::Arc;
use std::time::Duration;

use edgeloom_host::{Host, HostOptions};

use crate::stage::{host, proceeds, shipped};

#[test]
fn an_unchanged_plan_gives_the_same_filter() {
    let host = host();
    let first = host.prepare(&shipped("headers", "{}")).unwrap();
    let second = host.prepare(&shipped("headers", "{}")).unwrap();
    assert!(!first.reused && second.reused);
    assert!(Arc::ptr_eq(&first.filter, &second.filter));
}

#[test]
fn a_changed_deadline_makes_a_filter_of_the_same_image() {
    let host = host();
    let first = host.prepare(&shipped("headers", "{}")).unwrap();
    let mut changed = shipped("headers", "{}");
    changed.deadline = Duration::from_millis(7);
    let second = host.prepare(&changed).unwrap();
    assert!(second.reused && !Arc::ptr_eq(&first.filter, &second.filter));
    assert_eq!(second.filter.deadline(), Duration::from_millis(7));
}

#[test]
fn what_no_filter_uses_is_forgotten() {
    let host = host();
    drop(host.prepare(&shipped("headers", "{}")).unwrap());
    host.forget_unused();
    assert!(!host.prepare(&shipped("headers", "{}")).unwrap().reused);
}

#[test]
fn a_restart_finds_compiled_modules_on_disk_and_a_damaged_one_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let start = || Host::new(&HostOptions { cache: Some(cache.clone()), instances_max: 8 }).unwrap();
    let files = || {
        let mut files: Vec<_> =
            std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };

    proceeds(&start().prepare(&shipped("headers", "{}")).unwrap().filter);
    let kept = files();
    assert_eq!(kept.len(), 1, "the module");
    proceeds(&start().prepare(&shipped("headers", r#"{"request": {}}"#)).unwrap().filter);
    assert_eq!(files(), kept, "other settings need no other code");

    for path in &kept {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    proceeds(&start().prepare(&shipped("headers", "{}")).unwrap().filter);
    assert_eq!(files(), kept);

    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "a file where the folder should be").unwrap();
    proceeds(&start().prepare(&shipped("headers", "{}")).unwrap().filter);
}
