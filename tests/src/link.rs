//! A veth pair: one end is the gateway's attachment, the other a machine's interface.

use std::net::Ipv4Addr;

use crate::{
    Namespace,
    address::{GATEWAY, TRANSIT},
    process::output,
};

/// The name of the interface in each client and backend.
pub const INSIDE: &str = "eth0";

/// A link between the gateway, or the switch or the hypervisor before it, and a machine, or the
/// router before it.
#[derive(Debug)]
pub struct Link {
    pub(crate) interface: String,
    pub(crate) near: Namespace,
    pub(crate) machine: Namespace,
    pub(crate) address: Ipv4Addr,
    pub(crate) mtu: u16,
    /// The machine reaches the transit range through the gateway's own address.
    pub(crate) answers: bool,
}

impl Link {
    /// The near end: the attachment, where the machine has one of its own.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Makes the pair, or makes it again after [`Link::unplug`].
    pub fn plug(&self) {
        let Self { interface, near, machine, address, mtu, answers } = self;
        let peer = machine.name();
        near.ip(&format!("link add {interface} type veth peer {INSIDE} netns {peer}"));
        // A redirected frame loses the note that its checksum is still to be made, and a
        // redirect's target needs a peer that polls: GRO makes it so.
        output(machine.command("ethtool").args(["-K", INSIDE, "tx", "off", "gro", "on"]));
        near.ip(&format!("link set {interface} mtu {mtu} up"));
        machine.ip(&format!("link set {INSIDE} mtu {mtu} up"));
        machine.ip(&format!("address add {address}/24 dev {INSIDE}"));
        if *answers {
            machine.ip(&format!("route add {TRANSIT} via {GATEWAY}"));
        }
    }

    /// Takes the pair away, both ends, as a virtual machine that stops does.
    pub fn unplug(&self) {
        self.near.ip(&format!("link delete {}", self.interface));
    }

    /// Takes the near end down, or up again: the machine sees its carrier go and come.
    pub fn set(&self, state: &str) {
        self.near.ip(&format!("link set {} {state}", self.interface));
    }

    /// Whether an XDP or TC program sits on the near end.
    #[must_use]
    pub fn has_program(&self) -> bool {
        let mut bpftool = self.near.command("bpftool");
        let shown = output(bpftool.args(["net", "show", "dev", &self.interface]));
        shown.contains(&format!("{}(", self.interface))
    }
}
