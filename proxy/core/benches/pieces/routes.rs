//! What they asked for: choosing among few routes and among very many.

use edgeloom_core::condition::Condition;
use edgeloom_core::head::RequestHead;
use edgeloom_core::ids::RouteId;
use edgeloom_core::route::RouteTable;

use crate::gauge::Gauge;
use crate::visitor;

pub(crate) fn measure(gauge: &mut Gauge) {
    for size in [10, 1_000, 100_000] {
        tenants(gauge, size);
        one_host(gauge, size);
    }
    // A pattern can not be looked up: those of one host are tried in turn.
    for size in [10, 100] {
        patterns(gauge, size);
    }
}

/// Shops of their own, with these routes each.
const ROUTES: [(&str, &str); 5] = [
    ("shop-{}.example", "/"),
    ("shop-{}.example", "/assets/*"),
    ("shop-{}.example", "~ ^/product/[0-9]+$"),
    ("shop-{}.example", "/*"),
    ("*.shop-{}.example", "/*"),
];

/// What is asked of a shop, and which of its routes that takes.
const ASKED: [(&str, &str, &str, Option<usize>); 6] = [
    ("exact path", "shop-{}.example", "/?campaign=spring", Some(0)),
    ("prefix", "shop-{}.example", "/assets/css/2026/main.css", Some(1)),
    ("pattern", "shop-{}.example", "/product/4711?colour=blue", Some(2)),
    ("any path", "shop-{}.example", "/articles/swedish-wood?page=2", Some(3)),
    ("wildcard host", "www.north.shop-{}.example", "/articles/swedish-wood?page=2", Some(4)),
    ("no route", "shop-{}.test", "/articles/swedish-wood?page=2", None),
];

fn tenants(gauge: &mut Gauge, size: usize) {
    let shops = size / ROUTES.len();
    let conditions = (0..shops).flat_map(|shop| ROUTES.map(|(host, path)| condition(&of(shop, host), path)));
    let table = RouteTable::new(conditions.collect());
    for (asked, host, target, expected) in ASKED {
        let request = |shop| {
            let route = expected.map(|route| route_id(shop * ROUTES.len() + route));
            (visitor::request(&of(shop, host), target), route)
        };
        let requests: Vec<_> = spread(shops).map(request).collect();
        measure_choice(gauge, &format!("route/{asked}, of {size}"), &table, &requests);
    }
}

/// All under one host, which has as many prefixes as there are routes.
fn one_host(gauge: &mut Gauge, size: usize) {
    let table =
        RouteTable::new((0..size).map(|n| condition("shop.example", &of(n, "/section-{}/*"))).collect());
    let hit =
        |n| (visitor::request("shop.example", &of(n, "/section-{}/archive/2026/05")), Some(route_id(n)));
    let miss = |n| (visitor::request("shop.example", &of(n, "/sections/{}/archive/2026/05")), None);
    let hits: Vec<_> = spread(size).map(hit).collect();
    measure_choice(gauge, &format!("route/prefix of one host, of {size}"), &table, &hits);
    let misses: Vec<_> = spread(size).map(miss).collect();
    measure_choice(gauge, &format!("route/no prefix of one host, of {size}"), &table, &misses);
}

fn patterns(gauge: &mut Gauge, size: usize) {
    let table =
        RouteTable::new((0..size).map(|n| condition("shop.example", &of(n, "~ ^/p{}/[0-9]+$"))).collect());
    let hit = |n| (visitor::request("shop.example", &of(n, "/p{}/4711")), Some(route_id(n)));
    let hits: Vec<_> = spread(size).map(hit).collect();
    measure_choice(gauge, &format!("route/pattern of one host, of {size}"), &table, &hits);
}

fn measure_choice(
    gauge: &mut Gauge,
    name: &str,
    table: &RouteTable,
    requests: &[(RequestHead, Option<RouteId>)],
) {
    for (request, expected) in requests {
        assert_eq!(table.choose(request), *expected, "{name}: {}{}", request.host, request.target);
    }
    let mut requests = requests.iter().cycle();
    gauge.again(name, || requests.next().and_then(|(request, _)| table.choose(request)));
}

/// As many as are asked in turn, from all over the table, so that it is not always the same few
/// entries that the processor has at hand.
fn spread(size: usize) -> impl Iterator<Item = usize> {
    // A prime, so that no size is a multiple of it and every entry is as likely.
    (0..1024).map(move |n: usize| n * 7919 % size)
}

fn condition(host: &str, path: &str) -> Condition {
    Condition {
        hosts: vec![host.parse().unwrap()],
        paths: vec![path.parse().unwrap()],
        ..Condition::default()
    }
}

fn of(n: usize, text: &str) -> String {
    text.replace("{}", &n.to_string())
}

fn route_id(position: usize) -> RouteId {
    RouteId(u32::try_from(position).unwrap())
}
