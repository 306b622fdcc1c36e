//! What the dataplane shall do for tenants' resources.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use uuid::Uuid;

use super::{
    EndpointId, Key, Resources, ServiceId,
    item::{Endpoint, Service},
    state::Consent,
};
use crate::model::{self, Part, Target};

/// Which clients may dial an endpoint: those that are in each list there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clients<'a> {
    /// The whitelist, where it counts.
    pub whitelist: Option<&'a [Ipv4Net]>,
    /// Those of the policy, where it has some.
    pub policy: Option<&'a [Ipv4Net]>,
}

impl Clients<'_> {
    /// The networks that are in each list; none: there is no list.
    fn both(self) -> Option<BTreeSet<Ipv4Net>> {
        let (one, other) = match (self.whitelist, self.policy) {
            (None, None) => return None,
            (Some(list), None) | (None, Some(list)) => return Some(list.iter().map(Ipv4Net::trunc).collect()),
            (Some(one), Some(other)) => (one, other),
        };
        let common = |one: &Ipv4Net, other: &Ipv4Net| match (one.contains(other), other.contains(one)) {
            (true, _) => Some(other.trunc()),
            (_, true) => Some(one.trunc()),
            _ => None,
        };
        Some(one.iter().flat_map(|one| other.iter().filter_map(move |other| common(one, other))).collect())
    }
}

impl Resources {
    /// The keys of all that tenants made: what is stored.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let services = self.services.values().filter(|service| service.owner.file.is_none());
        let endpoints = self.endpoints.values().filter(|endpoint| endpoint.owner.file.is_none());
        let backends = self.backends.values().filter(|backend| !backend.of_file);
        (services.map(|service| Key::Service(service.id)))
            .chain(endpoints.map(|endpoint| Key::Endpoint(endpoint.id)))
            .chain(backends.map(|backend| Key::Backend(backend.id)))
            .chain(self.quotas.keys().cloned().map(Key::Quota))
            .chain([Key::Marker])
            .collect()
    }

    /// What the dataplane shall do for the resources of these keys.
    #[must_use]
    pub fn desired<'k>(&self, changed: impl IntoIterator<Item = &'k Key>) -> Part {
        let mut part = Part::default();
        for key in changed {
            match key {
                Key::Service(id) => {
                    let service = self.services.get(id).filter(|service| !service.deleting);
                    part.services.insert(id.to_string(), service.and_then(|service| self.service_of(service)));
                }
                Key::Endpoint(id) => {
                    let endpoint = self.endpoints.get(id).and_then(|endpoint| self.endpoint_of(endpoint));
                    part.endpoints.insert(id.to_string(), endpoint);
                }
                Key::Backend(_) | Key::Quota(_) | Key::Marker => (),
            }
        }
        part
    }

    /// The services and the endpoints of the file: their names there, and their ids.
    pub fn of_file(&self) -> impl Iterator<Item = (&str, Uuid)> {
        let services = self.services.values().map(|service| (&service.owner, service.id.0));
        let endpoints = self.endpoints.values().map(|endpoint| (&endpoint.owner, endpoint.id.0));
        services.chain(endpoints).filter_map(|(owner, id)| Some((owner.file.as_deref()?, id)))
    }

    /// Which clients may dial an endpoint.
    #[must_use]
    pub fn clients(&self, id: EndpointId) -> Clients<'_> {
        let Some(endpoint) = self.endpoints.get(&id) else { return Clients::default() };
        Clients {
            whitelist: endpoint.whitelist_counts.then_some(&endpoint.whitelist),
            policy: endpoint.policy.clients.as_deref(),
        }
    }

    /// Services that have a standby backend, and are there to stay.
    pub fn with_standby(&self) -> impl Iterator<Item = ServiceId> {
        self.index.with_standby.iter().copied()
    }

    /// Has a service led to its standby backend, or from there back to the first one: the other does not answer.
    pub fn turn(&mut self, id: ServiceId) {
        if self.on_standby.remove(&id).is_none() {
            self.on_standby.insert(id);
        }
    }

    /// The keys of what the dataplane could not take.
    #[must_use]
    pub fn refused(&self) -> Vec<Key> {
        let key = |id: Uuid| {
            if self.services.contains_key(&ServiceId(id)) {
                Key::Service(ServiceId(id))
            } else {
                Key::Endpoint(EndpointId(id))
            }
        };
        self.applied.refused().map(key).collect()
    }

    /// What the API made and can't be served, each with the reason.
    #[must_use]
    pub fn failed(&self) -> BTreeMap<Key, String> {
        let services = self.services.values().filter(|service| service.owner.file.is_none());
        let endpoints = self.endpoints.values().filter(|endpoint| endpoint.owner.file.is_none());
        let services = services.filter_map(|service| Some((Key::Service(service.id), self.service_error(service)?)));
        let endpoints = endpoints.filter_map(|is| Some((Key::Endpoint(is.id), self.endpoint_error(is)?)));
        services.chain(endpoints).collect()
    }

    /// Ids of what was deleted and not let go of yet.
    pub fn deleting(&self) -> impl Iterator<Item = Key> {
        self.index.deleting.iter().cloned()
    }

    fn service_of(&self, service: &Service) -> Option<model::Service> {
        self.check_service(service).ok()?;
        let standby = service.standby.filter(|_| self.on_standby.contains(&service.id));
        let backend = self.backends.get(&standby.or(service.backend)?)?;
        Some(model::Service {
            vpc: self.world.vpcs.get(&service.vpc)?.name.clone(),
            target: Target::Backend(model::Backend { kind: backend.kind, address: backend.address }),
            ports: service.ports.iter().map(|mapping| (mapping.client, mapping.server)).collect(),
            timers: self.world.timers,
            permissions: service.permissions.iter().map(|grant| grant.permission.clone()).collect(),
            tags: service.tags.clone(),
        })
    }

    fn endpoint_of(&self, endpoint: &Endpoint) -> Option<model::Endpoint> {
        if endpoint.deleting || endpoint.consent != Consent::Approved || self.check_wired(endpoint).is_err() {
            return None;
        }
        let service = self.services.get(&endpoint.service)?;
        let vpc = self.world.vpcs.get(&endpoint.vpc)?;
        let place = endpoint.place.and_then(|place| {
            Some(model::Place { subnet: vpc.subnets.get(&place.subnet)?.name.clone(), address: place.address })
        });
        Some(model::Endpoint {
            service: service.owner.file.clone().unwrap_or_else(|| service.id.to_string()),
            vpc: vpc.name.clone(),
            place,
            max_connections: endpoint.max_connections,
            clients: self.clients(endpoint.id).both(),
            tags: endpoint.tags.clone(),
        })
    }

    /// Whether what a service leads to is there: the file may have lost it.
    pub(super) fn check_service(&self, service: &Service) -> Result<(), String> {
        if !self.world.vpcs.contains_key(&service.vpc) {
            return Err(format!("VPC {} is not in the gateway's configuration file any more", service.vpc));
        }
        match service.backend.map(|id| (id, self.backends.get(&id))) {
            Some((id, None)) => Err(format!("backend {id} is not in the gateway's configuration file any more")),
            _ => Ok(()),
        }
    }

    /// Whether what an endpoint is of and in is there: the file may have lost it.
    pub(super) fn check_wired(&self, endpoint: &Endpoint) -> Result<(), String> {
        let Some(service) = self.services.get(&endpoint.service) else {
            return Err(format!("endpoint service {} is gone", endpoint.service));
        };
        self.check_service(service)?;
        if service.is_gateway() != endpoint.place.is_none() {
            return Err(format!("endpoint service {} is of another type now", endpoint.service));
        }
        let Some(vpc) = self.world.vpcs.get(&endpoint.vpc) else {
            return Err(format!("VPC {} is not in the gateway's configuration file any more", endpoint.vpc));
        };
        let Some(place) = endpoint.place else { return Ok(()) };
        match (vpc.subnets.get(&place.subnet), place.address) {
            (None, _) => Err(format!("subnet {} is not in the gateway's configuration file any more", place.subnet)),
            (Some(subnet), Some(address)) if !subnet.net.contains(&address) => {
                Err(format!("{address} is not in the subnet's {} any more", subnet.net))
            }
            _ => Ok(()),
        }
    }
}
