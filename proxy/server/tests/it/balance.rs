use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use edgeloom_testbed::{Authority, Client, Edge, Manner, Order, Origin, Raw, Request, Tls};
use tempfile::TempDir;

use super::{SOON, metric};

fn edge(clusters: &str) -> Edge {
    Edge::start(&format!("clusters: {{ {clusters} }}\nroutes: [{{ name: all, to: shop }}]"))
}

fn three() -> [Origin; 3] {
    ["a", "b", "c"].map(Origin::echo)
}

fn listed(origins: &[Origin]) -> String {
    let addresses: Vec<_> = origins.iter().map(|origin| format!("'{}'", origin.address())).collect();
    format!("[{}]", addresses.join(", "))
}

#[track_caller]
fn answers(edge: &Edge, request: Request) -> String {
    edge.request(request).echo().origin.unwrap()
}

#[test]
fn the_same_user_goes_to_the_same_endpoint_and_only_theirs_move_when_one_goes() {
    let origins = three();
    let edge =
        edge(&format!("shop: {{ endpoints: {}, balance: {{ hash: 'header:x-user' }} }}", listed(&origins)));
    let of = |edge: &Edge, user: u32| answers(edge, Request::get("/").header("x-user", user.to_string()));
    let before: Vec<_> = (0..60).map(|user| of(&edge, user)).collect();
    assert!((0..60).all(|user| of(&edge, user) == before[user as usize]), "the same again");
    for name in ["a", "b", "c"] {
        assert!(before.iter().filter(|known| *known == name).count() > 8, "{before:?}");
    }
    // Who is nobody takes turns.
    let turns: Vec<_> = (0..3).map(|_| answers(&edge, Request::get("/"))).collect();
    assert!(["a", "b", "c"].iter().all(|name| turns.iter().any(|turn| turn == name)), "{turns:?}");

    edge.edit(|yaml| yaml.replace(&format!(", '{}'", origins[2].address()), ""));
    assert_eq!(edge.reload().status(), 200);
    for (user, before) in (0..).zip(&before) {
        let after = of(&edge, user);
        assert!(after == *before || before == "c", "{user} went from {before} to {after}");
    }
}

#[test]
fn clients_and_cookies_are_keys_too() {
    let origins = three();
    for (balance, requests) in [
        ("client", [Request::get("/"), Request::get("/other")]),
        (
            "'cookie:cart'",
            [Request::get("/").cookie("cart", "7"), Request::get("/").header("cookie", "a=1; cart=7")],
        ),
    ] {
        let edge =
            edge(&format!("shop: {{ endpoints: {}, balance: {{ hash: {balance} }} }}", listed(&origins)));
        let [one, other] = requests;
        let first = answers(&edge, one);
        for _ in 0..5 {
            assert_eq!(answers(&edge, other.clone()), first, "{balance}");
        }
    }
}

#[test]
fn a_client_that_was_named_an_endpoint_stays_there_after_a_restart_too() {
    let origins = three();
    let clusters =
        format!("shop: {{ endpoints: {}, balance: {{ sticky: {{ cookie: node }} }} }}", listed(&origins));
    let first = edge(&clusters);
    let response = first.get("/");
    let (name, cookie) = (response.echo().origin.unwrap(), response.header("set-cookie").unwrap().to_owned());
    let value = response.sets_cookie("node").unwrap().to_owned();
    assert_eq!(cookie, format!("node={value}; Path=/; HttpOnly; SameSite=Lax"));
    assert_eq!(value.len(), 16);
    drop(first);
    let second = edge(&clusters);
    for _ in 0..6 {
        let again = second.request(Request::get("/").cookie("node", &value));
        assert_eq!((again.echo().origin.as_deref(), again.header("set-cookie")), (Some(&*name), None));
    }
    // What was not made here names nobody, and is replaced.
    let forged = second.request(Request::get("/").cookie("node", "ffffffffffffffff"));
    assert!(forged.sets_cookie("node").is_some_and(|value| value != "ffffffffffffffff"));

    let gone =
        origins.iter().find(|origin| Client::to(origin.address()).get("/").echo().origin.unwrap() == name);
    let gone = gone.unwrap().address();
    second.edit(|yaml| yaml.replace(&format!("'{gone}'"), "'127.0.0.1:1'"));
    assert_eq!(second.reload().status(), 200);
    let moved = second.request(Request::get("/").cookie("node", &value));
    assert_ne!(moved.echo().origin.unwrap(), name);
    assert!(moved.sets_cookie("node").is_some_and(|moved| moved != value));
}

#[test]
fn a_cookie_that_came_in_secret_stays_secret() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    authority.issue(&Order::server(&["127.0.0.1"])).write(folder.path(), "shop");
    let path = |kind| folder.path().join(format!("shop.{kind}")).display().to_string();
    let origin = Origin::echo("only");
    let edge = Edge::start(&format!(
        "listeners: [{{ bind: '127.0.0.1:0', tls: {{ certificates: [{{ chain: {}, key: {} }}] }} }}]
clusters: {{ shop: {{ endpoints: ['{}'], balance: {{ sticky: {{ cookie: node }} }} }} }}
routes: [{{ name: all, to: shop }}]",
        path("pem"),
        path("key"),
        origin.address()
    ));
    let response = Client::tls(edge.address(), &Tls::believing(&authority)).get("/");
    assert!(response.header("set-cookie").unwrap().ends_with("; SameSite=Lax; Secure"));
}

#[test]
fn the_less_busy_get_more() {
    let slow = Origin::behaving(Manner::saying("slow").slow(Duration::from_millis(100)));
    let quick = Origin::behaving(Manner::saying("quick").slow(Duration::from_millis(2)));
    let endpoints = format!("['{}', '{}']", slow.address(), quick.address());
    let edge = edge(&format!("shop: {{ endpoints: {endpoints}, balance: least-request }}"));
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let client = Client::to(edge.address());
                (0..25).for_each(|_| assert_eq!(client.get("/").status(), 200));
            });
        }
    });
    let (slow, quick) = (slow.requests(), quick.requests());
    println!("of 200 requests the slow endpoint got {slow}, the quick one {quick}");
    assert_eq!(slow + quick, 200);
    assert!(slow * 3 < quick, "{slow} and {quick}");
}

#[test]
fn a_full_endpoint_is_passed_over() {
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let quick = Origin::saying("quick");
    let endpoints = format!("['{}', '{}']", slow.local_addr().unwrap(), quick.address());
    let edge = edge(&format!("shop: {{ endpoints: {endpoints}, limits: {{ per_endpoint: 2 }} }}"));
    std::thread::scope(|threads| {
        let (answer, answers) = mpsc::channel();
        for _ in 0..4 {
            let (answer, address) = (answer.clone(), edge.address());
            threads.spawn(move || answer.send(Client::to(address).get("/").text().to_owned()).unwrap());
        }
        let next = || answers.recv_timeout(SOON).unwrap();
        // Two went to the slow one, and are there until it is told to answer.
        let mut full = [(); 2].map(|()| Raw::accept(&slow).unwrap());
        for asked in &mut full {
            asked.until(b"\r\n\r\n", SOON).unwrap();
        }
        // The others have been to the quick one, which has room again once the edge has written that down.
        assert_eq!([next(), next()], ["quick", "quick"]);
        super::wait_for_gauge(&edge, "edgeloom_exchanges_open", 2);
        for _ in 0..10 {
            assert_eq!(edge.get("/").text(), "quick");
        }
        for asked in &mut full {
            asked.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow").unwrap();
        }
        assert_eq!([next(), next()], ["slow", "slow"]);
    });
    assert_eq!(quick.requests(), 12);
}

#[test]
fn where_nobody_can_be_asked_the_next_cluster_is_and_two_may_stand_in_for_each_other() {
    let origin = Origin::echo("b");
    let edge = edge(&format!(
        "shop: {{ endpoints: ['127.0.0.1:1'], failover: [spare], health: {{ interval: 20ms }} }},
         spare: {{ endpoints: ['{}'], failover: [shop] }}",
        origin.address()
    ));
    super::said(&edge, "endpoint 127.0.0.1:1 is unwell");
    for n in 0..5 {
        assert_eq!(answers(&edge, Request::get(&format!("/{n}"))), "b");
    }
    let line = super::line_about(&edge, "/4");
    assert_eq!((&line["cluster"], line.get("tried")), (&"spare".into(), None));
    assert!(metric(&edge, "edgeloom_cluster_failovers_total{cluster=\"shop\"}") >= 5);
}

#[test]
fn a_cluster_that_turns_out_to_be_gone_is_failed_over_from_at_once() {
    let origin = Origin::echo("b");
    let edge = edge(&format!(
        "shop: {{ endpoints: ['127.0.0.1:1'], failover: [spare] }}, spare: {{ endpoints: ['{}'] }}",
        origin.address()
    ));
    assert_eq!(answers(&edge, Request::post("/first", "x")), "b");
    let line = super::line_about(&edge, "/first");
    assert_eq!(line["tried"], serde_json::json!(["127.0.0.1:1 could not be connected to"]));
}
