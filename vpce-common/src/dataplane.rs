//! What the packet path asks of the place it runs in: a frame, a clock and the maps.
//!
//! The kernel programs implement it over the context and the BPF maps, the host over vectors.

use crate::{
    atomic::Atomic32,
    layout::{
        Admission, Backend, Dialled, Endpoint, Flow, FlowKey, Ingress, Link, Local, Mapping, Settings, Stats, Transit,
    },
    wire::Header,
};

/// One frame, read from front to back.
///
/// Each byte is handed out at most once, so several headers can be held and changed together.
pub trait Frame<'f> {
    /// The next header, or nothing where the frame ends before.
    fn take<T: Header>(&mut self) -> Option<&'f mut T>;

    /// Leaves out the next `count` bytes, at most 60.
    fn skip(&mut self, count: usize);

    /// Bytes of the whole frame, Ethernet header included.
    fn length(&self) -> usize;

    /// Cuts the frame to `length` bytes; answers whether it could. Headers taken before are gone.
    fn cut(self, length: usize) -> bool;
}

/// Clock and maps. An absent entry is `None`; arrays answer every number below their size.
pub trait Dataplane {
    /// The kernel's tick counter: costs nothing, wraps.
    fn jiffies(&self) -> u32;
    /// `SETTINGS`
    fn settings(&self) -> Option<&Settings>;
    /// `INGRESS`: the number of the link.
    fn ingress(&self, at: &Ingress) -> Option<u32>;
    /// `LINKS`
    fn link(&self, number: u32) -> Option<&Link>;
    /// `ADDRESSES`: the number of the endpoint.
    fn address(&self, local: &Local) -> Option<u32>;
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
    /// `FLOW_KEYS`: the number of the record.
    fn find(&self, key: &FlowKey) -> Option<u32>;
    /// Enters a key that must not be there; answers whether it did.
    fn enter(&self, key: &FlowKey, slot: u32) -> bool;
    /// Removes a key; absent is fine.
    fn forget(&self, key: &FlowKey);
}
