//! Files of those who have many of everything.

use std::fmt::Write as _;
use std::path::Path;

#[test]
fn thirty_thousand_routes_are_read() {
    let mut text = String::from(
        "listeners: [{ bind: 127.0.0.1:80 }]\nclusters: { shop: { endpoints: [127.0.0.1:81] } }\nroutes:\n",
    );
    for route in 0..30_000 {
        writeln!(text, "- {{ name: r{route}, when: {{ host: h{route}.example, path: /a/* }}, to: shop }}")
            .unwrap();
    }
    let config =
        edgeloom_config::parse(&text, Path::new("edge.yaml")).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.routes.len(), 30_000);
    assert_eq!(config.routes[29_999].name, "r29999");
}

#[test]
fn many_names_that_do_not_exist_are_told_as_soon_as_one() {
    let mut text = String::from("listeners: [{ bind: 127.0.0.1:80 }]\nclusters:\n");
    for cluster in 0..20_000 {
        writeln!(text, "  c{cluster}: {{ endpoints: [127.0.0.1:81] }}").unwrap();
    }
    text += "routes:\n";
    for route in 0..20_000 {
        writeln!(text, "- {{ name: r{route}, when: {{ host: h{route}.example }}, to: d{route} }}").unwrap();
    }
    let report = edgeloom_config::parse(&text, Path::new("edge.yaml")).unwrap_err().to_string();
    assert!(report.contains("there is no cluster `d0`"), "{report}");
    assert!(report.contains("20000 problems, of which 100 are shown"), "{report}");
}
