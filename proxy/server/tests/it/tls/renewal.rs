use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Order, Request, Versions, replace};

use super::super::{SOON, metric, said};
use super::World;

/// The certificate that a new client is shown.
fn shown(world: &World, edge: &edgeloom_testbed::Edge) -> rustls::pki_types::CertificateDer<'static> {
    let client = Client::tls(edge.address(), &world.tls().forgetful());
    assert_eq!(client.get("/").status(), 200);
    client.handshake().unwrap().chain.first().unwrap().clone()
}

#[test]
fn a_new_certificate_is_noticed_and_open_connections_go_on() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    let before = shown(&world, &edge);
    let open = Client::tls(edge.address(), &world.tls());
    open.get("/");
    let order = Order::server(&["shop.example", "127.0.0.1", "new.example"]);
    let renewed = world.authority.issue(&order);
    renewed.write(world.folder.path(), "shop");
    said(&edge, "generation 2 is live");
    assert_ne!(before, renewed.der());
    assert_eq!(shown(&world, &edge), renewed.der());
    open.get("/");
    assert_eq!(open.handshake().unwrap().chain[0], before);
    assert_eq!(metric(&edge, "edgeloom_handshakes_total{version=\"1.3\",session=\"new\"}"), 3);
}

#[test]
fn a_link_that_is_flipped_is_a_new_certificate() {
    use std::os::unix::fs::symlink;
    let world = World::shop();
    // As certbot has it: live/ has links into archive/.
    for kind in ["pem", "key"] {
        fs::rename(world.path(&format!("shop.{kind}")), world.path(&format!("shop1.{kind}"))).unwrap();
        symlink(format!("shop1.{kind}"), world.path(&format!("shop.{kind}"))).unwrap();
    }
    let edge = world.edge(&["shop"]);
    let renewed = world.authority.issue(&Order::server(&["shop.example", "127.0.0.1"]));
    renewed.write(world.folder.path(), "shop2");
    for kind in ["pem", "key"] {
        symlink(format!("shop2.{kind}"), world.path("next")).unwrap();
        fs::rename(world.path("next"), world.path(&format!("shop.{kind}"))).unwrap();
    }
    said(&edge, "generation 2 is live");
    assert_eq!(shown(&world, &edge), renewed.der());
}

#[test]
fn what_can_not_be_shown_changes_nothing() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    let before = shown(&world, &edge);
    let (chain, key) = (world.path("shop.pem"), world.path("shop.key"));
    let other = world.authority.issue(&Order::server(&["shop.example"]));
    let good = [&chain, &key].map(|path| fs::read(path).unwrap());
    for (file, content, reason) in [
        (&chain, b"not a certificate".as_slice(), "shop.pem has no certificate; wanted is PEM"),
        (&key, other.key.as_bytes(), "is not that of the certificate in"),
        (&chain, &good[0][..good[0].len() / 3], "shop.pem is not PEM"),
    ] {
        replace(file, content).unwrap();
        let answer = edge.reload();
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert!(
            answer.text().contains(reason) && answer.text().contains("listener 127.0.0.1:0: "),
            "{}",
            answer.text()
        );
        assert_eq!(shown(&world, &edge), before);
        replace(&chain, &good[0]).unwrap();
        replace(&key, &good[1]).unwrap();
        edge.reload();
    }
    fs::remove_file(&key).unwrap();
    said(&edge, "swap refused");
    assert_eq!(shown(&world, &edge), before);
}

#[test]
fn certificates_are_rotated_under_load_and_no_handshake_fails() {
    const CLIENTS: usize = 8;
    const LONG: Duration = Duration::from_secs(10);
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    let (stop, handshakes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ask = |number: usize| {
        let versions = if number.is_multiple_of(2) { Versions::Only13 } else { Versions::Only12 };
        // Half of them go on with their sessions.
        let remembering = number % 4 < 2;
        let mut tls = world.tls().versions(versions);
        if number >= CLIENTS / 2 {
            tls = tls.http2();
        }
        let (mut seen, mut failed) = (HashSet::new(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let client =
                Client::tls(edge.address(), &if remembering { tls.clone() } else { tls.clone().forgetful() });
            match client.attempt(Request::post("/", "x")) {
                Ok(response) if response.status() == 200 => {
                    handshakes.fetch_add(1, Ordering::Relaxed);
                    seen.extend(client.handshake().and_then(|handshake| handshake.chain.first().cloned()));
                }
                Ok(response) => failed.push(response.status().to_string()),
                Err(error) => failed.push(format!("{error:?}")),
            }
        }
        (seen, failed)
    };
    let began = Instant::now();
    let mut rotations = 0;
    let (seen, failed) = thread::scope(|scope| {
        let ask = &ask;
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || ask(number))).collect();
        while began.elapsed() < LONG {
            world.write("shop", &Order::server(&["shop.example", "127.0.0.1"]));
            rotations += 1;
            let next = began + rotations * Duration::from_millis(200);
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
        stop.store(true, Ordering::Relaxed);
        let told: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        let seen: HashSet<_> = told.iter().flat_map(|(seen, _)| seen.clone()).collect();
        (seen, told.into_iter().flat_map(|(_, failed)| failed).collect::<Vec<_>>())
    });
    let handshakes = handshakes.into_inner();
    println!(
        "{rotations} rotations, {handshakes} handshakes, {} certificates seen, {} failures",
        seen.len(),
        failed.len()
    );
    assert_eq!(failed, [""; 0]);
    assert!(
        rotations >= 40 && seen.len() > 20 && handshakes > 500,
        "{rotations} {handshakes} {}",
        seen.len()
    );
    edge.wait_for_log(|line| line["message"].as_str().is_some_and(|text| text.contains("has drained")), SOON);
}
