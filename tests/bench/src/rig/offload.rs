//! What the interfaces of a rig leave to each other.

use vpce_tests::{Namespace, finish};

/// The offloads of all interfaces of a rig, the same for all contestants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offloads {
    /// Segmentation, checksums and GRO off everywhere, but for GRO of the client and the backend: a
    /// redirect reaches a veth peer only if that polls, and GRO makes it so.
    Off,
    /// As Linux makes a veth pair.
    Default,
}

impl Offloads {
    /// As the table calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "offloads off",
            Self::Default => "default offloads",
        }
    }

    /// What that means.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Off => "offloads off everywhere; GRO on at client and backend",
            Self::Default => "offloads as Linux has them; GRO off",
        }
    }

    /// Whether packets get through a hook: what a redirect of XDP needs of a veth peer is off by default.
    #[must_use]
    pub fn suit(self, mode: &str) -> bool {
        self == Self::Off || mode == "tc"
    }

    /// Sets the interfaces of one namespace.
    pub fn set(self, namespace: &Namespace, interfaces: &[&str], is_machine: bool) {
        let on = |on: bool| if on { "on" } else { "off" };
        let (gro, rest) = match self {
            Self::Off => (is_machine, false),
            Self::Default => (false, true),
        };
        for interface in interfaces {
            for (feature, value) in
                [("gro", gro), ("tx", rest), ("rx", rest), ("sg", rest), ("tso", rest), ("gso", rest)]
            {
                // One that the interface has fixed stays as it is, for every contestant on the same hook.
                finish(namespace.command("ethtool").args(["-K", interface, feature, on(value)]));
            }
        }
    }
}
