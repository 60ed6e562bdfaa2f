/// The beginning of a hash by which visitors are shared out: stable, so that the same visitor falls into
/// the same place on every node and every day, and different under every seed.
///
/// The hash is version 2 of GrowthBook's, so that an experiment can be judged with their tools and
/// repeated by their SDKs:
///
/// ```text
/// n      = fnv1a32(decimal(fnv1a32(seed + value)))
/// bucket = (n mod 10000) / 10000
/// ```
///
/// (The second round is there because FNV-1a spreads a last byte badly.) Texts are hashed as UTF-8;
/// GrowthBook's JavaScript hashes UTF-16 units, so that the two agree on ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u32);

impl Seed {
    /// The seed of this name, usually the experiment's or the rule's.
    pub const fn new(name: &str) -> Self {
        Self(fnv1a32(OFFSET, name.as_bytes()))
    }

    /// Where this visitor falls: from 0 up to, but not, 1, in steps of a ten-thousandth.
    pub fn bucket(self, visitor: &[u8]) -> f64 {
        let mut digits = [0; 10];
        let n = fnv1a32(OFFSET, decimal(fnv1a32(self.0, visitor), &mut digits));
        f64::from(n % 10_000) / 10_000.0
    }
}

const OFFSET: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

const fn fnv1a32(mut hash: u32, mut bytes: &[u8]) -> u32 {
    while let [byte, rest @ ..] = bytes {
        hash = (hash ^ *byte as u32).wrapping_mul(PRIME);
        bytes = rest;
    }
    hash
}

/// The decimal digits of `n`, without the formatting machinery.
fn decimal(mut n: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        used += 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    digits.split_at(digits.len() - used).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growthbooks_published_vectors_hold() {
        // From `cases.json` of GrowthBook's JavaScript SDK: the `hash` vectors of
        // version 2, then the buckets that its experiments of version 2 expect.
        for (seed, value, bucket) in [
            ("seed", "a", 0.0505),
            ("seed", "b", 0.2696),
            ("foo", "ab", 0.2575),
            ("foo", "def", 0.2019),
            ("89123klj", "8952klfjas09ujkasdf", 0.124),
            ("90850943850283058242805", "123", 0.7516),
            ("()**(%$##$%#$#", "___)((*\":&", 0.0128),
            ("feature", "123", 0.5231),
            ("experiment", "1", 0.4413),
            ("holdout", "1", 0.8043),
            ("feature-exp", "d123", 0.6468),
            ("feature-exp", "i123", 0.9943),
        ] {
            assert_eq!(Seed::new(seed).bucket(value.as_bytes()), bucket, "{seed} {value}");
        }
    }

    #[test]
    fn digits_are_those_of_display() {
        for n in [0, 7, 10, 99, 1_000_000_000, u32::MAX] {
            assert_eq!(decimal(n, &mut [0; 10]), n.to_string().as_bytes());
        }
    }

    #[test]
    fn shares_come_out_even_and_seeds_are_independent() {
        let (one, other) = (Seed::new("one"), Seed::new("other"));
        let mut quarters = [[0_u32; 2]; 2];
        for visitor in 0..40_000 {
            let visitor = visitor.to_string();
            let half = |seed: Seed| usize::from(seed.bucket(visitor.as_bytes()) >= 0.5);
            quarters[half(one)][half(other)] += 1;
        }
        for count in quarters.as_flattened() {
            assert!((9_700..=10_300).contains(count), "{quarters:?}");
        }
    }
}
