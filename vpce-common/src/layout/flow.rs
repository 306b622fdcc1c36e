//! Flow records: the one part of the layout that several CPUs write at once.

use super::{Epoch, Station, Way};
use crate::{
    atomic::Atomic32,
    checksum::Delta,
    wire::{Be16, Be32},
};

/// A connection as its client sees it: what [`crate::index`] finds its record by.
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// The client's address.
    pub client: Be32,
    /// The endpoint's address.
    pub endpoint: Be32,
    /// The client's port.
    pub client_port: Be16,
    /// The endpoint port.
    pub endpoint_port: Be16,
    /// Number of the client's VPC.
    pub vpc: u16,
    /// IP protocol number.
    pub protocol: u16,
}

/// Entries of a bucket.
pub const WAYS: usize = 16;

/// How [`crate::index`] finds flow records.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Index {
    /// What it hashes with: random, and the same for as long as the maps are.
    pub seed: [u64; 5],
    /// Number of the last bucket.
    pub mask: u32,
    /// Always 0.
    pub reserved: u32,
}

impl Index {
    /// That of a gateway with so many flow records.
    #[must_use]
    pub const fn new(max_flows: u32, seed: [u64; 5]) -> Self {
        Self { seed, mask: Self::buckets(max_flows) - 1, reserved: 0 }
    }

    /// Buckets for so many flow records: a power of two, so that at most an eighth of the entries is used.
    #[must_use]
    pub const fn buckets(max_flows: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "16")]
        let ways = WAYS as u32;
        max_flows.div_ceil(ways / 8).next_power_of_two()
    }
}

/// Value of `BUCKETS`: the numbers of up to [`WAYS`] records, as [`crate::index`] writes them; 0: none.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Bucket([Atomic32; WAYS]);

impl Bucket {
    /// An entry; numbers go round.
    #[inline(always)]
    pub fn way(&self, number: usize) -> &Atomic32 {
        &self.0[number % WAYS]
    }

    /// All entries, two in a word: that with the lower number in the lower half.
    #[inline(always)]
    pub fn pairs(&self) -> impl Iterator<Item = u64> {
        let first = core::ptr::from_ref(self).cast::<u64>();
        // SAFETY: within the bucket, which is aligned to more; a word is read at once, as each entry is.
        (0..WAYS / 2).map(move |pair| unsafe { first.add(pair).read_volatile() })
    }
}

impl FlowKey {
    /// The key of a connection from `client`, address and port, to `endpoint`.
    ///
    /// Put together in two words, since a CPU waits for what was written in parts and is read whole.
    #[must_use]
    #[inline(always)]
    pub const fn new(client: (Be32, Be16), endpoint: (Be32, Be16), vpc: u16, protocol: u8) -> Self {
        let addresses = client.0.raw() as u64 | (endpoint.0.raw() as u64) << 32;
        let ports = client.1.raw() as u64 | (endpoint.1.raw() as u64) << 16;
        let halves = [addresses, ports | (vpc as u64) << 32 | (protocol as u64) << 48];
        // SAFETY: 16 bytes without padding; any are a key.
        unsafe { core::mem::transmute(halves) }
    }

    /// As two words, to compare.
    #[must_use]
    #[inline(always)]
    pub const fn halves(self) -> [u64; 2] {
        // SAFETY: 16 bytes without padding.
        unsafe { core::mem::transmute(self) }
    }
}

/// Value of `FLOWS`, by number of the record: both translations of one connection, and its state.
///
/// Two cache lines: the array begins on one. What packets write comes first, apart from most of what they
/// only read.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Flow {
    /// [`crate::state`]'s; its low 8 bits are 0 in a free record.
    pub state: Atomic32,
    /// Jiffies of the last packet.
    pub touched: Atomic32,
    /// Sequence number after the last byte that the client sent.
    pub client_end: Atomic32,
    /// Last acknowledgement number that the client sent.
    pub client_ack: Atomic32,
    /// Sequence number after the last byte that the backend sent.
    pub backend_end: Atomic32,
    /// Last acknowledgement number that the backend sent.
    pub backend_ack: Atomic32,
    /// Number of the link that the client came in by last.
    pub client_link: Atomic32,
    /// When `way` was learnt.
    pub epoch: Epoch,
    /// Who it came from there, the client or its router: the words of a [`Station`].
    client: [Atomic32; 4],
    /// Written by the one CPU that opens the flow, before others can find it.
    pub ends: core::cell::UnsafeCell<Ends>,
    /// Where its packets leave, as of `epoch`.
    pub way: Way,
}

/// The constant part of a flow.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// How the client sees the connection.
    pub key: FlowKey,
    /// Source address that the backend sees.
    pub transit: Be32,
    /// The backend's address.
    pub server: Be32,
    /// Number of the backend.
    pub backend: u32,
    /// Source port that the backend sees.
    pub transit_port: Be16,
    /// The backend's port.
    pub server_port: Be16,
    /// Number of the endpoint.
    pub endpoint: u32,
    /// The endpoint's generation when the flow was opened.
    pub generation: u32,
    /// IP header, forward.
    pub forward_ip: Delta,
    /// TCP or UDP header, forward.
    pub forward_transport: Delta,
    /// IP header, reply.
    pub reply_ip: Delta,
    /// TCP or UDP header, reply.
    pub reply_transport: Delta,
}

// SAFETY: `ends` is written only by whoever took the record, while its state says BUSY, before it
// says that the record was used once more. A reader that was overtaken by that is told by
// `state::still` and drops its packet. Everything else is atomic.
unsafe impl Sync for Flow {}

impl Flow {
    /// The constant part.
    #[must_use]
    #[inline(always)]
    pub fn ends(&self) -> &Ends {
        // SAFETY: as for `Sync`.
        unsafe { &*self.ends.get() }
    }

    /// Whether the client is known to be there.
    #[must_use]
    #[inline(always)]
    pub fn knows(&self, link: u32, station: Station) -> bool {
        let [a, b, c, d] = station.words();
        let [aa, bb, cc, dd] = self.client().words();
        (self.client_link.load() ^ link) | (a ^ aa) | (b ^ bb) | (c ^ cc) | (d ^ dd) == 0
    }

    /// Notes where the client is now.
    #[inline(always)]
    pub fn meet(&self, link: u32, station: Station) {
        let moved = self.client_link.load() != link;
        if moved {
            self.client_link.store(link);
        }
        for (now, then) in self.client.iter().zip(station.words()) {
            // Seldom news: a line that is only read stays in the caches of all CPUs.
            if now.load() != then {
                now.store(then);
            }
        }
        if moved {
            self.epoch.forget();
        }
    }

    /// Who packets to the client go to, on its link.
    #[must_use]
    #[inline(always)]
    pub fn client(&self) -> Station {
        let [a, b, c, d] = &self.client;
        Station::from_words([a.load(), b.load(), c.load(), d.load()])
    }

    /// The words that begin with the client's MAC.
    #[must_use]
    #[inline(always)]
    pub fn client_mac(&self) -> [u32; 2] {
        [self.client[0].load(), self.client[1].load()]
    }

    /// Writes the constant part.
    ///
    /// # Safety
    /// The caller took the record, and its state says BUSY.
    #[inline(always)]
    pub unsafe fn set_ends(&self, ends: Ends) {
        // SAFETY: the caller's promise.
        unsafe { *self.ends.get() = ends }
        self.epoch.forget_taken();
    }
}
