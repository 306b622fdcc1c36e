//! Carries out the end of a packet: wraps it for the attachment that it leaves by.

use super::{
    Verdict,
    end::{Act, As, End, Leave, NOBODY},
    mss,
};
use crate::{
    checksum::{Delta, fold},
    dataplane::{Dataplane, Frame},
    layout::{Exit, Link, Stats, Totals, Traffic},
    reason::DropReason,
    wire::{ETHERTYPE_IPV4, ETHERTYPE_VLAN, EthHdr, Ipv4Hdr, UDP, UdpHdr, VXLAN_PORT, VlanHdr, VxlanHdr},
};

/// What a frame has become, in a form that is whole whatever it is; see [`End`].
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    what: What,
    reason: DropReason,
    /// The interface that it leaves by; 0: none.
    pub out: u32,
    /// 1: it can be handed on to the other end of that at once; see [`Link::peer`].
    pub peer: u32,
}

#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Passed,
    Forwarded,
    Replied,
    Answered,
    Dropped,
}

impl Outcome {
    pub(super) const PASSED: Self = Self { what: What::Passed, reason: DropReason::Internal, out: 0, peer: 0 };

    /// It left by the way that its flow knows.
    #[inline(always)]
    pub(super) const fn by(what: What, exit: &Exit) -> Self {
        Self { what, reason: DropReason::Internal, out: exit.interface(), peer: exit.peer() }
    }

    pub(super) const fn dropped(reason: DropReason) -> Self {
        Self { what: What::Dropped, reason, out: 0, peer: 0 }
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

impl Traffic {
    /// Counts one packet of the endpoint, if it was translated.
    #[inline(always)]
    pub(super) fn record(&self, outcome: Outcome, bytes: u64) {
        match outcome.what {
            What::Forwarded => {
                self.forward_packets.add(1);
                self.forward_bytes.add(bytes);
            }
            What::Replied => {
                self.reply_packets.add(1);
                self.reply_bytes.add(bytes);
            }
            What::Passed | What::Answered | What::Dropped => {}
        }
    }
}

impl Stats {
    /// Counts one packet of the endpoint, if it was dropped.
    #[inline(always)]
    pub(super) fn record(&self, refused: u8, outcome: Outcome) {
        if outcome.is_drop() {
            self.dropped[outcome.reason.place()].add(1);
            self.refused.add(refused.into());
        }
    }
}

/// Counts one packet of an endpoint.
#[inline(always)]
pub(super) fn count<D: Dataplane>(plane: &D, endpoint: u32, refused: u8, outcome: Outcome, bytes: u64) {
    if outcome.is_drop() {
        if let Some(stats) = plane.stats(endpoint) {
            stats.record(refused, outcome);
        }
    } else if let Some(traffic) = plane.traffic(endpoint) {
        traffic.record(outcome, bytes);
    }
}

/// Carries out the end of the packet in `frame`, and counts it for its endpoint.
#[inline(always)]
pub fn leave<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: &F, end: &mut End) -> Outcome {
    if end.act.get() == Act::Pass {
        return Outcome::PASSED;
    }
    // Of the tenant's frame: Ethernet, and what follows.
    let bytes = (frame.length() + size_of::<EthHdr>()).saturating_sub(end.head() as usize);
    let outcome = carry_out(plane, frame, end);
    if end.endpoint.get() != NOBODY {
        count(plane, end.endpoint.get(), end.refused.get(), outcome, bytes as u64);
    }
    outcome
}

#[inline(always)]
fn carry_out<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: &F, end: &mut End) -> Outcome {
    let (reason, kind, head) = (end.reason.get(), end.kind.get(), end.head());
    if end.act.get() != Act::Leave {
        return Outcome::dropped(reason);
    }
    let leave = end.leave.get_mut();
    let Some(link) = plane.link(leave.link) else { return Outcome::dropped(DropReason::Internal) };
    let (ifindex, peer) = (link.ifindex, link.peer);
    if ifindex == 0 {
        return Outcome::dropped(DropReason::LinkMissing);
    }
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
    Outcome { what, reason, out: ifindex, peer }
}

/// Writes everything in front of the packet anew.
#[inline(always)]
fn wrap<'f, F: Frame<'f>>(whole: &F, kind: [u8; 2], head: u32, link: &Link, leave: &Leave) -> Option<()> {
    let rest = if link.segment.is_vxlan() && kind == ETHERTYPE_IPV4 {
        total(whole, head)?
    } else {
        whole.length().checked_sub(head as usize)?
    };
    let front = link.head(F::BESIDE);
    let mut frame = whole.reframe(head, front, rest)?;
    let before = if link.segment.is_vxlan() { whole.sum() } else { 0 };
    if link.segment.is_vxlan() {
        let wrapped = front as usize + rest - size_of::<EthHdr>();
        *frame.take::<EthHdr>()? = EthHdr { to: leave.to.hop, from: link.mac, kind: ETHERTYPE_IPV4 };
        *frame.take::<Ipv4Hdr>()? = outer(link, leave, wrapped);
        *frame.take::<UdpHdr>()? = UdpHdr {
            src: (leave.entropy.get() | 0xc000).to_be_bytes(),
            dst: VXLAN_PORT,
            len: be(wrapped - size_of::<Ipv4Hdr>()),
            check: [0, 0],
        };
        *frame.take::<VxlanHdr>()? = VxlanHdr::of(link.segment.id());
    }
    let eth = frame.take::<EthHdr>()?;
    eth.to.set(leave.to.mac);
    eth.from.set(link.mac);
    eth.kind = kind;
    if link.segment.is_vxlan() {
        whole.summed(Delta::NONE.word(before, whole.sum()));
    }
    match link.vlan() {
        0 => Some(()),
        vlan if F::BESIDE => frame.set_tag(vlan),
        vlan => {
            eth.kind = ETHERTYPE_VLAN;
            *frame.take::<VlanHdr>()? = VlanHdr { tci: vlan.to_be_bytes(), kind };
            Some(())
        }
    }
}

/// Bytes of the IPv4 packet itself: padding would not fit the underlay where the packet just does.
#[inline(always)]
fn total<'f, F: Frame<'f>>(whole: &F, head: u32) -> Option<usize> {
    let mut frame = whole.again();
    frame.skip(head as usize);
    frame.take::<Ipv4Hdr>().map(|ip| u16::from_be_bytes(ip.tot_len).into())
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
