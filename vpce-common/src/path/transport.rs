//! What the path asks of a transport protocol, and how TCP and UDP answer.

use super::{
    exit::Needs,
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

    /// Gives it other ports, and the checksum that addresses and ports make: `change` is what both change in
    /// it, `addresses` what they alone do. No header of the frame may be used any more.
    fn translate<'f, F: Frame<'f>>(
        &mut self,
        frame: &F,
        source: Be16,
        destination: Be16,
        change: Delta,
        addresses: Delta,
    );

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

    /// Bytes of its header.
    fn header(&self) -> u32;

    /// What it asks of its way out.
    #[inline(always)]
    fn needs(&self, cut_into: u32, ip: &Ipv4Hdr) -> Needs {
        let bytes = match cut_into {
            0 => u32::from(u16::from_be_bytes(ip.tot_len)),
            payload => u32::from(ip.vihl & 0x0f) * 4 + self.header() + payload,
        };
        Needs { bytes, greets: self.greets() }
    }

    /// Tells the client that its packet was dropped, where the protocol has a word for it.
    fn refuse(&self, reason: DropReason, arrival: &Arrival<'_>, ip: &Ipv4Hdr);

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
    fn translate<'f, F: Frame<'f>>(
        &mut self,
        frame: &F,
        source: Be16,
        destination: Be16,
        change: Delta,
        addresses: Delta,
    ) {
        self.header.source = source.to_wire();
        self.header.dest = destination.to_wire();
        frame.amend(&mut self.header.check, change, addresses, false);
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
    fn header(&self) -> u32 {
        u32::from(wire::bytes(self.header)[12] >> 4) * 4
    }

    #[inline(always)]
    fn refuse(&self, reason: DropReason, arrival: &Arrival<'_>, ip: &Ipv4Hdr) {
        if arrival.settings.refuse == layout::RESET {
            refuse::answer(reason, arrival, self);
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
    fn translate<'f, F: Frame<'f>>(
        &mut self,
        frame: &F,
        source: Be16,
        destination: Be16,
        change: Delta,
        addresses: Delta,
    ) {
        self.header.src = source.to_wire();
        self.header.dst = destination.to_wire();
        frame.amend(&mut self.header.check, change, addresses, true);
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
    fn header(&self) -> u32 {
        8
    }

    #[inline(always)]
    fn refuse(&self, reason: DropReason, arrival: &Arrival<'_>, ip: &Ipv4Hdr) {
        refuse::unreachable(reason, arrival, ip);
    }
}
