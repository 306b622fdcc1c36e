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

    /// Begins another epoch: flows learn anew what links, backends and endpoints are.
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
            Change::RemoveIngress(key) => self.ingress.remove(&key),
            Change::SetSettings(settings) => self.set_settings(settings),
            Change::SetLink(number, link) => self.links.set(number, link),
            Change::SetBackend(number, backend) => self.backends.set(number, backend),
            Change::FillRing(number, ref endpoint) => fill(self, number, endpoint),
            Change::SetEndpoint(number, endpoint) => self.endpoints.set(number, endpoint),
            Change::SetTransit(number, transit) => self.transit.set(number, transit),
            Change::SetAddress(key, number) => self.addresses.set(key, number),
            Change::SetPrefix(key, number) => self.prefixes.set(key, number),
            Change::SetMapping(key, mapping) => self.mappings.set(key, mapping),
            Change::SetIngress(key, link) => self.ingress.set(key, link),
        }
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

/// Makes every change, in order, and begins another epoch behind those that flows know of. Stops at the
/// first refusal: the next pass plans anew.
///
/// # Errors
/// What the kernel refused.
pub fn apply(kernel: &mut impl Kernel, changes: &[Change]) -> Result<(), MapError> {
    for run in changes.chunk_by(|one, next| one.is_known_to_flows() == next.is_known_to_flows()) {
        let changed = run.iter().try_for_each(|change| kernel.change(change));
        if run[0].is_known_to_flows() {
            // Also where only some of it was written.
            kernel.begin_epoch()?;
        }
        changed?;
    }
    Ok(())
}
