//! What the agent's maps hold, desired or observed.

use std::collections::BTreeMap;

use vpce_common::layout::{Backend, Dialled, Endpoint, Ingress, Link, Local, Mapping, Prefix, Settings, Transit};

/// The entries of every map that the agent writes. A number that is absent holds zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// What holds for the whole gateway.
    pub settings: Settings,
    /// Links by where a frame comes in.
    pub ingress: BTreeMap<Ingress, u32>,
    /// Links by number.
    pub links: BTreeMap<u32, Link>,
    /// Endpoints by address.
    pub addresses: BTreeMap<Local, u32>,
    /// Gateway endpoints by prefix: its length in bits, the VPC's among them, and the network.
    pub prefixes: BTreeMap<(u32, Prefix), u32>,
    /// Port mappings.
    pub mappings: BTreeMap<Dialled, Mapping>,
    /// Endpoints by number.
    pub endpoints: BTreeMap<u32, Endpoint>,
    /// Backends by number.
    pub backends: BTreeMap<u32, Backend>,
    /// Blocks of flow records by number of the transit address.
    pub transit: BTreeMap<u32, Transit>,
}
