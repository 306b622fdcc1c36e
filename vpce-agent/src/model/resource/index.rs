//! Ways to find resources by something else than their id.
//!
//! Made of the resources alone: an index made anew of all of them is equal.

use imbl::{OrdMap, OrdSet};
use uuid::Uuid;

use super::{
    BackendId, EndpointId, Key, ServiceId, VpcId,
    addresses::Addresses,
    item::{Backend, Endpoint, Owner, Service},
};
use crate::model::Dial;

/// A tenant, none: the operator; and its project, none: all of them.
pub(super) type Place = (Option<String>, String);

/// How many resources there are of a tenant's, or in a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) services: u32,
    pub(super) endpoints: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) services: OrdSet<(Place, u64, ServiceId)>,
    pub(super) endpoints: OrdSet<(Place, u64, EndpointId)>,
    /// Endpoints of each service.
    pub(super) connections: OrdSet<(ServiceId, u64, EndpointId)>,
    /// How many of them are creating or accepted.
    active: OrdMap<ServiceId, u32>,
    /// Of each tenant, those that count for its quota.
    used: OrdMap<String, Used>,
    /// In each place, all.
    counts: OrdMap<Place, Used>,
    /// What each backend publishes.
    published: OrdSet<(BackendId, Dial, ServiceId)>,
    pub(super) addresses: Addresses,
    /// Endpoints of services of type gateway.
    pub(super) gateways: OrdSet<(VpcId, EndpointId)>,
    pub(super) markers: OrdMap<u32, EndpointId>,
    /// What was deleted, and is not let go of yet.
    pub(super) deleting: OrdSet<Key>,
    /// Services that have a standby backend, and are there to stay.
    pub(super) with_standby: OrdSet<ServiceId>,
    /// Services that all may use.
    pub(super) public: OrdSet<(u64, ServiceId)>,
}

impl Index {
    pub(super) fn add_service(&mut self, service: &Service) {
        self.services.insert((place(&service.owner), service.created_at, service.id));
        for (backend, mapping) in published(service) {
            self.published.insert((backend, mapping, service.id));
        }
        if service.is_public() {
            self.public.insert((service.created_at, service.id));
        }
        if service.deleting {
            self.deleting.insert(Key::Service(service.id));
        } else if service.standby.is_some() {
            self.with_standby.insert(service.id);
        }
        self.counts.entry(place(&service.owner)).or_default().services += 1;
        if let Some(domain) = counted(&service.owner) {
            self.used.entry(domain).or_default().services += 1;
        }
    }

    pub(super) fn remove_service(&mut self, service: &Service) {
        self.services.remove(&(place(&service.owner), service.created_at, service.id));
        for (backend, mapping) in published(service) {
            self.published.remove(&(backend, mapping, service.id));
        }
        self.public.remove(&(service.created_at, service.id));
        self.deleting.remove(&Key::Service(service.id));
        self.with_standby.remove(&service.id);
        uncount(&mut self.counts, place(&service.owner), |used| used.services -= 1);
        if let Some(domain) = counted(&service.owner) {
            uncount(&mut self.used, domain, |used| used.services -= 1);
        }
    }

    pub(super) fn add_endpoint(&mut self, endpoint: &Endpoint, active: bool) {
        self.endpoints.insert((place(&endpoint.owner), endpoint.created_at, endpoint.id));
        self.connections.insert((endpoint.service, endpoint.created_at, endpoint.id));
        self.markers.insert(endpoint.marker, endpoint.id);
        match endpoint.place.map(|place| place.address) {
            Some(Some(address)) => self.addresses.hold(endpoint.vpc, address, endpoint.id),
            Some(None) => (),
            None => drop(self.gateways.insert((endpoint.vpc, endpoint.id))),
        }
        if active {
            self.activate(endpoint.service);
        }
        if endpoint.deleting {
            self.deleting.insert(Key::Endpoint(endpoint.id));
        }
        self.counts.entry(place(&endpoint.owner)).or_default().endpoints += 1;
        if let Some(domain) = counted(&endpoint.owner) {
            self.used.entry(domain).or_default().endpoints += 1;
        }
    }

    pub(super) fn remove_endpoint(&mut self, endpoint: &Endpoint, active: bool) {
        self.endpoints.remove(&(place(&endpoint.owner), endpoint.created_at, endpoint.id));
        self.connections.remove(&(endpoint.service, endpoint.created_at, endpoint.id));
        self.markers.remove(&endpoint.marker);
        self.gateways.remove(&(endpoint.vpc, endpoint.id));
        if let Some(address) = endpoint.place.and_then(|place| place.address) {
            self.addresses.release(endpoint.vpc, address, endpoint.id);
        }
        if active {
            self.deactivate(endpoint.service);
        }
        self.deleting.remove(&Key::Endpoint(endpoint.id));
        uncount(&mut self.counts, place(&endpoint.owner), |used| used.endpoints -= 1);
        if let Some(domain) = counted(&endpoint.owner) {
            uncount(&mut self.used, domain, |used| used.endpoints -= 1);
        }
    }

    pub(super) fn add_backend(&mut self, backend: &Backend) {
        self.addresses.fix(backend.vpc, backend.address);
    }

    pub(super) fn remove_backend(&mut self, backend: &Backend) {
        self.addresses.unfix(backend.vpc, backend.address);
    }

    pub(super) fn activate(&mut self, service: ServiceId) {
        *self.active.entry(service).or_insert(0) += 1;
    }

    pub(super) fn deactivate(&mut self, service: ServiceId) {
        match self.active.get_mut(&service) {
            Some(active @ 2..) => *active -= 1,
            _ => drop(self.active.remove(&service)),
        }
    }

    /// How many endpoints of a service are creating or accepted.
    pub(super) fn active(&self, service: ServiceId) -> u32 {
        self.active.get(&service).copied().unwrap_or(0)
    }

    /// How many there are in a place.
    pub(super) fn count(&self, place: &Place) -> Used {
        self.counts.get(place).copied().unwrap_or_default()
    }

    pub(super) fn used(&self, domain: &str) -> Used {
        self.used.get(domain).copied().unwrap_or_default()
    }

    /// Who else publishes a port of a backend.
    pub(super) fn publisher(&self, backend: BackendId, port: Dial, but: ServiceId) -> Option<ServiceId> {
        let all = (backend, port, ServiceId(Uuid::nil()))..=(backend, port, ServiceId(Uuid::max()));
        self.published.range(all).map(|&(.., service)| service).find(|service| *service != but)
    }

    /// A service that leads to a backend.
    pub(super) fn user(&self, backend: BackendId) -> Option<ServiceId> {
        // Every service of an interface has a port; sorted by backend first.
        let least = Dial { protocol: crate::model::Protocol::Tcp, port: crate::model::Port(std::num::NonZeroU16::MIN) };
        let found = self.published.range((backend, least, ServiceId(Uuid::nil()))..).next();
        found.filter(|(of, ..)| *of == backend).map(|&(.., service)| service)
    }
}

fn uncount<K: Ord + Clone>(counts: &mut OrdMap<K, Used>, of: K, less: impl FnOnce(&mut Used)) {
    let mut used = counts.get(&of).copied().unwrap_or_default();
    less(&mut used);
    if used == Used::default() {
        counts.remove(&of);
    } else {
        counts.insert(of, used);
    }
}

fn published(service: &Service) -> impl Iterator<Item = (BackendId, Dial)> {
    service.backends().flat_map(|backend| service.ports.iter().map(move |mapping| (backend, mapping.published())))
}

fn place(owner: &Owner) -> Place {
    (owner.domain.clone(), owner.project.clone())
}

/// The tenant whose quota a resource counts for; what the operator or the file has is not limited.
fn counted(owner: &Owner) -> Option<String> {
    if owner.file.is_some() { None } else { owner.domain.clone() }
}
