//! What a flow knows of where its packets leave, so that they need not ask for it.
//!
//! It is learnt from `ENDPOINTS`, `BACKENDS` and `LINKS`, and holds for an epoch: the agent ends it
//! ([`super::Settings::epoch`]) before it changes one of these, and begins another one behind that. So a
//! packet that finds the epoch of its flow to be the gateway's needs none of the three.

use super::{Backend, Link};
use crate::atomic::Atomic32;

/// When a flow learnt its way, and whether somebody is just writing it.
///
/// Who learns locks it by a compare-and-swap and publishes by another one. What holds no longer, since the
/// record was taken for another flow or its client came by another link, is marked: also while it is being
/// written, so that it is not published.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Epoch(Atomic32);

/// Marks what holds no longer; no epoch has it.
const FORGOTTEN: u32 = 1;
/// One CPU is writing.
const LOCKED: u32 = 2;

impl Epoch {
    /// The epoch of a gateway whose maps are new.
    pub const FIRST: u32 = 4;

    /// Marks one of the gateway that is over while no other has begun: nothing is learnt, and all that is
    /// known waits. Should the agent end in the middle of its changes, the stages serve all flows.
    pub const OVER: u32 = 1 << 31;

    /// The one after `epoch`, over or not.
    #[must_use]
    pub const fn after(epoch: u32) -> u32 {
        let next = (epoch & !Self::OVER) + 2;
        if next < Self::FIRST || next >= Self::OVER { Self::FIRST } else { next }
    }

    /// Whether the way is of this epoch; asked before it is read, and again after it.
    #[must_use]
    #[inline(always)]
    pub fn is(&self, epoch: u32) -> bool {
        self.0.load() == epoch
    }

    /// Takes the way to write it; answers whether it could.
    #[inline(always)]
    pub(crate) fn lock(&self) -> bool {
        let now = self.0.load();
        now & !FORGOTTEN != LOCKED && self.0.swap_if(now, LOCKED).is_ok()
    }

    /// Gives back what was locked: it is of this epoch; of none where it was forgotten meanwhile.
    #[inline(always)]
    pub(crate) fn publish(&self, epoch: u32) {
        if self.0.swap_if(LOCKED, epoch).is_err() {
            self.0.store(FORGOTTEN);
        }
    }

    /// What is known holds no longer, nor what is just being written.
    #[inline(always)]
    pub(crate) fn forget(&self) {
        self.0.or(FORGOTTEN);
    }

    /// The same for who took the record, who need not do it twice: the compare-and-swap by which it was taken keeps the
    /// order that else the instruction keeps.
    #[inline(always)]
    pub(crate) fn forget_taken(&self) {
        if self.0.load() & FORGOTTEN == 0 {
            self.forget();
        }
    }
}

/// The ways of a flow's packets, as words that are copied.
///
/// Towards the backend: an Ethernet header up to its type, the interface, and in one word the MTU and the
/// backend's VPC. Towards the client, whose MAC is known: the gateway's MAC, the MTU in front of it, and the
/// interface. An interface of 0: the stages know better.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Way([Atomic32; 8]);

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Exit {
    /// Destination and source MAC.
    pub ethernet: [u32; 3],
    /// The interface, and in the highest bit [`Link::peer`].
    pub out: u32,
    /// Bytes of the largest packet.
    pub mtu: u32,
}

/// The bytes of a word that lie first.
const FIRST_HALF: u32 = 0xffff;
/// The bit of [`Exit::out`] that is not the interface's.
const PEER: u32 = 1 << 31;

impl Exit {
    /// The interface.
    #[inline(always)]
    #[must_use]
    pub const fn interface(&self) -> u32 {
        self.out & !PEER
    }

    /// [`Link::peer`]
    #[inline(always)]
    #[must_use]
    pub const fn peer(&self) -> u32 {
        self.out >> 31
    }
}

impl Way {
    /// Towards the backend.
    #[inline(always)]
    pub(crate) fn forward(&self) -> Exit {
        let [a, b, c, out, rest, ..] = &self.0;
        Exit { ethernet: [a.load(), b.load(), c.load()], out: out.load(), mtu: rest.load() & FIRST_HALF }
    }

    /// The backend's VPC.
    #[inline(always)]
    pub(crate) fn vpc(&self) -> u32 {
        self.0[4].load() >> 16
    }

    /// Towards the client, whose MAC these words begin with.
    #[inline(always)]
    pub(crate) fn reply(&self, client: [u32; 2]) -> Exit {
        let [.., first, last, out] = &self.0;
        let first = first.load();
        let ethernet = [client[0], client[1] & FIRST_HALF | first & !FIRST_HALF, last.load()];
        Exit { ethernet, out: out.load(), mtu: first & FIRST_HALF }
    }

    /// Writes both; nothing where packets do not leave by plain Ethernet.
    #[inline(always)]
    pub(crate) fn write(&self, ways: Option<(&Backend, &Link, &Link)>) {
        let [a, b, c, out, rest, first, last, back] = &self.0;
        let Some((backend, to_backend, to_client)) = ways else {
            out.store(0);
            back.store(0);
            return;
        };
        let [to, across, ..] = backend.station.words();
        let ([begins, ends], [client_begins, client_ends]) = (from(to_backend), from(to_client));
        a.store(to);
        b.store(across & FIRST_HALF | begins);
        c.store(ends);
        out.store(leaves(to_backend));
        rest.store(mtu(to_backend) | u32::from(backend.vpc) << 16);
        first.store(client_begins | mtu(to_client));
        last.store(client_ends);
        back.store(leaves(to_client));
    }
}

/// The source MAC of what leaves by a link, as it lies in an Ethernet header behind the destination's.
#[inline(always)]
const fn from(link: &Link) -> [u32; 2] {
    let [a, b, rest @ ..] = link.mac.0;
    [u32::from_le_bytes([0, 0, a, b]), u32::from_le_bytes(rest)]
}

#[inline(always)]
const fn leaves(link: &Link) -> u32 {
    link.ifindex | link.peer << 31
}

/// No packet is longer than 16 bits say.
#[inline(always)]
const fn mtu(link: &Link) -> u32 {
    if link.mtu < FIRST_HALF { link.mtu } else { FIRST_HALF }
}

const _: () = assert!(cfg!(target_endian = "little"), "halves of words are where they are in memory");
