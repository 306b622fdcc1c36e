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
