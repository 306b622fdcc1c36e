//! A part of desired state becomes another: services and endpoints that come, change or go.
//!
//! It costs what it changes, however many others there are: leases by the [`Ledger`], entries by the keys
//! that the part had and has, planned and written by the same [`plan`] as the whole.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    Entries, Facts, Gateway,
    compile::{compile_part, dialables, redialled, settings},
    gateway::{CAPACITY, shortest},
};
use crate::{
    model::{
        Desired, Endpoint, Part, Service,
        leases::{Altered, LeaseError, Leases, Ledger},
    },
    store::{LeaseDelta, Record, StoreError, Write},
};

/// What is desired, and what was given out for it.
pub struct Book<'b> {
    /// What is desired.
    pub desired: &'b mut Desired,
    /// What was given out.
    pub leases: &'b mut Leases,
    /// Whose that is.
    pub ledger: &'b mut Ledger,
}

/// A part that has become another in the [`Book`], and not yet in the maps.
pub struct Altering {
    /// What the leases were, and who could not be served.
    pub altered: Altered,
    names: BTreeSet<String>,
    /// The part as it was.
    undo: Part,
    /// Its entries as they were compiled.
    was: Entries,
}

impl Altering {
    /// Enters a part. Who can't be served stays as it was; one for which there is no more room keeps what it had of
    /// that, and nothing else.
    #[must_use]
    pub fn enter(part: Part, book: &mut Book<'_>, facts: &Facts, last: &Entries) -> Self {
        let names = part.names(book.desired);
        let was = book.compiled(&names, &BTreeMap::new(), facts, last);
        let undo = part.swap(book.desired);
        let shut =
            undo.endpoints.iter().filter(|(name, was)| shuts_out(was.as_ref(), book.desired.endpoints.get(*name)));
        let shut: BTreeSet<String> = shut.map(|(name, _)| name.clone()).collect();
        let ends = |name: &str| shut.contains(name);
        let mut altered = book.ledger.alter(book.leases, book.desired, undo.services.keys(), &names, ends);
        let mut refused: BTreeSet<String> = altered.services.keys().chain(altered.endpoints.keys()).cloned().collect();
        let held = refused.extract_if(.., |name| {
            let asked = book.desired.endpoints.get_mut(name);
            let asked = asked.filter(|asked| !altered.services.contains_key(&asked.service));
            asked.is_some_and(|asked| book.leases.hold_to_lease(name, asked))
        });
        let held: Vec<String> = held.collect();
        let again = book.ledger.alter(book.leases, book.desired, [], &held, ends);
        altered.before.extend(again.before);
        refused.extend(again.endpoints.into_keys());
        drop(undo.only(&refused).swap(book.desired));
        Self { altered, names, undo, was }
    }

    /// What the maps hold of it, by the last pass, and what they shall hold.
    #[must_use]
    pub fn entries(&self, book: &Book<'_>, facts: &Facts, last: &Entries) -> (Entries, Entries) {
        let mut then = book.compiled(&self.names, &self.undo.services, facts, last);
        let numbers = self.names.iter().flat_map(|name| book.ledger.numbers_of(name));
        let more = dialables(numbers.filter_map(|number| book.leases.endpoints.get(&number)));
        if !more.is_empty() {
            then.links = redialled(&last.links, |link| {
                more.get(&link.vpc).map_or(link.dialables, |more| link.dialables.or(*more))
            })
            .collect();
        }
        let mut now = last.part(&self.was, &then);
        // Prefixes of one VPC hold one another: which goes first depends on all.
        let vpcs: BTreeSet<u32> = now.prefixes.keys().chain(then.prefixes.keys()).map(|(_, is)| is.vpc).collect();
        let others = last.prefixes.iter().filter(|((_, prefix), _)| vpcs.contains(&prefix.vpc));
        for (key, number) in others.filter(|(key, _)| !self.was.prefixes.contains_key(key)) {
            now.prefixes.insert(*key, *number);
            then.prefixes.entry(*key).or_insert(*number);
        }
        (now, then)
    }

    /// Takes it back; the ledger is of no use then.
    pub fn undo(self, book: &mut Book<'_>) {
        drop(self.undo.swap(book.desired));
        self.altered.undo(book.leases);
    }
}

impl Book<'_> {
    /// The entries of some endpoints, and of the backends of some services.
    fn compiled(
        &self,
        names: &BTreeSet<String>,
        services: &BTreeMap<String, Option<Service>>,
        facts: &Facts,
        last: &Entries,
    ) -> Entries {
        let endpoints = names.iter().flat_map(|name| self.ledger.numbers_of(name)).collect();
        let backends = services.keys().filter_map(|name| {
            let service = self.desired.services.get(name)?;
            self.leases.backend(*self.leases.vpcs.get(&service.vpc)?, &service.target)
        });
        let part = compile_part(self.desired, self.leases, facts, &last.links, &endpoints, &backends.collect());
        Entries { settings: last.settings, ..part }
    }
}

/// Whether clients that could dial an endpoint can no longer: what they have open ends with that.
fn shuts_out(was: Option<&Endpoint>, is: Option<&Endpoint>) -> bool {
    let (Some(was), Some(Some(clients))) = (was, is.map(|is| &is.clients)) else { return false };
    let is_in = |client: &Ipv4Net| clients.iter().any(|net| net.contains(client));
    !was.clients.as_ref().is_some_and(|before| before.iter().all(is_in))
}

impl Gateway {
    /// Has a part of desired state become another: its leases are committed together with `writes` and
    /// `records`, then its entries written. Where the kernel refuses that, or the last pass failed, they wait for
    /// the next one: [`Gateway::is_written`]. Answers who can't be served, and why: that service or endpoint
    /// stays as it was.
    ///
    /// # Errors
    /// When nothing could be committed: then nothing has changed.
    pub fn alter(
        &mut self,
        part: Part,
        writes: &[Write],
        records: &[Record],
    ) -> Result<BTreeMap<String, LeaseError>, StoreError> {
        if part == Part::default() {
            self.store.commit(writes, records)?;
            return Ok(BTreeMap::new());
        }
        let ledger = self.ledger.take();
        let mut ledger = ledger.unwrap_or_else(|| Ledger::new(&self.leases, &self.desired, CAPACITY));
        let unknown = Entries::new(settings(&self.desired.gateway, &self.facts));
        let last = self.last.as_ref().unwrap_or(&unknown);
        let mut book = Book { desired: &mut self.desired, leases: &mut self.leases, ledger: &mut ledger };
        let altering = Altering::enter(part, &mut book, &self.facts, last);
        let leases = LeaseDelta::of(&altering.altered, book.leases).writes();
        if let Err(error) = self.store.commit(&[&leases, writes].concat(), records) {
            altering.undo(&mut book);
            return Err(error);
        }
        let (now, then) = altering.entries(&book, &self.facts, last);
        self.ledger = Some(ledger);
        let Altering { altered, undo, .. } = altering;
        if !undo.services.is_empty() {
            self.neighbours.want(self.wanted(), BTreeMap::new());
        }
        let shortest =
            undo.services.keys().filter_map(|name| self.desired.services.get(name)).map(|is| shortest(is.timers));
        self.walk.disturb(now.endpoints.values().chain(then.endpoints.values()), shortest.min());
        if let Err(error) = self.write(&now, &then) {
            tracing::error!("{error}; trying again");
        }
        let Altered { mut services, mut endpoints, .. } = altered;
        services.append(&mut endpoints);
        Ok(services)
    }
}
