//! ARP (RFC 826) by our own packet sockets: tenant networks overlap, so the kernel's neighbour
//! table, which has one entry for an address, can't hold them.

use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use tokio::io::unix::AsyncFd;
use vpce_common::wire::{ARP_REPLY, ARP_REQUEST, ArpHdr, ETHERTYPE_ARP, EthHdr, Mac, bytes};

use super::NetError;

const ETH_P_ARP: u16 = u16::from_be_bytes(ETHERTYPE_ARP);
const FRAME: usize = size_of::<EthHdr>() + size_of::<ArpHdr>();

/// Somebody who said where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The address.
    pub address: Ipv4Addr,
    /// Its MAC.
    pub mac: Mac,
}

/// ARP on one interface.
pub struct ArpSocket {
    socket: AsyncFd<OwnedFd>,
}

impl ArpSocket {
    /// Listens on an interface.
    ///
    /// # Errors
    /// [`NetError::Packet`].
    pub fn open(interface: &str, index: u32) -> Result<Self, NetError> {
        let open = || {
            let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            // SAFETY: a plain system call; protocol 0 hears nothing until the socket is bound.
            let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: a new descriptor that nobody else owns.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            // SAFETY: all zeros are a `sockaddr_ll`.
            let mut at: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
            at.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
            at.sll_protocol = ETH_P_ARP.to_be();
            at.sll_ifindex = i32::try_from(index).unwrap_or_default();
            let length = u32::try_from(size_of_val(&at)).unwrap_or_default();
            // SAFETY: `at` is a valid address of `length` bytes.
            if unsafe { libc::bind(fd.as_raw_fd(), (&raw const at).cast(), length) } < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: an `OwnedFd` answers the same descriptor for as long as it lives.
            Ok(unsafe { AsyncFd::register(fd) }?)
        };
        let socket = open().map_err(|source| NetError::Packet { interface: interface.to_owned(), source })?;
        Ok(Self { socket })
    }

    /// Asks everybody who has `wanted`, as the gateway with this MAC and address.
    ///
    /// # Errors
    /// When the interface is down or gone.
    pub fn ask(&self, wanted: Ipv4Addr, mac: Mac, address: Ipv4Addr) -> io::Result<()> {
        let eth = EthHdr { to: Mac::BROADCAST, from: mac, kind: ETHERTYPE_ARP };
        let mut arp = ArpHdr::new();
        (arp.htype, arp.ptype, arp.hlen, arp.plen) = ([0, 1], [8, 0], 6, 4);
        arp.oper = ARP_REQUEST;
        arp.sha = mac.0;
        arp.spa = address.octets();
        arp.tpa = wanted.octets();
        let mut frame = [0u8; FRAME];
        frame[..size_of::<EthHdr>()].copy_from_slice(bytes(&eth));
        frame[size_of::<EthHdr>()..].copy_from_slice(bytes(&arp));
        nix::unistd::write(self.socket.get_ref(), &frame)?;
        Ok(())
    }

    /// Waits for the next one who says where they are, asked or not.
    ///
    /// # Errors
    /// When the interface is down or gone.
    pub async fn heard(&self) -> io::Result<Heard> {
        loop {
            let mut ready = self.socket.readable().await?;
            let mut frame = [0u8; 128];
            let read = ready.try_io(|socket| Ok(nix::unistd::read(socket.get_ref(), &mut frame)?));
            let Ok(read) = read else { continue };
            if let Some(heard) = parse(&frame[..read?]) {
                return Ok(heard);
            }
        }
    }
}

/// The sender of an ARP frame, reply or request.
fn parse(frame: &[u8]) -> Option<Heard> {
    let arp = frame.get(size_of::<EthHdr>()..FRAME)?;
    let known = arp[..6] == [0, 1, 8, 0, 6, 4] && (arp[6..8] == ARP_REPLY || arp[6..8] == ARP_REQUEST);
    let mac = Mac(arp[8..14].try_into().ok()?);
    let octets: [u8; 4] = arp[14..18].try_into().ok()?;
    let unicast = mac.0[0] & 1 == 0 && mac != Mac::default();
    (known && unicast && octets != [0; 4]).then(|| Heard { address: octets.into(), mac })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(operation: u8, mac: [u8; 6]) -> Vec<u8> {
        let mut frame = vec![0xff; 12];
        frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
        frame.extend(mac);
        frame.extend([10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 10, 0, 0, 254]);
        frame
    }

    #[test]
    fn replies_and_requests_tell_where_their_sender_is() {
        for operation in [1, 2] {
            let heard = Heard { address: [10, 0, 0, 5].into(), mac: Mac([2, 0, 0, 0, 0, 1]) };
            assert_eq!(parse(&frame(operation, heard.mac.0)), Some(heard));
        }
    }

    #[test]
    fn nonsense_tells_nothing() {
        assert_eq!(parse(&frame(3, [2, 0, 0, 0, 0, 1])), None);
        assert_eq!(parse(&frame(2, [3, 0, 0, 0, 0, 1])), None);
        assert_eq!(parse(&frame(2, [0; 6])), None);
        assert_eq!(parse(&frame(2, [2, 0, 0, 0, 0, 1])[..40]), None);
    }
}
