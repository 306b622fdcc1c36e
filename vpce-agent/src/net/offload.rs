//! Offloads that hide from an XDP program what a frame had.

use std::{io, os::fd::AsRawFd as _};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `linux/ethtool.h`: commands, and the flag of the offload that takes VLAN tags off.
const GET_FLAGS: u32 = 0x25;
const SET_FLAGS: u32 = 0x26;
const RX_VLAN: u32 = 1 << 8;
/// `linux/sockios.h`
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// `struct ethtool_value`
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Makes a card hand over frames with their VLAN tags: one that was taken off is beside the frame,
/// where an XDP program does not see it.
///
/// # Errors
/// Where the driver does not let it be switched off.
pub fn keep_vlan_tags(interface: &str) -> io::Result<()> {
    let flags = ethtool(interface, GET_FLAGS, 0)?;
    if flags & RX_VLAN == 0 {
        return Ok(());
    }
    ethtool(interface, SET_FLAGS, flags & !RX_VLAN)?;
    if ethtool(interface, GET_FLAGS, 0)? & RX_VLAN == 0 { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn ethtool(interface: &str, command: u32, data: u32) -> io::Result<u32> {
    // Any family will do, and of IP the unit of systemd gives none.
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut value = Value { command, data };
    // SAFETY: all zeros are an `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(interface.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: both live as long as the call, and are what this command takes.
    if unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.data)
}
