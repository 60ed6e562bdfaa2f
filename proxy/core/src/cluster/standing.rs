//! Whether those who are left can carry what all were there for.

/// Whether so few of so many can be used that it is better to use them all.
///
/// Below one in five, checks that fail are more likely than so many endpoints: a network of our own, a database that
/// all health pages ask. And if they are right, the few that are left would get five times their load, and be next.
pub fn panics(usable: usize, members: usize) -> bool {
    usable.saturating_mul(5) < members
}
