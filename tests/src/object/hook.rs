//! What differs between the hooks where the kernel runs their programs on made frames.

use super::{action, sys};
use crate::Hook;

impl Hook {
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Xdp => "vpce",
            Self::Tc => "vpce_tc",
        }
    }

    /// What a program is told of a frame beside its bytes.
    pub(super) fn context(self, frame: &[u8], ifindex: u32) -> Vec<u32> {
        match self {
            // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
            Self::Xdp => vec![0, u32::try_from(frame.len()).expect("a short frame"), 0, ifindex, 0, 0],
            // The first fields of `struct __sk_buff`, of which the last one is ifindex.
            Self::Tc => [vec![0; 10], vec![ifindex]].concat(),
        }
    }

    /// A tag that lies in the frame, where none does but in a test, the kernel does not count right.
    pub(super) fn flags(self, frame: &[u8]) -> u32 {
        match self {
            Self::Tc if frame.get(12..14) == Some(&[8, 0]) => sys::SUMMED,
            _ => 0,
        }
    }

    pub(super) fn action(self, verdict: u32) -> u32 {
        match (self, verdict.cast_signed()) {
            (Self::Xdp, _) => verdict,
            (Self::Tc, -1) => action::PASS,
            (Self::Tc, 2) => action::DROP,
            (Self::Tc, 7) => action::REDIRECT,
            (Self::Tc, other) => panic!("TC verdict {other}"),
        }
    }
}
