//! A veth pair: one end is the gateway's attachment, the other a machine's interface.

use std::net::Ipv4Addr;

use crate::{
    Namespace,
    address::{GATEWAY, TRANSIT},
    process::output,
};

/// The name of the interface in each client and backend.
pub const INSIDE: &str = "eth0";

/// A link between the gateway and a machine.
#[derive(Debug)]
pub struct Link {
    interface: String,
    gateway: Namespace,
    machine: Namespace,
    address: Ipv4Addr,
    routed: bool,
}

impl Link {
    /// Plugs a machine into the gateway. `routed` machines answer the transit range through
    /// the gateway's own address.
    #[must_use]
    pub fn new(interface: String, gateway: &Namespace, machine: &Namespace, address: Ipv4Addr, routed: bool) -> Self {
        let (gateway, machine) = (gateway.clone(), machine.clone());
        let link = Self { interface, gateway, machine, address, routed };
        link.plug();
        link
    }

    /// The attachment: the end in the gateway.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Makes the pair, or makes it again after [`Link::unplug`].
    pub fn plug(&self) {
        let Self { interface, gateway, machine, address, routed } = self;
        let peer = machine.name();
        gateway.ip(&format!("link add {interface} type veth peer {INSIDE} netns {peer}"));
        // A redirected frame loses the note that its checksum is still to be made, and a
        // redirect's target needs a peer that polls: GRO makes it so.
        output(machine.command("ethtool").args(["-K", INSIDE, "tx", "off", "gro", "on"]));
        gateway.ip(&format!("link set {interface} mtu 1500 up"));
        machine.ip(&format!("link set {INSIDE} mtu 1500 up"));
        machine.ip(&format!("address add {address}/24 dev {INSIDE}"));
        if *routed {
            machine.ip(&format!("route add {TRANSIT} via {GATEWAY}"));
        }
    }

    /// Takes the pair away, both ends, as a virtual machine that stops does.
    pub fn unplug(&self) {
        self.gateway.ip(&format!("link delete {}", self.interface));
    }

    /// Whether an XDP or TC program sits on the attachment.
    #[must_use]
    pub fn has_program(&self) -> bool {
        let mut bpftool = self.gateway.command("bpftool");
        let shown = output(bpftool.args(["net", "show", "dev", &self.interface]));
        shown.contains(&format!("{}(", self.interface))
    }
}
