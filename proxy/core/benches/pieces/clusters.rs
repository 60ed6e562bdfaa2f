//! Who answers: the endpoint whose turn it is, another after one that could not be reached, and the other ways to choose.

use edgeloom_core::cluster::{Balance, Cluster, Key, Member, Members};
use edgeloom_core::hash::mix;

use crate::gauge::Gauge;

/// Endpoints of which all may be asked, and that are all as busy.
struct Idle;

impl Members for Idle {
    fn may_be_asked(&self, _: usize) -> bool {
        true
    }

    fn load(&self, _: usize) -> u32 {
        0
    }
}

pub(crate) fn measure(gauge: &mut Gauge) {
    let member = |n: u64| Member { identity: mix(n + 1), weight: u32::try_from(n % 3).unwrap_or(0) + 1 };
    let cluster = Cluster::new((0..20).map(member).collect(), &Balance::Hash(Key::Client));
    let mut turn = 0;
    let mut pick = |avoid: &[usize]| {
        turn += 1;
        cluster.in_turn(turn, |at| !avoid.contains(&at))
    };
    gauge.again("cluster/pick one of 20 endpoints", || pick(&[]));
    gauge.again("cluster/pick another than two of 20", || pick(&[0, 1]));
    let mut key = 0;
    let mut next = || {
        key += 1;
        key
    };
    gauge.again("cluster/pick the one of 20 that has a key", || cluster.of_key(next(), |_| true));
    gauge.again("cluster/pick the less busy of two of 20", || {
        cluster.less_busy([mix(next()), mix(next())], &Idle)
    });
}
