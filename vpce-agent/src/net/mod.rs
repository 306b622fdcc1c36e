//! The host's network: interfaces, and ARP on them.
//!
//! One of the ports: only this names rtnetlink and packet sockets.

mod arp;
mod interfaces;

pub use arp::{ArpSocket, Heard};
pub use interfaces::{Interface, Interfaces, NetError};
