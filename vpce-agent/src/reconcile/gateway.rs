//! The gateway as a whole: one owner of desired state, leases, maps and attachments.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    iter,
    time::{Duration, Instant},
};

use vpce_common::{
    layout::{Ended, LAYOUT, Pass},
    reap::HASTE,
};

use super::{
    Entries, Facts, Reader as _,
    alarms::Alarms,
    apply,
    awake::Awake,
    compile, drifted, observe, plan,
    walk::{self, Walk},
    watch::{self, Seen},
    words::{self, Word},
};
use crate::{
    dataplane::{Dataplane, DataplaneError, hertz},
    maps::{MAX_ENDPOINTS, MAX_LINKS, MapError},
    model::{
        Attachment, Desired, Mode, Part, Timers,
        leases::{Capacity, LeaseError, Leases, Ledger},
    },
    neighbours::{Neighbour, Neighbours},
    net::Interface,
    store::{LeaseDelta, Store, StoreError},
};

/// Connections whose ends are told at once, at most.
const TELL_MOST: usize = 16384;

/// How much the maps have room for.
pub(super) const CAPACITY: Capacity = Capacity { links: MAX_LINKS, endpoints: MAX_ENDPOINTS };

/// Why desired state can't be made true.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Something can't be given out.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Lease(Vec<LeaseError>),
    /// State can't be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The kernel refused a write.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The programs can't be run or attached.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// The maps are from an agent whose state directory this is not.
    #[error(
        "the dataplane holds endpoints that this state directory does not know: give the --state-dir that it was \
         filled from, as it was last, or take it off with `vpce-agent unload` (flows end)"
    )]
    StateLost,
}

/// What a pass compares desired state with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// What the last pass wrote: nobody else writes. A change among ten thousand endpoints waits for no reading.
    LastPass,
    /// What the maps hold: somebody wrote all the same.
    Maps,
}

/// The gateway.
pub struct Gateway {
    pub(super) dataplane: Dataplane,
    pub(super) store: Box<dyn Store>,
    pub(super) desired: Desired,
    pub(super) leases: Leases,
    /// Whether desired state became another as a whole since the last pass.
    is_changed: bool,
    /// Whose the leases are, since they were changed as a whole; made when it is needed.
    pub(super) ledger: Option<Ledger>,
    pub(super) facts: Facts,
    pub(super) neighbours: Neighbours,
    adopted: BTreeMap<u32, Neighbour>,
    pub(super) last: Option<Entries>,
    /// Why the program can't be attached, by interface.
    pub(super) failures: BTreeMap<String, String>,
    /// The mode that each interface was attached by.
    pub(super) modes: BTreeMap<String, Mode>,
    /// Whether native XDP may be on all of them, as [`crate::model::Site`] has it.
    pub(super) cards_only: bool,
    /// Interfaces whose driver refused native XDP, by index.
    pub(super) without_native: BTreeSet<u32>,
    /// Interfaces that are away.
    pub(super) missing: BTreeSet<String>,
    /// Interfaces without VLANs that may hide the tags of others.
    pub(super) hiding: BTreeSet<String>,
    pub(super) alarms: Alarms,
    /// Whether the file that was read last could not be taken.
    pub(super) reload_failed: bool,
    /// How often causes of alarms were looked for.
    pub(super) watched: u32,
    /// Endpoints at the last look for causes of alarms, by number.
    pub(super) seen: Vec<Option<Seen>>,
    pub(super) awake: Awake,
    pub(super) walk: Walk,
    /// Connections that ended, whose ends were not told yet.
    ended: VecDeque<Ended>,
    /// How many were heard at once, the last time.
    pub(super) heard: usize,
}

impl Gateway {
    /// Takes over a loaded dataplane and whatever an earlier agent left in it. Changes no packet's
    /// way: the first [`Gateway::pass`] does.
    ///
    /// # Errors
    /// When state and dataplane do not belong together, or desired state can't be served.
    pub fn start(
        dataplane: Dataplane,
        mut store: Box<dyn Store>,
        desired: Desired,
        guests: Part,
    ) -> Result<(Self, BTreeMap<String, LeaseError>), ReconcileError> {
        let settings = dataplane.maps.settings()?;
        let filled = settings.layout == LAYOUT;
        let leases = match store.leases()? {
            Some(leases) if filled => leases,
            None if filled => return Err(ReconcileError::StateLost),
            leases => {
                let leases = leases.map(Leases::without_flows).unwrap_or_default();
                store.replace_leases(&leases)?;
                leases
            }
        };
        let seed = if filled { settings.index.seed } else { seed() };
        let facts = Facts { hertz: hertz(), seed, ..Facts::default() };
        let adopted = adopt(&dataplane, &leases)?;
        let alarms = watch::expecting(&dataplane.maps, &leases)?;
        let mut gateway = Self {
            dataplane,
            store,
            desired: desired.clone(),
            leases,
            is_changed: true,
            ledger: None,
            facts,
            neighbours: Neighbours::default(),
            adopted,
            last: None,
            failures: BTreeMap::new(),
            modes: BTreeMap::new(),
            cards_only: false,
            without_native: BTreeSet::new(),
            missing: BTreeSet::new(),
            hiding: BTreeSet::new(),
            alarms,
            reload_failed: false,
            watched: 0,
            seen: vec![None; MAX_ENDPOINTS as usize],
            awake: Awake::default(),
            walk: Walk::default(),
            ended: VecDeque::new(),
            heard: 0,
        };
        gateway.check_generations()?;
        // What ended while no agent ran is free for what is wanted now.
        for first in (0..desired.gateway.max_flows).step_by(walk::MOST as usize) {
            gateway.look_at(Pass { first, count: walk::MOST })?;
        }
        let ended = gateway.ended_leases()?;
        gateway.forget(&ended)?;
        let refused = gateway.change(desired, guests)?;
        Ok((gateway, refused))
    }

    /// Takes another desired state, with `guests` beside it; the next pass makes it true. Answers which of the
    /// guests can't be served, and why.
    ///
    /// # Errors
    /// When the rest can't be served or saved: then the old one stands, whole.
    pub fn change(
        &mut self,
        mut desired: Desired,
        guests: Part,
    ) -> Result<BTreeMap<String, LeaseError>, ReconcileError> {
        let may_fail: BTreeSet<String> = guests.endpoints.keys().chain(guests.services.keys()).cloned().collect();
        drop(guests.swap(&mut desired));
        let mut refused = BTreeMap::new();
        let leases = loop {
            let errors = match self.leases.assign(&desired, CAPACITY) {
                Ok(leases) => break leases,
                Err(errors) => errors,
            };
            let (guests, others): (Vec<_>, Vec<_>) =
                errors.into_iter().partition(|error| may_fail.contains(error.name()));
            if guests.is_empty() {
                return Err(ReconcileError::Lease(others));
            }
            for error in guests {
                let name = error.name().to_owned();
                // One that asks for more room than there is keeps what it has.
                let asked = desired.endpoints.get_mut(&name).filter(|_| !refused.contains_key(&name));
                if !asked.is_some_and(|asked| self.leases.hold_to_lease(&name, asked)) {
                    desired.endpoints.retain(|endpoint, is| *endpoint != name && is.service != name);
                    desired.services.remove(&name);
                }
                refused.insert(name, error);
            }
        };
        self.store.save_leases(&LeaseDelta::between(&self.leases, &leases))?;
        (self.leases, self.desired, self.ledger) = (leases, desired, None);
        self.is_changed = true;
        // A driver may take now what it refused: of another MTU, for one.
        self.without_native.clear();
        self.walk.forget(self.leases.end(), shortest_of_all(&self.desired));
        self.neighbours.want(self.wanted(), std::mem::take(&mut self.adopted));
        Ok(refused)
    }

    /// Makes desired state true; answers how many writes that took, 0 for a second pass.
    ///
    /// # Errors
    /// What the kernel refused; what was written stays, and the next pass goes on from there.
    pub fn pass(&mut self, interfaces: BTreeMap<String, Interface>, against: Against) -> Result<usize, ReconcileError> {
        let facts = Facts { interfaces, neighbours: self.neighbours.found(), ..self.facts.clone() };
        let same = facts == self.facts;
        self.facts = facts;
        self.let_go()?;
        if let (Some(last), true) = (&self.last, same)
            && !self.is_changed
            && (against == Against::LastPass || !drifted(&self.dataplane.maps, last)?)
        {
            self.attach()?;
            return Ok(0);
        }
        let entries = compile(&self.desired, &self.leases, &self.facts);
        // After a failure everything is read again.
        let first = self.last.is_none();
        let observed = match (self.last.take(), against) {
            (Some(last), Against::LastPass) => last,
            (last, _) => observe(&self.dataplane.maps, &entries, last.as_ref())?,
        };
        let changes = plan(&entries, &observed);
        if !changes.is_empty() {
            // Flows may become stale, also where only some of it can be written.
            self.walk.forget(self.leases.end(), shortest_of_all(&self.desired));
        }
        apply(&mut self.dataplane.maps, &changes)?;
        if first {
            // Whoever wrote last may have ended in the middle of it.
            self.dataplane.maps.begin_epoch()?;
        }
        (self.last, self.is_changed) = (Some(entries), false);
        self.attach()?;
        Ok(changes.len())
    }

    /// Whether there is something to do since the last pass, interfaces apart: one that could not be
    /// attached waits for the next pass.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.last.is_none() || !self.neighbours.are(&self.facts.neighbours)
    }

    /// Whether the maps are as the last change asked.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        self.last.is_some() && !self.is_changed
    }

    /// Whether there is a service or an endpoint of this name.
    #[must_use]
    pub fn serves(&self, name: &str) -> bool {
        self.desired.services.contains_key(name) || self.desired.endpoints.contains_key(name)
    }

    /// Whether a service or an endpoint of this name serves, or something of it is held still.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.serves(name)
            || self.ledger.as_ref().map_or_else(
                || self.leases.endpoints.values().any(|lease| lease.name == name),
                |ledger| ledger.numbers_of(name).next().is_some(),
            )
    }

    /// Whether interfaces that carry attachments are other than those of the last pass.
    #[must_use]
    pub fn differs(&self, interfaces: &BTreeMap<String, Interface>) -> bool {
        let last = &self.facts.interfaces;
        self.attachments().any(|is| last.get(&is.interface) != interfaces.get(&is.interface))
    }

    /// Lets the reaper look at the next share of the flow records, by [`Walk`]; answers what is to be
    /// said to the ends of those that it freed.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn reap(&mut self) -> Result<Vec<Word>, ReconcileError> {
        for pass in self.walk.step(Instant::now()) {
            let soonest = self.look_at(pass)?;
            self.walk.looked(pass, soonest, Instant::now());
        }
        self.dataplane.flush_log();
        let mut words = Vec::new();
        for ended in self.ended.drain(..self.ended.len().min(TELL_MOST)) {
            let client = self.dataplane.maps.links.get(ended.client_link)?;
            let backend = self.dataplane.maps.backends.get(ended.ends.backend)?;
            let link = self.dataplane.maps.links.get(backend.link)?;
            let reachable = (backend.reachable != 0).then_some((&link, backend.station));
            words.extend(words::last_words(&ended, &client, reachable));
        }
        Ok(words)
    }

    /// When there is something to do for [`Self::reap`], [`Self::hear`] or the log; none: not before something changes.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        let at_once = !self.ended.is_empty() || self.hears_more() || self.dataplane.logs();
        if at_once { Some(now) } else { self.walk.due(now) }
    }

    /// Lets the reaper look at these records, and takes what it tells: of one pass there is room for all.
    /// Answers when the first flow that is left can be over; none: there is no flow.
    fn look_at(&mut self, pass: Pass) -> Result<Option<Duration>, ReconcileError> {
        let ticks = self.dataplane.reap(pass)?;
        self.ended.extend(iter::from_fn(|| self.dataplane.maps.ended.take()));
        Ok(ticks.map(|ticks| Duration::from_secs(1) * ticks / self.facts.hertz))
    }

    /// All attachments.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.desired.vpcs.values().flat_map(|vpc| &vpc.attach)
    }

    /// No endpoint of the kernel may be of a later generation than any that was given out, be it one that the state
    /// knows or not: the state would be an old copy, and give out again what flows hold.
    fn check_generations(&self) -> Result<(), ReconcileError> {
        let known = self.leases.next_generation;
        let all = self.dataplane.maps.endpoints.up_to(MAX_ENDPOINTS)?;
        if all.iter().any(|endpoint| endpoint.generation > known) { Err(ReconcileError::StateLost) } else { Ok(()) }
    }

    /// Writes a part: what the maps hold of it, and what they shall hold.
    pub(super) fn write(&mut self, now: &Entries, then: &Entries) -> Result<(), ReconcileError> {
        // After a failure everything is read again.
        if let Some(mut last) = self.last.take() {
            apply(&mut self.dataplane.maps, &plan(then, now))?;
            last.replace(now, then);
            self.last = Some(last);
        }
        Ok(())
    }
}

/// Random numbers.
fn seed() -> [u64; 5] {
    let mut words = [0; 5];
    for word in &mut words {
        *word = getrandom::u64().expect("the kernel has random numbers");
    }
    words
}

/// No flow is over sooner after its last packet.
fn shortest_of_all(desired: &Desired) -> Duration {
    let services = desired.services.values().map(|service| service.timers);
    services.chain([desired.gateway.timers]).map(shortest).min().unwrap_or_default()
}

/// No flow of such timers is over sooner after its last packet.
pub(super) fn shortest(timers: Timers) -> Duration {
    let Timers { opening, established, closing, udp } = timers;
    (opening / HASTE).min(established).min(closing).min(udp)
}

/// Where an earlier agent knew backends to be.
fn adopt(dataplane: &Dataplane, leases: &Leases) -> Result<BTreeMap<u32, Neighbour>, MapError> {
    let mut adopted = BTreeMap::new();
    for (number, _) in (0..).zip(&leases.backends) {
        let backend = dataplane.maps.backends.get(number)?;
        if backend.reachable != 0 {
            adopted.insert(number, Neighbour { link: backend.link, station: backend.station });
        }
    }
    Ok(adopted)
}
