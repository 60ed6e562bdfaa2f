//! Turns, by weight.

use crate::limits::TURNS_MAX;

/// One period of taking turns, after which it begins again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rotation {
    /// Whose turn it is, as positions.
    turns: Box<[u32]>,
}

impl Rotation {
    /// The shares of one period are the weights, exactly, unless that would take more than [`TURNS_MAX`] turns.
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        Self { turns: smooth(&reduced(weights.map(u64::from).collect())).into() }
    }

    pub(super) fn period(&self) -> usize {
        self.turns.len()
    }

    /// Whose turn it is and, where they do not `want` it, the next who does.
    pub(super) fn pick(&self, turn: u64, want: impl Fn(usize) -> bool) -> Option<usize> {
        let period = u64::try_from(self.turns.len()).ok()?;
        let start = usize::try_from(turn.checked_rem(period)?).ok()?;
        let (earlier, later) = self.turns.split_at_checked(start)?;
        later.iter().chain(earlier).map(|&at| at as usize).find(|at| want(*at))
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
fn smooth(weights: &[u64]) -> Vec<u32> {
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
