//! Leases that hold nothing any more are taken back.

use std::collections::BTreeSet;

use super::{
    Entries, Gateway, ReconcileError,
    compile::{compile_part, dialables, dialables_from, redialled},
};
use crate::{maps::MapError, store::LeaseDelta};

impl Gateway {
    /// Takes back leases whose last flow was freed: their entries go first, so that nothing is given out
    /// again that the maps still hold.
    ///
    /// # Errors
    /// When the kernel or the store refuses: it is tried again.
    pub fn let_go(&mut self) -> Result<(), ReconcileError> {
        let ended = self.ended_leases()?;
        let Some(last) = self.last.as_ref().filter(|_| !ended.is_empty()) else { return Ok(()) };
        let was = compile_part(&self.desired, &self.leases, &self.facts, &last.links, &ended, &BTreeSet::new());
        let mut then = Entries::new(last.settings);
        let stay = self.leases.endpoints.iter().filter(|(number, _)| !ended.contains(number));
        let all = dialables(stay.map(|(_, lease)| lease));
        then.links = redialled(&last.links, |link| dialables_from(link, &all)).collect();
        let now = last.part(&was, &then);
        self.walk.disturb(now.endpoints.values(), None);
        self.write(&now, &then)?;
        self.forget(&ended)
    }

    /// Forgets leases that hold nothing.
    pub(super) fn forget(&mut self, ended: &BTreeSet<u32>) -> Result<(), ReconcileError> {
        let endpoints = ended.iter().map(|number| (*number, None)).collect();
        // Another endpoint may get the number.
        for number in ended {
            self.seen[*number as usize] = None;
        }
        self.store.save_leases(&LeaseDelta { endpoints, ..LeaseDelta::default() })?;
        match &mut self.ledger {
            Some(ledger) => ledger.release(&mut self.leases, ended),
            None => self.leases.endpoints.retain(|number, _| !ended.contains(number)),
        }
        Ok(())
    }

    /// Leases whose last flow was freed.
    pub(super) fn ended_leases(&self) -> Result<BTreeSet<u32>, MapError> {
        let mut ended = BTreeSet::new();
        let ending: Vec<u32> = match &self.ledger {
            Some(ledger) => ledger.ending().collect(),
            None => self.leases.ending().collect(),
        };
        for number in ending {
            let Some(lease) = self.leases.endpoints.get(&number) else { continue };
            let entry = self.dataplane.maps.endpoints.get(number)?;
            let now = self.dataplane.maps.admission(number);
            let closed = entry.accepted == 0 && entry.generation == lease.generation;
            if entry.slots == 0 || (closed && now.open == 0 && now.half_open == 0 && now.spare == lease.slots) {
                ended.insert(number);
            }
        }
        Ok(ended)
    }
}
