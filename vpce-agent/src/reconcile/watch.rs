//! Looks at the dataplane and at what was given out, for alarms.

use std::time::Instant;

use vpce_common::{layout::Stats, reason::DropReason};

use super::{
    Gateway,
    alarms::{Alarm, Alarms, Counts, Drops},
};
use crate::{
    maps::{AdmissionNow, MAX_ENDPOINTS, MAX_LINKS, MapError, Maps},
    model::{
        MAX_CLIENTS, MAX_MAPPINGS, MAX_PREFIXES,
        leases::{EndpointLease, Held, Leases},
        slots,
    },
};

/// Endpoints of one look at least; where there are more, a look is at a share of them.
const LOOK_LEAST: usize = 256;
/// Counters of an endpoint.
const STATS: usize = size_of::<Stats>() / 8;
/// Looks until every endpoint was looked at, at most.
const LOOKS: usize = 4;

/// An endpoint at the last look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    admission: AdmissionNow,
    is_at_rest: bool,
}

impl Gateway {
    /// Looks for causes of alarms: of the gateway, and of a share of its endpoints. For once a second.
    ///
    /// # Errors
    /// When the kernel refuses a read.
    pub fn watch(&mut self, now: Instant) -> Result<(), MapError> {
        self.alarms.internal(internal(&self.dataplane.maps)?, now);
        // It counts all of them: once in as many looks as all of them take.
        if self.watched.is_multiple_of(LOOKS) {
            for alarm in self.exhausted() {
                self.alarms.see(alarm, None, now);
            }
        }
        self.watched += 1;
        if self.last.is_none() {
            self.alarms.see(Alarm::NotApplied, None, now);
        }
        if !self.failures.is_empty() {
            self.alarms.see(Alarm::NotAttached, None, now);
        }
        if self.reload_failed {
            self.alarms.see(Alarm::NotReloaded, None, now);
        }
        self.wake();
        let share = self.desired.endpoints.len().div_ceil(LOOKS).max(LOOK_LEAST);
        let looked: Vec<u32> = self.awake.range(self.watch_next..).copied().take(share).collect();
        self.watch_next = looked.last().filter(|_| looked.len() == share).map_or(0, |last| last + 1);
        let first = looked.first().copied().unwrap_or_default();
        let stats = self.dataplane.maps.stats.sums(first..looked.last().map_or(first, |last| last + 1))?;
        for number in looked {
            self.awake.remove(&number);
            let serving = self.leases.endpoints.get(&number).filter(|lease| lease.held == Held::Serving);
            let Some(EndpointLease { name, .. }) = serving else { continue };
            let Some(endpoint) = self.desired.endpoints.get(name) else { continue };
            let Some(stats) = stats.get((number - first) as usize) else { continue };
            let is = self.dataplane.maps.admission(number);
            let limit = endpoint.max_connections;
            let counts = Counts { drops: drops(stats), open: is.open, half_open: is.half_open, limit };
            self.alarms.endpoint(name, counts, now);
        }
        self.alarms.clear_old(|name| self.desired.endpoints.contains_key(name), now);
        Ok(())
    }

    /// Notes which endpoints have connections, or had since the last time, and has the reaper look at the records of
    /// those that took one. One at rest refused none: its counters are what they were.
    fn wake(&mut self) {
        let end = self.leases.endpoints.last_key_value().map_or(0, |(number, _)| number + 1);
        for (number, seen) in (0..end).zip(&mut self.seen) {
            let is = self.dataplane.maps.admission(number);
            if seen.is_some_and(|Seen { admission, is_at_rest }| is_at_rest && admission == is) {
                continue;
            }
            let Some(lease) = self.leases.endpoints.get(&number) else { continue };
            let is_at_rest = is.open == 0 && is.spare == lease.slots;
            let before = seen.replace(Seen { admission: is, is_at_rest });
            if before.is_none_or(|before| before.admission.taken != is.taken) {
                self.walk.wake(lease.block());
            }
            self.awake.insert(number);
        }
    }

    /// Whether the file that was read last could not be taken.
    pub fn set_reload_failed(&mut self, failed: bool, now: Instant) {
        self.reload_failed = failed;
        if failed {
            self.alarms.see(Alarm::NotReloaded, None, now);
        } else {
            self.alarms.clear(Alarm::NotReloaded);
        }
    }

    /// What nothing more can be given out of.
    fn exhausted(&self) -> Vec<Alarm> {
        let desired = &self.desired;
        let range = desired.gateway.transit;
        let (mut records, mut addresses) = (0_u32, 0_u32);
        for lease in self.leases.endpoints.values() {
            records += lease.slots;
            if range.contains(&lease.transit) {
                addresses += lease.transit_addresses();
            }
        }
        // Neither the network's nor the broadcast address is given out.
        let room = u32::from(range.hostmask()) - 1;
        let Leases { links, backends, .. } = &self.leases;
        let numbers =
            [(self.leases.endpoints.len(), MAX_ENDPOINTS), (backends.len(), MAX_ENDPOINTS), (links.len(), MAX_LINKS)];
        let entries = self.last.as_ref().map(|entries| {
            [
                (entries.mappings.len(), MAX_MAPPINGS),
                (entries.prefixes.len(), MAX_PREFIXES),
                (entries.clients.len(), MAX_CLIENTS),
                (entries.addresses.len(), MAX_ENDPOINTS),
            ]
        });
        let full = |(is, most): &(usize, u32)| *is >= *most as usize;
        let causes = [
            (records.saturating_add(slots(1)) > desired.gateway.max_flows, Alarm::MaxFlows),
            (addresses >= room, Alarm::TransitRange),
            (numbers.iter().any(full), Alarm::Numbers),
            (entries.iter().flatten().any(full), Alarm::MapFull),
        ];
        causes.into_iter().filter(|(seen, _)| *seen).map(|(_, alarm)| alarm).collect()
    }
}

/// Alarms of a gateway whose counters are these.
pub(super) fn expecting(maps: &Maps, leases: &Leases) -> Result<Alarms, MapError> {
    let mut alarms = Alarms::default();
    alarms.expect_internal(internal(maps)?);
    let count = leases.endpoints.last_key_value().map_or(0, |(number, _)| number + 1);
    for (number, stats) in (0..).zip(maps.stats.sums(0..count)?) {
        if let Some(lease) = leases.endpoints.get(&number).filter(|lease| lease.held == Held::Serving) {
            alarms.expect(&lease.name, drops(&stats));
        }
    }
    Ok(alarms)
}

fn drops(stats: &[u64; STATS]) -> Drops {
    let [_, dropped @ ..] = stats;
    let of = |reason: DropReason| dropped[reason.place()];
    Drops { limit_reached: of(DropReason::LimitReached), no_free_slot: of(DropReason::NoFreeSlot) }
}

fn internal(maps: &Maps) -> Result<u64, MapError> {
    let [_, _, _, _, _, dropped @ ..] = maps.totals.sum(0)?;
    Ok(dropped[DropReason::Internal.place()])
}
