//! The program on every interface that carries an attachment, and on no other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gateway, ReconcileError};
use crate::{
    dataplane::{DataplaneError, Target},
    model::{Hook, Mode, Segment},
    net,
};

impl Gateway {
    /// Attaches to every interface that is there, and lets go of those that are no longer ours.
    pub(super) fn attach(&mut self) -> Result<(), ReconcileError> {
        let hooks: &[Hook] = match self.desired.gateway.mode {
            Mode::Auto => &[Hook::Native, Hook::Generic],
            Mode::Xdp => &[Hook::Native],
            Mode::Generic => &[Hook::Generic],
        };
        // Whether the interface carries VLANs.
        let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
        for attachment in self.attachments() {
            *wanted.entry(attachment.interface.clone()).or_default() |= matches!(attachment.segment, Segment::Vlan(_));
        }
        let index = |name: &String| self.facts.interfaces.get(name).map(|is| is.index);
        let present: BTreeSet<u32> = wanted.keys().filter_map(index).collect();
        self.dataplane.detach_all_but(&present)?;
        self.failures.retain(|name, _| wanted.contains_key(name));
        self.missing.retain(|name| wanted.contains_key(name));
        for (interface, tagged) in wanted {
            let Some(is) = self.facts.interfaces.get(&interface).copied() else {
                if self.missing.insert(interface.clone()) {
                    tracing::warn!(interface, "interface is missing; attached when it comes back");
                }
                continue;
            };
            self.missing.remove(&interface);
            if self.dataplane.holds(is.index) && is.xdp.is_some_and(|hook| hooks.contains(&hook)) {
                continue;
            }
            // Another hook is asked for, or somebody took the program off.
            let again = self.dataplane.detach(is.index)?;
            let target = Target { interface: interface.clone(), ifindex: is.index, hooks: hooks.to_vec(), again };
            let attached = if tagged { keep_tags(&interface) } else { Ok(()) };
            match attached.and_then(|()| self.dataplane.attach(&target)) {
                Ok(()) => {
                    tracing::info!(interface, ifindex = is.index, "attached");
                    self.failures.remove(&interface);
                }
                Err(error) => {
                    let error = error.to_string();
                    if self.failures.get(&interface) != Some(&error) {
                        tracing::warn!(interface, "{error}");
                    }
                    self.failures.insert(interface, error);
                }
            }
        }
        Ok(())
    }
}

/// A card that takes tags off would mix tenants up.
fn keep_tags(interface: &str) -> Result<(), DataplaneError> {
    net::keep_vlan_tags(interface).map_err(|source| DataplaneError::Tags { interface: interface.to_owned(), source })
}
