use std::fs;
use std::path::Path;
use std::time::Duration;

use edgeloom_testbed::{Client, Edge, Launch, Manner, Origin, Request, replace};
use serde_json::Value;
use tempfile::TempDir;

/// With three clusters that fail in ways of their own, and more of a configuration.
fn edge(more: &str, slow: &Origin) -> Edge {
    Edge::start(&format!(
        "
        {more}
        clusters:
          gone: {{ endpoints: ['127.0.0.1:1'] }}
          slow: {{ endpoints: ['{}'], timeouts: {{ read: 50ms }} }}
        routes:
          - {{ name: gone, when: {{ path: /gone }}, to: gone }}
          - {{ name: slow, when: {{ path: /slow }}, to: slow }}
          - {{ name: closed, when: {{ path: /closed }}, answer: {{ status: 503 }} }}
        ",
        slow.address()
    ))
}

fn slow() -> Origin {
    Origin::behaving(Manner::saying("late").slow(Duration::from_secs(5)))
}

/// What a browser sends.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[test]
fn failures_are_told_apart_in_the_form_that_is_asked_for() {
    let origin = slow();
    let edge = edge("", &origin);
    for (path, status, title, message) in [
        ("/gone", 502, "Bad Gateway", "The server could not be reached."),
        ("/slow", 504, "Gateway Timeout", "The server did not answer in time."),
        ("/closed", 503, "Service Unavailable", "Service Unavailable"),
        ("/nowhere", 404, "Not Found", "There is nothing here."),
    ] {
        let text = edge.get(path);
        assert_eq!((text.status(), text.first_line()), (status, message), "{path}");
        let id = text
            .text()
            .strip_prefix(message)
            .and_then(|rest| rest.strip_prefix("\nRequest "))
            .unwrap()
            .trim_end();
        edge.wait_for_access(|line| line["id"] == id && line["status"] == status, super::SOON);
        assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(text.header("cache-control"), Some("no-store"));
        assert_eq!(text.header("retry-after"), (status == 503).then_some("5"));

        let html = edge.request(Request::get(path).header("accept", BROWSER));
        assert_eq!((html.status(), html.header("content-type")), (status, Some("text/html; charset=utf-8")));
        assert!(
            html.text().contains(&format!("<h1>{status} {title}</h1>\n<p>{message}</p>")),
            "{}",
            html.text()
        );

        let json = edge.request(Request::get(path).header("accept", "application/json"));
        assert_eq!((json.status(), json.header("content-type")), (status, Some("application/json")));
        let body: Value = json.json();
        assert_eq!(
            (&body["status"], &body["title"], &body["detail"]),
            (&status.into(), &title.into(), &message.into())
        );
        let id = body["request_id"].as_str().unwrap();
        edge.wait_for_access(|line| line["id"] == id && line["status"] == status, super::SOON);
    }
}

#[test]
fn a_page_for_head_is_its_head() {
    let origin = slow();
    let edge = edge("", &origin);
    let head = edge.request(Request::new("HEAD", "/gone").header("accept", "text/html"));
    assert_eq!((head.status(), head.text()), (502, ""));
    assert_eq!(head.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
}

#[test]
fn grpc_clients_get_a_status_of_their_own() {
    let origin = slow();
    let edge = edge("", &origin);
    let client = Client::h2c(edge.address());
    for (path, code) in [("/gone", "14"), ("/slow", "4"), ("/closed", "14"), ("/nowhere", "12")] {
        let request =
            Request::post(path, "").header("content-type", "application/grpc").header("te", "trailers");
        let response = client.request(request);
        assert_eq!((response.status(), response.header("grpc-status")), (200, Some(code)), "{path}");
        assert_eq!(response.header("content-type"), Some("application/grpc"));
        assert!(response.header("grpc-message").is_some());
        assert!(response.body().is_empty());
    }
}

#[test]
fn nobody_learns_which_library_the_edge_is_built_on() {
    let origin = slow();
    let edge = edge("", &origin);
    let h2 = Client::h2c(edge.address());
    let connect = h2.request(Request::new("CONNECT", "/").host("shop.example:443"));
    assert_eq!(connect.status(), 405);
    let long = format!("/{}", "x".repeat(10_000));
    let mut answers = vec![connect];
    for client in [edge.client(), &h2] {
        answers.extend(["/gone", "/slow", "/closed", "/nowhere", &long].map(|path| client.get(path)));
    }
    for answer in &answers {
        assert!(answer.status() >= 400);
        assert_eq!(answer.header("server"), None, "{answer:?}");
    }
    for request in [
        "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n",
        "GET / HTTP/1.1\r\nbad name: 1\r\n\r\n",
        "x\r\n\r\n",
    ] {
        let answer = edge.client().send_raw(request.as_bytes());
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(answer.starts_with("http/1.1 4"), "{answer}");
        assert!(!answer.contains("server:") && !answer.contains("pingora"), "{answer}");
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    fs::write(folder.path().join(name), text).unwrap();
    folder.path().join(name).display().to_string()
}

#[test]
fn an_operators_pages_are_sent_and_watched() {
    let folder = TempDir::new().unwrap();
    let html = write(&folder, "failed.html", "<h1>${status}</h1> ${message} ${id}");
    let json = write(&folder, "failed.json", r#"{ "code": ${status}, "because": "${message}" }"#);
    let busy = write(&folder, "busy.html", "We are busy.");
    let origin = slow();
    let errors = format!("{{ html: '{html}', json: '{json}', of: {{ 503: {{ html: '{busy}' }} }} }}");
    let edge = edge(&format!("answers: {{ errors: {errors}, retry_after: 30s }}"), &origin);
    let html = |path| edge.request(Request::get(path).header("accept", "text/html"));
    let page = html("/gone");
    let line = super::line_about(&edge, "/gone");
    let id = line["id"].as_str().unwrap();
    assert_eq!(page.text(), format!("<h1>502</h1> The server could not be reached. {id}"));
    let busy_page = html("/closed");
    assert_eq!((busy_page.text(), busy_page.header("retry-after")), ("We are busy.", Some("30")));
    let json: Value = edge.request(Request::get("/closed").header("accept", "application/json")).json();
    assert_eq!(json["code"], 503);

    replace(Path::new(&busy), b"We are closed.").unwrap();
    super::said(&edge, "generation 2 is live");
    assert_eq!(html("/closed").text(), "We are closed.");

    replace(Path::new(&busy), b"Ask ${nobody}.").unwrap();
    let refused = super::said(&edge, "swap refused");
    assert!(refused.to_string().contains("there is no `${nobody}`"), "{refused}");
    assert_eq!(html("/closed").text(), "We are closed.");
}

#[test]
fn files_that_can_not_be_said_keep_an_edge_from_starting() {
    let folder = TempDir::new().unwrap();
    let no_json = write(&folder, "a.json", r#"{ "message": ${message} }"#);
    let long = write(&folder, "long.html", &"x".repeat(64 * 1024 + 1));
    let error = Launch::yaml(&format!(
        "
        answers: {{ errors: {{ json: '{no_json}', html: '{long}', of: {{ 404: {{ html: /not/there.html }} }} }} }}
        routes: [{{ name: all, answer: {{ file: /nor/this.txt }} }}]
        "
    ))
    .start()
    .err()
    .unwrap()
    .to_string();
    for why in [
        "a.json: it is not JSON once it is filled in",
        "long.html: it has more than the 65536 bytes",
        "/not/there.html: it can not be read",
        "/nor/this.txt: it can not be read",
    ] {
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_route_answers_by_itself() {
    let folder = TempDir::new().unwrap();
    let robots = write(&folder, "robots.txt", "User-agent: *\n");
    let edge = Edge::start(&format!(
        "
        filters: {{ secure: {{ module: headers, settings: {{ response: {{ set: {{ x-filtered: 'yes' }} }} }} }} }}
        routes:
          - {{ name: robots, when: {{ path: /robots.txt }}, filters: [secure], answer: {{ file: '{robots}' }} }}
          - {{ name: text, when: {{ path: /text }}, answer: {{ status: 404, headers: {{ x-a: 1 }}, body: 'No.' }} }}
          - {{ name: moved, when: {{ path: /old/* }}, answer: {{ redirect: 'https://${{host}}/new${{path}}?${{query}}' }} }}
          - name: closed
            when: {{ path: /closed }}
            answer: {{ status: 503, headers: {{ retry-after: 60, cache-control: max-age=1 }} }}
          - {{ name: nothing, when: {{ path: /nothing }}, answer: {{ status: 204 }} }}
        "
    ));
    let robots = edge.get("/robots.txt");
    assert_eq!((robots.status(), robots.text()), (200, "User-agent: *\n"));
    assert_eq!(robots.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(robots.header("x-filtered"), Some("yes"));
    let text = edge.request(Request::post("/text", "ignored"));
    assert_eq!((text.status(), text.text(), text.header("x-a")), (404, "No.", Some("1")));
    let moved = edge.request(Request::get("/old/a?b=c").host("Shop.Example:8080"));
    assert_eq!((moved.status(), moved.header("location")), (308, Some("https://shop.example/new/old/a?b=c")));
    let closed = edge.get("/closed");
    assert_eq!((closed.status(), closed.header_all("retry-after")), (503, vec!["60"]));
    assert_eq!(closed.header_all("cache-control"), ["max-age=1"]);
    let nothing = edge.get("/nothing");
    assert_eq!((nothing.status(), nothing.header("content-length"), nothing.text()), (204, None, ""));
    let line = super::line_about(&edge, "/closed");
    assert_eq!((&line["route"], &line["status"]), (&"closed".into(), &503.into()));
    assert_eq!((line.get("failure"), line["cluster"].is_null()), (None, true));
}

#[test]
fn a_listener_sends_cleartext_to_tls() {
    let helper = Origin::saying("token.thumbprint");
    let edge = Edge::start(&format!(
        "
        listeners:
          - {{ bind: '127.0.0.1:0', to_https: true, trust: ['127.0.0.2'] }}
          - {{ bind: '127.0.0.1:0', to_https: true, trust: ['127.0.0.1'] }}
        clusters: {{ helper: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: helper }}]
        ",
        helper.address()
    ));
    let page = Request::get("/cart?a=b").host("shop.example:8080").header("x-forwarded-proto", "https");
    let moved = edge.request(page.clone());
    assert_eq!((moved.status(), moved.header("location")), (308, Some("https://shop.example/cart?a=b")));
    assert_eq!(edge.get("/.well-known/acme-challenge/token").text(), "token.thumbprint");
    let hostless = edge.client().send_raw(b"GET / HTTP/1.0\r\n\r\n");
    assert!(String::from_utf8_lossy(&hostless).contains(" 400 "));
    // Whoever ends TLS before the edge has been asked in it already.
    assert_eq!(Client::to(edge.addresses()[1]).request(page).status(), 200);
}
