use http::header::ACCEPT;

use super::*;

fn told(status: u16) -> Told<'static> {
    Told {
        status: StatusCode::from_u16(status).unwrap(),
        message: "It's <b>\"late\"</b> & dark.",
        id: "abc-1",
        exhausted: false,
    }
}

fn accepting(accept: &'static str) -> HeaderMap {
    [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect()
}

/// The media type and the body.
fn said(pages: &Pages, status: u16, accept: &'static str) -> (String, String) {
    let answer = pages.answer(told(status), &accepting(accept));
    let kind = answer.headers.get(CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
    (kind, String::from_utf8(answer.body.to_vec()).unwrap())
}

#[test]
fn browsers_get_a_page_programs_json_and_others_a_line() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for (accept, kind) in [
        (browser, "text/html; charset=utf-8"),
        ("text/html, application/json", "text/html; charset=utf-8"),
        ("application/json, text/plain;q=0.9", "application/json"),
        ("application/problem+json, application/json", "application/problem+json"),
        ("application/json, application/problem+json;q=0.5", "application/json"),
        ("*/*", "text/plain; charset=utf-8"),
        ("image/png", "text/plain; charset=utf-8"),
        ("text/html;q=0, */*;q=0.1", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(said(&Pages::default(), 502, accept).0, kind, "{accept}");
    }
    let answer = Pages::default().answer(told(502), &HeaderMap::new());
    assert_eq!(answer.body, "It's <b>\"late\"</b> & dark.\nRequest abc-1\n");
    let nameless = Pages::default().answer(Told { id: "", ..told(502) }, &HeaderMap::new());
    assert_eq!(nameless.body, "It's <b>\"late\"</b> & dark.\n");
    assert_eq!(answer.headers.get(CACHE_CONTROL).unwrap(), "no-store");
}

#[test]
fn what_is_filled_in_is_escaped() {
    let (_, html) = said(&Pages::default(), 502, "text/html");
    assert!(html.contains("<h1>502 Bad Gateway</h1>"), "{html}");
    assert!(html.contains("<p>It&#39;s &lt;b&gt;&quot;late&quot;&lt;/b&gt; &amp; dark.</p>"), "{html}");
    assert!(html.contains("<code>abc-1</code>"), "{html}");
    let (_, json) = said(&Pages::default(), 404, "application/json");
    assert_eq!(
        json.trim_end(),
        r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"It's <b>\"late\"</b> & dark.","request_id":"abc-1"}"#
    );
    let mut escaped = String::new();
    escape_json("a\\\n\u{1}é", &mut escaped);
    assert_eq!(escaped, r"a\\\u000a\u0001é");
}

fn page(html: Option<&str>, json: Option<&str>) -> Page {
    let parse = |text: &str| Page::parse(text).unwrap();
    Page { html: html.map(parse), json: json.map(parse) }
}

#[test]
fn the_page_of_a_status_comes_before_that_of_its_class() {
    let of = vec![
        (Statuses::Class(5), page(Some("class ${status}"), Some("[${status}]"))),
        (Statuses::One(503), page(Some("busy ${id}"), None)),
    ];
    let pages = Pages::new(of, page(Some("all ${reason}"), None), 7);
    assert_eq!(said(&pages, 503, "text/html").1, "busy abc-1");
    assert_eq!(said(&pages, 503, "application/json").1, "[503]");
    assert_eq!(said(&pages, 502, "text/html").1, "class 502");
    assert_eq!(said(&pages, 404, "text/html").1, "all Not Found");
    assert!(said(&pages, 404, "application/json").1.contains("about:blank"));
}

#[test]
fn who_is_refused_for_now_is_told_when_to_ask_again() {
    let pages = Pages::new(Vec::new(), Page::default(), 7);
    let retry_after = |status| {
        let answer = pages.answer(told(status), &HeaderMap::new());
        answer.headers.get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!((retry_after(503).as_deref(), retry_after(502)), (Some("7"), None));
    let mut said = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("60"))]);
    pages.ask_again(StatusCode::SERVICE_UNAVAILABLE, &mut said);
    assert_eq!(said.get_all(RETRY_AFTER).iter().collect::<Vec<_>>(), ["60"]);
}

#[test]
fn grpc_clients_are_told_in_their_own_terms() {
    let asked = |kind: &'static str, status| {
        let request = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static(kind)),
            (ACCEPT, HeaderValue::from_static("text/html")),
        ]);
        Pages::default().answer(Told { message: "50% ist zu spät.", ..told(status) }, &request)
    };
    for (status, code) in [
        (400, "13"),
        (401, "16"),
        (403, "7"),
        (404, "12"),
        (405, "12"),
        (408, "4"),
        (413, "8"),
        (429, "8"),
        (431, "8"),
        (502, "14"),
        (503, "14"),
        (504, "4"),
        (500, "2"),
        (421, "2"),
    ] {
        let answer = asked("application/grpc+proto", status);
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers.get(GRPC_STATUS).unwrap(), code);
        assert_eq!(answer.headers.get(GRPC_MESSAGE).unwrap(), "50%25 ist zu sp%C3%A4t.");
        assert!(answer.body.is_empty());
    }
    let full = Told { exhausted: true, ..told(503) };
    let request = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))]);
    assert_eq!(Pages::default().answer(full, &request).headers.get(GRPC_STATUS).unwrap(), "8");
    for kind in ["application/grpc-web", "application/grpcx", "text/plain"] {
        assert_eq!(asked(kind, 502).status, StatusCode::BAD_GATEWAY, "{kind}");
    }
    for kind in ["application/grpc", "Application/gRPC; charset=utf-8"] {
        assert_eq!(asked(kind, 502).status, StatusCode::OK, "{kind}");
    }
}

#[test]
fn statuses_are_written_as_they_are_read() {
    for text in ["400", "599", "4xx", "5xx"] {
        assert_eq!(text.parse::<Statuses>().unwrap().to_string(), text);
    }
    for text in ["399", "600", "6xx", "3xx", "", "50"] {
        assert_eq!(text.parse::<Statuses>(), Err(NotStatuses), "{text}");
    }
}
