use edgeloom_testbed::{Edge, Launch, Origin, Request};
use serde_json::Value;

#[test]
fn a_line_has_all_there_is_to_say() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&format!(
        "
        filters:
          mark:
            module: headers
            settings: {{ request: {{ set: {{ x-mark: 'yes' }} }}, response: {{ set: {{ x-mark: 'yes' }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [mark], to: origin }}]
        ",
        origin.address()
    ));
    let request = Request::post("/form?a=b", "12345").host("shop.example").header("user-agent", "\"test\"/1");
    edge.request(request);
    let mut line = super::line_about(&edge, "/form?a=b");
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == "2026-01-01T00:00:00.000Z".len() && time.ends_with('Z'), "{time}");
    assert_eq!(line["id"].as_str().unwrap().len(), 32);
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    for changing in ["time", "id", "peer", "duration_us", "upstream_us"] {
        assert!(!line[changing].is_null(), "{changing}");
        line.as_object_mut().unwrap().remove(changing);
    }
    for call in line["chain"].as_array_mut().unwrap() {
        assert!(call["us"].is_u64());
        call["us"] = 0.into();
    }
    let expected = serde_json::json!({
        "client": "127.0.0.1",
        "protocol": "HTTP/1.1",
        "method": "POST",
        "host": "shop.example",
        "path": "/form?a=b",
        "status": 200,
        "route": "all",
        "cluster": "origin",
        "endpoint": origin.address().to_string(),
        "generation": 1,
        "chain": [
            { "filter": "mark", "phase": "request", "us": 0, "verdict": "proceed" },
            { "filter": "mark", "phase": "response", "us": 0, "verdict": "proceed" },
        ],
        "facts": {},
        "bytes_in": 5,
        "bytes_out": 5,
        "user_agent": "\"test\"/1",
    });
    assert_eq!(line, expected);
}

#[test]
fn every_exchange_has_its_line() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, when: {{ path: /ok }}, to: origin }}]
        ",
        origin.address()
    ));
    for n in 0..200 {
        edge.get(if n % 2 == 0 { "/ok" } else { "/missing" });
    }
    let lines = edge.access().at_least(200, super::SOON);
    assert_eq!(lines.len(), 200);
    assert_eq!(lines.iter().filter(|line| line["status"] == 404).count(), 100);
    assert!(lines.iter().all(Value::is_object));
}

#[test]
fn the_log_can_be_a_file_that_is_rotated_or_switched_off() {
    let origin = Origin::saying("hello");
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let config = |log: &str| {
        format!(
            "
            access_log: {log}
            clusters: {{ origin: {{ endpoints: ['{}'] }} }}
            routes: [{{ name: all, to: origin }}]
            ",
            origin.address()
        )
    };
    let edge = Edge::start(&config(&format!("'file:{}'", file.display())));
    edge.get("/old");
    let deadline = std::time::Instant::now() + super::SOON;
    while std::fs::read_to_string(&file).unwrap().is_empty() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    std::fs::rename(&file, &moved).unwrap();
    edge.hup();
    super::said(&edge, "generation 2 is live");
    edge.get("/new");
    assert!(edge.stop().status.success());
    assert!(std::fs::read_to_string(&moved).unwrap().contains("/old"));
    let fresh = std::fs::read_to_string(&file).unwrap();
    assert!(fresh.contains("/new") && !fresh.contains("/old"), "{fresh}");

    let edge = Launch::yaml(&config("off")).start().unwrap();
    assert_eq!(edge.get("/").text(), "hello");
    edge.terminate();
    assert!(edge.access().end(super::SOON));
    assert_eq!(edge.access().count(), 0);
}
