//! Looks at the dataplane and at what was given out, for alarms.

use std::time::Instant;

use vpce_common::{layout::Stats, reason::DropReason};

use super::{
    Gateway,
    alarms::{Alarm, Alarms, Counts},
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

impl Gateway {
    /// Looks for causes of alarms: of the gateway, and of a share of its endpoints. For once a second.
    ///
    /// # Errors
    /// When the kernel refuses a read.
    pub fn watch(&mut self, now: Instant) -> Result<(), MapError> {
        self.alarms.internal(internal(&self.dataplane.maps)?, now);
        for alarm in self.exhausted() {
            self.alarms.see(alarm, None, now);
        }
        if self.last.is_none() {
            self.alarms.see(Alarm::NotApplied, None, now);
        }
        if !self.failures.is_empty() {
            self.alarms.see(Alarm::NotAttached, None, now);
        }
        if self.reload_failed {
            self.alarms.see(Alarm::NotReloaded, None, now);
        }
        let share = self.desired.endpoints.len().div_ceil(LOOKS).max(LOOK_LEAST);
        let leases = self.leases.endpoints.range(self.watch_next..);
        let mut serving = leases.filter(|(_, lease)| lease.held == Held::Serving);
        let looked: Vec<_> = serving.by_ref().take(share).collect();
        let numbers =
            looked.first().map_or(0..0, |(first, _)| **first..looked.last().map_or(**first, |(last, _)| **last) + 1);
        let admissions = self.dataplane.maps.admissions(numbers.clone())?;
        let stats = self.dataplane.maps.stats.sums(numbers.clone())?;
        for (&number, lease) in looked {
            let Some(endpoint) = self.desired.endpoints.get(&lease.name) else { continue };
            let place = (number - numbers.start) as usize;
            let (Some(is), Some(stats)) = (admissions.get(place), stats.get(place)) else { continue };
            self.alarms.endpoint(&lease.name, counts(stats, *is, endpoint.max_connections), now);
        }
        self.watch_next = serving.next().map_or(0, |(number, _)| *number);
        self.alarms.clear_old(|name| self.desired.endpoints.contains_key(name), now);
        Ok(())
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
        let endpoints = || self.leases.endpoints.values();
        let range = desired.gateway.transit;
        let records: u32 = endpoints().map(|lease| lease.slots).sum();
        let in_range = endpoints().filter(|lease| range.contains(&lease.transit));
        let addresses: u32 = in_range.map(EndpointLease::transit_addresses).sum();
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
            alarms.expect(&lease.name, counts(&stats, AdmissionNow::default(), u32::MAX));
        }
    }
    Ok(alarms)
}

fn counts(stats: &[u64; STATS], now: AdmissionNow, limit: u32) -> Counts {
    let [_, dropped @ ..] = stats;
    let of = |reason: DropReason| dropped[reason.place()];
    Counts {
        limit_reached: of(DropReason::LimitReached),
        no_free_slot: of(DropReason::NoFreeSlot),
        open: now.open,
        half_open: now.half_open,
        limit,
    }
}

fn internal(maps: &Maps) -> Result<u64, MapError> {
    let [_, _, _, _, _, dropped @ ..] = maps.totals.sum(0)?;
    Ok(dropped[DropReason::Internal.place()])
}
