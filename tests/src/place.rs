//! Where a machine is, seen from the gateway.

use std::net::Ipv4Addr;

use crate::{
    Hook,
    address::{BACKEND, BEHIND},
};

/// Ethernet as it usually is.
pub(crate) const MTU: u16 = 1500;
/// What VXLAN leaves of it.
const INNER_MTU: u16 = MTU - 50;

/// The place of a client or a backend: how its network meets the gateway, and what lies between.
///
/// Its methods alter it: `Place::vlan(100).routed()`.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) attach: Attach,
    pub(crate) mtu: u16,
    /// The MTU of each link behind the router; none: the machine is in the VPC's own network.
    pub(crate) hops: Vec<u16>,
    address: Option<Ipv4Addr>,
    /// That of the plan, where it is none of its own.
    pub(crate) hook: Option<Hook>,
}

/// How a network meets the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attach {
    /// By an interface of its own.
    Interface,
    /// By a VLAN of the trunk that all of the rig's VLANs share.
    Vlan(u16),
    /// By a VXLAN of the underlay that all of the rig's VXLANs share.
    Vxlan(u32),
}

impl Place {
    /// Behind an interface of its own: where a plan puts every machine that it is told nothing of.
    #[must_use]
    pub fn interface() -> Self {
        Self { attach: Attach::Interface, mtu: MTU, hops: Vec::new(), address: None, hook: None }
    }

    /// In a VLAN of the trunk.
    #[must_use]
    pub fn vlan(id: u16) -> Self {
        Self { attach: Attach::Vlan(id), ..Self::interface() }
    }

    /// On a hypervisor whose kernel wraps its frames in VXLAN.
    #[must_use]
    pub fn vxlan(vni: u32) -> Self {
        Self { attach: Attach::Vxlan(vni), mtu: INNER_MTU, ..Self::interface() }
    }

    /// With this MTU on the machine's link, both ends.
    #[must_use]
    pub fn mtu(self, mtu: u16) -> Self {
        Self { mtu, ..self }
    }

    /// Behind a router, in a network that the VPC's subnets do not tell of.
    #[must_use]
    pub fn routed(self) -> Self {
        Self { hops: vec![MTU], ..self }
    }

    /// Behind two routers with a link of this MTU between them, which neither end can see.
    #[must_use]
    pub fn bottleneck(self, mtu: u16) -> Self {
        Self { hops: vec![mtu, MTU], ..self }
    }

    /// With this address in place of the usual one.
    #[must_use]
    pub fn address(self, address: [u8; 4]) -> Self {
        Self { address: Some(address.into()), ..self }
    }

    /// By this hook of the gateway, whatever the plan's is.
    #[must_use]
    pub fn hook(self, hook: Hook) -> Self {
        Self { hook: Some(hook), ..self }
    }

    /// The machine's own address.
    pub(crate) fn own(&self) -> Ipv4Addr {
        self.address.unwrap_or(if self.is_routed() { BEHIND } else { BACKEND })
    }

    pub(crate) fn is_routed(&self) -> bool {
        !self.hops.is_empty()
    }
}
