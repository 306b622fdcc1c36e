//! What the eBPF programs and the agent share.
//!
//! `no_std`, and free of the kernel: the packet path is written once here, against the traits of
//! [`dataplane`], and compiled for the kernel (`vpce-ebpf`) and for the host (tests, models).
//!
//! Words are those of `docs/glossary.md`: *forward* is as the client opened the flow, *reply* is
//! the way back; an address or port is named by its role and never `src` or `dst`.

#![cfg_attr(target_arch = "bpf", feature(core_intrinsics), expect(internal_features, reason = "BPF has no AtomicU32"))]
#![cfg_attr(not(any(test, feature = "host")), no_std)]

pub mod atomic;
pub mod checksum;
pub mod dataplane;
#[cfg(any(test, feature = "host"))]
pub mod host;
pub mod index;
pub mod layout;
pub mod path;
pub mod reap;
pub mod reason;
pub mod slots;
pub mod state;
pub mod tcp;
pub mod udp;
pub mod wire;
