//! Looks at the dataplane and at what was given out, for alarms.

use std::time::Instant;

use vpce_common::{layout::Stats, reason::DropReason};

use super::{
    Gateway,
    alarms::{Alarm, Alarms, Counts, Drops},
    awake::LOOKS,
};
use crate::{
    maps::{AdmissionNow, MAX_ENDPOINTS, MAX_LINKS, MapError, Maps},
    model::{
        MAX_CLIENTS, MAX_MAPPINGS, MAX_PREFIXES,
        leases::{Held, Leases},
        slots,
    },
};

/// What all endpoints take together is counted at each look of so few.
const FEW: usize = 256;
/// Counters of an endpoint.
const STATS: usize = size_of::<Stats>() / 8;
/// Numbers of endpoints from one that is read to the next, at most, for both to be read at once.
const BETWEEN: u32 = 16;

/// An endpoint at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    admission: AdmissionNow,
    is_at_rest: bool,
}

impl Seen {
    /// One of so many records.
    fn new(admission: AdmissionNow, slots: u32) -> Self {
        let AdmissionNow { open, half_open, spare, .. } = admission;
        Self { admission, is_at_rest: open == 0 && half_open == 0 && spare == slots }
    }
}

impl Gateway {
    /// Looks for causes of alarms: of the gateway, and of a share of its endpoints. For once a second.
    ///
    /// # Errors
    /// When the kernel refuses a read.
    pub fn watch(&mut self, now: Instant) -> Result<(), MapError> {
        self.alarms.internal(internal(&self.dataplane.maps)?, now);
        // It counts all of them: of many once in as many looks as all of them take.
        if self.desired.endpoints.len() <= FEW || self.watched.is_multiple_of(LOOKS) {
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
        let looked = self.awake.turn(self.numbers_end());
        // Those between two that are awake cost less than another call, if they are few.
        for run in looked.chunk_by(|one, next| next - one <= BETWEEN) {
            let (&[first, ..], &[.., last]) = (run, run) else { continue };
            let stats = self.dataplane.maps.stats.sums(first..last + 1)?;
            for number in run {
                self.look_at_endpoint(*number, &stats[(number - first) as usize], now);
            }
        }
        self.alarms.clear_old(|name| self.desired.endpoints.contains_key(name), now);
        Ok(())
    }

    fn look_at_endpoint(&mut self, number: u32, stats: &[u64; STATS], now: Instant) {
        // Without a connection it refuses none, and its counters stay what they are.
        if self.seen[number as usize].is_none_or(|seen| seen.is_at_rest) {
            self.awake.rest(number);
        }
        let Some(lease) = self.leases.endpoints.get(&number).filter(|lease| lease.held == Held::Serving) else {
            return;
        };
        let Some(endpoint) = self.desired.endpoints.get(&lease.name) else { return };
        let AdmissionNow { open, half_open, .. } = self.dataplane.maps.admission(number);
        let counts = Counts { drops: drops(stats), open, half_open, limit: endpoint.max_connections };
        self.alarms.endpoint(&lease.name, counts, now);
    }

    /// Notes which endpoints have connections, or had since the last time, and has the reaper look at the records of
    /// those that took one. For once a second.
    pub fn wake(&mut self, now: Instant) {
        for (number, seen) in (0..self.numbers_end()).zip(&mut self.seen) {
            let is = self.dataplane.maps.admission(number);
            if seen.is_some_and(|seen| seen.admission == is) {
                continue;
            }
            let Some(lease) = self.leases.endpoints.get(&number) else { continue };
            let before = seen.replace(Seen::new(is, lease.slots));
            if before.is_none_or(|before| before.admission.taken != is.taken) {
                self.walk.wake(lease.block(), now);
            }
            self.awake.wake(number);
        }
    }

    /// After the last number of an endpoint.
    fn numbers_end(&self) -> u32 {
        self.leases.endpoints.last_key_value().map_or(0, |(number, _)| number + 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_rests_while_it_has_no_connection_and_all_its_records() {
        let rests = AdmissionNow { spare: 64, taken: 5, ..AdmissionNow::default() };
        assert!(Seen::new(rests, 64).is_at_rest);
        let with = |open, half_open, spare| AdmissionNow { open, half_open, spare, ..rests };
        for busy in [with(1, 0, 64), with(0, 1, 64), with(0, 0, 63)] {
            assert!(!Seen::new(busy, 64).is_at_rest, "{busy:?}");
        }
    }
}
