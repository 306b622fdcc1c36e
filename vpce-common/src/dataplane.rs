//! What the packet path asks of the place it runs in: a frame, a clock and the maps.
//!
//! The kernel programs implement it over the context and the BPF maps, the host over vectors.

use crate::{
    atomic::Atomic32,
    index,
    layout::{
        Admission, Backend, Bucket, Datagram, Dialled, Ended, Endpoint, FirstFragment, Flow, FlowKey, Heard, Ingress,
        Link, Local, Mapping, Pace, Settings, Stats, Transit,
    },
    wire::Header,
};

/// One frame, read from front to back.
///
/// Each byte is handed out at most once, so several headers can be held and changed together.
pub trait Frame<'f>: Sized {
    /// The next header, or nothing where the frame ends before.
    fn take<T: Header>(&mut self) -> Option<&'f mut T>;

    /// Leaves out the next `count` bytes, at most 127.
    fn skip(&mut self, count: usize);

    /// Bytes of the whole frame, Ethernet header included.
    fn length(&self) -> usize;

    /// Bytes that are there to be read, of the whole frame: of one that lies in several pieces it may be
    /// those of the first, for who would rather not ask.
    fn at_hand(&self) -> usize {
        self.length()
    }

    /// The same frame, read from its front again, after that was moved by `head` bytes (below zero:
    /// towards new ones, whose content is anything) and the whole made `length` bytes long.
    ///
    /// All headers taken before are gone, also where it answers nothing: then there was no room.
    fn reframe(&self, head: i32, length: usize) -> Option<Self>;
}

/// Clock and maps. An absent entry is `None`; arrays answer every number below their size.
pub trait Dataplane: Sized {
    /// The kernel's tick counter: costs nothing, wraps.
    fn jiffies(&self) -> u32;
    /// `SETTINGS`
    fn settings(&self) -> Option<&Settings>;
    /// `INGRESS`: the link, and its number.
    fn ingress(&self, at: &Ingress) -> Option<(u32, &Link)>;
    /// `LINKS`
    fn link(&self, number: u32) -> Option<&Link>;
    /// `ADDRESSES`: the number of the endpoint.
    fn address(&self, local: &Local) -> Option<u32>;
    /// `PREFIXES`: the number of the gateway endpoint with the longest one that holds the address.
    fn prefix(&self, local: &Local) -> Option<u32>;
    /// `MAPPINGS`
    fn mapping(&self, dialled: &Dialled) -> Option<Mapping>;
    /// `ENDPOINTS`
    fn endpoint(&self, number: u32) -> Option<&Endpoint>;
    /// `BACKENDS`
    fn backend(&self, number: u32) -> Option<&Backend>;
    /// `TRANSIT`
    fn transit(&self, number: u32) -> Option<&Transit>;
    /// `ADMISSIONS`
    fn admission(&self, endpoint: u32) -> Option<&Admission>;
    /// `FREE`
    fn free(&self, place: u32) -> Option<&Atomic32>;
    /// `FLOWS`
    fn flow(&self, slot: u32) -> Option<&Flow>;
    /// `STATS` of this CPU
    fn stats(&self, endpoint: u32) -> Option<&Stats>;
    /// `PACE` of this CPU
    fn pace(&self, link: u32) -> Option<&Pace>;
    /// `FRAGMENTS`
    fn first_fragment(&self, datagram: &Datagram) -> Option<FirstFragment>;
    /// Notes a first fragment; the oldest one may be forgotten for it.
    fn note_fragment(&self, datagram: &Datagram, first: &FirstFragment);
    /// `HEARD`: told where there is room.
    fn heard(&self, heard: &Heard);
    /// `ENDED`: told where there is room.
    fn ended(&self, ended: &Ended);
    /// `BUCKETS`
    fn bucket(&self, number: u32) -> Option<&Bucket>;
    /// [`index::hash`]
    #[inline(always)]
    fn hash(&self, key: &FlowKey) -> u64 {
        self.settings().map_or(0, |settings| index::hash(&settings.index, key))
    }
    /// [`index::look`] for any record
    #[inline(always)]
    fn find(&self, key: &FlowKey) -> Option<u32> {
        self.look(key, index::NONE)
    }
    /// [`index::look`]
    #[inline(always)]
    fn look(&self, key: &FlowKey, but: u32) -> Option<u32> {
        index::look(self, key, but)
    }
    /// [`index::enter`]
    #[inline(always)]
    fn enter(&self, key: &FlowKey, slot: u32) -> bool {
        index::enter(self, key, slot)
    }
    /// [`index::put`]
    #[inline(always)]
    fn put(&self, key: &FlowKey, slot: u32) -> bool {
        index::put(self, key, slot)
    }
    /// [`index::forget`]
    #[inline(always)]
    fn forget(&self, key: &FlowKey, slot: u32) {
        index::forget(self, key, slot);
    }
}
