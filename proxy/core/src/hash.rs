//! Numbers that stand for texts: the same on every node and after every restart.

/// FNV-1a (Fowler, Noll, Vo), stirred by [`mix`]: its own high bits hardly depend on a text's last letters.
///
/// Nothing secret, and nobody is kept out by it: who may choose the text may choose the number.
pub fn of_bytes(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)))
}

/// The finalizer of `MurmurHash3` (Appleby): every bit of a number counts for every bit of the result, and no two
/// numbers have the same.
pub fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_change_from_one_release_to_the_next() {
        // FNV-1a of these two, as its authors publish it, through the finalizer.
        assert_eq!(of_bytes(b""), mix(0xcbf2_9ce4_8422_2325));
        assert_eq!(of_bytes(b"foobar"), mix(0x8594_4171_f739_67e8));
        assert_eq!(mix(1), 0xb456_bcfc_34c2_cb2c);
    }
}
