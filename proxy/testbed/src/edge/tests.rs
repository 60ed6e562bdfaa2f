use super::*;

/// Speaks as the edge does.
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/edge/stand-in.sh");

fn says(message: &str) -> impl Fn(&Value) -> bool {
    move |line| line["message"] == message
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn an_edge_is_started_heard_signalled_and_stopped() {
    let edge = Launch::yaml("routes: [] # one").binary(STAND_IN).start().unwrap();
    let ports: Vec<_> = edge.addresses().iter().map(SocketAddr::port).collect();
    assert_eq!((edge.address().port(), edge.admin().port(), ports), (11, 13, vec![11, 12]));
    assert_eq!(edge.wait_for_access(|line| line["path"] == "/", SOON)["path"], "/");

    // The stand-in has its configuration as third argument, and repeats it.
    edge.edit(|text| text.replace("one", "two"));
    edge.hup();
    edge.wait_for_log(says("again"), SOON);
    let routes =
        edge.wait_for_access(|line| line.as_str().is_some_and(|line| line.starts_with("routes")), SOON);
    assert_eq!(routes, "routes: [] # two");
    assert!(edge.peak_memory().unwrap() > 0 && edge.cpu().is_ok());

    let stopped = edge.stop();
    assert_eq!(stopped.status.code(), Some(3));
    assert!(stopped.took < SOON);
    assert!(edge.signal(Signal::TERM).is_err());
    edge.wait_for_log(says("ending"), SOON);
}

#[test]
fn an_edge_that_does_not_end_is_killed() {
    let edge = Launch::yaml("").binary(STAND_IN).environment("ON_TERM", ":").start().unwrap();
    let stopped = edge.end(Duration::from_millis(50)).unwrap();
    assert_eq!(stopped.status.code(), None);
}

#[test]
fn an_edge_without_a_listener_is_an_error() {
    let error = Launch::yaml("").binary(STAND_IN).environment("MUTE", "1").start().err().unwrap();
    assert!(matches!(error, StartError::Nowhere { .. }), "{error:?}");
}
