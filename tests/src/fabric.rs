//! What lies between the gateway and the machines: a switch, a hypervisor, routers.
//!
//! ```text
//!                 vpce-c1 --- eth0 client-1
//!   [ gateway ]   vpce-trunk --- trunk [ switch ] vpce-c2 --- eth0 client-2, who tags
//!                 vpce-under --- eth0 [ hypervisor ] vpce-c3 --- eth0 client-3
//!                 vpce-c4 --- eth0 [ router ] eth1 --- eth0 [ router ] eth1 --- eth0 client-4
//! ```

use std::net::Ipv4Addr;

use crate::{
    Hook, Link, Namespace, Place,
    address::{GATEWAY, HYPERVISOR, ROUTER, TRANSIT, UNDERLAY},
    link::{INSIDE, set_offloads},
    place::{Attach, MTU},
    vlan::Tags,
};

/// The gateway's end of the link that all VLANs share.
pub const TRUNK: &str = "vpce-trunk";
/// The gateway's end of the link that all VXLANs share.
pub const UNDER: &str = "vpce-under";
/// The far interface of a router.
const BEYOND: &str = "eth1";

/// A client or a backend, and all that it hangs on.
#[derive(Debug)]
pub struct Machine {
    pub namespace: Namespace,
    pub link: Link,
    /// From the gateway outwards.
    pub routers: Vec<Namespace>,
    _tags: Option<Tags>,
}

/// The gateway and what its machines share, made when the first one needs it.
#[derive(Debug)]
pub struct Fabric {
    /// Names of namespaces begin so.
    prefix: String,
    /// The hook of attachments that have none of their own, and whether there are such.
    hooks: (Hook, bool),
    pub gateway: Namespace,
    pub switch: Option<Namespace>,
    pub hypervisor: Option<Namespace>,
}

impl Fabric {
    pub fn new(prefix: String, hooks: (Hook, bool)) -> Self {
        let gateway = Namespace::make(format!("{prefix}-gw"));
        Self { prefix, hooks, gateway, switch: None, hypervisor: None }
    }

    /// Makes a machine in its place. `answers`: it is a backend, which reaches the transit range.
    pub fn machine(&mut self, name: &str, interface: String, place: &Place, answers: bool) -> Machine {
        let namespace = self.make(name);
        let routers: Vec<_> = (1..=place.hops.len()).map(|n| self.make(&format!("{name}r{n}"))).collect();
        let near = match place.attach {
            Attach::Interface => self.gateway.clone(),
            Attach::Vlan(_) => self.switch(),
            Attach::Vxlan(_) => self.hypervisor(),
        };
        let outer = routers.first().unwrap_or(&namespace).clone();
        let address = if place.is_routed() { ROUTER } else { place.own() };
        let offloads = place.hook.unwrap_or(self.hooks.0).offloads(self.hooks.1);
        let link = Link { interface, near, machine: outer, address, mtu: place.mtu, answers, offloads };
        link.plug();
        match place.attach {
            Attach::Interface => {}
            Attach::Vlan(_) => join(&link.near, &link.interface, "br0"),
            Attach::Vxlan(vni) => {
                let (bridge, tunnel) = (format!("br{vni}"), format!("vx{vni}"));
                bridge_in(&link.near, &bridge);
                link.near.ip(&format!(
                    "link add {tunnel} type vxlan id {vni} dstport 4789 local {HYPERVISOR} remote {UNDERLAY}"
                ));
                link.near.ip(&format!("link set {tunnel} up"));
                join(&link.near, &tunnel, &bridge);
                join(&link.near, &link.interface, &bridge);
            }
        }
        let tags = match place.attach {
            Attach::Vlan(id) => {
                if self.hooks.0 == Hook::Xdp {
                    // The tag shall be in the frame: beside it, nothing that looks at bytes would see it.
                    set_offloads(&link.machine, INSIDE, &["txvlan", "off"]);
                }
                Some(Tags::put(&link.machine, INSIDE, id))
            }
            _ => None,
        };
        route(&routers, &namespace, place);
        Machine { namespace, link, routers, _tags: tags }
    }

    fn make(&self, name: &str) -> Namespace {
        Namespace::make(format!("{}-{name}", self.prefix))
    }

    /// A plain bridge, which carries tagged frames as they are.
    fn switch(&mut self) -> Namespace {
        if self.switch.is_none() {
            let switch = self.make("switch");
            let far = switch.name();
            self.gateway.ip(&format!("link add {TRUNK} type veth peer trunk netns {far}"));
            let (hook, mixed) = self.hooks;
            set_offloads(&switch, "trunk", hook.offloads(mixed));
            if hook == Hook::Xdp {
                // The bridge takes each tag beside its frame; the gateway shall find it inside.
                set_offloads(&switch, "trunk", &["txvlan", "off"]);
            }
            self.gateway.ip(&format!("link set {TRUNK} up"));
            bridge_in(&switch, "br0");
            switch.ip("link set trunk up");
            join(&switch, "trunk", "br0");
            self.switch = Some(switch);
        }
        self.switch.clone().expect("just made")
    }

    /// A host whose kernel is the other VTEP.
    fn hypervisor(&mut self) -> Namespace {
        if self.hypervisor.is_none() {
            let hypervisor = self.make("hyper");
            let far = hypervisor.name();
            self.gateway.ip(&format!("link add {UNDER} type veth peer {INSIDE} netns {far}"));
            let (hook, mixed) = self.hooks;
            set_offloads(&hypervisor, INSIDE, hook.offloads(mixed));
            for (end, interface, address) in [(&self.gateway, UNDER, UNDERLAY), (&hypervisor, INSIDE, HYPERVISOR)] {
                end.ip(&format!("link set {interface} mtu {MTU} up"));
                end.ip(&format!("address add {address}/24 dev {interface}"));
            }
            self.hypervisor = Some(hypervisor);
        }
        self.hypervisor.clone().expect("just made")
    }
}

fn bridge_in(namespace: &Namespace, bridge: &str) {
    // Without snooping it says nothing of its own.
    namespace.ip(&format!("link add {bridge} type bridge mcast_snooping 0"));
    namespace.ip(&format!("link set {bridge} up"));
}

fn join(namespace: &Namespace, interface: &str, bridge: &str) {
    namespace.ip(&format!("link set {interface} master {bridge}"));
}

/// Links routers with each other and the last one with the machine: the network of each link is
/// 172.16.n.0/24, that of the machine its own address's.
fn route(routers: &[Namespace], machine: &Namespace, place: &Place) {
    let [a, b, c, _] = place.own().octets();
    let network = Ipv4Addr::new(a, b, c, 0);
    for (n, (router, mtu)) in (1..).zip(routers.iter().zip(&place.hops)) {
        let next = routers.get(usize::from(n)).unwrap_or(machine);
        let is_last = usize::from(n) == routers.len();
        let (near, far) = if is_last {
            (Ipv4Addr::new(a, b, c, 1), place.own())
        } else {
            (Ipv4Addr::new(172, 16, n, 1), Ipv4Addr::new(172, 16, n, 2))
        };
        router.sysctl("net/ipv4/ip_forward", "1");
        router.ip(&format!("link add {BEYOND} type veth peer {INSIDE} netns {}", next.name()));
        for (end, interface, address) in [(router, BEYOND, near), (next, INSIDE, far)] {
            end.ip(&format!("link set {interface} mtu {mtu} up"));
            end.ip(&format!("address add {address}/24 dev {interface}"));
        }
        next.ip(&format!("route add default via {near}"));
        if n == 1 {
            // The link to the gateway has it already where the machine is a backend.
            router.ip(&format!("route replace {TRANSIT} via {GATEWAY}"));
        }
        if !is_last {
            router.ip(&format!("route add {network}/24 via {far}"));
        }
    }
}
