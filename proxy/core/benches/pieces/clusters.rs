//! Who answers: the endpoint whose turn it is, and another after one that could not be reached.

use edgeloom_core::address::Address;
use edgeloom_core::cluster::{Cluster, Endpoint};

use crate::gauge::Gauge;

pub(crate) fn measure(gauge: &mut Gauge) {
    let endpoint = |last: u8| Endpoint {
        address: Address::Ip(([10, 0, 0, last], 8080).into()),
        weight: u32::from(last % 3) + 1,
    };
    let cluster = Cluster::new((0..20).map(endpoint).collect());
    let mut turn = 0;
    let mut pick = |avoid: &[usize]| {
        turn += 1;
        cluster.pick(turn, avoid).map(|(at, _)| at)
    };
    gauge.again("cluster/pick one of 20 endpoints", || pick(&[]));
    gauge.again("cluster/pick another than two of 20", || pick(&[0, 1]));
}
