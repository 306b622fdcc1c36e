//! Keys and values of the maps: the contract between the programs and the agent.
//!
//! All are `repr(C)` without padding, so that a key is its bytes. Any change of a shape or of a
//! meaning raises [`LAYOUT`]: pinned maps outlive both sides.
//!
//! In cache lines of 64 bytes, a packet of an established flow touches: of what all flows share two of
//! `SETTINGS` and one each of `HINTS` and `TOTALS`; one each of the `LINKS` and `TRAFFIC`
//! entries that it goes by, and of `TRANSIT` where it is a reply; of its own one of `BUCKETS`, where it
//! goes forward, and two of `FLOWS`. Only these last grow with the number of flows. It writes to `FLOWS` (when
//! its numbers or the clock moved on) and to the counters of its CPU.

mod counts;
mod dial;
mod flow;
mod messages;
mod way;

use core::mem::offset_of;

pub use self::{
    counts::{Admission, Connections, Pace, Stats, Totals, Traffic},
    dial::{Client, Dialables, Dialled, Local, Mapping, Prefix},
    flow::{Bucket, Ends, Flow, FlowKey, Index, WAYS},
    messages::{Ended, Heard, Pass},
    way::{Epoch, Exit, Way},
};
use crate::{
    reason::REASONS,
    wire::{Be16, Be32, Mac},
};

/// Version of everything in this module. `vpce` in ASCII, then a number that only grows.
pub const LAYOUT: u64 = 0x7670_6365_0000_0008;

/// Transit addresses of the largest transit range: a /17.
pub const TRANSIT_ADDRESSES: u32 = 1 << 15;
/// The lowest transit port; those below are not given out (RFC 6335: system ports).
pub const FIRST_PORT: u32 = 1024;
/// Transit ports of one transit address.
pub const PORTS: u32 = 65536 - FIRST_PORT;
/// Flow records of one transit address at most, so that each has several ports to walk through.
pub const ADDRESS_SLOTS: u32 = 1 << 14;
/// Flow records of one endpoint at most; it takes a transit address for each [`ADDRESS_SLOTS`].
pub const MAX_SLOTS: u32 = 1 << 20;

/// What holds for the whole gateway: the one entry of `SETTINGS`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// [`LAYOUT`] of the agent that filled the maps; 0 until it did.
    pub layout: u64,
    /// The transit range.
    pub transit: Be32,
    /// Its mask.
    pub transit_mask: Be32,
    /// What a client is told whose flow can't be opened: [`DROP`], [`RESET`] or [`ICMP`].
    pub refuse: u32,
    /// ICMP errors of the gateway's own, per second, CPU and link at most.
    pub errors: u32,
    /// How long after the first fragment of a datagram others are taken, in jiffies.
    pub fragments: u32,
    /// Jiffies of a second.
    pub second: u32,
    /// The [`Epoch`]: another one whenever a link, a backend or an endpoint has become another.
    pub epoch: u32,
    /// Always 0.
    pub reserved: u32,
    /// How flow records are found.
    pub index: Index,
}

/// A refused client is told nothing.
pub const DROP: u32 = 0;
/// A refused client is told what a host would say: RST, or ICMP port unreachable for UDP.
pub const RESET: u32 = 1;
/// A refused client is told by ICMP.
pub const ICMP: u32 = 2;

/// Key of `INGRESS`: where a frame came in. The value is the number of a link.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ingress {
    /// Index of the interface, in the network namespace that the program runs in.
    pub ifindex: u32,
    /// Which network of several on the interface.
    pub segment: Segment,
}

/// A network on an interface: the only one, a VLAN, or a VXLAN.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment(u32);

impl Segment {
    /// Frames without a tag.
    pub const UNTAGGED: Self = Self(0);

    /// Frames with a VLAN tag (IEEE 802.1Q), 1 to 4094. That of priority tags, 0, is no tag.
    #[must_use]
    #[inline(always)]
    pub const fn vlan(id: u16) -> Self {
        Self((id & 0xfff) as u32)
    }

    /// Frames in VXLAN packets (RFC 7348) with this 24-bit network identifier.
    #[must_use]
    #[inline(always)]
    pub const fn vxlan(vni: u32) -> Self {
        Self(1 << 24 | vni & 0xff_ffff)
    }

    /// Whether it is a VXLAN.
    #[must_use]
    #[inline(always)]
    pub const fn is_vxlan(self) -> bool {
        self.0 >> 24 != 0
    }

    /// The VLAN id or VXLAN network identifier; 0: none.
    #[must_use]
    #[inline(always)]
    pub const fn id(self) -> u32 {
        self.0 & 0xff_ffff
    }
}

/// Value of `LINKS`, by number: one attachment of a VPC.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Index of the interface; 0 while it is missing.
    pub ifindex: u32,
    /// The gateway's own address in the VPC.
    pub address: Be32,
    /// The gateway's MAC on it.
    pub mac: Mac,
    /// Number of the VPC.
    pub vpc: u16,
    /// Which network on the interface.
    pub segment: Segment,
    /// Of a VXLAN: the gateway's own VTEP address.
    pub local: Be32,
    /// Bytes of the largest IP packet that can leave by it.
    pub mtu: u32,
    /// 1: the interface is a veth whose other end is in another network namespace, so a packet can be
    /// handed on there at once (`bpf_redirect_peer`); only a packet at the TC hook is. 0 where an XDP program is on
    /// that end: nothing may get past it.
    pub peer: u32,
    /// What can be dialled from it. Packets for all other addresses are the kernel's, but for the transit range.
    pub dialables: Dialables,
}

/// Who a frame on a link goes to.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Station {
    /// Its MAC.
    pub mac: Mac,
    /// Of a VXLAN: MAC of the next hop to its VTEP.
    pub hop: Mac,
    /// Of a VXLAN: its VTEP.
    pub vtep: Be32,
}

/// Value of `ENDPOINTS`, by number.
///
/// While flows may exist, only `limit`, `accepted`, `all_ports`, `listed` and the timers change under one
/// `generation`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Flows made under another one are stale.
    pub generation: u32,
    /// Open connections at once.
    pub limit: u32,
    /// Number of the backend.
    pub backend: u32,
    /// First flow record of its block.
    pub first_slot: u32,
    /// Flow records of its block: a power of two, at most [`MAX_SLOTS`]; 0: no such endpoint.
    pub slots: u32,
    /// What its backend sees as the client: the first of `slots` / [`ADDRESS_SLOTS`] addresses.
    pub transit: Be32,
    /// 1: carries traffic.
    pub accepted: u16,
    /// 1: every port is published, as itself (gateway endpoints).
    pub all_ports: u8,
    /// 1: only clients of `CLIENTS` may dial it.
    pub listed: u8,
    /// Idle time of a TCP flow whose handshake is not complete, in jiffies.
    pub opening: u32,
    /// Idle time of an established one, in jiffies.
    pub established: u32,
    /// Idle time of one that is closing or closed, in jiffies.
    pub closing: u32,
    /// Idle time of a UDP flow, in jiffies.
    pub udp: u32,
}

/// Value of `BACKENDS`, by number. Address and VPC of a number never change.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// The backend's address in its VPC; 0: whatever the client dialled (gateway endpoints).
    pub address: Be32,
    /// Number of the link that it is behind.
    pub link: u32,
    /// The backend there, or the next hop towards it.
    pub station: Station,
    /// Number of the VPC.
    pub vpc: u16,
    /// 1: `link` and `station` are known.
    pub reachable: u16,
}

/// Value of `TRANSIT`, by transit address within the range: whose it is.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transit {
    /// Number of the endpoint.
    pub endpoint: u32,
    /// First flow record of its block.
    pub first_slot: u32,
    /// Flow records of its block; 0: the address is nobody's.
    pub slots: u32,
}

/// Key of `FRAGMENTS`: the datagram that a fragment is of (RFC 791 §3.2).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Datagram {
    /// Who sent it.
    pub sender: Be32,
    /// Whom to.
    pub receiver: Be32,
    /// Number of the VPC that it came from.
    pub vpc: u16,
    /// Its identification.
    pub id: Be16,
    /// IP protocol number.
    pub protocol: u32,
}

/// Value of `FRAGMENTS`: the flow that the first fragment was of.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstFragment {
    /// Number of the flow's record.
    pub slot: u32,
    /// State of the record then: which of its flows it was.
    pub state: u32,
    /// Jiffies when it came.
    pub at: u32,
}

impl Station {
    /// A station; put together as words, since the verifier refuses to have a MAC's written across the
    /// words of its stack.
    #[must_use]
    #[inline(always)]
    pub const fn new(mac: Mac, hop: Mac, vtep: Be32) -> Self {
        let ([head @ .., a, b], [c, d, tail @ ..]) = (mac.0, hop.0);
        Self::from_words([
            u32::from_ne_bytes(head),
            u32::from_ne_bytes([a, b, c, d]),
            u32::from_ne_bytes(tail),
            vtep.raw(),
        ])
    }

    /// As four words.
    #[must_use]
    #[inline(always)]
    pub const fn words(self) -> [u32; 4] {
        // SAFETY: 16 bytes without padding.
        unsafe { core::mem::transmute(self) }
    }

    /// From four words as of [`Station::words`].
    #[must_use]
    #[inline(always)]
    pub const fn from_words(words: [u32; 4]) -> Self {
        // SAFETY: 16 bytes, and any bytes are a `Station`.
        unsafe { core::mem::transmute(words) }
    }
}

impl Transit {
    /// Number of the record that a transit port leads to.
    #[must_use]
    #[inline(always)]
    pub const fn slot(&self, port: Be16) -> Option<u32> {
        let port = port.get() as u32;
        if self.slots == 0 || port < FIRST_PORT {
            return None;
        }
        Some(self.first_slot + ((port - FIRST_PORT) & (self.slots - 1)))
    }
}

impl Endpoint {
    /// The entry as it is now, its generation read first.
    ///
    /// Should the agent re-point the endpoint in between, what is made of this is stale before it is
    /// used: nothing leads to the new backend under the old generation's flows.
    #[must_use]
    #[inline(always)]
    pub fn snapshot(&self) -> Self {
        let at = core::ptr::from_ref(self);
        // SAFETY: `at` is a valid reference; volatile reads keep their order.
        unsafe {
            let generation = (&raw const (*at).generation).read_volatile();
            Self { generation, ..at.read_volatile() }
        }
    }

    /// Place in `FREE` of a ring position. There it says the record's number + 1; 0: nothing yet.
    #[must_use]
    #[inline(always)]
    pub const fn ring(&self, position: u32) -> u32 {
        self.first_slot + (position & (self.slots - 1))
    }
}

const _: () = {
    assert!(size_of::<Settings>() == 88);
    assert!(size_of::<Bucket>() == 64);
    assert!(size_of::<Ingress>() == 8);
    assert!(size_of::<Link>() == 64);
    assert!(size_of::<Station>() == 16);
    assert!(size_of::<Prefix>() == 8);
    assert!(size_of::<Local>() == 8);
    assert!(size_of::<Client>() == 8);
    assert!(size_of::<Dialled>() == 8);
    assert!(size_of::<Mapping>() == 4);
    assert!(size_of::<Endpoint>() == 44);
    assert!(size_of::<Backend>() == 28);
    assert!(size_of::<Transit>() == 12);
    assert!(size_of::<Admission>() == 64);
    // The agent reads it as words.
    assert!(offset_of!(Admission, connections) == 0 && offset_of!(Admission, peak) == 8);
    assert!(offset_of!(Admission, head) == 12 && offset_of!(Admission, tail) == 16);
    assert!(size_of::<FlowKey>() == 16);
    assert!(size_of::<Ends>() == 48);
    assert!(size_of::<Flow>() == 128);
    assert!(size_of::<Datagram>() == 16);
    assert!(size_of::<FirstFragment>() == 12);
    assert!(size_of::<Ended>() == 88);
    assert!(size_of::<Heard>() == 24);
    assert!(size_of::<Pass>() == 8);
    assert!(size_of::<Traffic>() == 32);
    assert!(size_of::<Stats>() == 8 * (1 + REASONS));
    assert!(size_of::<Totals>() == 8 * (5 + REASONS));
};

#[cfg(feature = "user")]
mod pod {
    use super::{
        Backend, Client, Datagram, Dialled, Ended, Endpoint, FirstFragment, FlowKey, Heard, Ingress, Link, Local,
        Mapping, Prefix, Settings, Transit,
    };

    macro_rules! pod {
        ($($name:ident),+) => {
            $(
                // SAFETY: `repr(C)`, integers only, no padding (the sizes above).
                unsafe impl aya::Pod for $name {}
            )+
        };
    }

    pod!(
        Settings,
        Ingress,
        Link,
        Local,
        Prefix,
        Client,
        Dialled,
        Mapping,
        Endpoint,
        Backend,
        Transit,
        FlowKey,
        Datagram,
        FirstFragment,
        Ended,
        Heard
    );
}
