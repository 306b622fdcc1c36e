//! Carries out the end of a packet: wraps it for the attachment that it leaves by.

use core::cell::Cell;

use super::{
    Verdict,
    link::Arrival,
    mss,
    refuse::{self, Tell},
};
use crate::{
    checksum::fold,
    dataplane::{Dataplane, Frame},
    layout::{Link, Station, Stats, Totals},
    reason::DropReason,
    wire::{
        Be16, Be32, ETHERTYPE_IPV4, ETHERTYPE_VLAN, EthHdr, Ipv4Hdr, Mac, UDP, UdpHdr, VXLAN_PORT, VXLAN_VNI, VlanHdr,
        VxlanHdr,
    },
};

/// What becomes of a packet: all that is left to do about it. Stages write it in place.
///
/// No enum with fields: what one variant lacks would be moved about uninitialised, which the verifier
/// refuses.
#[repr(C)]
#[derive(Debug)]
pub struct End {
    act: Cell<Act>,
    /// Why it is dropped.
    reason: Cell<DropReason>,
    /// What the frame carries, as `EtherType`.
    kind: Cell<[u8; 2]>,
    /// Bytes in front of that.
    head: Cell<u32>,
    /// Number of the endpoint that it counts for, or [`NOBODY`].
    endpoint: Cell<u32>,
    /// 1: it was to open a connection, and opened none.
    refused: Cell<u32>,
    leave: Cell<Leave>,
    tell: Cell<Tell>,
}

/// The end of a packet is written; or nothing is, and it passes.
///
/// Handed on in a register: of what is read back from memory the verifier does not know what was
/// written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing is left to decide.
    Done,
    /// Dropped; its sender may be told.
    Dropped,
    /// Dropped where it is ours, passed on where not.
    Unfit,
}

/// The number of no endpoint.
pub(super) const NOBODY: u32 = u32::MAX;

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

impl Default for End {
    /// Not ours: the kernel's, untouched.
    #[inline(always)]
    fn default() -> Self {
        let leave = Leave {
            link: 0,
            to: Station { mac: Mac([0; 6]), hop: Mac([0; 6]), vtep: Be32::new(0) },
            entropy: Be16::new(0),
            mss: 0,
            as_what: As::Refusal,
            pad: [0; 3],
        };
        Self {
            act: Cell::new(Act::Pass),
            reason: Cell::new(DropReason::Internal),
            kind: Cell::new([0; 2]),
            head: Cell::new(0),
            endpoint: Cell::new(NOBODY),
            refused: Cell::new(0),
            leave: Cell::new(leave),
            tell: Cell::new(Tell { kind: 0, code: 0, mtu: 0, from: Be32::new(0) }),
        }
    }
}

impl End {
    /// Not ours, as it turned out.
    #[inline(always)]
    pub(super) fn pass(&self) {
        self.act.set(Act::Pass);
    }

    /// Ours, and not translated.
    #[inline(always)]
    pub(super) fn drop(&self, reason: DropReason) -> Ended {
        self.act.set(Act::Drop);
        self.reason.set(reason);
        Ended::Dropped
    }

    /// An endpoint's, and not translated.
    #[inline(always)]
    pub(super) fn drop_at(&self, endpoint: u32, reason: DropReason) -> Ended {
        self.endpoint.set(endpoint);
        self.drop(reason)
    }

    /// It can't be translated.
    #[inline(always)]
    pub(super) fn unfit(&self, reason: DropReason) -> Ended {
        self.drop(reason);
        Ended::Unfit
    }

    /// It leaves, and counts for an endpoint or [`NOBODY`].
    #[inline(always)]
    pub(super) fn leave(&self, leave: Leave, endpoint: u32) -> Ended {
        self.endpoint.set(endpoint);
        self.leave.set(leave);
        self.act.set(Act::Leave);
        Ended::Done
    }

    /// What was made of a packet that was dropped leaves, and tells its sender why.
    #[inline(always)]
    pub(super) fn refuse(&self, back: Leave) {
        self.leave.set(back);
        self.act.set(Act::Leave);
    }

    /// The sender of a packet that was dropped is told why, by ICMP.
    #[inline(always)]
    pub(super) fn tell(&self, back: Leave, tell: Tell) {
        self.leave.set(back);
        self.tell.set(tell);
        self.act.set(Act::Tell);
    }

    /// Notes whether a packet that was dropped was to open a connection.
    #[inline(always)]
    pub(super) fn was_first(&self, first: bool) {
        self.refused.set(first.into());
    }

    /// Notes how its frame begins.
    #[inline(always)]
    pub(super) fn frame(&self, kind: [u8; 2], head: u32) {
        self.kind.set(kind);
        self.head.set(head);
    }

    /// Why it was dropped.
    #[inline(always)]
    pub(super) fn reason(&self) -> DropReason {
        self.reason.get()
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
    pub fn record(&self, outcome: Outcome) {
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

impl Stats {
    /// Counts one packet of the endpoint.
    #[inline(always)]
    fn record(&self, refused: u32, outcome: Outcome, bytes: u64) {
        match outcome.what {
            What::Forwarded => {
                self.forward_packets.add(1);
                self.forward_bytes.add(bytes);
            }
            What::Replied => {
                self.reply_packets.add(1);
                self.reply_bytes.add(bytes);
            }
            What::Dropped => {
                self.dropped[outcome.reason.place()].add(1);
                self.refused.add(refused.into());
            }
            What::Passed | What::Answered => {}
        }
    }
}

/// Carries out the end of the packet in `frame`, and counts it for its endpoint.
#[inline(always)]
pub fn leave<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: &F, end: &mut End) -> Outcome {
    if end.act.get() == Act::Pass {
        return Outcome { what: What::Passed, reason: DropReason::Internal, out: 0 };
    }
    // Of the tenant's frame: Ethernet, and what follows.
    let bytes = (frame.length() + size_of::<EthHdr>()).saturating_sub(end.head.get() as usize);
    let outcome = carry_out(plane, frame, end);
    if end.endpoint.get() != NOBODY
        && let Some(stats) = plane.stats(end.endpoint.get())
    {
        stats.record(end.refused.get(), outcome, bytes as u64);
    }
    outcome
}

#[inline(always)]
fn carry_out<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: &F, end: &mut End) -> Outcome {
    let (reason, kind, head) = (end.reason.get(), end.kind.get(), end.head.get());
    match end.act.get() {
        Act::Leave | Act::Pass => {}
        Act::Drop => return Outcome::dropped(reason),
        Act::Tell => {
            if refuse::tell(plane, frame, head, end.tell.get_mut()).is_none() {
                return Outcome::dropped(reason);
            }
        }
    }
    let leave = end.leave.get_mut();
    let Some(link) = plane.link(leave.link) else { return Outcome::dropped(DropReason::Internal) };
    if leave.mss != 0 {
        let _ = mss::clamp(frame, head, leave.mss);
    }
    if wrap(frame, kind, head, link, leave).is_none() {
        return Outcome::dropped(DropReason::Internal);
    }
    let what = match leave.as_what {
        As::Forward => What::Forwarded,
        As::Reply => What::Replied,
        As::Answer => What::Answered,
        As::Refusal => What::Dropped,
    };
    Outcome { what, reason, out: link.ifindex }
}

impl Arrival<'_> {
    /// The way back to who sent the frame.
    #[inline(always)]
    pub(super) const fn back(&self, as_what: As) -> Leave {
        Leave { link: self.link_number, to: self.station, entropy: Be16::new(0), mss: 0, as_what, pad: [0; 3] }
    }

    /// Drops a packet of an endpoint, and tells its sender by ICMP.
    #[inline(always)]
    pub(super) fn tell(&self, reason: DropReason, tell: Tell, endpoint: u32) -> Ended {
        self.end.drop_at(endpoint, reason);
        self.end.tell(self.back(As::Refusal), tell);
        Ended::Done
    }
}

/// Writes everything in front of the packet anew.
#[inline(always)]
fn wrap<'f, F: Frame<'f>>(whole: &F, kind: [u8; 2], head: u32, link: &Link, leave: &Leave) -> Option<()> {
    let by = head.cast_signed() - link.head().cast_signed();
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
    *eth = EthHdr { to: leave.to.mac, from: link.mac, kind };
    if !link.segment.is_vxlan() && link.segment.id() != 0 {
        eth.kind = ETHERTYPE_VLAN;
        *frame.take::<VlanHdr>()? = VlanHdr { tci: be(link.segment.id() as usize), kind };
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
