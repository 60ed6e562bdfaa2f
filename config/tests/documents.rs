//! What documents and examples say is configuration that is accepted.

use std::fs;
use std::path::Path;

use edgeloom_config::{load, parse};

/// What a piece of configuration in a document takes for granted.
const AROUND: [(&str, &str); 5] = [
    ("listeners:", "listeners: [{ bind: '127.0.0.1:8080' }]"),
    ("modules:", "modules: { geo: 'file:filters/geo.wasm' }"),
    ("filters:", "filters: { locate: { module: geo } }"),
    (
        "clusters:",
        "clusters: { north: { endpoints: ['10.0.1.4:80'] }, south: { endpoints: ['10.0.2.4:80'] } }",
    ),
    ("routes:", "routes: [{ name: all, to: north }]"),
];

#[test]
fn the_reference_shows_what_is_accepted() {
    let readme = fs::read_to_string("README.md").unwrap();
    let mut count = 0;
    for block in readme.split("\n```yaml\n").skip(1) {
        let (yaml, _) = block.split_once("\n```\n").unwrap();
        let yaml = whole(yaml);
        parse(&yaml, Path::new("README.md")).unwrap_or_else(|report| panic!("{report}\n{yaml}"));
        count += 1;
    }
    assert!(count >= 6, "{count}");
}

fn whole(yaml: &str) -> String {
    let mut yaml = match yaml.strip_prefix("when:") {
        Some(when) => format!("routes: [{{ name: all, to: north, when: {when} }}]"),
        None => yaml.to_owned(),
    };
    for (field, default) in AROUND {
        if !yaml.lines().any(|line| line.starts_with(field)) {
            yaml += &format!("\n{default}");
        }
    }
    yaml
}

#[test]
fn every_example_is_accepted() {
    let examples = fs::read_dir("examples").unwrap().map(|file| file.unwrap().path());
    let examples: Vec<_> =
        examples.filter(|file| file.extension().is_some_and(|kind| kind == "yaml")).collect();
    for example in &examples {
        let config = load(example).unwrap_or_else(|report| panic!("{report}"));
        for module in &config.modules {
            let known =
                ["geo", "ab", "route", "headers"].map(|name| format!("../../target/filters/{name}.wasm"));
            assert!(known.iter().any(|known| module.path.ends_with(known)), "{}", module.path.display());
        }
        let text = fs::read_to_string(example).unwrap();
        assert!(text.starts_with("# "), "{} begins with what it shows", example.display());
    }
    assert!(examples.len() >= 10);
}

#[test]
fn the_first_edge_is_accepted() {
    load(Path::new("edge.yaml")).unwrap_or_else(|report| panic!("{report}"));
}

#[test]
fn links_lead_somewhere() {
    let readme = fs::read_to_string("README.md").unwrap();
    let headings: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect();
    for link in readme.split("](").skip(1) {
        let (target, _) = link.split_once(')').unwrap();
        let is_there = match target.strip_prefix('#') {
            Some(heading) => headings.iter().any(|known| known == heading),
            None => target.starts_with("https://") || Path::new(target).exists(),
        };
        assert!(is_there, "{target}");
    }
}

/// What a heading is linked to by, where READMEs are shown.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
