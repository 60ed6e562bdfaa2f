//! From settings to a filter: what a start and a swap have to do for each.

use edgeloom_host::{FilterPlan, Host, HostOptions, Prepared};

use crate::gauge::Gauge;
use crate::stage;

pub(crate) fn measure(gauge: &mut Gauge) {
    let host = without_cache();
    let (alive, like_it) = (plan(0), FilterPlan { name: "another".into(), ..plan(0) });
    // Keeps its module, and what is compiled of that.
    let _alive = stage::prepare(&host, &alive);

    let mut made = 0;
    let new = || {
        host.forget_unused();
        made += 1;
        Work::new(plan(made))
    };
    gauge.seldom("prepare/with new settings", new, |work| work.prepare(&host, false));
    let like_it = || Work::new(like_it.clone());
    gauge.seldom("prepare/as another filter", like_it, |work| work.prepare(&host, true));
    gauge.seldom("prepare/as it is already", || Work::new(alive.clone()), |work| work.prepare(&host, true));

    let new = || (without_cache(), Work::new(plan(0)));
    gauge.seldom("prepare/a new module", new, |(host, work)| work.prepare(host, false));
    stage::prepare(&stage::host(), &plan(0));
    let restarted = || (stage::host(), Work::new(plan(0)));
    gauge.seldom("prepare/from the cache on disk", restarted, |(host, work)| work.prepare(host, false));
}

/// A filter to prepare; kept once it is, so that taking it down is not measured.
struct Work {
    plan: FilterPlan,
    prepared: Option<Prepared>,
}

impl Work {
    fn new(plan: FilterPlan) -> Self {
        Self { plan, prepared: None }
    }

    fn prepare(&mut self, host: &Host, reused: bool) {
        let prepared = host.prepare(&self.plan).unwrap();
        assert_eq!(prepared.reused, reused);
        self.prepared = Some(prepared);
    }
}

fn plan(edge: u32) -> FilterPlan {
    let settings = format!(r#"{{"request": {{"set": {{"x-edge": "edge-{edge}"}}}}}}"#);
    stage::plan(&stage::guest("headers"), &settings)
}

fn without_cache() -> Host {
    Host::new(&HostOptions { cache: None, instances_max: stage::INSTANCES }).unwrap()
}
