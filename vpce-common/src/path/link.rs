//! Where a frame came in: its attachment, and what is wrapped around the tenant's packet there.

use super::{
    End,
    packet::{self, Part},
};
use crate::{
    dataplane::{Dataplane, Frame},
    layout::{Ingress, Link, Local, Segment, Settings, Station},
    wire::{
        Be32, ETHERTYPE_IPV4, ETHERTYPE_VLAN, EthHdr, Ipv4Hdr, Mac, UDP, UdpHdr, VXLAN_PORT, VXLAN_VNI, VlanHdr,
        VxlanHdr,
    },
};

/// Bytes of what VXLAN wraps around a frame: Ethernet, IPv4, UDP and its own header.
const VXLAN_WRAP: u32 = ETH + 20 + 8 + 8;
/// Bytes of the Ethernet header.
pub(super) const ETH: u32 = 14;
/// Bytes of a VLAN tag.
const VLAN: u32 = 4;

/// A frame on its way: where it came in, what holds for the gateway.
pub(super) struct Arrival<'p> {
    /// What becomes of it.
    pub end: &'p End,
    pub settings: &'p Settings,
    pub link_number: u32,
    pub link: &'p Link,
    /// Who sent it.
    pub station: Station,
    /// The MAC that it is for.
    pub to: Mac,
    /// What it carries, as `EtherType`.
    pub kind: [u8; 2],
    /// Bytes of the frame in front of that.
    pub head: u32,
    /// Bytes of the frame from there on.
    pub length: usize,
}

impl Link {
    /// Bytes in front of a packet that leaves by it.
    #[inline(always)]
    pub(super) const fn head(&self) -> u32 {
        if self.segment.is_vxlan() {
            VXLAN_WRAP + ETH
        } else if self.segment.id() != 0 {
            ETH + VLAN
        } else {
            ETH
        }
    }
}

/// Finds the attachment of a frame; nothing where it has none.
#[inline(always)]
pub(super) fn arrive<'f, 'p, D: Dataplane, F: Frame<'f>>(
    plane: &'p D,
    frame: &mut F,
    ifindex: u32,
    end: &'p End,
) -> Option<Arrival<'p>> {
    let settings = plane.settings()?;
    let length = frame.length();
    let eth = frame.take::<EthHdr>()?;
    let mut arrival = Arrival {
        end,
        settings,
        link_number: 0,
        link: plane.link(0)?,
        station: Station::new(eth.from, Mac([0; 6]), Be32::new(0)),
        to: eth.to,
        kind: eth.kind,
        head: ETH,
        length: length.checked_sub(ETH as usize)?,
    };
    let mut segment = Segment::UNTAGGED;
    if arrival.kind == ETHERTYPE_VLAN {
        let tag = frame.take::<VlanHdr>()?;
        (arrival.kind, segment) = (tag.kind, Segment::vlan(u16::from_be_bytes(tag.tci)));
        arrival.behind(VLAN)?;
    }
    (arrival.link_number, arrival.link) = match plane.ingress(&Ingress { ifindex, segment }) {
        Some(found) => found,
        // An underlay is no tenant's: it has no attachment of its own.
        None if segment == Segment::UNTAGGED && arrival.kind == ETHERTYPE_IPV4 => {
            vxlan(plane, frame, ifindex, &mut arrival)?
        }
        None => return None,
    };
    Some(arrival)
}

/// Unwraps a VXLAN packet; answers the number of its attachment.
#[inline(always)]
fn vxlan<'f, 'p, D: Dataplane, F: Frame<'f>>(
    plane: &'p D,
    frame: &mut F,
    ifindex: u32,
    arrival: &mut Arrival<'_>,
) -> Option<(u32, &'p Link)> {
    let ip = frame.take::<Ipv4Hdr>()?;
    let udp = frame.take::<UdpHdr>()?;
    let vxlan = frame.take::<VxlanHdr>()?;
    let inner = frame.take::<EthHdr>()?;
    // Neither options nor fragments (RFC 7348 §4.3).
    let is_whole = ip.vihl == 0x45 && packet::part(ip) == Part::Whole;
    if !is_whole || ip.proto != UDP || udp.dst != VXLAN_PORT || vxlan.flags & VXLAN_VNI == 0 {
        return None;
    }
    let [a, b, c] = vxlan.vni;
    let segment = Segment::vxlan(u32::from_be_bytes([0, a, b, c]));
    let (number, link) = plane.ingress(&Ingress { ifindex, segment })?;
    // The kernel answers what is not for our VTEP.
    if link.local != Be32::from_wire(ip.dst_addr) {
        return None;
    }
    arrival.station = Station::new(inner.from, arrival.station.mac, Be32::from_wire(ip.src_addr));
    (arrival.to, arrival.kind) = (inner.to, inner.kind);
    arrival.behind(VXLAN_WRAP)?;
    Some((number, link))
}

impl Arrival<'_> {
    /// The packet begins `count` bytes later.
    #[inline(always)]
    fn behind(&mut self, count: u32) -> Option<()> {
        self.head += count;
        self.length = self.length.checked_sub(count as usize)?;
        Some(())
    }

    /// The endpoint that a packet is for.
    #[inline(always)]
    pub(super) fn endpoint<D: Dataplane>(&self, plane: &D, ip: &Ipv4Hdr) -> Option<u32> {
        endpoint(plane, self.link, ip)
    }
}

/// The endpoint that a packet is for.
#[inline(always)]
pub(super) fn endpoint<D: Dataplane>(plane: &D, link: &Link, ip: &Ipv4Hdr) -> Option<u32> {
    let local = Local { vpc: link.vpc.into(), address: Be32::from_wire(ip.dst_addr) };
    plane.address(&local).or_else(|| plane.prefix(&local))
}
