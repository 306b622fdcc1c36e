//! Tells a sender at once why its packet goes no further.

use super::{
    leave::{As, be, header_check},
    link::Arrival,
    packet::{self, Part, Tcp},
};
use crate::{
    checksum::{Delta, fold},
    dataplane::{Dataplane, Frame},
    layout,
    reason::DropReason,
    tcp::{ACK, RST},
    wire::{Be16, Be32, ICMP, IcmpHdr, Ipv4Hdr, TCP, TcpHdr, UNREACHABLE},
};

/// An ICMP error that the gateway sends (RFC 792).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Tell {
    pub kind: u8,
    pub code: u8,
    /// The MTU of the next hop (RFC 1191); else 0.
    pub mtu: u16,
    pub from: Be32,
}

/// Turns a TCP segment that belongs to no flow into the RST that answers it (RFC 9293 §3.10.7.1).
///
/// A RST is answered by nothing; nor is what comes from where no client can be, or whose next try
/// will go through.
#[inline(always)]
pub(super) fn reset<'f, F: Frame<'f>>(
    reason: DropReason,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    tcp: &mut Tcp<'_>,
    frame: &F,
) {
    let silent = matches!(reason, DropReason::MartianSource | DropReason::Contended | DropReason::LinkMissing);
    if silent || tcp.segment.flags & RST != 0 {
        return;
    }
    turn_round(ip);
    let header = usize::from(ip.vihl & 0x0f) * 4;
    let old = (u16::from_ne_bytes(ip.tot_len), u16::from_ne_bytes(ip.frags));
    ip.tot_len = be(header + size_of::<TcpHdr>());
    // It is whole, where it answers a first fragment too.
    ip.frags = [ip.frags[0] & 0x40, 0];
    let delta = Delta::NONE.word(old.0, u16::from_ne_bytes(ip.tot_len)).word(old.1, u16::from_ne_bytes(ip.frags));
    ip.check = delta.apply(ip.check);

    let (number, acknowledged, flags) = if tcp.segment.flags & ACK != 0 {
        (Be32::new(tcp.segment.ack), Be32::new(0), RST)
    } else {
        (Be32::new(0), Be32::new(tcp.segment.end()), RST | ACK)
    };
    let offset_and_flags = [5 << 4, flags];
    let sum = Delta::NONE
        .long(0, Be32::from_wire(ip.src_addr).raw())
        .long(0, Be32::from_wire(ip.dst_addr).raw())
        .word(0, Be16::new(TCP.into()).raw())
        .word(0, Be16::new(20).raw())
        .word(0, u16::from_ne_bytes(tcp.header.source))
        .word(0, u16::from_ne_bytes(tcp.header.dest))
        .long(0, number.raw())
        .long(0, acknowledged.raw())
        .word(0, u16::from_ne_bytes(offset_and_flags));
    let [s0, s1] = tcp.header.dest;
    let [d0, d1] = tcp.header.source;
    let [n0, n1, n2, n3] = number.to_wire();
    let [a0, a1, a2, a3] = acknowledged.to_wire();
    let [o, f] = offset_and_flags;
    let [c0, c1] = sum.apply([0xff, 0xff]);
    let rst = [s0, s1, d0, d1, n0, n1, n2, n3, a0, a1, a2, a3, o, f, 0, 0, c0, c1, 0, 0];
    // SAFETY: both are 20 bytes of alignment 1, and any bytes are a `TcpHdr`.
    *tcp.header = unsafe { core::mem::transmute::<[u8; 20], TcpHdr>(rst) };
    if frame.reframe(0, arrival.head as usize + header + size_of::<TcpHdr>()).is_some() {
        arrival.end.refuse(arrival.back(As::Refusal));
    }
}

/// Tells a client by ICMP that its first packet opened no flow, where that is wanted.
#[inline(always)]
pub(super) fn unreachable(reason: DropReason, arrival: &Arrival<'_>, ip: &Ipv4Hdr) {
    // Port, host, administratively prohibited (RFC 1812 §5.2.7.1).
    let code = match reason {
        DropReason::NoMapping => 3,
        DropReason::BackendUnreachable => 1,
        DropReason::NotAccepted | DropReason::LimitReached | DropReason::NoFreeSlot => 13,
        _ => return,
    };
    if arrival.settings.refuse == layout::DROP {
        return;
    }
    let from = Be32::from_wire(ip.dst_addr);
    arrival.end.tell(arrival.back(As::Refusal), Tell { kind: UNREACHABLE, code, mtu: 0, from });
}

/// Turns a packet that begins `head` bytes into the frame, and was not changed yet, into an ICMP error
/// about itself.
///
/// Nothing where the frame has no room, or nobody may be told (RFC 1122 §3.2.2): of an ICMP message or a
/// later fragment, who is no single host, or more often than the pace allows.
#[inline(always)]
pub(super) fn tell<'f, D: Dataplane, F: Frame<'f>>(plane: &D, whole: &F, head: u32, tell: &Tell) -> Option<()> {
    /// Bytes in front of the quoted packet.
    const NEW: usize = size_of::<Ipv4Hdr>() + size_of::<IcmpHdr>();
    let mut frame = whole.reframe(0, whole.length())?;
    frame.skip(head as usize);
    let old = frame.take::<Ipv4Hdr>()?;
    let (sender, tos) = (old.src_addr, old.tos);
    if old.proto == ICMP || packet::part(old) == Part::Later || !is_host(Be32::from_wire(sender)) || !may_tell(plane) {
        return None;
    }
    // The header and eight bytes (RFC 792).
    let quoted = usize::from(old.vihl & 0x0f) * 4 + 8;

    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "28")]
    let mut frame = whole.reframe(-(NEW as i32), head as usize + NEW + quoted)?;
    frame.skip(head as usize);
    let ip = frame.take::<Ipv4Hdr>()?;
    *ip = Ipv4Hdr {
        vihl: 0x45,
        tos,
        tot_len: be(NEW + quoted),
        id: [0, 0],
        frags: [0x40, 0],
        ttl: 64,
        proto: ICMP,
        check: [0, 0],
        src_addr: tell.from.to_wire(),
        dst_addr: sender,
    };
    ip.check = header_check(ip);
    let [high, low] = tell.mtu.to_be_bytes();
    let icmp = frame.take::<IcmpHdr>()?;
    *icmp = IcmpHdr { kind: tell.kind, code: tell.code, check: [0, 0], rest: [0, 0, high, low] };
    let mut sum = u32::from(u16::from_ne_bytes([tell.kind, tell.code])) + u32::from(u16::from_ne_bytes([high, low]));
    // The longest header has 60 bytes.
    for word in 0..17 {
        if word * 4 < quoted {
            let [a, b, c, d] = *frame.take::<[u8; 4]>()?;
            sum += u32::from(u16::from_ne_bytes([a, b])) + u32::from(u16::from_ne_bytes([c, d]));
        }
    }
    icmp.check = (!fold(sum)).to_ne_bytes();
    Some(())
}

/// Whether an address can be a single host's: neither this-network, loopback, multicast nor reserved
/// (RFC 6890).
#[inline(always)]
pub(super) fn is_host(address: Be32) -> bool {
    let first = address.to_wire()[0];
    first != 0 && first != 127 && first < 224
}

/// Whether one more ICMP error may be sent now (RFC 1812 §4.3.2.8).
#[inline(always)]
fn may_tell<D: Dataplane>(plane: &D) -> bool {
    let (Some(settings), Some(pace)) = (plane.settings(), plane.pace()) else { return false };
    let now = u64::from(plane.jiffies());
    if pace.jiffy.get() != now {
        pace.jiffy.set(now);
        pace.told.set(0);
    }
    pace.told.add(1);
    pace.told.get() <= settings.errors.into()
}

/// Sends a packet back to where it came from, with a fresh TTL.
#[inline(always)]
pub(super) fn turn_round(ip: &mut Ipv4Hdr) {
    core::mem::swap(&mut ip.src_addr, &mut ip.dst_addr);
    let old = u16::from_ne_bytes([ip.ttl, ip.proto]);
    ip.ttl = 64;
    ip.check = Delta::NONE.word(old, u16::from_ne_bytes([ip.ttl, ip.proto])).apply(ip.check);
}
