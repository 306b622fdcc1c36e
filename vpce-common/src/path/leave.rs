//! Carries out the end of a packet: wraps it for the attachment that it leaves by.

use super::{
    Verdict,
    link::Arrival,
    mss,
    refuse::{self, Tell},
};
use crate::{
    checksum::fold,
    dataplane::{Dataplane, Frame},
    layout::{Link, Station, Totals},
    reason::DropReason,
    wire::{
        Be16, Be32, ETHERTYPE_IPV4, ETHERTYPE_VLAN, EthHdr, Ipv4Hdr, Mac, UDP, UdpHdr, VXLAN_PORT, VXLAN_VNI, VlanHdr,
        VxlanHdr,
    },
};

/// What becomes of a packet: all that is left to do about it.
///
/// No enum with fields: what one variant lacks would be moved about uninitialised, which the verifier
/// refuses.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct End {
    act: Act,
    /// Why it is dropped.
    reason: DropReason,
    /// What the frame carries, as `EtherType`.
    pub(super) kind: [u8; 2],
    /// Bytes in front of that.
    pub(super) head: u32,
    leave: Leave,
    tell: Tell,
}

#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Pass,
    Drop,
    Leave,
    Tell,
}

/// Where a packet goes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Leave {
    /// Number of the link.
    pub link: u32,
    pub to: Station,
    /// Differs from flow to flow: VXLAN shows it outside, for whoever spreads load (RFC 7348 §5).
    pub entropy: Be16,
    /// Bytes of the largest TCP segment that fits the way, where this packet says how large they may
    /// be; else 0.
    pub mss: u16,
    pub as_what: As,
    /// Keeps the size a multiple of the alignment: padding is uninitialised too.
    pub pad: [u8; 3],
}

impl End {
    /// Not ours: the kernel's, untouched.
    pub(super) const PASS: Self = Self { act: Act::Pass, ..Self::drop(DropReason::Internal) };

    /// Ours, and not translated.
    #[inline(always)]
    pub(super) const fn drop(reason: DropReason) -> Self {
        let to = Station { mac: Mac([0; 6]), hop: Mac([0; 6]), vtep: Be32::new(0) };
        let leave = Leave { link: 0, to, entropy: Be16::new(0), mss: 0, as_what: As::Refusal, pad: [0; 3] };
        let tell = Tell { kind: 0, code: 0, mtu: 0, from: Be32::new(0) };
        Self { act: Act::Drop, reason, kind: [0; 2], head: 0, leave, tell }
    }

    /// It leaves.
    #[inline(always)]
    pub(super) const fn leave(leave: Leave) -> Self {
        Self { act: Act::Leave, leave, ..Self::PASS }
    }

    /// What was made of it leaves, and tells its sender why it was dropped.
    #[inline(always)]
    pub(super) const fn refuse(reason: DropReason, arrival: &Arrival<'_>) -> Self {
        Self { act: Act::Leave, leave: arrival.back(As::Refusal), ..Self::drop(reason) }
    }

    /// Its sender is told why not, by ICMP.
    #[inline(always)]
    pub(super) const fn tell(reason: DropReason, arrival: &Arrival<'_>, tell: Tell) -> Self {
        Self { act: Act::Tell, tell, ..Self::refuse(reason, arrival) }
    }

    /// Why it is dropped, where nobody is told yet.
    #[inline(always)]
    pub(super) fn dropped(&self) -> Option<DropReason> {
        (self.act == Act::Drop).then_some(self.reason)
    }
}

/// What a packet that leaves has become.
#[repr(u8)]
#[derive(Debug, Clone, Copy)]
pub(super) enum As {
    /// Translated towards the backend.
    Forward,
    /// Translated towards the client.
    Reply,
    /// The gateway's own answer.
    Answer,
    /// What tells its sender why it was dropped.
    Refusal,
}

/// What a frame has become, in a form that is whole whatever it is; see [`End`].
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    what: What,
    reason: DropReason,
    /// The interface that it leaves by; 0: none.
    pub out: u32,
}

#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Passed,
    Forwarded,
    Replied,
    Answered,
    Dropped,
}

impl Outcome {
    const fn dropped(reason: DropReason) -> Self {
        Self { what: What::Dropped, reason, out: 0 }
    }

    /// Whether the kernel gets it.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.what == What::Passed
    }

    /// Whether it is dropped, its sender told or not.
    #[must_use]
    pub fn is_drop(&self) -> bool {
        self.what == What::Dropped
    }

    /// As a value to compare.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self.what {
            What::Passed => Verdict::Pass,
            What::Forwarded => Verdict::Forward(self.out),
            What::Replied => Verdict::Reply(self.out),
            What::Answered => Verdict::Answer(self.out),
            What::Dropped if self.out != 0 => Verdict::Refuse(self.reason, self.out),
            What::Dropped => Verdict::Drop(self.reason),
        }
    }

    /// Why it was dropped.
    #[must_use]
    #[inline(always)]
    pub const fn reason(&self) -> DropReason {
        self.reason
    }
}

impl Totals {
    /// Counts one packet: once on entry, once as what became of it.
    #[inline(always)]
    pub fn record(&self, outcome: &Outcome) {
        self.packets_in.add(1);
        match outcome.what {
            What::Passed => self.passed.add(1),
            What::Forwarded => self.forwarded.add(1),
            What::Replied => self.replied.add(1),
            What::Answered => self.answered.add(1),
            What::Dropped => self.dropped[outcome.reason.place()].add(1),
        }
    }
}

/// Carries out the end of the packet in `frame`.
#[inline(always)]
pub fn leave<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: &F, end: &End) -> Outcome {
    match end.act {
        Act::Pass => return Outcome { what: What::Passed, reason: end.reason, out: 0 },
        Act::Drop => return Outcome::dropped(end.reason),
        Act::Leave => {}
        Act::Tell => {
            if !refuse::may_tell(plane) || refuse::turn_into(frame, end.head, &end.tell).is_none() {
                return Outcome::dropped(end.reason);
            }
        }
    }
    let Some(link) = plane.link(end.leave.link) else { return Outcome::dropped(DropReason::Internal) };
    if end.leave.mss != 0 {
        let _ = mss::clamp(frame, end.head, end.leave.mss);
    }
    if wrap(frame, link, end).is_none() {
        return Outcome::dropped(DropReason::Internal);
    }
    let what = match end.leave.as_what {
        As::Forward => What::Forwarded,
        As::Reply => What::Replied,
        As::Answer => What::Answered,
        As::Refusal => What::Dropped,
    };
    Outcome { what, reason: end.reason, out: link.ifindex }
}

impl Arrival<'_> {
    /// The way back to who sent the frame.
    #[inline(always)]
    pub(super) const fn back(&self, as_what: As) -> Leave {
        Leave { link: self.link_number, to: self.station, entropy: Be16::new(0), mss: 0, as_what, pad: [0; 3] }
    }
}

/// Writes everything in front of the packet anew.
#[inline(always)]
fn wrap<'f, F: Frame<'f>>(whole: &F, link: &Link, end: &End) -> Option<()> {
    let leave = &end.leave;
    let by = end.head.cast_signed() - link.head().cast_signed();
    let length = whole.length().checked_add_signed(-by as isize)?;
    let mut frame = whole.reframe(by, length)?;
    if link.segment.is_vxlan() {
        let wrapped = length - size_of::<EthHdr>();
        *frame.take::<EthHdr>()? = EthHdr { to: leave.to.hop, from: link.mac, kind: ETHERTYPE_IPV4 };
        *frame.take::<Ipv4Hdr>()? = outer(link, leave, wrapped);
        *frame.take::<UdpHdr>()? = UdpHdr {
            src: (leave.entropy.get() | 0xc000).to_be_bytes(),
            dst: VXLAN_PORT,
            len: be(wrapped - size_of::<Ipv4Hdr>()),
            check: [0, 0],
        };
        let [_, a, b, c] = link.segment.id().to_be_bytes();
        *frame.take::<VxlanHdr>()? = VxlanHdr { flags: VXLAN_VNI, reserved: [0; 3], vni: [a, b, c], last: 0 };
    }
    let eth = frame.take::<EthHdr>()?;
    *eth = EthHdr { to: leave.to.mac, from: link.mac, kind: end.kind };
    if !link.segment.is_vxlan() && link.segment.id() != 0 {
        eth.kind = ETHERTYPE_VLAN;
        *frame.take::<VlanHdr>()? = VlanHdr { tci: be(link.segment.id() as usize), kind: end.kind };
    }
    Some(())
}

/// The outer IP header of a VXLAN packet (RFC 7348 §5): never fragmented.
#[inline(always)]
fn outer(link: &Link, leave: &Leave, length: usize) -> Ipv4Hdr {
    let mut ip = Ipv4Hdr {
        vihl: 0x45,
        tos: 0,
        tot_len: be(length),
        id: [0, 0],
        frags: [0x40, 0],
        ttl: 64,
        proto: UDP,
        check: [0, 0],
        src_addr: link.local.to_wire(),
        dst_addr: leave.to.vtep.to_wire(),
    };
    ip.check = header_check(&ip);
    ip
}

/// The checksum of an IPv4 header without options whose own is zero.
#[inline(always)]
pub(super) fn header_check(ip: &Ipv4Hdr) -> [u8; 2] {
    let word = |bytes: [u8; 2]| u32::from(u16::from_ne_bytes(bytes));
    let [s0, s1, s2, s3] = ip.src_addr;
    let [d0, d1, d2, d3] = ip.dst_addr;
    let sum = word([ip.vihl, ip.tos])
        + word(ip.tot_len)
        + word(ip.id)
        + word(ip.frags)
        + word([ip.ttl, ip.proto])
        + word([s0, s1])
        + word([s2, s3])
        + word([d0, d1])
        + word([d2, d3]);
    (!fold(sum)).to_ne_bytes()
}

/// A length or id in wire order.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "an IPv4 packet has less than 2^16 bytes")]
pub(super) const fn be(value: usize) -> [u8; 2] {
    (value as u16).to_be_bytes()
}
