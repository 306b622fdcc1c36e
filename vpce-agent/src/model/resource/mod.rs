//! The resources of tenants: endpoint services, endpoints, their permissions, tags and quotas.
//!
//! Pure: time and new ids are passed in. A clone costs nothing, so a request is carried out on a clone that is
//! dropped if it is refused, and readers keep the state that they began with. What the file owns is merged in, for
//! all to see and nobody to change; it is never stored.

mod addresses;
pub mod answer;
mod applied;
mod check;
mod id;
mod index;
mod item;
mod merge;
mod part;
mod policy;
mod read;
mod refusal;
pub mod request;
mod row;
pub mod state;
#[cfg(test)]
mod tests;
mod time;
mod world;
mod write;

use std::{collections::BTreeSet, sync::Arc};

use imbl::{OrdMap, OrdSet};
use uuid::Uuid;

use self::{
    applied::Applied,
    index::Index,
    item::{Backend, Endpoint, Quota, Service},
    state::{Consent, EndpointState, ServiceState},
    world::World,
};
pub use self::{
    check::Limits,
    id::{BackendId, EndpointId, PermissionId, RouteTableId, ServiceId, SubnetId, VpcId},
    part::Clients,
    read::ResourceType,
    refusal::Refusal,
    row::{Key, RowError},
    time::Time,
};
use super::rights::Caller;

/// What a write says of its outcome.
type Write<T> = Result<T, Refusal>;

/// All resources.
#[derive(Debug, Clone)]
pub struct Resources {
    world: Arc<World>,
    limits: Limits,
    services: OrdMap<ServiceId, Arc<Service>>,
    endpoints: OrdMap<EndpointId, Arc<Endpoint>>,
    backends: OrdMap<BackendId, Backend>,
    quotas: OrdMap<String, Quota>,
    /// Number of the next endpoint; none is used twice.
    next_marker: u32,
    applied: Applied,
    /// Services that their standby backends answer for now.
    on_standby: OrdSet<ServiceId>,
    /// Domain names that the DNS has for endpoints.
    dns_names: OrdMap<EndpointId, Arc<[String]>>,
    index: Index,
    changed: BTreeSet<Key>,
}

/// How they are kept.
impl Resources {
    /// The keys that were changed since this was last asked.
    pub fn take_changed(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    /// What the dataplane said of a service or an endpoint: it has it, or why it couldn't take it. Not stored.
    pub fn set_applied(&mut self, id: Uuid, outcome: Result<(), String>) {
        let endpoint = self.endpoints.get(&EndpointId(id)).cloned();
        let was_active = endpoint.as_ref().is_some_and(|endpoint| self.is_active(endpoint));
        self.applied.set(id, outcome);
        let Some(endpoint) = endpoint else { return };
        match (was_active, self.is_active(&endpoint)) {
            (false, true) => self.index.activate(endpoint.service),
            (true, false) => self.index.deactivate(endpoint.service),
            (true, true) | (false, false) => (),
        }
    }

    /// The domain names that the DNS has for an endpoint. Not stored.
    pub fn set_dns_names(&mut self, id: EndpointId, names: Vec<String>) {
        if names.is_empty() {
            self.dns_names.remove(&id);
        } else {
            self.dns_names.insert(id, names.into());
        }
    }

    /// The dataplane has let go of a deleted service or endpoint: it is gone, its address free. Returns whether
    /// something was to be let go of.
    pub fn released(&mut self, id: Uuid) -> bool {
        if self.services.get(&ServiceId(id)).is_some_and(|service| service.deleting) {
            self.drop_service(ServiceId(id));
        } else if self.endpoints.get(&EndpointId(id)).is_some_and(|endpoint| endpoint.deleting) {
            self.drop_endpoint(EndpointId(id));
        } else {
            return false;
        }
        true
    }

    fn put_service(&mut self, service: Service) {
        if let Some(old) = self.services.get(&service.id) {
            self.index.remove_service(old);
        }
        self.index.add_service(&service);
        self.note(Key::Service(service.id), service.owner.file.is_some());
        self.services.insert(service.id, Arc::new(service));
    }

    fn put_endpoint(&mut self, endpoint: Endpoint) {
        if let Some(old) = self.endpoints.get(&endpoint.id) {
            self.index.remove_endpoint(old, self.is_active(old));
        }
        self.index.add_endpoint(&endpoint, self.is_active(&endpoint));
        self.note(Key::Endpoint(endpoint.id), endpoint.owner.file.is_some());
        self.endpoints.insert(endpoint.id, Arc::new(endpoint));
    }

    fn put_backend(&mut self, backend: Backend) {
        if let Some(old) = self.backends.insert(backend.id, backend) {
            self.index.remove_backend(&old);
        }
        self.index.add_backend(&backend);
        self.note(Key::Backend(backend.id), backend.of_file);
    }

    fn drop_service(&mut self, id: ServiceId) {
        if let Some(service) = self.services.remove(&id) {
            self.index.remove_service(&service);
            self.applied.forget(id.0);
            self.on_standby.remove(&id);
            self.note(Key::Service(id), service.owner.file.is_some());
        }
    }

    fn drop_endpoint(&mut self, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get(&id).cloned() {
            self.index.remove_endpoint(&endpoint, self.is_active(&endpoint));
            self.endpoints.remove(&id);
            self.applied.forget(id.0);
            self.dns_names.remove(&id);
            self.note(Key::Endpoint(id), endpoint.owner.file.is_some());
        }
    }

    fn note(&mut self, key: Key, of_file: bool) {
        if !of_file {
            self.changed.insert(key);
        }
    }
}

/// In which state they are.
impl Resources {
    fn service_state(&self, service: &Service) -> ServiceState {
        if service.deleting {
            return ServiceState::Deleting;
        }
        match (self.check_service(service), self.applied.of(service.id.0)) {
            (Err(_), _) | (_, Some(Err(_))) => ServiceState::Failed,
            (Ok(()), Some(Ok(()))) => ServiceState::Available,
            (Ok(()), None) => ServiceState::Creating,
        }
    }

    fn endpoint_state(&self, endpoint: &Endpoint) -> EndpointState {
        if endpoint.deleting {
            return EndpointState::Deleting;
        }
        match endpoint.consent {
            Consent::Pending => EndpointState::PendingAcceptance,
            Consent::Rejected => EndpointState::Rejected,
            Consent::Approved => match self.applied.of(endpoint.id.0) {
                _ if self.check_wired(endpoint).is_err() => EndpointState::Failed,
                Some(Err(_)) => EndpointState::Failed,
                Some(Ok(())) => EndpointState::Accepted,
                None => EndpointState::Creating,
            },
        }
    }

    fn is_active(&self, endpoint: &Endpoint) -> bool {
        self.endpoint_state(endpoint).is_active()
    }

    /// Why a service failed.
    fn service_error(&self, service: &Service) -> Option<String> {
        self.check_service(service).err().or_else(|| self.applied.error(service.id.0))
    }

    /// Why an endpoint failed.
    fn endpoint_error(&self, endpoint: &Endpoint) -> Option<String> {
        if self.endpoint_state(endpoint) != EndpointState::Failed {
            return None;
        }
        self.check_wired(endpoint).err().or_else(|| self.applied.error(endpoint.id.0))
    }
}

/// Who may see what.
impl Resources {
    fn owns(by: &Caller, owner: &item::Owner) -> bool {
        by.operator
            || owner.domain.as_ref() == Some(&by.domain) && (owner.project.is_empty() || owner.project == by.project)
    }

    /// A service of the caller's.
    fn own_service(&self, by: &Caller, id: ServiceId) -> Result<&Arc<Service>, Refusal> {
        let service = self.services.get(&id).filter(|service| Self::owns(by, &service.owner));
        service.ok_or_else(|| Refusal::absent("endpoint service", &id))
    }

    /// An endpoint of the caller's.
    fn own_endpoint(&self, by: &Caller, id: EndpointId) -> Result<&Arc<Endpoint>, Refusal> {
        let endpoint = self.endpoints.get(&id).filter(|endpoint| Self::owns(by, &endpoint.owner));
        endpoint.ok_or_else(|| Refusal::EndpointAbsent { id: id.to_string() })
    }
}
