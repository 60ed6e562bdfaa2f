//! What operators read, held to the letter. `BLESS=1 cargo test` rewrites it;
//! the review is reading the diff.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test is told by a panic")]

use std::fs;
use std::path::{Path, PathBuf};

use edgeloom_config::{explain, load, parse, reference, schema};

/// Where the golden configurations claim to be, so that their paths are the same on every machine.
const ORIGIN: &str = "/etc/edgeloom/edge.yaml";

#[test]
fn every_problem_is_reported() {
    let mut reports = String::new();
    for yaml in yaml_files("tests/ui/invalid") {
        let report = load(&yaml).expect_err(&yaml.display().to_string());
        golden(&yaml.with_extension("err"), &format!("{report}\n"));
        reports += &report.to_string();
    }
    let problems = include_str!("../src/problem.rs");
    let code = |line: &'static str| line.split_once("=> \"")?.1.strip_suffix("\",");
    let codes: Vec<_> = problems.lines().filter_map(code).collect();
    assert!(codes.len() >= 18, "{codes:?}");
    // Four mebibytes of settings are not for reading: they have a test of their own.
    for code in codes.iter().filter(|code| **code != "settings-too-long") {
        assert!(reports.contains(&format!("error[{code}]")), "no file in tests/ui/invalid shows `{code}`");
    }
}

#[test]
fn settings_that_are_too_long_are_reported() {
    let yaml = fs::read_to_string("tests/ui/maximal.yaml").unwrap();
    let yaml = yaml.replace("cloudflare", &"x".repeat(4 * 1024 * 1024));
    let report = parse(&yaml, Path::new(ORIGIN)).unwrap_err();
    assert_eq!(report.count(), 1);
    assert!(report.to_string().contains("error[settings-too-long]"));
}

#[test]
fn a_missing_file_is_reported() {
    let report = load(Path::new("tests/ui/there-is-none.yaml")).unwrap_err();
    assert_eq!(
        report.to_string(),
        "error[unreadable]: the file cannot be read: no such file or directory (os error 2)
--> tests/ui/there-is-none.yaml
 = help: name a file that exists and that this user may read

tests/ui/there-is-none.yaml: 1 problem"
    );
}

#[test]
fn the_extremes_are_explained() {
    for yaml in yaml_files("tests/ui") {
        let text = fs::read_to_string(&yaml).unwrap();
        let config = parse(&text, Path::new(ORIGIN)).unwrap_or_else(|report| panic!("{report}"));
        golden(&yaml.with_extension("explained"), &explain(&config));
    }
}

#[test]
fn the_schema_is_up_to_date() {
    golden(Path::new("schema.json"), &format!("{:#}\n", schema()));
}

#[test]
fn the_reference_is_up_to_date() {
    const BEGIN: &str = "<!-- generated from the language: begin -->\n";
    const END: &str = "<!-- generated from the language: end -->\n";
    let readme = fs::read_to_string("README.md").unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    golden(Path::new("README.md"), &format!("{before}{BEGIN}\n{}\n{END}{after}", reference()));
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|kind| kind == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn golden(path: &Path, found: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(expected == found, "{} differs; BLESS=1 rewrites it. Now:\n{found}", path.display());
}
