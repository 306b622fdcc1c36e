//! The dataplane on the host: vectors for maps, a byte vector for the frame.
//!
//! For tests and models; the very source of the packet path runs on it.

use std::{
    cell::{Cell, RefCell, UnsafeCell},
    collections::{HashMap, HashSet},
    mem::MaybeUninit,
};

use crate::{
    atomic::Atomic32,
    dataplane::{Dataplane, Frame},
    index,
    layout::{
        ADDRESS_SLOTS, Admission, Backend, Bucket, Client, Datagram, Dialled, Ended, Endpoint, Epoch, FirstFragment,
        Flow, FlowKey, Heard, Ingress, Link, Local, Mapping, Pace, Prefix, Settings, Stats, Totals, Traffic, Transit,
    },
    path::{End, Verdict, fast, leave, path, refuse},
    reap,
    wire::{Be32, Header},
};

/// A seed of `Index` for tests: 64 bits each, as those of an agent.
pub const SEED: [u64; 5] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89, 0x4528_21e6_38d0_1377];

/// All maps. Fields are the maps of the same name; fill those that the agent fills, then
/// [`HostPlane::open_block`] for each endpoint.
#[expect(missing_docs, reason = "each is the map of its name")]
#[derive(Default)]
pub struct HostPlane {
    pub jiffies: Cell<u32>,
    pub settings: Option<Settings>,
    pub ingress: HashMap<Ingress, u32>,
    pub links: Vec<Link>,
    pub addresses: HashMap<Local, u32>,
    /// By length in bits of the network alone.
    pub prefixes: HashMap<(u32, Prefix), u32>,
    /// `CLIENTS`, by length of the network in bits.
    pub clients: HashSet<(u32, Client)>,
    pub mappings: HashMap<Dialled, Mapping>,
    pub endpoints: Vec<Endpoint>,
    pub backends: Vec<Backend>,
    pub transit: Vec<Transit>,
    pub admissions: Vec<Admission>,
    pub free: Vec<Atomic32>,
    pub flows: Vec<Flow>,
    pub buckets: Vec<Bucket>,
    pub traffic: Vec<Traffic>,
    pub stats: Vec<Stats>,
    pub totals: Totals,
    pub pace: [Pace; 16],
    pub fragments: RefCell<HashMap<Datagram, FirstFragment>>,
    pub heard: RefCell<Vec<Heard>>,
    pub ended: RefCell<Vec<Ended>>,
}

impl HostPlane {
    /// Adds an endpoint, with all records of its block free and its transit address known.
    ///
    /// # Panics
    /// Without `settings`.
    pub fn open_block(&mut self, endpoint: Endpoint) {
        let number = u32::try_from(self.endpoints.len()).expect("few endpoints");
        let end = endpoint.first_slot + endpoint.slots;
        while self.flows.len() < end as usize {
            self.flows.push(Flow::default());
            self.free.push(Atomic32::default());
        }
        for slot in endpoint.first_slot..end {
            self.free[slot as usize].store(slot + 1);
        }
        self.buckets.resize_with(self.settings.expect("settings come first").index.mask as usize + 1, Bucket::default);
        let admission = Admission::default();
        admission.tail.store(endpoint.slots);
        let settings = self.settings.expect("settings come first");
        let place = (endpoint.transit.get() & !settings.transit_mask.get()) as usize;
        let share = endpoint.slots.min(ADDRESS_SLOTS);
        for (place, first_slot) in (place..).zip((endpoint.first_slot..end).step_by(share as usize)) {
            while self.transit.len() <= place {
                self.transit.push(Transit { endpoint: 0, first_slot: 0, slots: 0 });
            }
            self.transit[place] = Transit { endpoint: number, first_slot, slots: share };
        }
        self.endpoints.push(endpoint);
        self.admissions.push(admission);
        self.traffic.push(Traffic::default());
        self.stats.push(Stats::default());
    }

    /// Begins another epoch, as an agent does that has changed links, backends or endpoints.
    pub fn begin_epoch(&mut self) {
        if let Some(settings) = &mut self.settings {
            settings.epoch = Epoch::after(settings.epoch);
        }
    }

    /// Takes a frame through the path; it is rewritten in place.
    pub fn run(&self, frame: &mut Vec<u8>, ifindex: u32) -> Verdict {
        self.run_large(frame, ifindex, 0)
    }

    /// The same with one that will be cut into packets of so many bytes of payload.
    pub fn run_large(&self, frame: &mut Vec<u8>, ifindex: u32, cut_into: u32) -> Verdict {
        let fast = self.by_fast_lane(frame, ifindex, cut_into);
        fast.unwrap_or_else(|| self.by_stages(frame, ifindex, cut_into))
    }

    /// The fast lane alone; nothing where it leaves the frame to the stages, untouched.
    pub fn by_fast_lane(&self, frame: &mut Vec<u8>, ifindex: u32, cut_into: u32) -> Option<Verdict> {
        let outcome = Buffer::lend(frame, cut_into, |whole| fast(self, whole.clone(), ifindex, |outcome| outcome))?;
        self.totals.record(outcome);
        Some(outcome.verdict())
    }

    /// The stages alone.
    pub fn by_stages(&self, frame: &mut Vec<u8>, ifindex: u32, cut_into: u32) -> Verdict {
        let outcome = Buffer::lend(frame, cut_into, |whole| {
            let mut place = MaybeUninit::uninit();
            let end = End::begin(&mut place);
            path(self, whole.clone(), ifindex, end);
            if end.tells() {
                refuse(self, whole, end);
            }
            leave(self, whole, end)
        });
        self.totals.record(outcome);
        outcome.verdict()
    }

    /// Where flows are found: keys, and the numbers of their records.
    #[must_use]
    pub fn keys(&self) -> Vec<(FlowKey, u32)> {
        let records = self.buckets.iter().flat_map(index::records);
        records.map(|slot| (self.flows[slot as usize].ends().key, slot)).collect()
    }

    /// One pass of the reaper over all records.
    pub fn reap(&self) {
        for (slot, _) in (0..).zip(&self.flows) {
            let _ = reap::reap(self, slot, self.jiffies.get());
        }
    }
}

/// Bytes that a frame can grow by at its front: `XDP_PACKET_HEADROOM` of `linux/bpf.h`.
const HEADROOM: usize = 256;

/// A frame and the room in front of it.
struct Buffer {
    bytes: Box<[UnsafeCell<u8>]>,
    start: Cell<usize>,
    end: Cell<usize>,
    cut_into: u32,
}

impl Buffer {
    /// Lends a frame to the path, and takes back what became of it.
    fn lend<R>(frame: &mut Vec<u8>, cut_into: u32, path: impl FnOnce(&HostFrame<'_>) -> R) -> R {
        let mut bytes = vec![0; HEADROOM];
        bytes.append(frame);
        let buffer = Self {
            start: Cell::new(HEADROOM),
            end: Cell::new(bytes.len()),
            bytes: bytes.into_iter().map(UnsafeCell::new).collect(),
            cut_into,
        };
        let done = path(&HostFrame { buffer: &buffer, at: HEADROOM });
        let (start, end) = (buffer.start.get(), buffer.end.get());
        frame.extend(&buffer.bytes.into_iter().map(UnsafeCell::into_inner).collect::<Vec<u8>>()[start..end]);
        done
    }
}

/// A place in a frame.
#[derive(Clone)]
struct HostFrame<'f> {
    buffer: &'f Buffer,
    at: usize,
}

impl<'f> Frame<'f> for HostFrame<'f> {
    fn take<T: Header>(&mut self) -> Option<&'f mut T> {
        let at = self.at;
        if at + size_of::<T>() > self.buffer.end.get() {
            return None;
        }
        self.at += size_of::<T>();
        // SAFETY: in bounds, of alignment 1, any bytes are a `T`, and `at` moved on: what is read
        // again from the front is so only after `reframe`, whose callers use no older header, or after `again`, whose callers hold none.
        Some(unsafe { &mut *UnsafeCell::raw_get(self.buffer.bytes.as_ptr().add(at)).cast::<T>() })
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }

    fn length(&self) -> usize {
        self.buffer.end.get() - self.buffer.start.get()
    }

    fn cut_into(&self) -> u32 {
        self.buffer.cut_into
    }

    fn again(&self) -> Self {
        Self { buffer: self.buffer, at: self.buffer.start.get() }
    }

    fn reframe(&self, old: u32, new: u32, rest: usize) -> Option<Self> {
        let start = (self.buffer.start.get() + old as usize).checked_sub(new as usize)?;
        let end = start + new as usize + rest;
        if end > self.buffer.bytes.len() {
            return None;
        }
        self.buffer.start.set(start);
        self.buffer.end.set(end);
        Some(self.again())
    }

    fn renew(&self, head: u32, count: usize) -> Option<(Self, u32)> {
        // At its front there is more room than at its end.
        let length = head as usize + count;
        let more = length.saturating_sub(self.length());
        Some((self.reframe(0, u32::try_from(more).ok()?, length - more)?, head))
    }
}

/// The network of so many bits that holds an address.
const fn network(address: Be32, bits: u32) -> Be32 {
    Be32::new(address.get() & !u32::MAX.unbounded_shr(bits))
}

fn at<T>(of: &[T], number: u32) -> Option<&T> {
    of.get(number as usize)
}

impl Dataplane for HostPlane {
    fn jiffies(&self) -> u32 {
        self.jiffies.get()
    }
    fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }
    fn ingress(&self, at: &Ingress) -> Option<(u32, &Link)> {
        let number = *self.ingress.get(at)?;
        Some((number, self.link(number)?))
    }
    fn link(&self, number: u32) -> Option<&Link> {
        at(&self.links, number)
    }
    fn address(&self, local: &Local) -> Option<u32> {
        self.addresses.get(local).copied()
    }
    fn prefix(&self, local: &Local) -> Option<u32> {
        let prefix = |bits| (bits, Prefix { vpc: local.vpc, network: network(local.address, bits) });
        (0..=32).rev().find_map(|bits| self.prefixes.get(&prefix(bits)).copied())
    }
    fn lists(&self, client: &Client) -> bool {
        (0..=32)
            .any(|bits| self.clients.contains(&(bits, Client { network: network(client.network, bits), ..*client })))
    }
    fn mapping(&self, dialled: &Dialled) -> Option<Mapping> {
        self.mappings.get(dialled).copied()
    }
    fn endpoint(&self, number: u32) -> Option<&Endpoint> {
        at(&self.endpoints, number)
    }
    fn backend(&self, number: u32) -> Option<&Backend> {
        at(&self.backends, number)
    }
    fn transit(&self, number: u32) -> Option<&Transit> {
        at(&self.transit, number)
    }
    fn admission(&self, endpoint: u32) -> Option<&Admission> {
        at(&self.admissions, endpoint)
    }
    fn free(&self, place: u32) -> Option<&Atomic32> {
        at(&self.free, place)
    }
    fn flow(&self, slot: u32) -> Option<&Flow> {
        at(&self.flows, slot)
    }
    fn traffic(&self, endpoint: u32) -> Option<&Traffic> {
        at(&self.traffic, endpoint)
    }
    fn stats(&self, endpoint: u32) -> Option<&Stats> {
        at(&self.stats, endpoint)
    }
    fn pace(&self, link: u32) -> Option<&Pace> {
        at(&self.pace, link)
    }
    fn first_fragment(&self, datagram: &Datagram) -> Option<FirstFragment> {
        self.fragments.borrow().get(datagram).copied()
    }
    fn note_fragment(&self, datagram: &Datagram, first: &FirstFragment) {
        self.fragments.borrow_mut().insert(*datagram, *first);
    }
    fn heard(&self, heard: &Heard) {
        self.heard.borrow_mut().push(*heard);
    }
    fn ended(&self, ended: &Ended) {
        self.ended.borrow_mut().push(*ended);
    }
    fn bucket(&self, number: u32) -> Option<&Bucket> {
        at(&self.buckets, number)
    }
}
