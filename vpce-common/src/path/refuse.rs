//! Tells a sender at once why its packet goes no further.

use super::{
    end::{Act, As, End},
    leave::{be, header_check},
    link::Arrival,
    pace,
    packet::{self, Part, Tcp},
};
use crate::{
    checksum::{Delta, fold},
    dataplane::{Dataplane, Frame},
    layout,
    reason::DropReason,
    tcp::{ACK, RST, Segment},
    wire::{Be16, Be32, ICMP, IcmpHdr, Ipv4Hdr, TCP, TcpHdr, UNREACHABLE},
};

/// Words of four bytes that are quoted behind an IPv4 header (RFC 792).
const MORE: usize = 2;
/// Words of the longest quote.
const MOST: usize = 15 + MORE;

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

/// Makes the packet in `frame` into what tells its sender that it was dropped; only where the end
/// [`End::tells`] so.
#[inline(always)]
pub fn refuse<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: &F, end: &mut End) {
    let head = end.head();
    // One for both: of stack there is little.
    let told = Quote::of(frame, head).and_then(|quote| match end.act.get() {
        Act::Reset => reset(frame, head, &quote),
        _ => tell(plane, frame, end.leave.get_mut().link, head, end.tell.get_mut(), &quote),
    });
    match told {
        Some(head) => {
            end.set_head(head);
            end.act.set(Act::Leave);
        }
        None => end.act.set(Act::Drop),
    }
}

/// What an answer holds of the packet that it is about: the IPv4 header and eight bytes, as they came.
struct Quote {
    bytes: [u32; MOST],
    words: usize,
    /// Of all its 16-bit words; not folded.
    sum: u32,
}

impl Quote {
    /// Copies it from a packet that begins `head` bytes into a frame.
    #[inline(always)]
    fn of<'f, F: Frame<'f>>(whole: &F, head: u32) -> Option<Self> {
        let mut frame = whole.again();
        frame.skip(head as usize);
        let ip = frame.take::<Ipv4Hdr>()?;
        // Of zeros the linker would make a loop over bytes.
        let mut quote = Self { bytes: [1; MOST], words: usize::from(ip.vihl & 0x0f) + MORE, sum: 0 };
        let mut frame = whole.again();
        frame.skip(head as usize);
        for place in 0..quote.words {
            let [a, b, c, d] = *frame.take::<[u8; 4]>()?;
            *quote.bytes.get_mut(place)? = u32::from_ne_bytes([a, b, c, d]);
            quote.sum += u32::from(u16::from_ne_bytes([a, b])) + u32::from(u16::from_ne_bytes([c, d]));
        }
        Some(quote)
    }

    /// Writes the first `words` of it.
    #[inline(always)]
    fn write<'f, F: Frame<'f>>(&self, frame: &mut F, words: usize) -> Option<()> {
        for place in 0..words {
            *frame.take::<[u8; 4]>()? = self.bytes.get(place)?.to_ne_bytes();
        }
        Some(())
    }
}

/// Answers a TCP segment that belongs to no flow by a RST (RFC 9293 §3.10.7.1).
///
/// A RST is answered by nothing; nor is what comes from where no client can be, or whose next try
/// will go through.
#[inline(always)]
pub(super) fn answer(reason: DropReason, arrival: &Arrival<'_>, tcp: &Tcp<'_>) {
    let silent = matches!(reason, DropReason::MartianSource | DropReason::Contended | DropReason::LinkMissing);
    // A flow outlives a backend that is silent for a while (RFC 1122 §4.2.3.9).
    let lives = !tcp.segment.opens() && !matches!(reason, DropReason::NoFlow | DropReason::StaleFlow);
    if !silent && !lives && tcp.segment.flags & RST == 0 {
        arrival.end.reset(arrival.back(As::Refusal));
    }
}

/// Turns a segment that begins `head` bytes into the frame, and was not changed, into the RST that answers it;
/// answers where that begins.
#[inline(always)]
fn reset<'f, F: Frame<'f>>(whole: &F, head: u32, quote: &Quote) -> Option<u32> {
    let mut frame = whole.again();
    frame.skip(head as usize);
    let ip = frame.take::<Ipv4Hdr>()?;
    let payload = packet::ipv4(ip, &mut frame, usize::MAX).ok()?;
    let Tcp { header: tcp, segment } = packet::tcp(&mut frame, payload).ok()?;
    let (source, destination) = (Be16::from_wire(tcp.dest), Be16::from_wire(tcp.source));
    let header = (quote.words - MORE) * 4;

    let (mut frame, head) = whole.renew(head, header + size_of::<TcpHdr>())?;
    frame.skip(head as usize);
    quote.write(&mut frame, quote.words - MORE)?;
    let tcp = frame.take::<TcpHdr>()?;
    let mut frame = whole.again();
    frame.skip(head as usize);
    let ip = frame.take::<Ipv4Hdr>()?;
    turn_round(ip);
    let old = (u16::from_ne_bytes(ip.tot_len), u16::from_ne_bytes(ip.frags));
    ip.tot_len = be(header + size_of::<TcpHdr>());
    // It is whole, where it answers a first fragment too.
    ip.frags = [ip.frags[0] & 0x40, 0];
    let delta = Delta::NONE.word(old.0, u16::from_ne_bytes(ip.tot_len)).word(old.1, u16::from_ne_bytes(ip.frags));
    ip.check = delta.apply(ip.check);
    *tcp = rst(ip, source, destination, segment);
    Some(head)
}

/// The RST that answers a segment, in a packet with this header.
#[inline(always)]
fn rst(ip: &Ipv4Hdr, source: Be16, destination: Be16, segment: Segment) -> TcpHdr {
    let (number, acknowledged, flags) = if segment.flags & ACK != 0 {
        (Be32::new(segment.ack), Be32::new(0), RST)
    } else {
        (Be32::new(0), Be32::new(segment.end()), RST | ACK)
    };
    let offset_and_flags = [5 << 4, flags];
    let sum = Delta::NONE
        .long(0, Be32::from_wire(ip.src_addr).raw())
        .long(0, Be32::from_wire(ip.dst_addr).raw())
        .word(0, Be16::new(TCP.into()).raw())
        .word(0, Be16::new(20).raw())
        .word(0, source.raw())
        .word(0, destination.raw())
        .long(0, number.raw())
        .long(0, acknowledged.raw())
        .word(0, u16::from_ne_bytes(offset_and_flags));
    let [s0, s1] = source.to_wire();
    let [d0, d1] = destination.to_wire();
    let [n0, n1, n2, n3] = number.to_wire();
    let [a0, a1, a2, a3] = acknowledged.to_wire();
    let [o, f] = offset_and_flags;
    let [c0, c1] = sum.apply([0xff, 0xff]);
    let rst = [s0, s1, d0, d1, n0, n1, n2, n3, a0, a1, a2, a3, o, f, 0, 0, c0, c1, 0, 0];
    // SAFETY: both are 20 bytes of alignment 1, and any bytes are a `TcpHdr`.
    unsafe { core::mem::transmute::<[u8; 20], TcpHdr>(rst) }
}

/// Tells a client by ICMP that its first packet opened no flow, where that is wanted.
#[inline(always)]
pub(super) fn unreachable(reason: DropReason, arrival: &Arrival<'_>, ip: &Ipv4Hdr) {
    // Port, host, administratively prohibited (RFC 1812 §5.2.7.1).
    let code = match reason {
        DropReason::NoMapping => 3,
        DropReason::BackendUnreachable => 1,
        DropReason::NotAccepted | DropReason::NotListed | DropReason::LimitReached | DropReason::NoFreeSlot => 13,
        _ => return,
    };
    if arrival.settings.refuse == layout::DROP {
        return;
    }
    let from = Be32::from_wire(ip.dst_addr);
    arrival.end.tell(arrival.back(As::Refusal), Tell { kind: UNREACHABLE, code, mtu: 0, from });
}

/// Turns a packet that begins `head` bytes into the frame, and was not changed yet, into an ICMP error
/// about itself; answers where that begins.
///
/// Nothing where the frame has no room, or nobody may be told (RFC 1122 §3.2.2): of an ICMP message or a
/// later fragment, who is no single host, or more often than the pace allows.
#[inline(always)]
fn tell<'f, D: Dataplane, F: Frame<'f>>(
    plane: &D,
    whole: &F,
    link: u32,
    head: u32,
    tell: &Tell,
    quote: &Quote,
) -> Option<u32> {
    /// Bytes in front of the quoted packet.
    const NEW: usize = size_of::<Ipv4Hdr>() + size_of::<IcmpHdr>();
    let mut frame = whole.again();
    frame.skip(head as usize);
    let old = frame.take::<Ipv4Hdr>()?;
    let (sender, tos) = (old.src_addr, old.tos);
    if old.proto == ICMP
        || packet::part(old) == Part::Later
        || !is_host(Be32::from_wire(sender))
        || !pace::may_tell(plane, link)
    {
        return None;
    }
    let [high, low] = tell.mtu.to_be_bytes();
    let sum = u32::from(u16::from_ne_bytes([tell.kind, tell.code])) + u32::from(u16::from_ne_bytes([high, low]));

    let (mut frame, head) = whole.renew(head, NEW + quote.words * 4)?;
    frame.skip(head as usize);
    let ip = frame.take::<Ipv4Hdr>()?;
    *ip = Ipv4Hdr {
        vihl: 0x45,
        tos,
        tot_len: be(NEW + quote.words * 4),
        id: [0, 0],
        frags: [0x40, 0],
        ttl: 64,
        proto: ICMP,
        check: [0, 0],
        src_addr: tell.from.to_wire(),
        dst_addr: sender,
    };
    ip.check = header_check(ip);
    let check = (!fold(sum + quote.sum)).to_ne_bytes();
    *frame.take::<IcmpHdr>()? = IcmpHdr { kind: tell.kind, code: tell.code, check, rest: [0, 0, high, low] };
    quote.write(&mut frame, quote.words)?;
    Some(head)
}

/// Whether an address can be a single host's: neither this-network, loopback, multicast nor reserved
/// (RFC 6890).
#[inline(always)]
pub(super) fn is_host(address: Be32) -> bool {
    let first = address.to_wire()[0];
    first != 0 && first != 127 && first < 224
}

/// Sends a packet back to where it came from, with a fresh TTL.
#[inline(always)]
pub(super) fn turn_round(ip: &mut Ipv4Hdr) {
    core::mem::swap(&mut ip.src_addr, &mut ip.dst_addr);
    let old = u16::from_ne_bytes([ip.ttl, ip.proto]);
    ip.ttl = 64;
    ip.check = Delta::NONE.word(old, u16::from_ne_bytes([ip.ttl, ip.proto])).apply(ip.check);
}
