//! What clients dial, who may, and where it leads.

use crate::wire::{Be16, Be32};

/// Key of `ADDRESSES`: an endpoint's address. The value is the number of the endpoint.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local {
    /// Number of the VPC.
    pub vpc: u32,
    /// The endpoint's address in it.
    pub address: Be32,
}

/// Which addresses can be dialled from a link, those included that flows are still to, in 256 groups: of all others it
/// is known at once that they are nobody's.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialables([u8; 32]);

impl Dialables {
    /// None.
    pub const NONE: Self = Self([0; 32]);
    /// Any.
    pub const ALL: Self = Self([u8::MAX; 32]);

    /// Adds an address, and those of its group.
    #[must_use]
    pub const fn with(mut self, address: Be32) -> Self {
        let (byte, bit) = Self::place(address);
        self.0[byte] |= 1 << bit;
        self
    }

    /// Those of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(core::array::from_fn(|byte| self.0[byte] | other.0[byte]))
    }

    /// Whether the address is of a group that was added.
    #[must_use]
    #[inline(always)]
    pub const fn may_have(&self, address: Be32) -> bool {
        let (byte, bit) = Self::place(address);
        self.0[byte] >> bit & 1 != 0
    }

    /// No two addresses of a /24 are of one group, nor those with one last byte of a /16.
    #[inline(always)]
    const fn place(address: Be32) -> (usize, u8) {
        let [_, _, network, host] = address.to_wire();
        let group = network ^ host;
        ((group / 8) as usize, group % 8)
    }
}

/// Key of `PREFIXES`, behind its length in bits: a network that a gateway endpoint leads to. The value
/// is the number of the endpoint.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// Number of the VPC; all its 32 bits count.
    pub vpc: u32,
    /// The network.
    pub network: Be32,
}

/// Key of `CLIENTS`, behind its length in bits: a network whose clients may dial an endpoint. The value is 1.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// Number of the endpoint; all its 32 bits count.
    pub endpoint: u32,
    /// The network.
    pub network: Be32,
}

/// Key of `MAPPINGS`: what a client dials.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dialled {
    /// Number of the endpoint.
    pub endpoint: u32,
    /// The endpoint port.
    pub endpoint_port: Be16,
    /// IP protocol number.
    pub protocol: u16,
}

/// Value of `MAPPINGS`: where it leads.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// The backend's port.
    pub server_port: Be16,
    /// Always 0.
    pub reserved: u16,
}
