//! Who answers: the endpoints of a cluster, taken in turns by weight.

use crate::address::Address;
use crate::limits::TURNS_MAX;

/// One server of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    /// Its share of the turns, against the weights of the others. 0 takes none.
    pub weight: u32,
}

/// A group of servers, any of which can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    endpoints: Box<[Endpoint]>,
    /// Whose turn it is, as positions in `endpoints`: one period of the rotation.
    turns: Box<[u32]>,
}

impl Cluster {
    /// Works out the rotation: the shares of one [period](Self::period) are the
    /// weights, exactly, unless that would take more than [`TURNS_MAX`] turns.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        let weights = endpoints.iter().map(|endpoint| endpoint.weight.into());
        let turns = smooth_rotation(&reduced(weights.collect()));
        Self { endpoints: endpoints.into(), turns: turns.into() }
    }

    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// How many turns there are before they repeat.
    pub fn period(&self) -> usize {
        self.turns.len()
    }

    /// Picks the endpoint whose turn it is, with its position; where that is to
    /// be avoided, the next that is not. `None` where there is no such endpoint.
    ///
    /// `turn` counts the picks from this cluster, from anywhere; the ones to
    /// avoid are the positions that this exchange has already tried.
    pub fn pick(&self, turn: u64, avoid: &[usize]) -> Option<(usize, &Endpoint)> {
        let period = u64::try_from(self.turns.len()).ok()?;
        let start = usize::try_from(turn.checked_rem(period)?).ok()?;
        let (earlier, later) = self.turns.split_at(start);
        let mut positions = later.iter().chain(earlier).map(|&at| at as usize);
        let at = positions.find(|at| !avoid.contains(at))?;
        Some((at, self.endpoints.get(at)?))
    }
}

/// The smallest whole numbers in the same proportion or, where even their sum
/// is past the limit, in nearly the same: nobody's share is rounded to nothing.
fn reduced(mut weights: Vec<u64>) -> Vec<u64> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let total = weights.iter().sum::<u64>() / divisor;
    let limit = TURNS_MAX as u64;
    for weight in weights.iter_mut().filter(|weight| **weight > 0) {
        *weight /= divisor;
        if total > limit {
            *weight = (*weight * limit / total).max(1);
        }
    }
    weights
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One period of nginx's smooth weighted round robin: at each turn everyone
/// gains their weight, and who has most pays the sum of all. So three turns of
/// one endpoint in five are not in a row, but spread.
fn smooth_rotation(weights: &[u64]) -> Vec<u32> {
    let weights: Vec<i64> = weights.iter().map(|weight| weight.cast_signed()).collect();
    let total: i64 = weights.iter().sum();
    let mut credits = vec![0; weights.len()];
    let turn = |_| {
        for (credit, weight) in credits.iter_mut().zip(&weights) {
            *credit += weight;
        }
        // Reversed, because of equals `max_by_key` takes the last and nginx the first.
        let (at, credit) = credits.iter_mut().enumerate().rev().max_by_key(|(_, credit)| **credit)?;
        *credit -= total;
        u32::try_from(at).ok()
    };
    (0..total).filter_map(turn).collect()
}

#[cfg(test)]
mod tests;
