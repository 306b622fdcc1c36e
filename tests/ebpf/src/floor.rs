//! Entries of the floors: what a stateless NAT reads for a packet, and one that keeps state.

/// What a packet is found by.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Source and destination address, as on the wire.
    pub addresses: u64,
    /// Source and destination port.
    pub ports: u32,
    /// The interface that it came in by.
    pub ifindex: u32,
}

/// What becomes of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Translation {
    /// Source and destination address.
    pub addresses: u64,
    /// Source and destination port.
    pub ports: u32,
    /// What is added to the checksum's complement in the IPv4 header.
    pub ip: u16,
    /// The same of TCP.
    pub tcp: u16,
    /// Both Ethernet addresses.
    pub ethernet: [u32; 3],
    /// The interface that it leaves by.
    pub out: u32,
}

/// The same, with the least state.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Tracked {
    /// What becomes of it.
    pub translation: Translation,
    /// When the last packet came, in nanoseconds.
    pub seen: u64,
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no padding (the sizes below).
    unsafe impl aya::Pod for super::Key {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Translation {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Tracked {}
}

const _: () = {
    assert!(size_of::<Key>() == 16);
    assert!(size_of::<Translation>() == 32);
    assert!(size_of::<Tracked>() == 56);
};
