//! Laws of the language, for any configuration.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong in a test is told by a panic"
)]

mod configurations; // any of them
mod json_schema; // what an editor does with the schema

use std::fs;
use std::path::{Path, PathBuf};

use edgeloom_config::{Config, Place, explain, parse, schema};
use proptest::prelude::*;

const ORIGIN: &str = "/etc/edgeloom/edge.yaml";

proptest! {
    #[test]
    fn what_is_explained_means_the_same(config in configurations::configuration()) {
        let yaml = explain(&config);
        let again = parse(&yaml, Path::new(ORIGIN)).map_err(|report| TestCaseError::fail(format!("{report}\n{yaml}")))?;
        prop_assert_eq!(placeless(again), config, "{}", yaml);
    }

    #[test]
    fn what_is_explained_pleases_the_schema(config in configurations::configuration()) {
        let yaml: serde_json::Value = serde_saphyr::from_str(&explain(&config)).unwrap();
        prop_assert_eq!(json_schema::check(&schema(), &yaml), Ok(()));
    }

    #[test]
    fn any_text_is_read_or_reported(text in "\\PC{0,200}|[-:{}\\[\\]#&*!|>'\"%@` \n\ta-z0-9~<]{0,200}") {
        reads_or_reports(&text);
    }

    #[test]
    fn any_slip_is_read_or_reported(at in any::<prop::sample::Index>(), gone in 0..40_usize, slip in "[-:{}\\[\\]#&*!|>'\"%@` \n\ta-z0-9~<é]{0,8}") {
        let text = include_str!("../ui/maximal.yaml");
        let at = at.index(text.len());
        let after = text.get(at + gone..).unwrap_or_default();
        reads_or_reports(&format!("{}{slip}{after}", &text[..at]));
    }
}

/// Nothing panics, and who is refused is told why.
fn reads_or_reports(text: &str) {
    match parse(text, Path::new(ORIGIN)) {
        Ok(config) => drop(explain(&config)),
        Err(report) => {
            assert!(report.count() > 0);
            assert!(report.to_string().ends_with(if report.count() == 1 {
                "1 problem"
            } else {
                " problems"
            }));
        }
    }
}

fn placeless(mut config: Config) -> Config {
    for filter in &mut config.filters {
        filter.place = Place::default();
    }
    config
}

#[test]
fn the_schema_accepts_what_is_accepted() {
    let examples = fs::read_dir("examples").unwrap().map(|file| file.unwrap().path());
    let extremes = ["tests/ui/minimal.yaml", "tests/ui/maximal.yaml", "edge.yaml"].map(PathBuf::from);
    for valid in examples.filter(|path| path.is_file()).chain(extremes) {
        let yaml = fs::read_to_string(&valid).unwrap();
        let yaml: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(json_schema::check(&schema(), &yaml), Ok(()), "{}", valid.display());
    }
}

#[test]
fn the_schema_refuses_what_it_can_tell() {
    for invalid in
        ["unknown-field", "missing-field", "wrong-shape", "malformed-units", "malformed-words", "empty"]
    {
        let yaml = fs::read_to_string(format!("tests/ui/invalid/{invalid}.yaml")).unwrap();
        let yaml: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert!(json_schema::check(&schema(), &yaml).is_err(), "{invalid}");
    }
}

#[test]
fn an_aliased_problem_is_told_once() {
    let yaml = "
listeners: [{ bind: '127.0.0.1:8080' }]
clusters:
  north: { endpoints: ['10.0.1.4:80'], timeouts: &slow { read: 5min } }
  south: { endpoints: ['10.0.2.4:80'], timeouts: *slow }
  west: { endpoints: ['10.0.3.4:80'], timeouts: { <<: *slow, connect: 2s } }
routes: [{ name: all, to: north }]
";
    let report = parse(yaml, Path::new(ORIGIN)).unwrap_err().to_string();
    assert!(report.contains("edge.yaml:4:64\n") && report.ends_with("1 problem"), "{report}");
}

#[test]
fn anchors_merge_keys_and_a_byte_order_mark_are_understood() {
    let yaml = "\u{feff}listeners: [{ bind: '127.0.0.1:8080' }]
clusters:
  north: &any { endpoints: ['10.0.1.4:80'], timeouts: { read: 5s } }
  south: { <<: *any, retries: 3 }
routes: [{ name: all, to: south }]
";
    let config = parse(yaml, Path::new(ORIGIN)).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.clusters[0].timeouts, config.clusters[1].timeouts);
    assert_eq!(config.clusters[1].retry.tries, 3);
}

#[test]
fn a_report_has_an_end() {
    let yaml = format!("listeners: [{}]", "1, ".repeat(5000));
    let report = parse(&yaml, Path::new(ORIGIN)).unwrap_err();
    assert_eq!(report.count(), 5001);
    assert!(report.to_string().ends_with("5001 problems, of which 100 are shown"), "{report}");
}
