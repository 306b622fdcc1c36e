//! Tells a client at once that its connection can't be opened.

use super::{Arrival, Verdict, answer, packet::Tcp};
use crate::{
    checksum::Delta,
    dataplane::Frame,
    reason::DropReason,
    tcp::{ACK, RST},
    wire::{Be16, Be32, EthHdr, Ipv4Hdr, TCP, TcpHdr},
};

/// Turns a refused SYN into the RST that answers it (RFC 9293 §3.5.2), where that is wanted.
///
/// One that comes from where no client can be, or on its last hop, is answered by nothing; nor is
/// one whose next try will go through.
#[inline(always)]
pub(super) fn reset<'f, F: Frame<'f>>(
    reason: DropReason,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    ip: &mut Ipv4Hdr,
    tcp: &mut Tcp<'_>,
    frame: F,
) -> Verdict {
    let silent = matches!(reason, DropReason::MartianSource | DropReason::TtlExpired | DropReason::Contended);
    if silent || arrival.settings.reset == 0 {
        return Verdict::Drop(reason);
    }
    answer::turn_round(eth, ip);
    let header = usize::from(ip.vihl & 0x0f) * 4;
    let old = u16::from_ne_bytes(ip.tot_len);
    #[expect(clippy::cast_possible_truncation, reason = "at most 60 + 20")]
    let total = ((header + size_of::<TcpHdr>()) as u16).to_be();
    ip.tot_len = total.to_ne_bytes();
    ip.check = Delta::NONE.word(old, total).apply(ip.check);

    let acknowledged = Be32::new(tcp.segment.end());
    let offset_and_flags = [5 << 4, RST | ACK];
    let sum = Delta::NONE
        .long(0, Be32::from_wire(ip.src_addr).raw())
        .long(0, Be32::from_wire(ip.dst_addr).raw())
        .word(0, Be16::new(TCP.into()).raw())
        .word(0, Be16::new(20).raw())
        .word(0, u16::from_ne_bytes(tcp.header.source))
        .word(0, u16::from_ne_bytes(tcp.header.dest))
        .long(0, acknowledged.raw())
        .word(0, u16::from_ne_bytes(offset_and_flags));
    let [s0, s1] = tcp.header.dest;
    let [d0, d1] = tcp.header.source;
    let [a0, a1, a2, a3] = acknowledged.to_wire();
    let [o, f] = offset_and_flags;
    let [c0, c1] = sum.apply([0xff, 0xff]);
    let rst = [s0, s1, d0, d1, 0, 0, 0, 0, a0, a1, a2, a3, o, f, 0, 0, c0, c1, 0, 0];
    // SAFETY: both are 20 bytes of alignment 1, and any bytes are a `TcpHdr`.
    *tcp.header = unsafe { core::mem::transmute::<[u8; 20], TcpHdr>(rst) };
    if frame.cut(size_of::<EthHdr>() + header + size_of::<TcpHdr>()) {
        Verdict::Refuse(reason)
    } else {
        Verdict::Drop(reason)
    }
}
