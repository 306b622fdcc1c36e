//! The host's network: interfaces, their offloads, and frames of the agent's own.
//!
//! One of the ports: only this names rtnetlink, ethtool and packet sockets.

mod interfaces;
mod offload;
mod speak;

pub use interfaces::{Interface, Interfaces, NetError};
pub use offload::keep_vlan_tags;
pub use speak::{Speaker, Via};
