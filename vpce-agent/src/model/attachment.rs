//! Where a VPC meets the gateway.

use std::{fmt, net::Ipv4Addr};

use super::Mode;

/// A part of an interface, or the whole of it. Displayed as operators know it: `eth1`,
/// `eth1 vlan 100`, `eth0 vni 42`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attachment {
    /// The interface of the host; that of the underlay for VXLAN.
    pub interface: String,
    /// Which of its frames are the VPC's.
    pub segment: Segment,
    /// Where the program hooks in: all attachments of an interface have the same.
    pub mode: Mode,
}

/// Which frames of an interface are a VPC's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Those without a tag; nothing else is attached to the interface then.
    Untagged,
    /// Those with this tag: 1..=4094 (IEEE 802.1Q).
    Vlan(u16),
    /// Those in this tunnel.
    Vxlan(Vxlan),
}

/// A VXLAN tunnel (RFC 7348), always to and from UDP port 4789.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vxlan {
    /// Its network identifier: 1..=16777215.
    pub vni: u32,
    /// The host's own address on the interface: the kernel answers ARP for it.
    pub local: Ipv4Addr,
    /// Tunnel ends that are asked where backends are, and alone believed; clients are learned from their
    /// packets.
    pub remotes: Vec<Ipv4Addr>,
}

impl Attachment {
    /// A whole interface, by the hook that suits it.
    #[must_use]
    pub fn untagged(interface: &str) -> Self {
        Self { interface: interface.to_owned(), segment: Segment::Untagged, mode: Mode::Auto }
    }

    /// Its tag, where it has one.
    #[must_use]
    pub const fn vlan(&self) -> Option<u16> {
        match self.segment {
            Segment::Vlan(vlan) => Some(vlan),
            _ => None,
        }
    }

    /// Its network identifier, where it is a tunnel.
    #[must_use]
    pub const fn vni(&self) -> Option<u32> {
        match &self.segment {
            Segment::Vxlan(vxlan) => Some(vxlan.vni),
            _ => None,
        }
    }

    /// Tunnel ends that are asked where backends are; none where it is no tunnel.
    #[must_use]
    pub fn remotes(&self) -> &[Ipv4Addr] {
        match &self.segment {
            Segment::Vxlan(vxlan) => &vxlan.remotes,
            _ => &[],
        }
    }

    /// Whether it can be asked by ARP: in a tunnel only known ends can.
    #[must_use]
    pub const fn can_ask(&self) -> bool {
        match &self.segment {
            Segment::Untagged | Segment::Vlan(_) => true,
            Segment::Vxlan(vxlan) => !vxlan.remotes.is_empty(),
        }
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.interface)?;
        match &self.segment {
            Segment::Untagged => Ok(()),
            Segment::Vlan(vlan) => write!(f, " vlan {vlan}"),
            Segment::Vxlan(vxlan) => write!(f, " vni {}", vxlan.vni),
        }
    }
}
