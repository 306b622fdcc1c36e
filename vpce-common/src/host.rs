//! The dataplane on the host: vectors for maps, a byte vector for the frame.
//!
//! For tests and models; the very source of the packet path runs on it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use crate::{
    atomic::Atomic32,
    dataplane::{Dataplane, Frame},
    layout::{
        Admission, Backend, Dialled, Endpoint, Flow, FlowKey, Ingress, Link, Local, Mapping, Settings, Stats, Totals,
        Transit,
    },
    path::{Verdict, path},
    reap,
    wire::Header,
};

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
    pub mappings: HashMap<Dialled, Mapping>,
    pub endpoints: Vec<Endpoint>,
    pub backends: Vec<Backend>,
    pub transit: Vec<Transit>,
    pub admissions: Vec<Admission>,
    pub free: Vec<Atomic32>,
    pub flows: Vec<Flow>,
    pub flow_keys: RefCell<HashMap<FlowKey, u32>>,
    pub stats: Vec<Stats>,
    pub totals: Totals,
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
        let admission = Admission::default();
        admission.tail.store(endpoint.slots);
        let settings = self.settings.expect("settings come first");
        let place = (endpoint.transit.get() & !settings.transit_mask.get()) as usize;
        while self.transit.len() <= place {
            self.transit.push(Transit { endpoint: 0, first_slot: 0, slots: 0 });
        }
        self.transit[place] = Transit { endpoint: number, first_slot: endpoint.first_slot, slots: endpoint.slots };
        self.endpoints.push(endpoint);
        self.admissions.push(admission);
        self.stats.push(Stats::default());
    }

    /// Takes a frame through the path; it is rewritten in place.
    pub fn run(&self, frame: &mut Vec<u8>, ifindex: u32) -> Verdict {
        let length = Cell::new(frame.len());
        let view = HostFrame { rest: frame.as_mut_slice(), length: &length };
        let verdict = path(self, view, ifindex);
        self.totals.record(verdict);
        frame.truncate(length.get());
        verdict
    }

    /// One pass of the reaper over all records.
    ///
    /// # Panics
    /// Without `settings`.
    pub fn reap(&self) {
        let settings = self.settings.expect("settings come first");
        for (slot, _) in (0..).zip(&self.flows) {
            let _ = reap::reap(self, &settings, slot, self.jiffies.get());
        }
    }
}

/// What of a frame was not taken yet.
struct HostFrame<'f, 'l> {
    rest: &'f mut [u8],
    length: &'l Cell<usize>,
}

impl<'f> Frame<'f> for HostFrame<'f, '_> {
    fn take<T: Header>(&mut self) -> Option<&'f mut T> {
        let (header, rest) = std::mem::take(&mut self.rest).split_at_mut_checked(size_of::<T>())?;
        self.rest = rest;
        // SAFETY: as many bytes as a `T`, of alignment 1, and any bytes are a `T`.
        Some(unsafe { &mut *header.as_mut_ptr().cast::<T>() })
    }

    fn skip(&mut self, count: usize) {
        let rest = std::mem::take(&mut self.rest);
        let count = count.min(rest.len());
        self.rest = &mut rest[count..];
    }

    fn length(&self) -> usize {
        self.length.get()
    }

    fn cut(self, length: usize) -> bool {
        self.length.set(length.min(self.length.get()));
        length <= self.length.get()
    }
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
    fn ingress(&self, at: &Ingress) -> Option<u32> {
        self.ingress.get(at).copied()
    }
    fn link(&self, number: u32) -> Option<&Link> {
        at(&self.links, number)
    }
    fn address(&self, local: &Local) -> Option<u32> {
        self.addresses.get(local).copied()
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
    fn stats(&self, endpoint: u32) -> Option<&Stats> {
        at(&self.stats, endpoint)
    }
    fn find(&self, key: &FlowKey) -> Option<u32> {
        self.flow_keys.borrow().get(key).copied()
    }
    fn enter(&self, key: &FlowKey, slot: u32) -> bool {
        let mut keys = self.flow_keys.borrow_mut();
        let new = !keys.contains_key(key);
        if new {
            keys.insert(*key, slot);
        }
        new
    }
    fn forget(&self, key: &FlowKey) {
        self.flow_keys.borrow_mut().remove(key);
    }
}
