//! Keeps TCP segments as small as the way is (RFC 9293 §3.7.1): the ends learn of it when they meet,
//! not from a packet that was lost.

use crate::{
    checksum::Delta,
    dataplane::Frame,
    wire::{self, Ipv4Hdr, TcpHdr},
};

/// End of the options, one byte of padding, and the largest segment (RFC 9293 §3.1).
const END: u8 = 0;
const NOTHING: u8 = 1;
const MSS: u8 = 2;
/// More options than any SYN has; the largest segment is the first one.
const OPTIONS: usize = 8;

/// Bytes of the largest segment that fits a packet of `mtu` bytes.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "bounded")]
pub(super) const fn largest(mtu: u32) -> u16 {
    let mtu = if mtu > 0xffff { 0xffff } else { mtu };
    mtu.saturating_sub((size_of::<Ipv4Hdr>() + size_of::<TcpHdr>()) as u32) as u16
}

/// Lowers the largest segment that a SYN asks for to `most`; the packet begins `head` bytes into the
/// frame. Nothing where it does not ask, or not in the usual place.
#[inline(always)]
pub(super) fn clamp<'f, F: Frame<'f>>(whole: &F, head: u32, most: u16) -> Option<()> {
    let mut frame = whole.again();
    frame.skip(head as usize);
    let ip = frame.take::<Ipv4Hdr>()?;
    frame.skip(usize::from(ip.vihl & 0x0f) * 4 - size_of::<Ipv4Hdr>());
    let tcp = frame.take::<TcpHdr>()?;
    let mut left = (usize::from(wire::bytes(tcp)[12] >> 4) * 4).checked_sub(size_of::<TcpHdr>())?;
    let mut odd = false;
    for _ in 0..OPTIONS {
        let [kind] = *frame.take::<[u8; 1]>()?;
        if left == 0 || kind == END {
            return None;
        }
        if kind == NOTHING {
            (left, odd) = (left - 1, !odd);
            continue;
        }
        let [length] = *frame.take::<[u8; 1]>()?;
        let length = usize::from(length);
        if length < 2 || length > left {
            return None;
        }
        if kind != MSS || length != 4 {
            frame.skip(length - 2);
            (left, odd) = (left - length, odd != (length % 2 == 1));
            continue;
        }
        let value = frame.take::<[u8; 2]>()?;
        if u16::from_be_bytes(*value) > most {
            let (mut old, mut new) = (u16::from_ne_bytes(*value), most.to_be());
            *value = most.to_be_bytes();
            if odd {
                // Its bytes belong to two words of the checksum.
                (old, new) = (old.swap_bytes(), new.swap_bytes());
            }
            whole.amend(&mut tcp.check, Delta::NONE.word(old, new), Delta::NONE, false);
        }
        return Some(());
    }
    None
}
