use std::net::Ipv4Addr;

use edgeloom_sdk::testing::{self, Verdict};

use super::*;

fn stockholm() -> Place {
    Place {
        country_name: Some("Sweden".into()),
        eu: Some(true),
        continent: Some("EU".into()),
        region: Some("AB".into()),
        region_name: Some("Stockholm County".into()),
        city: Some("Älvsjö".into()),
        postal_code: Some("125 30".into()),
        latitude: Some(59.2782),
        longitude: Some(18.0108),
        time_zone: Some("Europe/Stockholm".into()),
        asn: Some(64_496),
        as_organization: Some("Example AB".into()),
        ..Place::from("SE")
    }
}

/// The request after the filter, or the answer.
fn run(settings: &str, request: Request) -> (Request, Option<Answer>) {
    let mut request = request;
    let verdict = testing::on_request(&Geo::from_yaml(settings).unwrap(), &mut request).unwrap();
    let answer = if let Verdict::Answer(answer) = verdict { Some(answer) } else { None };
    (request, answer)
}

/// The headers that the upstream sees, but `host`.
fn seen(request: &Request) -> Vec<(String, String)> {
    let headers = request.headers().into_iter().filter(|(name, _)| name != "host");
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8(value).unwrap())).collect();
    headers.sort();
    headers
}

#[track_caller]
fn check(settings: &str, request: Request, expected: &[(&str, &str)]) {
    let (request, answer) = run(settings, request);
    assert_eq!(answer, None);
    let expected: Vec<_> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(seen(&request), expected, "{settings}");
}

fn get() -> Request {
    Request::get("https://shop.example/")
}

#[test]
fn upstreams_are_told_under_our_own_names() {
    check(
        "{}",
        get().located(stockholm()),
        &[
            ("x-geo-asn", "64496"),
            ("x-geo-city", "%C3%84lvsj%C3%B6"),
            ("x-geo-continent", "EU"),
            ("x-geo-country", "SE"),
            ("x-geo-eu", "true"),
            ("x-geo-latitude", "59.27820"),
            ("x-geo-longitude", "18.01080"),
            ("x-geo-region", "AB"),
            ("x-geo-time-zone", "Europe/Stockholm"),
        ],
    );
}

#[test]
fn or_as_cloudflare_tells_them() {
    check(
        "{ headers: cloudflare }",
        get().located(stockholm()),
        &[
            ("cf-ipcity", "Älvsjö"),
            ("cf-ipcontinent", "EU"),
            ("cf-ipcountry", "SE"),
            ("cf-iplatitude", "59.27820"),
            ("cf-iplongitude", "18.01080"),
            ("cf-postal-code", "125 30"),
            ("cf-region", "Stockholm County"),
            ("cf-region-code", "AB"),
            ("cf-timezone", "Europe/Stockholm"),
        ],
    );
    check(
        "{ headers: cloudflare }",
        get().with_header("cf-ipcity", "x").with_header("cf-metro-code", "1"),
        &[("cf-ipcountry", "XX")],
    );
}

#[test]
fn or_as_cloudfront_does() {
    check(
        "{ headers: cloudfront }",
        get().located(stockholm()).with_header("cloudfront-viewer-metro-code", "1"),
        &[
            ("cloudfront-viewer-address", "192.0.2.1:0"),
            ("cloudfront-viewer-asn", "64496"),
            ("cloudfront-viewer-city", "%C3%84lvsj%C3%B6"),
            ("cloudfront-viewer-country", "SE"),
            ("cloudfront-viewer-country-name", "Sweden"),
            ("cloudfront-viewer-country-region", "AB"),
            ("cloudfront-viewer-country-region-name", "Stockholm County"),
            ("cloudfront-viewer-latitude", "59.27820"),
            ("cloudfront-viewer-longitude", "18.01080"),
            ("cloudfront-viewer-postal-code", "125 30"),
            ("cloudfront-viewer-time-zone", "Europe/Stockholm"),
        ],
    );
}

#[test]
fn single_fields_have_names_of_their_own() {
    let settings = "{ headers: own, without: [latitude, longitude, asn, region, time_zone], encoding: utf-8,
        names: { city: x-town, address: x-client, as_organization: x-isp } }";
    check(
        settings,
        get().located(stockholm()),
        &[
            ("x-client", "192.0.2.1"),
            ("x-geo-continent", "EU"),
            ("x-geo-country", "SE"),
            ("x-geo-eu", "true"),
            ("x-isp", "Example AB"),
            ("x-town", "Älvsjö"),
        ],
    );
    check("{ headers: none }", get().located(stockholm()), &[]);
}

#[test]
fn nobody_can_send_these_headers() {
    let spoofed = || {
        get().with_header("X-Geo-Country", "SE").with_header("x-geo-city", "a").with_header("x-geo-city", "b")
    };
    check("{}", spoofed(), &[]);
    check(
        "{ without: [city], names: { country: x-country } }",
        spoofed().with_header("x-country", "SE"),
        &[],
    );
    check("{}", spoofed().located("NO"), &[("x-geo-country", "NO")]);
}

#[test]
fn later_filters_find_facts() {
    let (request, _) = run("{}", get().located(stockholm()));
    for (name, value) in [
        ("geo.country", "SE"),
        ("geo.region", "AB"),
        ("geo.city", "Älvsjö"),
        ("geo.continent", "EU"),
        ("geo.asn", "64496"),
        ("geo.eu", "true"),
        ("geo.time-zone", "Europe/Stockholm"),
    ] {
        assert_eq!(request.fact(name).as_deref(), Some(value));
    }
    assert_eq!((request.fact("geo.latitude"), request.fact("geo.denied")), (None, None));

    let (request, _) = run("{ headers: none, facts: [latitude] }", get().located(stockholm()));
    assert_eq!(
        (request.fact("geo.latitude").as_deref(), request.fact("geo.country")),
        (Some("59.27820"), None)
    );
}

#[test]
fn who_is_denied_gets_the_answer() {
    let (request, answer) = run("{ deny: { countries: [SE] } }", get().located("SE"));
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, &*answer.body),
        (403, &b"This site can not be visited from where you are.\n"[..])
    );
    assert_eq!(request.fact("geo.denied").as_deref(), Some("country"));
    assert_eq!(request.fact("geo.country").as_deref(), Some("SE"));

    let settings = "{ allow: { eu: true }, unknown: deny, answer: { status: 302, body: '', headers: { location: 'https://global.example/' } } }";
    let (request, answer) = run(settings, get());
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body.len()), (302, 0));
    assert!(
        answer.headers.iter().any(|(name, value)| name == "location" && value == b"https://global.example/")
    );
    assert_eq!(request.fact("geo.denied").as_deref(), Some("unknown"));
}

#[test]
fn a_report_denies_nobody() {
    let (request, answer) = run("{ deny: { countries: [SE] }, report_only: true }", get().located("SE"));
    assert_eq!(answer, None);
    assert_eq!(request.fact("geo.denied").as_deref(), Some("country"));
    assert_eq!(request.header_str("x-geo-country").as_deref(), Some("SE"));
}

#[test]
fn the_client_is_looked_up_and_nobody_else() {
    testing::locate(Ipv4Addr::new(198, 51, 100, 7), Some(stockholm()));
    let forwarded = || get().with_header("x-forwarded-for", "198.51.100.7");
    assert_eq!(run("{}", forwarded()).0.header("x-geo-country"), None);
    let client = get().from("198.51.100.7").located(stockholm());
    assert_eq!(run("{}", client).0.header_str("x-geo-country").as_deref(), Some("SE"));
}

#[test]
fn mistakes_are_told() {
    for (wrong, told) in [
        (
            "{ headers: akamai }",
            "`headers`: found the text `akamai`, wanted `own`, `cloudflare`, `cloudfront` or `none`",
        ),
        ("{ names: { country: x, city: x } }", "two fields would be sent as `x`"),
        ("{ names: { city: x-geo-country } }", "two fields would be sent as `x-geo-country`"),
        (
            "{ names: { country: 'a b' } }",
            "`names.country`: found the text `a b`, wanted the name of a header",
        ),
        ("{ report-only: true }", "`report-only`: no such setting; did you mean `report_only`?"),
        ("{ answer: { status: 99 } }", "`answer`: an answer's status is from 200 to 599"),
        (
            "{ answer: { headers: { location: \"a\\nb\" } } }",
            "`answer`: a header's value has no line breaks or other control characters",
        ),
        (
            "{ deny: { countries: [SWE] } }",
            "`deny.countries[0]`: found the text `SWE`, wanted a country's two letters in upper case, like SE",
        ),
        ("{ unknown: never }", "`unknown`: found the text `never`, wanted `allow` or `deny`"),
    ] {
        assert_eq!(Geo::from_yaml(wrong).unwrap_err().to_string(), told);
    }
    let error = Geo::from_yaml("{ facts: [town] }").unwrap_err().to_string();
    assert!(
        error.starts_with("`facts[0]`: found the text `town`, wanted `address`, `address_port`"),
        "{error}"
    );
}

#[test]
fn the_readme_is_right() {
    let examples = include_str!("../README.md").split("```yaml\n").skip(1);
    let examples = examples.map(|example| example.split("```").next().unwrap());
    assert_eq!(examples.inspect(|example| drop(Geo::from_yaml(example).unwrap())).count(), 3);
}
