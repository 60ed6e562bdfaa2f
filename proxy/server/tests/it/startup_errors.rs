use std::path::Path;
use std::process::Command;

use edgeloom_testbed::{Launch, StartError};

/// What an edge that does not start says, and what it exits with.
#[track_caller]
fn refused(yaml: &str) -> String {
    match Launch::yaml(yaml).start() {
        Err(StartError::Ended { code, said }) => {
            assert_eq!(code, Some(1), "{said}");
            said
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it has started"),
    }
}

fn with_filter(module: &str, filter: &str) -> String {
    format!(
        "
        modules: {{ it: {module} }}
        filters:
          suspect: {{ module: it, {filter} }}
        clusters: {{ origin: {{ endpoints: ['127.0.0.1:1'] }} }}
        routes: [{{ name: all, filters: [suspect], to: origin }}]
        "
    )
}

#[test]
fn a_port_that_is_taken_is_named() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    // Few enough for any machine to have nothing to say of it.
    let rest = "limits: { connections: 9 }\nclusters: { a: { endpoints: ['127.0.0.1:1'] } }\nroutes: [{ name: all, to: a }]";
    let listener = refused(&format!("listeners: [{{ bind: '{address}' }}]\n{rest}"));
    assert_eq!(
        listener,
        format!(
            "the listener can not listen on {address}: the address is in use; stop the process that has it, or change `bind`"
        )
    );
    let admin = refused(&format!("admin: {{ bind: '{address}' }}\n{rest}"));
    assert!(admin.starts_with(&format!("the admin listener can not listen on {address}: ")), "{admin}");
}

#[test]
fn a_configuration_that_is_wrong_is_reported_with_places() {
    let said = refused(
        "clusters: { a: { endpoints: ['127.0.0.1:1'] } }\nroutes: [{ name: all, to: b, surprise: 1 }]",
    );
    assert!(
        said.contains("there is no cluster `b`") && said.contains("surprise") && said.contains("edge.yaml:"),
        "{said}"
    );
    let missing = Launch::file("/nonexistent/edge.yaml").start();
    let Err(StartError::Ended { code: Some(1), said }) = missing else { panic!("it has started") };
    assert!(said.contains("/nonexistent/edge.yaml"), "{said}");
}

#[test]
fn a_module_that_can_not_be_used_is_named_with_its_filter() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        format!("'file:{}'", path.display())
    };
    let whole = std::fs::read(super::module("headers")).unwrap();
    let headers = super::module("headers").display().to_string();
    let digest = "0".repeat(64);
    for (module, reason) in [
        ("'file:/nonexistent/x.wasm'".to_owned(), "/nonexistent/x.wasm"),
        (file("empty.wasm", b""), "empty.wasm: the file is empty"),
        (file("text.wasm", b"hello"), "not WebAssembly"),
        (file("cut.wasm", &whole[..whole.len() / 2]), "cut.wasm"),
        (file("other.wasm", b"\0asm\x01\0\0\0"), "edgeloom:filter"),
        (format!("{{ from: 'file:{headers}', size_max: 10KiB }}"), "10KiB"),
        (format!("{{ from: 'file:{headers}', sha256: '{digest}' }}"), &digest),
    ] {
        let said = refused(&with_filter(&module, "settings: {}"));
        assert!(said.contains("filter `suspect`: ") && said.contains(reason), "{said}");
        assert!(said.contains("edge.yaml:"), "{said}");
    }
}

#[test]
fn settings_that_a_guest_refuses_are_its_own_words() {
    let headers = format!("'file:{}'", super::module("headers").display());
    let said = refused(&with_filter(&headers, "settings: { nonsense: 1 }"));
    assert!(said.contains("filter `suspect`: ") && said.contains("nonsense"), "{said}");
    for module in ["configure-fails", "configure-traps", "configure-spins", "ungranted"] {
        let path = super::module(&format!("misbehaving/{module}"));
        let said = refused(&with_filter(&format!("'file:{}'", path.display()), "settings: {}"));
        assert!(said.contains("filter `suspect`: "), "{module}: {said}");
    }
}

#[test]
fn a_geo_database_that_can_not_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    for content in [None, Some("no database")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let said = refused(&format!(
            "
            geo: {{ database: '{}' }}
            clusters: {{ origin: {{ endpoints: ['127.0.0.1:1'] }} }}
            routes: [{{ name: all, to: origin }}]
            ",
            path.display()
        ));
        assert!(said.contains("city.mmdb"), "{said}");
    }
}

#[test]
fn check_does_what_a_start_does_but_listen() {
    let edgeloom = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_edgeloom")).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.yaml");
    let write = |settings: &str| {
        let headers = super::module("headers");
        let filter = with_filter(&format!("'file:{}'", headers.display()), settings);
        std::fs::write(
            &file,
            format!(
                "listeners: [{{ bind: '127.0.0.1:0' }}]\nlimits: {{ connections: 9 }}\ncache: off\n{}",
                unindented(&filter)
            ),
        )
        .unwrap();
    };
    let path = file.to_str().unwrap();
    write("settings: {}");
    assert_eq!(
        edgeloom(&["check", path]),
        (Some(0), format!("{path} is fine: 1 listener, 1 route, 1 cluster, 1 filter\n"), String::new())
    );
    let (code, explained, _) = edgeloom(&["check", "--explain", path]);
    assert!(code == Some(0) && explained.contains("deadline: 10ms"), "{explained}");
    write("settings: { nonsense: 1 }");
    let (code, out, error) = edgeloom(&["check", path]);
    assert!(code == Some(1) && out.is_empty() && error.contains("filter `suspect`"), "{error}");

    let headers = super::module("headers");
    let (code, shown, _) = edgeloom(&["inspect", headers.to_str().unwrap()]);
    assert!(code == Some(0) && shown.contains("phases    request, response"), "{shown}");
    assert_eq!(edgeloom(&["inspect", path]).0, Some(1));
    let (code, schema, _) = edgeloom(&["schema"]);
    assert!(code == Some(0) && serde_json::from_str::<serde_json::Value>(&schema).is_ok());
    assert!(Path::new(path).is_file());
}

fn unindented(text: &str) -> String {
    text.lines().map(|line| line.strip_prefix("        ").unwrap_or(line).to_owned() + "\n").collect()
}
