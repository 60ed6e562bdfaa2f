use std::path::Path;

use edgeloom_testbed::{Edge, Manner, Origin};
use tempfile::TempDir;

use super::{measured, program, succeeded};

const HTTP1: &str = "--http1.1";
const H2C: &str = "--http2-prior-knowledge";

/// What curl says of the exchange: the fields of `--write-out` that are asked for.
#[track_caller]
fn ask(edge: &Edge, path: &str, fields: &str, more: &[&str]) -> String {
    let uri = format!("http://{}{path}", edge.address());
    let mut curl = program("curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--write-out", fields]).args(more).arg(uri);
    succeeded(&curl.output().unwrap())
}

fn sparse(folder: &TempDir, length: u64) -> String {
    let path = folder.path().join("large");
    std::fs::File::create(&path).unwrap().set_len(length).unwrap();
    path_text(&path)
}

fn path_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn both_versions_get_and_post() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        origin.address()
    ));
    for (protocol, version) in [(HTTP1, "1.1"), (H2C, "2")] {
        let got = ask(&edge, "/a?b=c", "\n%{http_version} %{response_code}", &[protocol]);
        assert!(got.contains("\"path\": \"/a?b=c\"") && got.ends_with(&format!("\n{version} 200")), "{got}");
        let posted = ask(&edge, "/form", "", &[protocol, "--data", "a=1&b=2"]);
        assert!(posted.contains("\"body_length\": 7"), "{posted}");
        let head = ask(
            &edge,
            "/",
            "%{response_code} %{size_download}",
            &[protocol, "--head", "--output", "/dev/null"],
        );
        assert_eq!(head, "200 0");
        let options = ask(&edge, "/", "", &[protocol, "--request", "OPTIONS"]);
        assert!(options.contains("\"method\": \"OPTIONS\""), "{options}");
        // `te: trailers`, hop-by-hop headers and a cookie in two lines are what clients really send.
        let hops = ask(
            &edge,
            "/",
            "",
            &[protocol, "--header", "te: trailers", "--header", "cookie: a=1", "--header", "cookie: b=2"],
        );
        assert!(!hops.contains("\"te\""), "{hops}");
    }
    // A client that asks to go over to HTTP/2 on the way stays with HTTP/1.1.
    assert_eq!(ask(&edge, "/", "%{http_version}", &["--http2", "--output", "/dev/null"]), "1.1");
}

/// Sizes far above what the edge may hold: its memory must not grow with them.
#[test]
fn large_bodies_pass_through_without_being_kept() {
    const GIBIBYTE: u64 = 1024 * 1024 * 1024;
    let folder = TempDir::new().unwrap();
    let file = sparse(&folder, GIBIBYTE);
    let (_origin, edge) = measured();
    // What the first exchanges need, whatever their size.
    for protocol in [HTTP1, H2C] {
        ask(&edge, "/1000000", "", &[protocol, "--output", "/dev/null"]);
    }
    let before = edge.peak_memory().unwrap();
    for protocol in [HTTP1, H2C] {
        let down =
            ask(&edge, &format!("/{GIBIBYTE}"), "%{size_download}", &[protocol, "--output", "/dev/null"]);
        assert_eq!(down, GIBIBYTE.to_string());
        for framing in ["x-none: 1", "transfer-encoding: chunked"] {
            let up = ask(
                &edge,
                "/length",
                "",
                &[protocol, "--header", framing, "--header", "expect:", "--upload-file", &file],
            );
            assert_eq!(up, GIBIBYTE.to_string(), "{protocol} {framing}");
        }
    }
    let grown = edge.peak_memory().unwrap().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes more than before");
}

/// curl waits a second for `100 Continue` before it sends anyway: the origin is asked, and its word passed on.
#[test]
fn a_client_that_waits_for_100_continue_is_told_by_the_origin() {
    let folder = TempDir::new().unwrap();
    let file = sparse(&folder, 3 * 1024 * 1024);
    let (_origin, edge) = measured();
    let patient = ["--expect100-timeout", "50", "--header", "expect: 100-continue"];
    let took =
        ask(&edge, "/length", "\n%{time_total}", &[&patient[..], &[HTTP1, "--upload-file", &file]].concat());
    let (length, seconds) = took.split_once('\n').unwrap();
    assert_eq!(length, "3145728");
    assert!(seconds.parse::<f64>().unwrap() < 10.0, "{seconds}");
}

/// An origin that refuses a large upload before it has read it, and closes.
#[test]
fn an_early_answer_to_a_large_upload_reaches_the_client() {
    let folder = TempDir::new().unwrap();
    let file = sparse(&folder, 256 * 1024 * 1024);
    let origin = Origin::behaving(Manner::saying("too much\n").with_status(413));
    let edge = Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        origin.address()
    ));
    for protocol in [HTTP1, H2C] {
        let upload = [protocol, "--header", "expect:", "--upload-file", &file];
        assert_eq!(ask(&edge, "/", "%{response_code}", &upload), "too much\n413", "{protocol}");
    }
}
