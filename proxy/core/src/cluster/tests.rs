use proptest::prelude::*;

use super::*;
use crate::limits::TURNS_MAX;

fn members(weights: &[u32]) -> Vec<Member> {
    let member = |(n, &weight): (u64, &u32)| Member { identity: crate::hash::mix(n), weight };
    (1..).zip(weights).map(member).collect()
}

fn cluster(weights: &[u32]) -> Cluster {
    Cluster::new(members(weights), &Balance::RoundRobin)
}

fn hashed(members: Vec<Member>) -> Cluster {
    Cluster::new(members, &Balance::Hash(Key::Client))
}

fn positions(cluster: &Cluster, turns: impl IntoIterator<Item = u64>) -> Vec<usize> {
    turns.into_iter().filter_map(|turn| cluster.in_turn(turn, |_| true)).collect()
}

/// Members with so many exchanges each; those with none given may not be asked.
struct Busy(Vec<Option<u32>>);

impl Members for Busy {
    fn may_be_asked(&self, at: usize) -> bool {
        self.0[at].is_some()
    }

    fn load(&self, at: usize) -> u32 {
        self.0[at].unwrap()
    }
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
    for weights in [&[][..], &[0, 0]] {
        let cluster = hashed(members(weights));
        assert_eq!(cluster.in_turn(7, |_| true), None);
        assert_eq!(cluster.of_key(7, |_| true), None);
        assert_eq!(cluster.less_busy([1, 2], &Busy(vec![Some(0); 2])), None);
    }
    assert_eq!(positions(&cluster(&[0, 3]), 0..3), [1, 1, 1]);
}

#[test]
fn counting_may_wrap_around() {
    let cluster = cluster(&[2, 1]);
    assert!(cluster.in_turn(u64::MAX, |_| true).is_some());
    assert_eq!(cluster.in_turn(u64::MAX, |_| false), None);
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

#[test]
fn keys_are_spread_by_weight() {
    let cluster = hashed(members(&[1, 2, 3, 4]));
    let mut shares = [0_u32; 4];
    for key in 0..100_000 {
        shares[cluster.of_key(key, |_| true).unwrap()] += 1;
    }
    for (share, expected) in shares.into_iter().zip([10_000, 20_000, 30_000, 40_000_u32]) {
        assert!(share.abs_diff(expected) < expected / 20, "{shares:?}");
    }
}

#[test]
fn the_same_key_goes_to_the_same_endpoint_after_every_release() {
    let member = |address: &str| Member { identity: crate::hash::of_bytes(address.as_bytes()), weight: 1 };
    let cluster = hashed(["10.0.1.4:80", "10.0.1.5:80", "10.0.1.6:80"].map(member).to_vec());
    let of = |key: &str| cluster.of_key(crate::hash::of_bytes(key.as_bytes()), |_| true).unwrap();
    assert_eq!(["ann", "bob", "eve", "joe", "kim", "max"].map(of), WRITTEN_DOWN);
}

/// By the first version that could: a change would move every key.
const WRITTEN_DOWN: [usize; 6] = [2, 0, 0, 2, 1, 2];

#[test]
fn two_that_are_as_busy_share_by_weight_and_else_the_less_busy_is_asked() {
    let cluster = cluster(&[1, 1]);
    for draws in [[0, 1], [1, 0], [0, 0], [1, 1]] {
        assert_eq!(cluster.less_busy(draws, &Busy(vec![Some(3), Some(1)])), Some(1), "{draws:?}");
        assert_eq!(cluster.less_busy(draws, &Busy(vec![None, Some(9)])), Some(1), "{draws:?}");
    }
    // Three times the weight is as busy with three times as many.
    let cluster = self::cluster(&[1, 3]);
    assert_eq!(cluster.less_busy([0, 1], &Busy(vec![Some(1), Some(4)])), Some(1));
    assert_eq!(cluster.less_busy([0, 1], &Busy(vec![Some(1), Some(6)])), Some(0));
}

#[test]
fn few_who_are_left_are_not_trusted_alone() {
    assert!(panics(0, 1) && panics(1, 6) && panics(199, 1000));
    assert!(!panics(1, 5) && !panics(1, 3) && !panics(1, 1) && !panics(0, 0));
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
    fn whoever_may_not_be_asked_is_not_for_as_long_as_there_are_others(
        asked in proptest::collection::vec((0..=9u32, proptest::option::of(0..100_u32)), 0..6),
        draws: [u64; 2],
    ) {
        let (weights, busy): (Vec<u32>, Vec<Option<u32>>) = asked.into_iter().unzip();
        let cluster = hashed(members(&weights));
        let others = weights.iter().zip(&busy).any(|(weight, busy)| *weight > 0 && busy.is_some());
        let may = |at: usize| busy[at].is_some();
        let picks = [
            cluster.in_turn(draws[0], may),
            cluster.of_key(draws[0], may),
            cluster.less_busy(draws, &Busy(busy.clone())),
        ];
        for picked in picks {
            prop_assert_eq!(picked.is_some(), others);
            if let Some(at) = picked {
                prop_assert!(may(at) && weights[at] > 0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_weights_make_it_panic_or_grow(weights in proptest::collection::vec(any::<u32>(), 0..6)) {
        prop_assert!(cluster(&weights).period() <= TURNS_MAX + weights.len());
    }

    #[test]
    fn whoever_goes_moves_their_own_keys_only_and_whoever_comes_only_takes(
        weights in proptest::collection::vec(1..=10u32, 2..8), gone: proptest::sample::Index, start: u64,
    ) {
        let all = members(&weights);
        let gone = gone.index(all.len());
        let mut rest = all.clone();
        rest.remove(gone);
        let (with, without) = (hashed(all.clone()), hashed(rest.clone()));
        for key in (0..500).map(|n| start.wrapping_add(n)) {
            let before = with.of_key(key, |_| true).unwrap();
            let after = without.of_key(key, |_| true).unwrap();
            if before != gone {
                prop_assert_eq!(all[before], rest[after]);
            }
            // One that may not be asked is as good as gone: its keys go where they would go without it.
            let aside = with.of_key(key, |at| at != gone).unwrap();
            prop_assert_eq!(all[aside], rest[after]);
        }
    }

    #[test]
    fn more_weight_only_takes(weights in proptest::collection::vec(1..=10u32, 2..6), start: u64) {
        let lighter = members(&weights);
        let mut heavier = lighter.clone();
        heavier[0].weight *= 2;
        let (lighter, heavier) = (hashed(lighter), hashed(heavier));
        for key in (0..500).map(|n| start.wrapping_add(n)) {
            let (before, after) = (lighter.of_key(key, |_| true), heavier.of_key(key, |_| true));
            prop_assert!(before == after || after == Some(0));
        }
    }
}
