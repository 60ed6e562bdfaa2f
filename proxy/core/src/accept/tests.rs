use http::HeaderValue;

use super::*;

fn sent(name: &HeaderName, lines: &[&str]) -> HeaderMap {
    lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
}

#[track_caller]
fn check_media(lines: &[&str], html_json: [Quality; 2]) {
    let found = media(&sent(&ACCEPT, lines), ["text/html", "application/json"]);
    assert_eq!(found, html_json, "{lines:?}");
}

#[test]
fn the_most_specific_entry_counts() {
    check_media(&[], [1000, 1000]);
    check_media(&["*/*"], [1000, 1000]);
    check_media(&["text/html, */*;q=0.8"], [1000, 800]);
    check_media(&["*/*;q=0.8, text/html;q=0.1"], [100, 800]);
    check_media(&["text/*;q=0.5", "application/JSON"], [500, 1000]);
    check_media(&["text/html;level=1;q=0.25;ext=\"a,b;q=1\", application/json ; Q=0"], [250, 0]);
    check_media(&["image/png"], [0, 0]);
}

#[test]
fn what_is_malformed_is_no_entry() {
    check_media(&["text/html;q=2, application/json"], [0, 1000]);
    check_media(&["text/html;q=0.1234"], [0, 0]);
    check_media(&["text/html;q=, , ;;, application/json;q=1."], [0, 1000]);
    check_media(&["\"text/html, application/json"], [0, 0]);
    check_media(&["text/html;a=\"\\\",application/json\", application/json"], [1000, 1000]);
}

#[track_caller]
fn check_codings(lines: &[&str], gzip_br: [Quality; 2]) {
    assert_eq!(codings(&sent(&ACCEPT_ENCODING, lines), ["gzip", "br"]), gzip_br, "{lines:?}");
}

#[test]
fn codings_must_be_asked_for() {
    check_codings(&[], [0, 0]);
    check_codings(&[""], [0, 0]);
    check_codings(&["identity"], [0, 0]);
    check_codings(&["gzip, deflate, br"], [1000, 1000]);
    check_codings(&["gzip;q=0.5", "BR"], [500, 1000]);
    check_codings(&["*;q=0.3, gzip;q=0"], [0, 300]);
    check_codings(&["x-gzip"], [1000, 0]);
}
