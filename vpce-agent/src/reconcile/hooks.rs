//! The program on every interface that carries an attachment, and on no other.

use std::collections::BTreeMap;

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
        self.failures.retain(|name, _| wanted.contains_key(name));
        for noted in [&mut self.missing, &mut self.hiding] {
            noted.retain(|name| wanted.contains_key(name));
        }
        let mut carriers = BTreeMap::new();
        for (interface, tagged) in wanted {
            let Some(is) = self.facts.interfaces.get(&interface).copied() else {
                self.failures.remove(&interface);
                if self.missing.insert(interface.clone()) {
                    tracing::warn!(interface, "interface is missing; attached when it comes back");
                }
                continue;
            };
            self.missing.remove(&interface);
            // Of those that are attached too: nothing tells when somebody switches the offload on again.
            match self.keep_tags(&interface, tagged) {
                Ok(()) => drop(carriers.insert(interface, is)),
                Err(error) => self.fail(interface, &error),
            }
        }
        self.dataplane.detach_all_but(&carriers.values().map(|is| is.index).collect())?;
        for (interface, is) in carriers {
            if self.dataplane.holds(is.index) && is.xdp.is_some_and(|hook| hooks.contains(&hook)) {
                self.failures.remove(&interface);
                continue;
            }
            // Another hook is asked for, or somebody took the program off.
            let again = self.dataplane.detach(is.index)?;
            let target = Target { interface: interface.clone(), ifindex: is.index, hooks: hooks.to_vec(), again };
            match self.dataplane.attach(&target) {
                Ok(()) => {
                    tracing::info!(interface, ifindex = is.index, "attached");
                    self.failures.remove(&interface);
                }
                Err(error) => self.fail(interface, &error),
            }
        }
        Ok(())
    }

    /// A card that takes tags off mixes tenants up. Where none of ours have tags, that is for others to mend.
    fn keep_tags(&mut self, interface: &str, tagged: bool) -> Result<(), DataplaneError> {
        let kept = net::keep_vlan_tags(interface);
        let Err(error) = kept.map_err(|source| DataplaneError::Tags { interface: interface.to_owned(), source }) else {
            self.hiding.remove(interface);
            return Ok(());
        };
        if tagged {
            return Err(error);
        }
        if self.hiding.insert(interface.to_owned()) {
            tracing::warn!(interface, "frames with a VLAN tag count as untagged: {error}");
        }
        Ok(())
    }

    /// Notes why an interface is not attached; tells it once.
    fn fail(&mut self, interface: String, error: &DataplaneError) {
        let error = error.to_string();
        if self.failures.get(&interface) != Some(&error) {
            tracing::warn!(interface, "{error}");
        }
        self.failures.insert(interface, error);
    }
}
