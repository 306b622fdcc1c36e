//! What the path asks of a transport protocol, and how TCP and UDP answer.

use super::{
    link::Arrival,
    packet::{Tcp, Udp},
    refuse,
};
use crate::{
    checksum::Delta,
    dataplane::Frame,
    layout::{self, Flow, FlowKey},
    reason::DropReason,
    state::{ESTABLISHED, Noted, OPEN, Side},
    tcp, udp,
    wire::{self, Be16, Be32, Ipv4Hdr},
};

/// One packet of a transport protocol.
pub(super) trait Transport {
    /// IP protocol number.
    const PROTOCOL: u8;

    /// State of a new flow.
    const BEGINS: u32;

    /// The port that it comes from.
    fn source(&self) -> Be16;

    /// The port that it goes to.
    fn destination(&self) -> Be16;

    /// Gives it other ports, and the checksum that addresses and ports make.
    fn translate(&mut self, source: Be16, destination: Be16, delta: Delta);

    /// Whether it may open a flow.
    fn opens(&self) -> bool;

    /// Whether it can be in the midst of a connection: it neither opens nor ends one.
    fn is_plain(&self) -> bool;

    /// Notes in a new flow what its first packet says.
    fn begin(&self, flow: &Flow);

    /// Notes in a flow whose state was `state` what this packet says; answers what that did.
    fn track(&self, flow: &Flow, state: u32, side: Side, now: u32) -> Noted;

    /// Whether it says how large the other end's segments may be.
    fn greets(&self) -> bool;

    /// Tells the client that its packet was dropped, where the protocol has a word for it.
    fn refuse<'f, F: Frame<'f>>(&mut self, reason: DropReason, arrival: &Arrival<'_>, ip: &mut Ipv4Hdr, frame: &F);

    /// The flow that it belongs to, as its client sees it.
    #[inline(always)]
    fn key(&self, ip: &Ipv4Hdr, vpc: u16) -> FlowKey {
        let client = (Be32::from_wire(ip.src_addr), self.source());
        let endpoint = (Be32::from_wire(ip.dst_addr), self.destination());
        FlowKey::new(client, endpoint, vpc, Self::PROTOCOL)
    }
}

impl Transport for Tcp<'_> {
    const PROTOCOL: u8 = wire::TCP;
    const BEGINS: u32 = OPEN;

    #[inline(always)]
    fn source(&self) -> Be16 {
        Be16::from_wire(self.header.source)
    }

    #[inline(always)]
    fn destination(&self) -> Be16 {
        Be16::from_wire(self.header.dest)
    }

    #[inline(always)]
    fn translate(&mut self, source: Be16, destination: Be16, delta: Delta) {
        self.header.source = source.to_wire();
        self.header.dest = destination.to_wire();
        self.header.check = delta.apply(self.header.check);
    }

    #[inline(always)]
    fn opens(&self) -> bool {
        self.segment.opens()
    }

    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.segment.flags & (tcp::SYN | tcp::FIN | tcp::RST | tcp::ACK) == tcp::ACK
    }

    #[inline(always)]
    fn begin(&self, flow: &Flow) {
        tcp::begin(flow, self.segment);
    }

    #[inline(always)]
    fn track(&self, flow: &Flow, state: u32, side: Side, now: u32) -> Noted {
        tcp::track(flow, state, side, self.segment, now)
    }

    #[inline(always)]
    fn greets(&self) -> bool {
        self.segment.flags & tcp::SYN != 0
    }

    #[inline(always)]
    fn refuse<'f, F: Frame<'f>>(&mut self, reason: DropReason, arrival: &Arrival<'_>, ip: &mut Ipv4Hdr, frame: &F) {
        if arrival.settings.refuse == layout::RESET {
            refuse::reset(reason, arrival, ip, self, frame);
        } else if self.opens() {
            refuse::unreachable(reason, arrival, ip);
        }
    }
}

impl Transport for Udp<'_> {
    const PROTOCOL: u8 = wire::UDP;
    // There is no handshake.
    const BEGINS: u32 = OPEN | ESTABLISHED;

    #[inline(always)]
    fn source(&self) -> Be16 {
        Be16::from_wire(self.header.src)
    }

    #[inline(always)]
    fn destination(&self) -> Be16 {
        Be16::from_wire(self.header.dst)
    }

    #[inline(always)]
    fn translate(&mut self, source: Be16, destination: Be16, delta: Delta) {
        self.header.src = source.to_wire();
        self.header.dst = destination.to_wire();
        // Zero says that there is none, and stays; one that comes out as zero is sent as all ones
        // (RFC 768).
        if self.header.check != [0, 0] {
            let check = u16::from_ne_bytes(delta.apply(self.header.check));
            self.header.check = if check == 0 { 0xffff } else { check }.to_ne_bytes();
        }
    }

    #[inline(always)]
    fn opens(&self) -> bool {
        true
    }

    #[inline(always)]
    fn is_plain(&self) -> bool {
        true
    }

    #[inline(always)]
    fn begin(&self, _flow: &Flow) {}

    #[inline(always)]
    fn track(&self, flow: &Flow, state: u32, side: Side, now: u32) -> Noted {
        udp::track(flow, state, side, now)
    }

    #[inline(always)]
    fn greets(&self) -> bool {
        false
    }

    #[inline(always)]
    fn refuse<'f, F: Frame<'f>>(&mut self, reason: DropReason, arrival: &Arrival<'_>, ip: &mut Ipv4Hdr, _frame: &F) {
        refuse::unreachable(reason, arrival, ip);
    }
}
