use proptest::prelude::*;

use super::*;

fn cluster(weights: &[u32]) -> Cluster {
    let address = |n| std::net::SocketAddr::from(([10, 0, 0, 1], n)).into();
    let endpoints = (1..).zip(weights).map(|(n, &weight)| Endpoint { address: address(n), weight });
    Cluster::new(endpoints.collect())
}

fn positions(cluster: &Cluster, turns: impl IntoIterator<Item = u64>) -> Vec<usize> {
    turns.into_iter().filter_map(|turn| cluster.pick(turn, &[])).map(|(at, _)| at).collect()
}

#[test]
fn turns_are_spread_as_nginx_spreads_them() {
    // The example in the commit that brought the algorithm to nginx: { 5, 1, 1 } is a a b a c a a.
    assert_eq!(positions(&cluster(&[5, 1, 1]), 0..7), [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(positions(&cluster(&[1, 1, 1]), 0..6), [0, 1, 2, 0, 1, 2]);
    assert_eq!(positions(&cluster(&[300, 200]), 0..5), [0, 1, 0, 1, 0]);
}

#[test]
fn weights_in_the_same_proportion_have_the_same_rotation() {
    assert_eq!(cluster(&[1000, 500]).period(), 3);
    assert_eq!(cluster(&[1000]).period(), 1);
}

#[test]
fn a_cluster_of_nobody_picks_nobody() {
    assert_eq!(cluster(&[]).pick(0, &[]), None);
    assert_eq!(cluster(&[0, 0]).pick(7, &[]), None);
    assert_eq!(positions(&cluster(&[0, 3]), 0..3), [1, 1, 1]);
}

#[test]
fn counting_may_wrap_around() {
    let cluster = cluster(&[2, 1]);
    assert!(cluster.pick(u64::MAX, &[]).is_some());
    assert_eq!(cluster.pick(u64::MAX, &[0, 1]), None);
}

#[test]
fn a_rotation_is_bounded_and_leaves_nobody_out() {
    let primes = [971, 967, 953, 947, 941, 937, 929, 919, 911, 907, 887, 883, 881, 877, 1];
    let exact: u32 = primes.iter().sum();
    assert!(cluster(&primes).period() == exact as usize && exact as usize <= TURNS_MAX);

    let mut weights = vec![u32::MAX, u32::MAX - 1, 1];
    assert!(cluster(&weights).period() <= TURNS_MAX + weights.len());
    weights.extend(primes);
    let cluster = cluster(&weights);
    let turns = positions(&cluster, 0..cluster.period() as u64);
    assert!((0..weights.len()).all(|at| turns.contains(&at)));
}

proptest! {
    #[test]
    fn shares_are_exact_over_any_period(weights in proptest::collection::vec(0..=40u32, 1..8), start in 0..u64::MAX / 2) {
        let cluster = cluster(&weights);
        let turns = positions(&cluster, start..start + cluster.period() as u64);
        prop_assert_eq!(turns.len(), cluster.period());
        let total: u32 = weights.iter().sum();
        for (at, weight) in weights.iter().enumerate() {
            let share = turns.iter().filter(|turn| **turn == at).count();
            prop_assert_eq!(share * total as usize, *weight as usize * cluster.period());
        }
    }

    #[test]
    fn the_avoided_are_avoided_for_as_long_as_there_are_others(
        weights in proptest::collection::vec(0..=9u32, 0..6),
        avoid in proptest::collection::vec(0..7usize, 0..6),
        turn: u64,
    ) {
        let cluster = cluster(&weights);
        let others = weights.iter().enumerate().any(|(at, weight)| *weight > 0 && !avoid.contains(&at));
        let picked = cluster.pick(turn, &avoid);
        prop_assert_eq!(picked.is_some(), others);
        if let Some((at, endpoint)) = picked {
            prop_assert!(!avoid.contains(&at) && endpoint.weight > 0);
            prop_assert_eq!(cluster.endpoints().get(at), Some(endpoint));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_weights_make_it_panic_or_grow(weights in proptest::collection::vec(any::<u32>(), 0..6)) {
        prop_assert!(cluster(&weights).period() <= TURNS_MAX + weights.len());
    }
}
