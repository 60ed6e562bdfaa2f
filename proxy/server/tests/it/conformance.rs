//! What the standards ask, by section: each file is named by its RFC and the section that it is about.

mod rfc9113_3_4_preface; // how HTTP/2 begins on a connection

use edgeloom_testbed::{Edge, Origin};

/// An edge with one route, to this origin.
fn edge(origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        origin.address()
    ))
}
