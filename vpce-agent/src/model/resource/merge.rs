//! What the file owns, beside what tenants made.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{
    BackendId, EndpointId, Limits, PermissionId, Resources, ServiceId, SubnetId, VpcId,
    applied::Applied,
    index::Index,
    item::{Backend, Endpoint, Grant, Mapping, Owner, Place, Policy, Service},
    state::Consent,
    world::World,
};
use crate::model::{self, Desired, Target};

/// The first number of a tenant's endpoint. Numbers fit 31 bits: clients keep them signed.
const FIRST_MARKER: u32 = 1 << 24;
/// The first number of an endpoint of the file: a range of its own.
const FIRST_FILE_MARKER: u32 = 1 << 30;

impl Resources {
    /// What the file owns and nothing else. At `at` it was first seen.
    #[must_use]
    pub fn new(desired: &Desired, at: u64) -> Self {
        Self::empty(desired).with_file(desired, at)
    }

    pub(super) fn empty(desired: &Desired) -> Self {
        Self {
            world: Arc::new(World::new(desired)),
            limits: Limits::of(desired),
            services: OrdMap::new(),
            endpoints: OrdMap::new(),
            backends: OrdMap::new(),
            quotas: OrdMap::new(),
            next_marker: FIRST_MARKER,
            applied: Applied::default(),
            on_standby: OrdSet::new(),
            dns_names: OrdMap::new(),
            index: Index::default(),
            changed: std::collections::BTreeSet::default(),
        }
    }

    /// The same resources beside another file. What was made in a VPC that is gone is shown as failed. The
    /// dataplane's part of every tenant's resource may be another afterwards: see [`Resources::keys`].
    #[must_use]
    pub fn with_file(&self, desired: &Desired, at: u64) -> Self {
        let mut new = Self {
            world: Arc::new(World::new(desired)),
            index: Index::default(),
            services: OrdMap::new(),
            endpoints: OrdMap::new(),
            backends: OrdMap::new(),
            ..self.clone()
        };
        for (id, vpc) in &new.world.vpcs {
            vpc.own().for_each(|address| new.index.addresses.fix(*id, address));
        }
        new.merge_services(self, desired, at);
        self.backends.values().filter(|backend| !backend.of_file).for_each(|backend| new.put_backend(*backend));
        for service in self.services.values().filter(|service| service.owner.file.is_none()) {
            new.put_service(Service::clone(service));
        }
        new.merge_endpoints(self, desired, at);
        for endpoint in self.endpoints.values().filter(|endpoint| endpoint.owner.file.is_none()) {
            new.put_endpoint(Endpoint::clone(endpoint));
        }
        let (services, endpoints) = (&new.services, &new.endpoints);
        let known = |id| services.contains_key(&ServiceId(id)) || endpoints.contains_key(&EndpointId(id));
        new.applied = self.applied.of_those(known);
        new.changed.clone_from(&self.changed);
        new
    }

    fn merge_services(&mut self, old: &Self, desired: &Desired, at: u64) {
        let region = desired.gateway.region.as_str();
        for (name, service) in &desired.services {
            let id = ServiceId::of_file(region, name);
            let seen_at = old.services.get(&id).map_or(at, |seen| seen.created_at);
            let vpc = VpcId::of_file(region, &service.vpc);
            let (backend, prefixes) = match &service.target {
                Target::Backend(backend) => {
                    let id = BackendId::of_file(region, &service.vpc, backend.address);
                    let (kind, address) = (backend.kind, backend.address);
                    self.put_backend(Backend { id, vpc, kind, address, of_file: true, created_at: seen_at });
                    (Some(id), std::collections::BTreeSet::new())
                }
                Target::Routed(routed) => (None, routed.prefixes.clone()),
            };
            let grant = |permission: &model::Permission| Grant {
                id: PermissionId::of(id, &permission.to_string()),
                permission: permission.clone(),
                description: String::new(),
                created_at: seen_at,
            };
            self.put_service(Service {
                id,
                owner: self.owner_of_file(vpc, name),
                name: name.clone(),
                vpc,
                backend,
                standby: None,
                prefixes,
                ports: service.ports.iter().map(|(&client, &server)| Mapping { client, server }).collect(),
                approval: false,
                permissions: service.permissions.iter().map(grant).collect(),
                tags: service.tags.clone(),
                description: String::new(),
                // The file sets the limit of each endpoint itself.
                professional: false,
                deleting: false,
                created_at: seen_at,
                updated_at: seen_at,
            });
        }
    }

    fn merge_endpoints(&mut self, old: &Self, desired: &Desired, at: u64) {
        let region = desired.gateway.region.as_str();
        for (name, endpoint) in &desired.endpoints {
            let id = EndpointId::of_file(region, name);
            let vpc = VpcId::of_file(region, &endpoint.vpc);
            let service = ServiceId::of_file(region, &endpoint.service);
            let seen = old.endpoints.get(&id);
            let seen_at = seen.map_or(at, |seen| seen.created_at);
            let place = endpoint.place.as_ref().map(|place| {
                let subnet = SubnetId::of_file(region, &endpoint.vpc, &place.subnet);
                let given = || seen?.place.filter(|old| old.subnet == subnet)?.address;
                Place { subnet, address: place.address.or_else(given) }
            });
            let service_name =
                self.services.get(&service).map_or_else(String::new, |service| service.full_name(region));
            self.put_endpoint(Endpoint {
                id,
                owner: self.owner_of_file(vpc, name),
                service,
                service_name,
                vpc,
                place,
                consent: Consent::Approved,
                was_approved: true,
                marker: self.file_marker(id),
                max_connections: endpoint.max_connections,
                dns: false,
                whitelist: Vec::new(),
                whitelist_counts: false,
                policy: Policy::default(),
                professional: false,
                tags: endpoint.tags.clone(),
                description: String::new(),
                connection_description: String::new(),
                deleting: false,
                created_at: seen_at,
                updated_at: seen_at,
            });
        }
    }

    fn owner_of_file(&self, vpc: VpcId, name: &str) -> Owner {
        let domain = self.world.vpcs.get(&vpc).and_then(|vpc| vpc.domain.clone());
        Owner { domain, project: String::new(), file: Some(name.to_owned()) }
    }

    /// The number of an endpoint of the file, from its id: the same over restarts.
    fn file_marker(&self, id: EndpointId) -> u32 {
        let (_, low) = id.0.as_u64_pair();
        let first = u32::try_from(low & u64::from(FIRST_FILE_MARKER - 1)).unwrap_or(0);
        let numbers =
            (0..FIRST_FILE_MARKER).map(|more| FIRST_FILE_MARKER | (first.wrapping_add(more) & (FIRST_FILE_MARKER - 1)));
        numbers.into_iter().find(|number| !self.index.markers.contains_key(number)).unwrap_or(FIRST_FILE_MARKER)
    }

    /// The address that the gateway gave to an endpoint of the file. Not stored here: the gateway remembers it.
    pub fn set_address(&mut self, id: EndpointId, address: std::net::Ipv4Addr) {
        let Some(endpoint) = self.endpoints.get(&id).filter(|endpoint| endpoint.owner.file.is_some()) else { return };
        if let Some(place) = endpoint.place.filter(|place| place.address != Some(address)) {
            let place = Some(Place { address: Some(address), ..place });
            self.put_endpoint(Endpoint { place, ..Endpoint::clone(endpoint) });
        }
    }
}
