//! What the gateway was told, as plain data.

use std::{collections::HashMap, ops::Range};

use vpce_common::{host::HostPlane, layout, wire::Be32};

/// A place where a VPC meets the gateway.
#[derive(Clone, Debug)]
pub struct Link {
    /// 0 while the interface is missing.
    pub ifindex: u32,
    /// The gateway's own address.
    pub address: u32,
    /// The gateway's MAC.
    pub mac: [u8; 6],
    /// The VPC's number.
    pub vpc: u16,
    /// VLAN id; 0: none.
    pub vlan: u16,
    /// VXLAN network identifier and the gateway's VTEP.
    pub vxlan: Option<(u32, u32)>,
    /// Bytes of the largest packet.
    pub mtu: u32,
}

/// Who a frame on a link goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Station {
    /// Its MAC.
    pub mac: [u8; 6],
    /// Behind VXLAN: the next hop's MAC.
    pub hop: [u8; 6],
    /// Behind VXLAN: its VTEP.
    pub vtep: u32,
}

/// An endpoint of either type.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Flows of another one are stale.
    pub generation: u32,
    /// Open connections at once.
    pub limit: u32,
    /// Number of the backend.
    pub backend: usize,
    /// Its flow records.
    pub records: Range<u32>,
    /// Its first transit address.
    pub transit: u32,
    /// Carries traffic.
    pub accepted: bool,
    /// Every port is published.
    pub all_ports: bool,
    /// Only clients of its list may dial it.
    pub listed: bool,
}

/// A machine that answers.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its address; nothing: what the client dialled.
    pub address: Option<u32>,
    /// Number of the link it is behind.
    pub link: usize,
    /// Where on that link.
    pub station: Station,
    /// Its VPC.
    pub vpc: u16,
    /// Whether it was found.
    pub found: bool,
}

/// The flow records that the ports of one transit address lead to.
#[derive(Clone, Debug)]
pub struct Block {
    /// Number of the endpoint.
    pub endpoint: usize,
    /// The records.
    pub records: Range<u32>,
}

/// What clients are told whose flow can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing.
    Drop,
    /// RST, or ICMP for UDP.
    Reset,
    /// ICMP.
    Icmp,
}

impl Refusal {
    /// What `refuse` of the settings says.
    #[must_use]
    pub fn of(refuse: u32) -> Self {
        match refuse {
            layout::RESET => Self::Reset,
            layout::ICMP => Self::Icmp,
            _ => Self::Drop,
        }
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The transit range and its mask.
    pub transit: (u32, u32),
    /// What a refused client is told.
    pub refuse: Refusal,
    /// Where frames come in: interface and VLAN id.
    pub plain: HashMap<(u32, u16), usize>,
    /// Where VXLAN comes in: interface and network identifier.
    pub vxlan: HashMap<(u32, u32), usize>,
    /// Links, by number.
    pub links: Vec<Link>,
    /// Addresses of endpoints, by VPC and address.
    pub addresses: HashMap<(u16, u32), usize>,
    /// VPC, network, its length in bits, gateway endpoint.
    pub prefixes: Vec<(u16, u32, u32, usize)>,
    /// Endpoint, network and its mask, of clients that may dial it.
    pub clients: Vec<(usize, u32, u32)>,
    /// Server ports by endpoint, protocol and endpoint port.
    pub mappings: HashMap<(usize, u8, u16), u16>,
    /// Endpoints, by number.
    pub endpoints: Vec<Endpoint>,
    /// Backends, by number.
    pub backends: Vec<Backend>,
    /// Transit addresses that are given out.
    pub blocks: HashMap<u32, Block>,
}

impl Config {
    /// What the maps of a gateway say.
    ///
    /// # Panics
    /// Without settings, and where numbers are out of their range.
    #[must_use]
    pub fn of(plane: &HostPlane) -> Self {
        let settings = plane.settings.expect("settings");
        let (mut plain, mut vxlan) = (HashMap::new(), HashMap::new());
        for (at, link) in &plane.ingress {
            if at.segment.is_vxlan() {
                vxlan.insert((at.ifindex, at.segment.id()), *link as usize);
            } else {
                plain.insert((at.ifindex, at.segment.id().try_into().expect("12 bits")), *link as usize);
            }
        }
        let blocks = (0..).zip(&plane.transit).filter(|(_, block)| block.slots != 0).map(|(place, block)| {
            let records = block.first_slot..block.first_slot + block.slots;
            (settings.transit.get() + place, Block { endpoint: block.endpoint as usize, records })
        });
        let prefixes = plane.prefixes.iter().map(|((bits, prefix), endpoint)| {
            (prefix.vpc.try_into().expect("a VPC"), prefix.network.get(), *bits, *endpoint as usize)
        });
        let addresses = plane
            .addresses
            .iter()
            .map(|(local, endpoint)| ((local.vpc.try_into().expect("a VPC"), local.address.get()), *endpoint as usize));
        let mappings = plane.mappings.iter().map(|(dialled, mapping)| {
            let protocol = dialled.protocol.try_into().expect("a protocol");
            ((dialled.endpoint as usize, protocol, dialled.endpoint_port.get()), mapping.server_port.get())
        });
        let clients = plane.clients.iter().map(|(bits, client)| {
            let mask = !u32::try_from(u64::from(u32::MAX) >> bits).expect("32 bits");
            (client.endpoint as usize, client.network.get(), mask)
        });
        Self {
            transit: (settings.transit.get(), settings.transit_mask.get()),
            refuse: Refusal::of(settings.refuse),
            plain,
            vxlan,
            links: plane.links.iter().map(link).collect(),
            addresses: addresses.collect(),
            prefixes: prefixes.collect(),
            clients: clients.collect(),
            mappings: mappings.collect(),
            endpoints: plane.endpoints.iter().map(endpoint).collect(),
            backends: plane.backends.iter().map(backend).collect(),
            blocks: blocks.collect(),
        }
    }

    /// Whether an address is of the transit range.
    #[must_use]
    pub fn in_transit(&self, address: u32) -> bool {
        address & self.transit.1 == self.transit.0
    }

    /// Whether a client is in the list of an endpoint.
    #[must_use]
    pub fn lists(&self, endpoint: usize, client: u32) -> bool {
        self.clients.iter().any(|(of, network, mask)| *of == endpoint && client & mask == *network)
    }

    /// The endpoint that an address of a VPC leads to: its own address, or the longest prefix.
    #[must_use]
    pub fn endpoint_at(&self, vpc: u16, address: u32) -> Option<usize> {
        let holds = |(of, network, bits, _): &&(u16, u32, u32, usize)| {
            *of == vpc && u64::from(address ^ network) >> (32 - bits) == 0
        };
        let longest = || self.prefixes.iter().filter(holds).max_by_key(|(_, _, bits, _)| *bits);
        self.addresses.get(&(vpc, address)).copied().or_else(|| longest().map(|prefix| prefix.3))
    }
}

fn link(link: &layout::Link) -> Link {
    let vxlan = link.segment.is_vxlan();
    Link {
        ifindex: link.ifindex,
        address: link.address.get(),
        mac: link.mac.0,
        vpc: link.vpc,
        vlan: if vxlan { 0 } else { link.segment.id().try_into().expect("12 bits") },
        vxlan: vxlan.then_some((link.segment.id(), link.local.get())),
        mtu: link.mtu,
    }
}

fn endpoint(endpoint: &layout::Endpoint) -> Endpoint {
    Endpoint {
        generation: endpoint.generation,
        limit: endpoint.limit,
        backend: endpoint.backend as usize,
        records: endpoint.first_slot..endpoint.first_slot + endpoint.slots,
        transit: endpoint.transit.get(),
        accepted: endpoint.accepted == 1,
        all_ports: endpoint.all_ports == 1,
        listed: endpoint.listed == 1,
    }
}

fn backend(backend: &layout::Backend) -> Backend {
    let station = backend.station;
    Backend {
        address: (backend.address != Be32::default()).then(|| backend.address.get()),
        link: backend.link as usize,
        station: Station { mac: station.mac.0, hop: station.hop.0, vtep: station.vtep.get() },
        vpc: backend.vpc,
        found: backend.reachable == 1,
    }
}
