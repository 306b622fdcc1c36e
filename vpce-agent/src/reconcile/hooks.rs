//! The program on every interface that carries an attachment, and on no other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gateway, ReconcileError};
use crate::{
    dataplane::{DataplaneError, Target, has_tcx},
    model::{Attachment, Hook, Mode, Segment, Site},
    net::{self, Interface},
};

/// What the attachments of an interface ask for, which is the same for all of them.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    mode: Mode,
    /// Whether one of them is a VLAN.
    tagged: bool,
}

impl Gateway {
    /// Attaches to every interface that is there, and lets go of those that are no longer ours.
    pub(super) fn attach(&mut self) -> Result<(), ReconcileError> {
        let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
        for Attachment { interface, segment, mode } in self.attachments() {
            let wanted = wanted.entry(interface.clone()).or_insert(Wanted { mode: *mode, tagged: false });
            wanted.tagged |= matches!(segment, Segment::Vlan(_));
        }
        self.failures.retain(|name, _| wanted.contains_key(name));
        self.modes.retain(|name, _| wanted.contains_key(name));
        for noted in [&mut self.missing, &mut self.hiding] {
            noted.retain(|name| wanted.contains_key(name));
        }
        let (mut carriers, mut indices) = (BTreeMap::new(), BTreeSet::new());
        for (interface, wanted) in wanted {
            let Some(is) = self.facts.interfaces.get(&interface).copied() else {
                self.failures.remove(&interface);
                if self.missing.insert(interface.clone()) {
                    tracing::warn!(interface, "interface is missing; attached when it comes back");
                }
                continue;
            };
            self.missing.remove(&interface);
            indices.insert(is.index);
            carriers.insert(interface, wanted);
        }
        self.dataplane.detach_all_but(&indices)?;
        let refused = self.without_native.len();
        self.sit_on_all(&carriers)?;
        if self.without_native.len() > refused {
            // No more of cards only: those that took native XDP before this one refused it follow it.
            self.sit_on_all(&carriers)?;
        }
        Ok(())
    }

    fn sit_on_all(&mut self, carriers: &BTreeMap<String, Wanted>) -> Result<(), ReconcileError> {
        self.cards_only = carriers.iter().all(|(interface, wanted)| self.is_for_xdp(interface, wanted.mode));
        for (interface, &wanted) in carriers {
            let is = self.facts.interfaces[interface];
            match self.sit(interface, is, wanted) {
                Ok(()) => drop(self.failures.remove(interface)),
                // Of no interface: the kernel does not take the program.
                Err(error @ DataplaneError::Program { .. }) => return Err(error.into()),
                Err(error) => self.fail(interface.clone(), &error),
            }
        }
        Ok(())
    }

    /// Sits on an interface, by the first hook that it takes. One that works stays while the mode does.
    fn sit(&mut self, interface: &str, is: Interface, wanted: Wanted) -> Result<(), DataplaneError> {
        let (ifindex, held) = (is.index, self.dataplane.held(is.index, is.xdp));
        let hooks = wanted.mode.hooks(self.site(&is));
        let kept = held.filter(|held| self.is_of(interface, wanted.mode) && hooks.contains(held));
        let mut failed = Ok(());
        let mut hidden = false;
        for hook in kept.into_iter().chain(hooks.iter().copied()) {
            // Of one that is there too: nothing tells when somebody switches the offload on again.
            let tags = if hook.is_xdp() { self.keep_tags(interface, wanted.tagged) } else { Ok(()) };
            hidden |= tags.is_err();
            match tags.and_then(|()| self.dataplane.attach(&Target { interface, ifindex, hook, held })) {
                Ok(changed) => {
                    if !hook.is_xdp() {
                        self.hiding.remove(interface);
                    }
                    self.modes.insert(interface.to_owned(), wanted.mode);
                    if changed {
                        self.note(interface, is, wanted.mode, hook);
                    }
                    return Ok(());
                }
                Err(error @ DataplaneError::Program { .. }) => return Err(error),
                Err(error) => {
                    if hook == Hook::Native && wanted.mode == Mode::Auto {
                        self.without_native.insert(ifindex);
                    }
                    failed = Err(error);
                }
            }
        }
        // A hook of another mode goes on until one of this mode is there, unless it mixes tenants up.
        if hidden && held.is_some_and(Hook::is_xdp) {
            self.dataplane.detach(ifindex)?;
        }
        failed
    }

    /// Whether an interface may be on native XDP, as far as is known: by its kind, and by what was tried.
    fn is_for_xdp(&self, interface: &str, mode: Mode) -> bool {
        let is = &self.facts.interfaces[interface];
        let kept = self.is_of(interface, mode) && self.dataplane.held(is.index, is.xdp) == Some(Hook::Tc);
        mode.admits_native(is.kind, is.bridged) && !kept && !self.without_native.contains(&is.index)
    }

    /// Whether what holds an interface was chosen by this mode; of an earlier agent nobody knows better.
    fn is_of(&self, interface: &str, mode: Mode) -> bool {
        self.modes.get(interface).is_none_or(|by| *by == mode)
    }

    /// What a choice of a hook depends on.
    pub(super) fn site(&self, is: &Interface) -> Site {
        Site { kind: is.kind, cards_only: self.cards_only, has_tcx: has_tcx() }
    }

    /// Notes and tells what was attached.
    fn note(&mut self, interface: &str, is: Interface, mode: Mode, hook: Hook) {
        if let Some(fact) = self.facts.interfaces.get_mut(interface) {
            fact.xdp = hook.is_xdp().then_some(hook);
        }
        let (name, why) = (hook.name(), mode.why(self.site(&is), hook));
        tracing::info!(interface, ifindex = is.index, hook = name, why, "attached");
        if let Some(cost) = hook.cost(is.kind) {
            tracing::warn!(interface, hook = name, "{cost}");
        }
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
