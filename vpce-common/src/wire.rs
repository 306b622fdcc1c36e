//! Integers in wire order, MAC addresses, and the headers as they lie in a frame.

use core::fmt;

pub use network_types::{arp::ArpHdr, ip::Ipv4Hdr, tcp::TcpHdr, udp::UdpHdr};

/// A 16-bit integer in network byte order, aligned: what map keys hold.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Be16(u16);

/// A 32-bit integer in network byte order, aligned: what map keys hold.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Be32(u32);

/// An Ethernet address.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Writes another one here, by words: the compiler copies arrays byte by byte.
    #[inline(always)]
    pub const fn set(&mut self, to: Self) {
        let ([head @ .., _, _], [_, _, _, _, tail @ ..]) = (to.0, to.0);
        let [first @ .., _, _] = &mut self.0;
        *first = head;
        let [_, _, _, _, last @ ..] = &mut self.0;
        *last = tail;
    }
}

macro_rules! wire_order {
    ($name:ident, $int:ty, $bytes:literal) => {
        impl $name {
            /// From an integer of this machine.
            #[must_use]
            #[inline(always)]
            pub const fn new(value: $int) -> Self {
                Self(value.to_be())
            }

            /// As an integer of this machine.
            #[must_use]
            #[inline(always)]
            pub const fn get(self) -> $int {
                <$int>::from_be(self.0)
            }

            /// From the bytes of a header.
            #[must_use]
            #[inline(always)]
            pub const fn from_wire(bytes: [u8; $bytes]) -> Self {
                Self(<$int>::from_ne_bytes(bytes))
            }

            /// The bytes of a header.
            #[must_use]
            #[inline(always)]
            pub const fn to_wire(self) -> [u8; $bytes] {
                self.0.to_ne_bytes()
            }

            /// The word as it lies in memory, for checksums and masks.
            #[must_use]
            #[inline(always)]
            pub const fn raw(self) -> $int {
                self.0
            }
        }
    };
}

wire_order!(Be16, u16, 2);
wire_order!(Be32, u32, 4);

impl fmt::Debug for Be16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

impl fmt::Debug for Be32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", core::net::Ipv4Addr::from(*self))
    }
}

impl From<core::net::Ipv4Addr> for Be32 {
    fn from(address: core::net::Ipv4Addr) -> Self {
        Self::from_wire(address.octets())
    }
}

impl From<Be32> for core::net::Ipv4Addr {
    fn from(address: Be32) -> Self {
        address.to_wire().into()
    }
}

impl Mac {
    /// Every station of the network.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// As two words: four bytes, then two.
    #[must_use]
    #[inline(always)]
    pub const fn words(self) -> [u32; 2] {
        let mac = self.0;
        [u32::from_ne_bytes([mac[0], mac[1], mac[2], mac[3]]), u32::from_ne_bytes([mac[4], mac[5], 0, 0])]
    }

    /// From two words as of [`Mac::words`].
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: [u32; 2]) -> Self {
        let (first, last) = (words[0].to_ne_bytes(), words[1].to_ne_bytes());
        Self([first[0], first[1], first[2], first[3], last[0], last[1]])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if place == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The Ethernet header. network-types' own is aligned to 2, which a frame in memory need not be.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EthHdr {
    /// Where the frame goes.
    pub to: Mac,
    /// Who sent it.
    pub from: Mac,
    /// What it carries.
    pub kind: [u8; 2],
}

impl EthHdr {
    /// Gives it other addresses: destination and source, as words that lie in memory as they do here.
    #[inline(always)]
    pub const fn readdress(&mut self, [a, b, c]: [u32; 3]) {
        let ([t0, t1, t2, t3], [t4, t5, f0, f1], [f2, f3, f4, f5]) =
            (a.to_ne_bytes(), b.to_ne_bytes(), c.to_ne_bytes());
        self.to.set(Mac([t0, t1, t2, t3, t4, t5]));
        self.from.set(Mac([f0, f1, f2, f3, f4, f5]));
    }
}

/// The ICMP header (RFC 792).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct IcmpHdr {
    /// [`ECHO_REQUEST`], [`UNREACHABLE`], …
    pub kind: u8,
    /// What exactly.
    pub code: u8,
    /// Over the whole message.
    pub check: [u8; 2],
    /// By kind: identifier and sequence number, or the MTU of the next hop.
    pub rest: [u8; 4],
}

/// What TCP and UDP headers begin with: all that an ICMP error surely quotes of them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct StartHdr {
    /// Source port.
    pub source: [u8; 2],
    /// Destination port.
    pub destination: [u8; 2],
    /// TCP: sequence number; UDP: length and checksum.
    pub rest: [u8; 4],
}

/// What follows `EtherType` [`ETHERTYPE_VLAN`] (IEEE 802.1Q).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct VlanHdr {
    /// Priority, then 12 bits of VLAN id.
    pub tci: [u8; 2],
    /// What the frame carries.
    pub kind: [u8; 2],
}

/// The VXLAN header (RFC 7348 §5).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct VxlanHdr {
    /// [`VXLAN_VNI`] and reserved bits.
    pub flags: u8,
    /// Reserved.
    pub reserved: [u8; 3],
    /// Network identifier.
    pub vni: [u8; 3],
    /// Reserved.
    pub last: u8,
}

impl VxlanHdr {
    /// That of a network identifier, of which 24 bits count.
    #[must_use]
    #[inline(always)]
    pub const fn of(vni: u32) -> Self {
        let header = (VXLAN_VNI as u64) << 56 | ((vni & 0xff_ffff) as u64) << 8;
        // SAFETY: eight bytes of alignment 1; any are a header.
        unsafe { core::mem::transmute(header.to_be_bytes()) }
    }
}

/// A header that can be laid over any bytes.
///
/// # Safety
/// The type has alignment 1, no padding, and every bit pattern is a value of it.
pub unsafe trait Header: Copy {}

// SAFETY: byte arrays and bytes only.
unsafe impl Header for EthHdr {}
// SAFETY: byte arrays and bytes only.
unsafe impl Header for Ipv4Hdr {}
// SAFETY: byte arrays and bytes only; the bitfield is two bytes.
unsafe impl Header for TcpHdr {}
// SAFETY: byte arrays only.
unsafe impl Header for UdpHdr {}
// SAFETY: byte arrays and bytes only.
unsafe impl Header for ArpHdr {}
// SAFETY: byte arrays and bytes only.
unsafe impl Header for IcmpHdr {}
// SAFETY: byte arrays only.
unsafe impl Header for StartHdr {}
// SAFETY: byte arrays only.
unsafe impl Header for VlanHdr {}
// SAFETY: byte arrays and bytes only.
unsafe impl Header for VxlanHdr {}
// SAFETY: bytes.
unsafe impl Header for [u8; 1] {}
// SAFETY: bytes.
unsafe impl Header for [u8; 2] {}
// SAFETY: bytes.
unsafe impl Header for [u8; 4] {}
// SAFETY: bytes.
unsafe impl Header for [u8; 52] {}

const _: () = {
    assert!(size_of::<EthHdr>() == 14 && align_of::<EthHdr>() == 1);
    assert!(size_of::<Ipv4Hdr>() == 20 && align_of::<Ipv4Hdr>() == 1);
    assert!(size_of::<TcpHdr>() == 20 && align_of::<TcpHdr>() == 1);
    assert!(size_of::<UdpHdr>() == 8 && align_of::<UdpHdr>() == 1);
    assert!(size_of::<ArpHdr>() == 28 && align_of::<ArpHdr>() == 1);
    assert!(size_of::<IcmpHdr>() == 8 && align_of::<IcmpHdr>() == 1);
    assert!(size_of::<StartHdr>() == 8 && align_of::<StartHdr>() == 1);
    assert!(size_of::<VlanHdr>() == 4 && align_of::<VlanHdr>() == 1);
    assert!(size_of::<VxlanHdr>() == 8 && align_of::<VxlanHdr>() == 1);
};

/// `EtherType` of IPv4.
pub const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
/// `EtherType` of ARP.
pub const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// `EtherType` of a VLAN tag.
pub const ETHERTYPE_VLAN: [u8; 2] = [0x81, 0x00];
/// UDP port of VXLAN (RFC 7348 §8).
pub const VXLAN_PORT: [u8; 2] = 4789u16.to_be_bytes();
/// Flag of a VXLAN header that holds a network identifier.
pub const VXLAN_VNI: u8 = 0x08;
/// IP protocol number of ICMP.
pub const ICMP: u8 = 1;
/// IP protocol number of TCP.
pub const TCP: u8 = 6;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;
/// ICMP type of an echo request.
pub const ECHO_REQUEST: u8 = 8;
/// ICMP type of an echo reply.
pub const ECHO_REPLY: u8 = 0;
/// ICMP type: destination unreachable; code 4 tells a smaller MTU (RFC 1191).
pub const UNREACHABLE: u8 = 3;
/// ICMP type: time exceeded.
pub const TIME_EXCEEDED: u8 = 11;
/// ARP operation: who has?
pub const ARP_REQUEST: [u8; 2] = [0, 1];
/// ARP operation: is at.
pub const ARP_REPLY: [u8; 2] = [0, 2];

/// The bytes of a header, in order.
#[must_use]
#[inline(always)]
pub fn bytes<T: Header>(header: &T) -> &[u8] {
    // SAFETY: a `Header` has no padding, so all its bytes are initialised.
    unsafe { core::slice::from_raw_parts(core::ptr::from_ref(header).cast(), size_of::<T>()) }
}
