//! What the agent's maps hold, desired or observed, whole or in part.

use std::collections::BTreeMap;

use vpce_common::layout::{
    Backend, Client, Dialled, Endpoint, Ingress, Link, Local, Mapping, Prefix, Settings, Transit,
};

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
    /// Clients that may dial an endpoint that lists them: length in bits, the endpoint's among them, and network.
    pub clients: BTreeMap<(u32, Client), u32>,
    /// Port mappings.
    pub mappings: BTreeMap<Dialled, Mapping>,
    /// Endpoints by number.
    pub endpoints: BTreeMap<u32, Endpoint>,
    /// Backends by number.
    pub backends: BTreeMap<u32, Backend>,
    /// Blocks of flow records by number of the transit address.
    pub transit: BTreeMap<u32, Transit>,
}

/// Does the same with every map of some entries.
macro_rules! each_map {
    ($do:ident($($with:ident),*)) => {
        $do!(ingress, $($with),*);
        $do!(links, $($with),*);
        $do!(addresses, $($with),*);
        $do!(prefixes, $($with),*);
        $do!(clients, $($with),*);
        $do!(mappings, $($with),*);
        $do!(endpoints, $($with),*);
        $do!(backends, $($with),*);
        $do!(transit, $($with),*);
    };
}

impl Entries {
    /// Nothing but the settings.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            ingress: BTreeMap::new(),
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            clients: BTreeMap::new(),
            mappings: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            backends: BTreeMap::new(),
            transit: BTreeMap::new(),
        }
    }

    /// Those whose keys are in either of two parts.
    #[must_use]
    pub fn part(&self, one: &Self, other: &Self) -> Self {
        let mut part = Self::new(self.settings);
        macro_rules! pick {
            ($map:ident, $from:ident, $to:ident) => {
                for key in one.$map.keys().chain(other.$map.keys()) {
                    $to.$map.extend($from.$map.get(key).map(|value| (*key, *value)));
                }
            };
        }
        let from = self;
        each_map!(pick(from, part));
        part
    }

    /// Has one part in place of another.
    pub fn replace(&mut self, was: &Self, is: &Self) {
        macro_rules! swap {
            ($map:ident, $of:ident) => {
                for key in was.$map.keys() {
                    $of.$map.remove(key);
                }
                $of.$map.extend(is.$map.iter().map(|(key, value)| (*key, *value)));
            };
        }
        let of = self;
        each_map!(swap(of));
    }
}
