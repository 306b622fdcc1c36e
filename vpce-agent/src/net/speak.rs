//! What the agent itself sends into tenant networks: questions (ARP) and last words (RST).
//!
//! By a packet socket, since tenant networks overlap and the kernel's tables can't hold them. In a
//! tunnel the kernel brings them to the other end: the underlay is the host's own network.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, UdpSocket},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use super::NetError;

/// UDP port of VXLAN (RFC 7348 §8).
const VXLAN: u16 = 4789;

/// How a frame leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By the interface with this index.
    Interface(u32),
    /// As payload of UDP, between two ends of tunnels.
    Tunnel {
        /// Our end.
        local: Ipv4Addr,
        /// The other end.
        remote: Ipv4Addr,
    },
}

/// Sends frames.
pub struct Speaker {
    packets: OwnedFd,
    tunnels: BTreeMap<Ipv4Addr, UdpSocket>,
}

impl Speaker {
    /// Opens the packet socket. It hears nothing: the programs do.
    ///
    /// # Errors
    /// [`NetError::Packet`].
    pub fn new() -> Result<Self, NetError> {
        // SAFETY: a plain system call; protocol 0 hears nothing.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) };
        if fd < 0 {
            return Err(NetError::Packet { source: io::Error::last_os_error() });
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self { packets: unsafe { OwnedFd::from_raw_fd(fd) }, tunnels: BTreeMap::new() })
    }

    /// Has ends of tunnels at these addresses of the host, and at no others.
    ///
    /// # Errors
    /// The first address that is not the host's, or whose port another one took; the others are there.
    pub fn tunnels(&mut self, locals: impl Iterator<Item = Ipv4Addr>) -> io::Result<()> {
        let mut had = std::mem::take(&mut self.tunnels);
        let mut failed = Ok(());
        for local in locals {
            let socket = had.remove(&local).map_or_else(|| tunnel(local), Ok);
            match socket {
                Ok(socket) => drop(self.tunnels.insert(local, socket)),
                Err(error) => failed = Err(io::Error::new(error.kind(), format!("VXLAN at {local}: {error}"))),
            }
        }
        failed
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// When the interface is down or gone, or the other end of a tunnel has no route.
    pub fn send(&self, via: Via, frame: &[u8]) -> io::Result<()> {
        match via {
            Via::Interface(index) => self.send_by(index, frame),
            Via::Tunnel { local, remote } => {
                let socket = self.tunnels.get(&local).ok_or(io::ErrorKind::NotConnected)?;
                socket.send_to(frame, (remote, VXLAN)).map(drop)
            }
        }
    }

    fn send_by(&self, index: u32, frame: &[u8]) -> io::Result<()> {
        // SAFETY: all zeros are a `sockaddr_ll`.
        let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        to.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
        to.sll_ifindex = i32::try_from(index).unwrap_or_default();
        let length = u32::try_from(size_of_val(&to)).unwrap_or_default();
        let fd = self.packets.as_raw_fd();
        // SAFETY: `frame` and `to` are valid for their lengths.
        let sent = unsafe { libc::sendto(fd, frame.as_ptr().cast(), frame.len(), 0, (&raw const to).cast(), length) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Our end of tunnels. It holds the port so that the kernel tells nobody that it is closed; what
/// comes there the programs have read before, so it keeps nothing.
fn tunnel(local: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((local, VXLAN))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
