//! What a guest asks of the proxy, by kind: the guest of `benches/calls` makes each many times in one
//! call, and that call is divided by it. So each has its part of the call itself, `nothing`.

use std::sync::Arc;

use edgeloom_core::limits::LOG_LINES_MAX;
use edgeloom_host::{Filter, FilterPlan, Host, Instances};

use crate::gauge::Gauge;
use crate::stage;

pub(crate) fn measure(gauge: &mut Gauge) {
    let host = stage::host();
    for kind in READS {
        let filter = filter(&host, kind, TIMES);
        gauge.each(&format!("host call/{kind}"), TIMES, stage::subject, |subject| {
            stage::call(&filter, subject);
        });
    }
    for kind in EDITS {
        let filter = filter(&host, kind, TIMES);
        let subject = || stage::with_more_headers(TIMES);
        gauge.each(&format!("host call/{kind}"), TIMES, subject, |subject| stage::call(&filter, subject));
    }
    // Without anyone who listens: what becomes of a line is not the host's business.
    let log = filter(&host, "log", LOG_LINES_MAX - 1);
    gauge.each("host call/log", LOG_LINES_MAX - 1, stage::subject, |subject| stage::call(&log, subject));
}

const READS: [&str; 14] = [
    "nothing", "client", "id", "method", "host", "path", "query", "target", "header", "headers", "fact",
    "country", "locate", "route_to",
];

/// Of a header line that is there, each its own. `apply` makes three edits.
const EDITS: [&str; 5] = ["set_header", "add_header", "remove_header", "set_path", "apply"];

/// Each with three edits, this many are fewer than one call may make.
const TIMES: u32 = 50;

fn filter(host: &Host, kind: &str, times: u32) -> Arc<Filter> {
    let settings = format!(r#"{{"call": "{kind}", "times": {times}, "cluster": "north"}}"#);
    let plan = stage::plan(&stage::guest("bench/calls"), &settings);
    stage::prepare(host, &FilterPlan { instances: Instances::Reuse(1), ..plan })
}
