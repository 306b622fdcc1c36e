//! What can go wrong with programs, links and pins.

use std::path::PathBuf;

use crate::maps::MapError;

/// Why the dataplane can't be loaded, attached or taken off.
#[derive(Debug, thiserror::Error)]
pub enum DataplaneError {
    /// `cargo build` without the object.
    #[error("this agent was built without its eBPF object; build it with `cargo xtask build`")]
    NoObject,
    /// bpffs is not mounted there.
    #[error("{path} is not on a BPF file system; mount one with `mount -t bpf bpf /sys/fs/bpf`", path = .path.display())]
    NoBpffs {
        /// The pin directory.
        path: PathBuf,
    },
    /// An agent runs on it.
    #[error("{path} is in use by a vpce-agent; stop it first, or give another --bpf-dir", path = .path.display())]
    InUse {
        /// The pin directory.
        path: PathBuf,
    },
    /// Something lies among the pins that no agent made.
    #[error("{path} is no pin of vpce-agent, so nothing was removed; is --bpf-dir right?", path = .path.display())]
    NotOurs {
        /// What lies there.
        path: PathBuf,
    },
    /// A capability is missing.
    #[error("missing rights: {missing}; run as root, or grant them (the systemd unit does)")]
    NoRight {
        /// The capabilities.
        missing: String,
    },
    /// A file operation on the pins failed.
    #[error("{path}: {source}", path = .path.display())]
    Pin {
        /// The pin.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The kernel refused the object.
    #[error("the kernel refused the eBPF object: {source}")]
    Load {
        /// What aya or the verifier said.
        source: Box<aya::EbpfError>,
    },
    /// The kernel refused a program.
    #[error("program {name}: {source}")]
    Program {
        /// The program.
        name: &'static str,
        /// What aya or the verifier said.
        source: aya::programs::ProgramError,
    },
    /// The object has no such program.
    #[error("program {name} is not in the eBPF object; rebuild with `cargo xtask build`")]
    Missing {
        /// The program.
        name: &'static str,
    },
    /// An interface can't carry the program.
    #[error("can't attach to {interface} ({hook}): {source}")]
    Attach {
        /// The interface.
        interface: String,
        /// The hook that was tried.
        hook: &'static str,
        /// What the kernel said.
        source: aya::programs::ProgramError,
    },
    /// VLAN tags would not be seen.
    #[error(
        "{interface} takes VLAN tags off before the program sees them, and does not stop: {source}; try \
         `ethtool -K {interface} rxvlan off`, or attach another interface"
    )]
    Tags {
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Another program is there.
    #[error(
        "{interface} carries another XDP program; take it off with `ip link set {interface} xdp off`, or with \
         `vpce-agent unload --bpf-dir DIR` where it is a vpce-agent's of another DIR"
    )]
    Occupied {
        /// The interface.
        interface: String,
    },
    /// The programs' log can't be read.
    #[error("the programs' log: {0}")]
    Log(#[from] aya_log::Error),
    /// A map can't be used.
    #[error(transparent)]
    Map(#[from] MapError),
}
