//! A part of desired state.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, Endpoint, Service};

/// Services and endpoints by name, as they shall be; none: gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Services that are others than before.
    pub services: BTreeMap<String, Option<Service>>,
    /// Endpoints that are others than before.
    pub endpoints: BTreeMap<String, Option<Endpoint>>,
}

impl Part {
    /// Has it in `desired`; answers what was there instead.
    #[must_use]
    pub fn swap(self, desired: &mut Desired) -> Self {
        fn swap<V>(new: BTreeMap<String, Option<V>>, all: &mut BTreeMap<String, V>) -> BTreeMap<String, Option<V>> {
            let swap = |(name, value): (String, Option<V>)| {
                let was = match value {
                    Some(value) => all.insert(name.clone(), value),
                    None => all.remove(&name),
                };
                (name, was)
            };
            new.into_iter().map(swap).collect()
        }
        Self {
            services: swap(self.services, &mut desired.services),
            endpoints: swap(self.endpoints, &mut desired.endpoints),
        }
    }

    /// Names of its endpoints, and of those of its services.
    #[must_use]
    pub fn names(&self, desired: &Desired) -> BTreeSet<String> {
        let of_service =
            |(name, is): (&String, &Endpoint)| self.services.contains_key(&is.service).then(|| name.clone());
        let mut names: BTreeSet<String> = self.endpoints.keys().cloned().collect();
        if !self.services.is_empty() {
            names.extend(desired.endpoints.iter().filter_map(of_service));
        }
        names
    }

    /// Those of its services and endpoints that these names are of.
    #[must_use]
    pub fn only(&self, names: &BTreeSet<String>) -> Self {
        fn only<V: Clone>(all: &BTreeMap<String, Option<V>>, names: &BTreeSet<String>) -> BTreeMap<String, Option<V>> {
            names.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone()))).collect()
        }
        Self { services: only(&self.services, names), endpoints: only(&self.endpoints, names) }
    }
}
