use super::*;

fn compression() -> Compression {
    let types = ["text/*", "application/json", "application/*+json"];
    Compression {
        types: types.iter().map(|kind| kind.parse().unwrap()).collect(),
        least: 100,
        zstd: 3,
        br: 4,
        gzip: 5,
    }
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn settle(accept: &'static str, status: u16, response: &mut HeaderMap) -> Option<Coding> {
    let request = headers(&[("accept-encoding", accept)]);
    let asked = Asked { method: &Method::GET, version: Version::HTTP_11, headers: &request };
    compression().settle(asked, StatusCode::from_u16(status).unwrap(), response)
}

#[test]
fn what_is_wanted_most_is_chosen() {
    for (accept, coding) in [
        ("gzip", Some("gzip")),
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("gzip, br", Some("br")),
        ("gzip;q=1.0, br;q=0.9, *;q=0.1", Some("gzip")),
        ("gzip;q=0, *", Some("zstd")),
        ("*;q=0.5", Some("zstd")),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0", None),
        ("deflate", None),
        ("", None),
    ] {
        let mut response = headers(&[("content-type", "text/html")]);
        assert_eq!(settle(accept, 200, &mut response).map(Coding::name), coding, "{accept}");
        assert_eq!(response.get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap()), coding);
        // Whatever this client gets: another gets something else.
        assert_eq!(response.get(VARY).unwrap(), "accept-encoding");
    }
    let request = headers(&[("accept-encoding", "zstd, br, gzip")]);
    let asked = Asked { method: &Method::GET, version: Version::HTTP_2, headers: &request };
    let without = Compression { zstd: 0, br: 0, ..compression() };
    let mut response = headers(&[("content-type", "text/html")]);
    assert_eq!(without.settle(asked, StatusCode::OK, &mut response), Some(Coding::Gzip(5)));
}

#[test]
fn the_head_says_what_became_of_the_body() {
    let mut response = headers(&[
        ("content-type", "Application/Problem+JSON; charset=utf-8"),
        ("content-length", "100"),
        ("accept-ranges", "bytes"),
        ("etag", "\"abc\""),
        ("vary", "origin"),
        ("cache-control", "max-age=60"),
    ]);
    assert_eq!(settle("br", 404, &mut response), Some(Coding::Brotli(4)));
    assert_eq!((response.get(CONTENT_LENGTH), response.get(ACCEPT_RANGES)), (None, None));
    assert_eq!(response.get(ETAG).unwrap(), "W/\"abc\"");
    assert_eq!(response.get_all(VARY).iter().collect::<Vec<_>>(), ["origin", "accept-encoding"]);

    let mut weak =
        headers(&[("content-type", "text/css"), ("etag", "W/\"abc\""), ("vary", "Accept-Encoding")]);
    settle("br", 200, &mut weak);
    assert_eq!(
        (weak.get(ETAG).unwrap(), weak.get_all(VARY).iter().count()),
        (&HeaderValue::from_static("W/\"abc\""), 1)
    );
}

#[test]
fn what_is_not_to_be_compressed_is_left_as_it_is() {
    let text = ("content-type", "text/html");
    for (status, lines) in [
        (204, vec![text]),
        (304, vec![text]),
        (206, vec![text]),
        (101, vec![text]),
        (200, vec![]),
        (200, vec![("content-type", "image/png")]),
        (200, vec![("content-type", "text/event-stream")]),
        (200, vec![("content-type", "application/grpc+json")]),
        (200, vec![text, ("content-length", "99")]),
        (200, vec![text, ("content-encoding", "gzip")]),
        (200, vec![text, ("content-encoding", "dcb")]),
        (200, vec![text, ("content-range", "bytes 0-1/2")]),
        (200, vec![text, ("cache-control", "max-age=1, No-Transform")]),
        (200, vec![text, ("trailer", "x-checksum")]),
        (200, vec![text, ("content-digest", "sha-256=:YWJj:")]),
    ] {
        let mut response = headers(&lines);
        let before = response.clone();
        assert_eq!(settle("gzip, br, zstd", status, &mut response), None, "{lines:?}");
        assert_eq!(response, before, "{status} {lines:?}");
    }
}

#[test]
fn heads_without_bodies_and_old_clients_are_told_what_others_get() {
    let request = headers(&[("accept-encoding", "gzip")]);
    for (method, version) in [(Method::HEAD, Version::HTTP_2), (Method::GET, Version::HTTP_10)] {
        let asked = Asked { method: &method, version, headers: &request };
        let mut response = headers(&[("content-type", "text/html"), ("content-length", "1000")]);
        assert_eq!(compression().settle(asked, StatusCode::OK, &mut response), None);
        assert_eq!(response.get(CONTENT_LENGTH).unwrap(), "1000");
        assert!(response.contains_key(VARY) && !response.contains_key(CONTENT_ENCODING));
    }
}

#[test]
fn media_types_are_written_as_they_are_read() {
    for text in ["text/html", "text/*", "application/*+json", "image/svg+xml"] {
        assert_eq!(text.parse::<MediaPattern>().unwrap().to_string(), text);
    }
    for text in ["", "text", "*/*", "*/html", "text/", "a/b*c*", "text/html; charset=utf-8", "a/b/c"] {
        assert_eq!(text.parse::<MediaPattern>(), Err(NotAMediaType), "{text}");
    }
}
