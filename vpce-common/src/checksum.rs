//! The Internet checksum (RFC 1071), updated by differences (RFC 1624).
//!
//! One's complement sums do not depend on byte order, so words are taken as they lie in memory.

/// What a rewrite adds to the one's complement sum of a header: Σ(~old) + Σ(new).
///
/// It depends on the translation only, so a flow carries it ready-made.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta(u16);

/// Folds the carries of a 32-bit sum of words into 16 bits.
#[must_use]
#[inline(always)]
pub const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    #[expect(clippy::cast_possible_truncation, reason = "two folds leave at most 16 bits")]
    {
        sum as u16
    }
}

impl Delta {
    /// Nothing changes.
    pub const NONE: Self = Self(0);

    /// The delta of `TTL - 1`: the word of TTL and protocol falls by 0x0100 (RFC 1624 §4).
    pub const HOP: Self = Self(u16::from_be(!0x0100));

    /// One 16-bit word, as in memory, becomes another.
    #[must_use]
    #[inline(always)]
    pub const fn word(self, old: u16, new: u16) -> Self {
        Self(fold(self.0 as u32 + !old as u32 + new as u32))
    }

    /// One 32-bit value, as in memory, becomes another.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a u32")]
    pub const fn long(self, old: u32, new: u32) -> Self {
        self.word(old as u16, new as u16).word((old >> 16) as u16, (new >> 16) as u16)
    }

    /// Both together.
    #[must_use]
    #[inline(always)]
    pub const fn and(self, other: Self) -> Self {
        Self(fold(self.0 as u32 + other.0 as u32))
    }

    /// This without a part of it.
    #[must_use]
    #[inline(always)]
    pub const fn without(self, part: Self) -> Self {
        Self(fold(self.0 as u32 + !part.0 as u32))
    }

    /// The sum as it lies in memory.
    #[must_use]
    #[inline(always)]
    pub const fn raw(self) -> u16 {
        self.0
    }

    /// A header's checksum after the rewrite: HC' = ~(~HC + Σ(~m) + Σ(m')) (RFC 1624 §3).
    #[must_use]
    #[inline(always)]
    pub const fn apply(self, check: [u8; 2]) -> [u8; 2] {
        let old = u16::from_ne_bytes(check);
        (!fold(!old as u32 + self.0 as u32)).to_ne_bytes()
    }
}

/// The one's complement sum of bytes, not yet inverted; an odd last byte is padded with zero.
#[must_use]
pub fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        let word = u16::from_ne_bytes([pair[0], *pair.get(1).unwrap_or(&0)]);
        sum = u32::from(fold(sum + u32::from(word)));
    }
    fold(sum)
}

/// The checksum of bytes: the inverted sum, as it lies in a header.
#[must_use]
pub fn full(bytes: &[u8]) -> [u8; 2] {
    (!sum(bytes)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Delta, full, sum};

    /// A header is right when all of it, the checksum too, sums to all ones.
    fn right(header: &[u8]) -> bool {
        sum(header) == 0xffff
    }

    #[test]
    fn every_word_that_becomes_any_other_keeps_the_checksum_right() {
        // The other words are fixed, so the pair (old, new) is all that matters: 65,536 old
        // values against a spread of new ones that holds both ends.
        for old in 0..=u16::MAX {
            for new in [0, 1, 0x00ff, 0x0100, 0x7fff, 0x8000, 0xfffe, 0xffff, old, !old] {
                let mut header = [0x45, 0, 0, 0, 0, 0];
                header[2..4].copy_from_slice(&old.to_ne_bytes());
                let check = full(&header);
                header[4..6].copy_from_slice(&check);
                assert!(right(&header));
                header[2..4].copy_from_slice(&new.to_ne_bytes());
                let check = Delta::NONE.word(old, new).apply(check);
                header[4..6].copy_from_slice(&check);
                assert!(right(&header), "{old:#06x} -> {new:#06x}");
            }
        }
    }

    #[test]
    fn a_hop_keeps_the_checksum_right_for_every_ttl_and_protocol() {
        for ttl in 1..=255u8 {
            for protocol in 0..=255u8 {
                let check = full(&[0x45, 0, ttl, protocol]);
                let check = Delta::HOP.apply(check);
                let [a, b] = check;
                assert!(right(&[0x45, 0, ttl - 1, protocol, a, b]), "{ttl} {protocol}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_rewrite_and_then_the_rest_are_the_whole(
            check in any::<[u8; 2]>(), old in any::<[u32; 3]>(), new in any::<[u32; 3]>(),
        ) {
            let part = Delta::NONE.long(old[0], new[0]).long(old[1], new[1]);
            let whole = part.long(old[2], new[2]);
            // Both zeros of one's complement are the same number.
            let number = |check: [u8; 2]| u16::from_ne_bytes(check) % 0xffff;
            let by_parts = whole.without(part).apply(part.apply(check));
            prop_assert_eq!(number(by_parts), number(whole.apply(check)));
        }

        #[test]
        fn a_rewrite_by_difference_equals_one_in_full(
            rest in prop::collection::vec(any::<u8>(), 0..64).prop_map(|mut v| { v.push(0x45); v }),
            old in any::<[u32; 3]>(),
            new in any::<[u32; 3]>(),
        ) {
            let whole = |words: [u32; 3]| {
                let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
                bytes.extend(&rest);
                full(&bytes)
            };
            let delta = (0..3).fold(Delta::NONE, |delta, i| delta.long(old[i], new[i]));
            prop_assert_eq!(delta.apply(whole(old)), whole(new));
        }
    }
}
