use edgeloom_testbed::{Edge, Origin};
use serde_json::Value;

/// An edge with one filter that misbehaves in the phase that its settings name.
fn edge(module: &str, phase: &str, on_fault: &str, origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        modules: {{ bad: 'file:{}', headers: 'file:{}' }}
        filters:
          bad: {{ module: bad, settings: {{ phase: {phase} }}, on_fault: {on_fault}, deadline: 50ms }}
          good: {{ module: headers, settings: {{ response: {{ set: {{ x-good: 'yes' }} }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [{{ filter: bad, when: {{ path: /bad/* }} }}, good], to: origin }}]
        ",
        super::module(&format!("misbehaving/{module}")).display(),
        super::module("headers").display(),
        origin.address()
    ))
}

fn call<'l>(line: &'l Value, filter: &str, phase: &str) -> &'l Value {
    let mut calls = line["chain"].as_array().unwrap().iter();
    calls.find(|call| call["filter"] == filter && call["phase"] == phase).unwrap()
}

#[test]
fn a_fault_is_settled_as_the_operator_wants() {
    let origin = Origin::saying("hello");
    for (module, fault, status) in
        [("spins", "overran", 504), ("traps", "trapped", 502), ("returns-error", "returned", 502)]
    {
        for phase in ["request", "response"] {
            let edge = edge(module, phase, "fail", &origin);
            for n in 0..3 {
                assert_eq!(edge.get(&format!("/bad/{n}")).status(), status, "{module} {phase}");
                let line = super::line_about(&edge, &format!("/bad/{n}"));
                assert_eq!(call(&line, "bad", phase)["fault"], fault);
                assert_eq!(line["failure"], format!("a filter failed: {fault}"));
            }
            assert_eq!(edge.get("/fine").text(), "hello");
            let faults =
                format!("edgeloom_filter_faults_total{{filter=\"bad\",phase=\"{phase}\",kind=\"{fault}\"}}");
            assert_eq!(super::metric(&edge, &faults), 3);

            let edge = self::edge(module, phase, "skip", &origin);
            for n in 0..3 {
                let response = edge.get(&format!("/bad/{n}"));
                assert_eq!((response.status(), response.text()), (200, "hello"), "{module} {phase}");
                assert_eq!((response.header("x-good"), response.header("x-returned")), (Some("yes"), None));
                let line = super::line_about(&edge, &format!("/bad/{n}"));
                assert_eq!(call(&line, "bad", phase)["fault"], fault);
            }
        }
    }
}

#[test]
fn a_filter_that_spins_keeps_nobody_from_the_admin_listener() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&format!(
        "
        workers: 1
        modules: {{ spins: 'file:{}' }}
        filters: {{ slow: {{ module: spins, on_fault: skip, deadline: 1s }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [slow], to: origin }}]
        ",
        super::module("misbehaving/spins").display(),
        origin.address()
    ));
    std::thread::scope(|threads| {
        let slow = threads.spawn(|| edge.get("/"));
        let mut healthy = 0;
        while !slow.is_finished() {
            assert_eq!(edge.ask(edgeloom_testbed::Request::get("/healthz")).status(), 200);
            healthy += 1;
        }
        assert_eq!(slow.join().unwrap().text(), "hello");
        assert!(healthy > 5, "{healthy}");
    });
}
