//! Writes a plan into the maps.

use vpce_common::layout::Endpoint;

use super::Change;
use crate::maps::{MapError, Maps};

/// What a plan can be written into.
pub trait Kernel {
    /// Makes one change.
    ///
    /// # Errors
    /// When the kernel refuses it.
    fn change(&mut self, change: &Change) -> Result<(), MapError>;

    /// Ends the epoch: flows go by nothing that they know of links, backends and endpoints.
    ///
    /// # Errors
    /// As above.
    fn end_epoch(&mut self) -> Result<(), MapError>;

    /// Begins another one: flows learn anew.
    ///
    /// # Errors
    /// As above.
    fn begin_epoch(&mut self) -> Result<(), MapError>;
}

impl Kernel for Maps {
    fn change(&mut self, change: &Change) -> Result<(), MapError> {
        match *change {
            Change::RemoveMapping(key) => self.mappings.remove(&key),
            Change::RemoveAddress(key) => self.addresses.remove(&key),
            Change::RemovePrefix(key) => self.prefixes.remove(key),
            Change::RemoveClient(key) => self.clients.remove(key),
            Change::RemoveIngress(key) => self.ingress.remove(&key),
            Change::SetSettings(settings) => self.set_settings(settings),
            Change::SetLink(number, link) | Change::SetDialables(number, link) => self.links.set(number, link),
            Change::SetBackend(number, backend) => self.backends.set(number, backend),
            Change::FillRing(number, ref endpoint) => fill(self, number, endpoint),
            Change::SetEndpoint(number, endpoint) | Change::MakeEndpoint(number, endpoint) => {
                self.endpoints.set(number, endpoint)
            }
            Change::SetTransit(number, transit) => self.transit.set(number, transit),
            Change::SetAddress(key, number) => self.addresses.set(key, number),
            Change::SetPrefix(key, number) => self.prefixes.set(key, number),
            Change::SetClient(key, listed) => self.clients.set(key, listed),
            Change::SetMapping(key, mapping) => self.mappings.set(key, mapping),
            Change::SetIngress(key, link) => self.ingress.set(key, link),
        }
    }

    fn end_epoch(&mut self) -> Result<(), MapError> {
        Maps::end_epoch(self)
    }

    fn begin_epoch(&mut self) -> Result<(), MapError> {
        Maps::begin_epoch(self)
    }
}

fn fill(maps: &mut Maps, number: u32, endpoint: &Endpoint) -> Result<(), MapError> {
    maps.traffic.zero(number)?;
    maps.stats.zero(number)?;
    maps.fill_ring(number, endpoint)
}

/// Makes every change, in order; those that flows know of between two epochs. Stops at the first refusal:
/// the next pass plans anew, and begins an epoch in any case.
///
/// # Errors
/// What the kernel refused.
pub fn apply(kernel: &mut impl Kernel, changes: &[Change]) -> Result<(), MapError> {
    for run in changes.chunk_by(|one, next| one.is_known_to_flows() == next.is_known_to_flows()) {
        let known = run[0].is_known_to_flows();
        if known {
            kernel.end_epoch()?;
        }
        run.iter().try_for_each(|change| kernel.change(change))?;
        if known {
            kernel.begin_epoch()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::plan::{NO_BACKEND, NO_ENDPOINT};

    /// Notes what it is told, and refuses the change with this number.
    #[derive(Default)]
    struct Journal {
        told: Vec<&'static str>,
        refuses: Option<usize>,
    }

    impl Kernel for Journal {
        fn change(&mut self, _: &Change) -> Result<(), MapError> {
            self.told.push("change");
            let count = self.told.iter().filter(|told| **told == "change").count();
            if self.refuses == Some(count) { Err(MapError::Missing { name: "BACKENDS" }) } else { Ok(()) }
        }

        fn end_epoch(&mut self) -> Result<(), MapError> {
            self.told.push("end");
            Ok(())
        }

        fn begin_epoch(&mut self) -> Result<(), MapError> {
            self.told.push("begin");
            Ok(())
        }
    }

    const CHANGES: [Change; 4] = [
        Change::SetBackend(1, NO_BACKEND),
        Change::SetEndpoint(2, NO_ENDPOINT),
        Change::FillRing(3, NO_ENDPOINT),
        Change::SetEndpoint(3, NO_ENDPOINT),
    ];

    #[test]
    fn what_flows_know_is_changed_between_two_epochs() {
        let mut journal = Journal::default();
        apply(&mut journal, &CHANGES).unwrap();
        let expected = ["end", "change", "change", "begin", "change", "end", "change", "begin"];
        assert_eq!(journal.told, expected);
    }

    #[test]
    fn no_epoch_begins_where_a_change_was_refused() {
        let mut journal = Journal { refuses: Some(2), ..Journal::default() };
        assert!(apply(&mut journal, &CHANGES).is_err());
        assert_eq!(journal.told, ["end", "change", "change"]);
    }
}
