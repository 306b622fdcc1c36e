//! A veth pair: one end is the gateway's attachment, the other a machine's interface.

use std::net::Ipv4Addr;

use aya::programs::{SchedClassifier, TcAttachType};

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
    /// Settings of the machine's interface.
    pub(crate) offloads: &'static [&'static str],
}

impl Link {
    /// The near end: the attachment, where the machine has one of its own.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Makes the pair, or makes it again after [`Link::unplug`].
    pub fn plug(&self) {
        let Self { interface, near, machine, address, mtu, answers, offloads } = self;
        let peer = machine.name();
        near.ip(&format!("link add {interface} type veth peer {INSIDE} netns {peer}"));
        set_offloads(machine, INSIDE, offloads);
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
        !self.programs().is_empty()
    }

    /// The kernel's numbers of the programs on the near end, where frames come in: XDP, then TC.
    #[must_use]
    pub fn programs(&self) -> Vec<u64> {
        let shown = self.near.ip(&format!("-json link show dev {}", self.interface));
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("what ip told");
        let xdp = shown[0]["xdp"]["prog"]["id"].as_u64();
        xdp.into_iter().chain(programs_at_tc(&self.near, &self.interface)).collect()
    }
}

/// The kernel's numbers of the programs at TC where an interface's frames come in.
pub fn programs_at_tc(namespace: &Namespace, interface: &str) -> Vec<u64> {
    let asked = namespace.run(|| SchedClassifier::query_tcx(interface, TcAttachType::Ingress));
    let (_, programs) = asked.unwrap_or_else(|error| panic!("programs at TC on {interface}: {error}"));
    programs.iter().map(|program| program.id().into()).collect()
}

/// Switches offloads of an interface, where there are any to switch.
pub fn set_offloads(namespace: &Namespace, interface: &str, offloads: &[&str]) {
    if !offloads.is_empty() {
        output(namespace.command("ethtool").args(["-K", interface]).args(offloads));
    }
}
