//! What other people's clients and servers say of the edge between them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use edgeloom_testbed::{Authority, Edge, Manner, Order, Origin};
use tempfile::TempDir;

mod curl;

/// A program that `cargo xtask test` has put on this machine, or found.
fn program(name: &str) -> Command {
    let tools = std::env::var_os("EDGELOOM_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools"), PathBuf::from);
    let ours = [tools.join("clients/bin").join(name), tools.join("bin").join(name)];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ours.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join(name)));
    let found = found.into_iter().find(|file| file.is_file());
    Command::new(
        found.unwrap_or_else(|| panic!("there is no {name}: run `cargo xtask test`, which installs it")),
    )
}

/// A script of `tests/clients`, with what is installed for it and nothing of the user's own.
fn script(name: &str) -> Command {
    let mut python = program("python3");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    python.args(["-I", "-B"]).arg("-c").arg(RUN).arg(path);
    python
}

/// Isolated (`-I`), Python does not look for modules beside the script: it is told where.
const RUN: &str = "import os, runpy, sys; path = sys.argv.pop(1); sys.path.insert(0, os.path.dirname(path)); runpy.run_path(path, run_name='__main__')";

#[track_caller]
fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A script that is a server, too: it says where it listens, and is told where the edge before it does.
struct Stage {
    script: Child,
    port: u16,
}

impl Stage {
    fn start(name: &str) -> Self {
        let mut script = script(name);
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = script.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(port) = line.trim().parse() else {
            panic!(
                "{name} has no port: {}",
                String::from_utf8_lossy(&script.wait_with_output().unwrap().stderr)
            )
        };
        Self { script, port }
    }

    /// An edge before it, with this said of the listener and of the cluster.
    fn edge(&self, listener: &str, cluster: &str) -> Edge {
        Edge::start(&format!(
            "
            listeners: [{{ bind: '127.0.0.1:0', {listener} }}]
            filters: {{ mark: {{ module: headers, settings: {{ response: {{ set: {{ x-marked: 'yes' }} }} }} }} }}
            clusters:
              origin: {{ endpoints: ['127.0.0.1:{}'], {cluster} }}
              down: {{ endpoints: ['127.0.0.1:1'] }}
              sick: {{ endpoints: ['nobody.invalid:1'] }}
              hasty: {{ endpoints: ['127.0.0.1:{}'], protocol: http2, timeouts: {{ read: 100ms }} }}
              narrow: {{ endpoints: ['127.0.0.1:{}'], protocol: http2, limits: {{ requests: 1 }} }}
            dns: {{ servers: ['127.0.0.1:1'] }}
            routes:
              - {{ name: chat, when: {{ path: [/chat, /calls.Calls/*, /grpc.health.v1.Health/*] }}, filters: [mark], to: origin }}
              - {{ name: down, when: {{ path: /down/* }}, to: down }}
              - {{ name: sick, when: {{ path: /sick/* }}, to: sick }}
              - {{ name: hasty, when: {{ path: /hasty.Calls/* }}, to: hasty }}
              - {{ name: narrow, when: {{ path: /narrow.Calls/* }}, to: narrow }}
              - {{ name: brief, when: {{ path: /brief.Calls/* }}, to: origin, body: 10B }}
            ",
            self.port, self.port, self.port
        ))
    }

    #[track_caller]
    fn must_be_content_with(mut self, edge: &Edge, authority: &Path) {
        writeln!(self.script.stdin.take().unwrap(), "{} {}", edge.address(), authority.display()).unwrap();
        succeeded(&self.script.wait_with_output().unwrap());
    }
}

/// Frames of 8 MiB, a hundred sockets at once, two hundred in a row, and how each side closes.
#[test]
fn websockets() {
    let stage = Stage::start("websocket.py");
    let edge = stage.edge("h2c: false", "timeouts: { read: 20s }");
    stage.must_be_content_with(&edge, Path::new(""));
    tunnels_were_logged(&edge);
}

#[test]
fn websockets_in_secret() {
    let secret = Secret::new();
    let stage = Stage::start("websocket.py");
    let edge = stage.edge(&secret.listener(), "timeouts: { read: 20s }");
    stage.must_be_content_with(&edge, &secret.authority());
    tunnels_were_logged(&edge);
}

fn tunnels_were_logged(edge: &Edge) {
    // One of the log's lines comes after each tunnel's end.
    let tunnels = edge.access().at_least(306, super::SOON);
    assert!(tunnels.iter().all(|line| line["status"] == 101 && line["tunnel"]["protocol"] == "websocket"));
    assert!(tunnels.iter().any(|line| line["bytes_in"].as_u64() > Some(8 * 1024 * 1024)));
}

/// The health service, asked and watched, and calls of all four kinds, with their errors.
#[test]
fn grpc() {
    let stage = Stage::start("grpc_calls.py");
    let edge = stage.edge("h2c: true", "protocol: http2");
    stage.must_be_content_with(&edge, Path::new(""));
    calls_were_logged(&edge);
}

#[test]
fn grpc_in_secret() {
    let secret = Secret::new();
    let stage = Stage::start("grpc_calls.py");
    let edge = stage.edge(&secret.listener(), "protocol: http2");
    stage.must_be_content_with(&edge, &secret.authority());
    calls_were_logged(&edge);
}

fn calls_were_logged(edge: &Edge) {
    for (path, status) in [
        ("/calls.Calls/Upper", 0),
        ("/calls.Calls/Turns", 0),
        // FAILED_PRECONDITION at once, DATA_LOSS after a message.
        ("/calls.Calls/Refuse", 9),
        ("/calls.Calls/RefuseLate", 15),
    ] {
        let line = super::line_about(edge, path);
        assert_eq!((&line["protocol"], &line["status"]), (&"HTTP/2".into(), &200.into()), "{path}");
        assert_eq!(line["grpc_status"], status, "{path}");
    }
}

/// Interleaved streams, windows that are kept to, and resets, in both directions.
#[test]
fn streams_of_http2() {
    let (_origin, edge) = measured();
    let address = edge.address();
    let mut client = script("http2.py");
    succeeded(&client.args([address.ip().to_string(), address.port().to_string()]).output().unwrap());
}

/// A certificate for the edge, and who signed it.
struct Secret(TempDir);

impl Secret {
    fn new() -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        authority.issue(&Order::server(&["127.0.0.1"])).write(folder.path(), "edge");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        Self(folder)
    }

    fn authority(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    fn listener(&self) -> String {
        let [chain, key] = ["pem", "key"].map(|kind| self.0.path().join("edge").with_extension(kind));
        format!("tls: {{ certificates: [{{ chain: {}, key: {} }}] }}", chain.display(), key.display())
    }
}

/// Sixteen connections of both protocols, as fast as they can.
#[test]
fn h2load_finds_nothing_wrong() {
    let secret = Secret::new();
    let (origin, edge) = measured();
    let secretly = before(&origin, &secret.listener());
    let both = [("http", &edge), ("https", &secretly)].into_iter();
    for ((scheme, edge), protocol) in both.flat_map(|edge| [(edge, "--h1"), (edge, "--npn-list=h2")]) {
        let uri = format!("{scheme}://{}/1000", edge.address());
        let requests = ["--requests=20000", "--clients=16", "--max-concurrent-streams=10", protocol];
        let said = succeeded(&program("h2load").args(requests).arg(uri).output().unwrap());
        assert!(said.contains("20000 succeeded, 0 failed, 0 errored, 0 timeout"), "{protocol}: {said}");
        assert!(said.contains("status codes: 20000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{protocol}: {said}");
    }
}

#[test]
fn oha_finds_nothing_wrong() {
    let (_origin, edge) = measured();
    for protocol in [&["--http-version=1.1"][..], &["--http-version=2", "-p=10"]] {
        let uri = format!("http://{}/1000", edge.address());
        let mut oha = program("oha");
        oha.args(["--no-tui", "--output-format=json", "-n=20000", "-c=16"]).args(protocol).arg(uri);
        let said: serde_json::Value = serde_json::from_str(&succeeded(&oha.output().unwrap())).unwrap();
        assert_eq!(said["statusCodeDistribution"], serde_json::json!({ "200": 20000 }), "{said}");
        assert_eq!(said["errorDistribution"], serde_json::json!({}), "{said}");
    }
}

/// An edge before an origin that sends what is asked for, and counts what it gets.
fn measured() -> (Origin, Edge) {
    let origin = Origin::behaving(Manner::measuring());
    let edge = before(&origin, "h2c: true");
    (origin, edge)
}

fn before(origin: &Origin, listener: &str) -> Edge {
    Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0', {listener} }}]
        access_log: off
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        origin.address()
    ))
}
