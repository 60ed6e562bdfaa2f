use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Launch, Order, Raw, Request};

use super::super::{SOON, metric};
use super::{World, check, output, s_client};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits until a counter says so many.
#[track_caller]
fn counted(edge: &edgeloom_testbed::Edge, reason: &str, count: u64) {
    let name = format!("edgeloom_handshake_failures_total{{reason=\"{reason}\"}}");
    let deadline = Instant::now() + SOON;
    while metric(edge, &name) != count {
        assert!(Instant::now() < deadline, "{name} is {}, not {count}", metric(edge, &name));
    }
}

#[test]
fn what_is_no_handshake_is_hung_up_on_and_counted() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    for (bytes, reason, count) in [
        (b"GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n".as_slice(), "not_tls", 1),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not_tls", 2),
        // A record of a handshake that is nonsense.
        (b"\x16\x03\x01\x00\x04\xff\xff\xff\xff", "misbehaved", 1),
    ] {
        let mut raw = Raw::connect(edge.address()).unwrap();
        raw.send(bytes).unwrap();
        assert!(raw.to_end(SOON).unwrap().is_some());
        counted(&edge, reason, count);
    }
    drop(Raw::connect(edge.address()).unwrap());
    counted(&edge, "gone", 1);
    // None of it is an error of the edge's.
    assert!(edge.log().all().iter().all(|line| line["level"] != "ERROR"), "{:?}", edge.log().all());
    assert_eq!(Client::tls(edge.address(), &world.tls()).get("/").status(), 200);
}

#[test]
fn a_client_that_takes_too_long_is_hung_up_on() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    let mut silent = Raw::connect(edge.address()).unwrap();
    let mut half = Raw::connect(edge.address()).unwrap();
    half.send(b"\x16\x03\x01\x02\x00\x01").unwrap();
    let began = Instant::now();
    for raw in [&mut silent, &mut half] {
        assert!(raw.to_end(SOON).unwrap().is_some());
    }
    assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
    counted(&edge, "late", 2);
}

#[test]
fn a_staple_is_handed_on() {
    let world = World::shop();
    let path = |name: &str| world.path(name).display().to_string();
    fs::write(world.path("ca.key"), world.authority.key()).unwrap();
    // An authority's word that the certificate is good, as openssl makes it.
    let serial = openssl(&["x509", "-in", &path("shop.pem"), "-noout", "-serial"]);
    let serial = serial.trim().strip_prefix("serial=").unwrap().to_owned();
    fs::write(world.path("index"), format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN=shop.example\n"))
        .unwrap();
    let (ca, index) = (path("ca.pem"), path("index"));
    openssl(&[
        "ocsp",
        "-index",
        &index,
        "-CA",
        &ca,
        "-rsigner",
        &ca,
        "-rkey",
        &path("ca.key"),
        "-issuer",
        &ca,
        "-cert",
        &path("shop.pem"),
        "-ndays",
        "7",
        "-respout",
        &path("staple.der"),
        "-noverify",
    ]);
    let section = world.section(&["shop"], "").replace(" }]", &format!(", ocsp: {} }}]", path("staple.der")));
    let edge = edgeloom_testbed::Edge::start(&world.yaml(&[&section]));
    for version in ["-tls1_2", "-tls1_3"] {
        let said =
            s_client(edge.address(), &["-status", "-servername", "shop.example", version, "-CAfile", &ca]);
        assert!(
            said.contains("OCSP Response Status: successful") && said.contains("Cert Status: good"),
            "{said}"
        );
    }
    let unstapled = world.edge(&["shop"]);
    let said = s_client(unstapled.address(), &["-status"]);
    assert!(said.contains("OCSP response: no response sent"), "{said}");

    fs::write(world.path("staple.der"), "no staple").unwrap();
    let answer = edge.reload();
    assert!(answer.text().contains("staple.der is no OCSP response that says anything"), "{}", answer.text());
}

fn openssl(arguments: &[&str]) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(arguments);
    output(openssl)
}

#[test]
fn check_says_which_certificates_there_are_and_warns_of_their_end() {
    let world = World::with(&[
        ("fine", &Order::server(&["shop.example", "*.shop.example"])),
        ("soon", &Order::server(&["soon.example"]).rsa().ending_in(10 * DAY + DAY / 2)),
        ("late", &Order::server(&["late.example"]).ended(DAY / 2)),
        ("early", &Order::server(&["early.example"]).beginning_in(3 * DAY)),
    ]);
    let file = world.path("edge.yaml");
    let yaml = world.yaml(&[&world.section(&["fine", "soon", "late", "early"], "")]);
    fs::write(
        &file,
        format!("{yaml}limits: {{ connections: 9 }}\ncache: off\nadmin: {{ bind: '127.0.0.1:0' }}\n"),
    )
    .unwrap();
    let (content, said) = check(&file);
    assert!(content, "{said}");
    let said = said.replace(&world.folder.path().display().to_string(), "…");
    for expected in [
        "…/edge.yaml is fine: 1 listener, ",
        "\n…/fine.pem: shop.example, *.shop.example (ecdsa, until ",
        ", 89 days)\n",
        "\n…/soon.pem: soon.example (rsa, until ",
        "warning: the certificate in …/soon.pem ends on ",
        ", in 10 days\n",
        "warning: the certificate in …/late.pem ended on ",
        "warning: the certificate in …/early.pem is not valid before ",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(said.matches("warning: ").count(), 3, "{said}");

    // A start says the same, and serves.
    let edge = Launch::file(&file).start().unwrap_or_else(|error| panic!("{error}"));
    let warned = |file: &str| {
        let is_it = |line: &serde_json::Value| {
            line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.contains(file))
        };
        edge.wait_for_log(is_it, SOON)
    };
    warned("soon.pem ends on ");
    warned("late.pem ended on ");
    warned("early.pem is not valid before ");
    let fine = Client::tls(edge.address(), &world.tls().naming("shop.example"));
    assert_eq!(fine.get("/").status(), 200);
    let metrics = edge.ask(Request::get("/metrics")).text().to_owned();
    for (name, algorithm, days) in
        [("shop.example", "ecdsa", 89), ("soon.example", "rsa", 10), ("late.example", "ecdsa", -1)]
    {
        let end = format!(",name=\"{name}\",algorithm=\"{algorithm}\"}} {days}\n");
        assert!(metrics.contains(&end), "{end}: {metrics}");
    }
    let said = s_client(edge.address(), &["-servername", "late.example"]);
    assert!(said.contains("certificate has expired"), "{said}");
}

#[test]
fn check_refuses_what_could_not_be_shown() {
    let world =
        World::with(&[("one", &Order::server(&["one.example"])), ("two", &Order::server(&["two.example"]))]);
    fs::copy(world.path("one.key"), world.path("two.key")).unwrap();
    fs::remove_file(world.path("one.key")).unwrap();
    let clients = format!(", clients: {{ ca: {} }}", world.path("two.key").display());
    let file = world.path("edge.yaml");
    fs::write(&file, format!("{}cache: off\n", world.yaml(&[&world.section(&["one", "two"], &clients)])))
        .unwrap();
    let (content, said) = check(&file);
    assert!(!content);
    let said = said.replace(&world.folder.path().display().to_string(), "…");
    assert_eq!(
        said,
        "listener 127.0.0.1:0: …/one.key can not be read: No such file or directory (os error 2)\n\
         listener 127.0.0.1:0: the key in …/two.key is not that of the certificate in …/two.pem\n\
         listener 127.0.0.1:0: …/two.key has no certificate of an authority that can be used, in PEM\n"
    );
}
