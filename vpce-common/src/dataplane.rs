//! What the packet path asks of the place it runs in: a frame, a clock and the maps.
//!
//! The kernel programs implement it over the context and the BPF maps, the host over vectors.

use crate::{
    atomic::Atomic32,
    checksum::Delta,
    index::{self, Place},
    layout::{
        Admission, Backend, Bucket, Client, Datagram, Dialled, Ended, Endpoint, FirstFragment, Flow, FlowKey, Heard,
        Ingress, Link, Local, Mapping, Pace, Settings, Stats, Traffic, Transit,
    },
    path,
    wire::{Be32, Header, VlanHdr},
};

/// One frame, read from front to back.
///
/// Each byte is handed out at most once, so several headers can be held and changed together.
pub trait Frame<'f>: Sized {
    /// Whether the kernel keeps beside the frame what else is in it: its VLAN tag, the sum of its bytes.
    const BESIDE: bool = false;

    /// The next header, or nothing where the frame ends before.
    fn take<T: Header>(&mut self) -> Option<&'f mut T>;

    /// Leaves out the next `count` bytes, at most 127.
    fn skip(&mut self, count: usize);

    /// Bytes of the whole frame, Ethernet header included.
    fn length(&self) -> usize;

    /// Bytes that are there to be read, of the whole frame: of one that lies in several pieces it may be
    /// those of the first, for who would rather not ask.
    #[inline(always)]
    fn at_hand(&self) -> usize {
        self.length()
    }

    /// Bytes of payload in each packet that the kernel will cut this one into; 0: it is one packet.
    #[inline(always)]
    fn cut_into(&self) -> u32 {
        0
    }

    /// The tag beside the frame: what kind of tag it is, where the frame's own says what it carries.
    #[inline(always)]
    fn tag(&self) -> Option<VlanHdr> {
        None
    }

    /// Puts a tag beside the frame. All headers taken before are gone.
    #[inline(always)]
    fn set_tag(&self, _tci: u16) -> Option<()> {
        None
    }

    /// The same frame, read from its front again.
    #[must_use]
    fn again(&self) -> Self;

    /// The same frame with `new` bytes in place of the `old` ones in front of its packet, their content
    /// anything, and `rest` bytes behind them.
    ///
    /// All headers taken before are gone, also where it answers nothing: then there was no room.
    fn reframe(&self, old: u32, new: u32, rest: usize) -> Option<Self>;

    /// A frame to be written anew in place of this one, with `count` bytes of packet; answers how many
    /// bytes are in front of that now, where there were `head`.
    ///
    /// Else as [`Frame::reframe`].
    fn renew(&self, head: u32, count: usize) -> Option<(Self, u32)>;

    /// Where the kernel keeps a sum: that of the 50 bytes that VXLAN puts behind the Ethernet header, or of more.
    #[inline(always)]
    fn sum(&self) -> u16 {
        0
    }

    /// Tells the kernel how its sum changes of what is behind the Ethernet header.
    #[inline(always)]
    fn summed(&self, _change: Delta) {}

    /// Changes the checksum of a transport header by `change`, the part of it that comes from the
    /// addresses being `addresses`. All headers taken before are gone.
    ///
    /// `optional`: a checksum of zero says that there is none, and stays (RFC 768).
    #[inline(always)]
    fn amend(&self, check: &mut [u8; 2], change: Delta, _addresses: Delta, optional: bool) {
        if optional && *check == [0, 0] {
            return;
        }
        *check = match change.apply(*check) {
            [0, 0] if optional => [0xff, 0xff],
            new => new,
        };
    }
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
    /// `CLIENTS`: whether a network of it holds the client.
    fn lists(&self, client: &Client) -> bool;
    /// [`path::barred`]
    #[inline(always)]
    fn bars(&self, endpoint: u32, client: Be32) -> bool {
        path::barred(self, endpoint, client)
    }
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
    /// `TRAFFIC` of this CPU
    fn traffic(&self, endpoint: u32) -> Option<&Traffic>;
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
    /// [`Place::of`]; without settings, where no packet gets as far as to have a key, any.
    #[inline(always)]
    fn place(&self, key: &FlowKey) -> Place {
        self.settings().map_or(Place::from_raw(0), |settings| Place::of(&settings.index, key))
    }
    /// [`index::find`]
    #[inline(always)]
    fn find(&self, at: Place, key: &FlowKey) -> Option<u32> {
        index::find(self, at, key)
    }
    /// [`index::enter`]
    #[inline(always)]
    fn enter(&self, at: Place, key: &FlowKey, slot: u32) -> bool {
        index::enter(self, at, key, slot)
    }
    /// [`path::relearn`]
    #[inline(always)]
    fn learn(&self, slot: u32, state: u32) {
        let _ = path::relearn(self, slot, state);
    }
    /// [`index::forget`]
    #[inline(always)]
    fn forget(&self, key: &FlowKey, slot: u32) {
        index::forget(self, key, slot);
    }
}
