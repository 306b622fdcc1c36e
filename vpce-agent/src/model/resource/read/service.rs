//! Operations 2, 3, 7, 8, 11 and 14: endpoint services, their connections and permissions.

use std::sync::Arc;

use uuid::Uuid;

use super::page::{Page, given, has_part};
use crate::model::resource::{
    Backend, Caller, Endpoint, EndpointId, EndpointState, Refusal, Resources, Service, ServiceId, ServiceState, Time,
    VpcId,
    answer::{
        BackendDetails, Backends, Connection, Connections, EndpointError, Mapping, PermissionDetails, Permissions,
        PublicService, PublicServices, ServiceDescription, ServiceDetails, ServiceError, Services,
    },
    check,
    index::Place,
    item::{self, Grant, Owner},
    request::{Query, Tag},
};

impl Resources {
    /// Operation 3.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's.
    pub fn service(&self, by: &Caller, id: ServiceId) -> Result<ServiceDetails, Refusal> {
        Ok(self.service_details(by, self.own_service(by, id)?))
    }

    /// Operation 2: those of the caller's project.
    ///
    /// # Errors
    ///
    /// A value of the query isn't allowed.
    pub fn list_services(&self, by: &Caller, query: &Query) -> Result<Services, Refusal> {
        let page = Page::new(query)?;
        let (name, id) = (given(query.endpoint_service_name.as_ref()), given(query.id.as_ref()));
        let status = given(query.status.as_ref()).map(|text| {
            let refusal = || Refusal::Status { value: text.to_owned(), allowed: ServiceState::ALLOWED };
            ServiceState::parse(text).ok_or_else(refusal)
        });
        let status = status.transpose()?;
        let is_filtered = name.is_some() || id.is_some() || status.is_some();
        let (ids, total_count) = if is_filtered || by.operator || !page.is_by_creation() {
            let region = &self.world.region;
            let found = self.services_of(by).filter(|service| {
                name.is_none_or(|part| has_part(&service.full_name(region), Some(part)))
                    && id.is_none_or(|part| has_part(&service.id.to_string(), Some(part)))
                    && status.is_none_or(|status| self.service_state(service) == status)
            });
            let found = found.map(|service| (service.created_at, service.id)).collect();
            page.cut(found, |id| self.services.get(&id).map_or(0, |service| service.updated_at))
        } else {
            let count = |place| self.index.count(&place).services as usize;
            let ids = page.cut_of(Self::places(by).map(|place| self.service_ids_in(place)));
            (ids, Self::places(by).map(count).sum())
        };
        let services = ids.iter().filter_map(|id| self.services.get(id));
        let endpoint_services = services.map(|service| self.service_details(by, service)).collect();
        Ok(Services { endpoint_services, total_count })
    }

    /// Operation 7: the services that all may use.
    ///
    /// # Errors
    ///
    /// A value of the query isn't allowed.
    pub fn list_public_services(&self, query: &Query) -> Result<PublicServices, Refusal> {
        let page = Page::new(query)?;
        let (name, id) = (given(query.endpoint_service_name.as_ref()), given(query.id.as_ref()));
        let region = &self.world.region;
        let services = self.index.public.iter().filter_map(|(_, id)| self.services.get(id));
        let found = services.filter(|service| {
            has_part(&service.full_name(region), name) && has_part(&service.id.to_string(), id) && !service.deleting
        });
        let found = found.map(|service| (service.created_at, service.id)).collect();
        let (ids, total_count) = page.cut(found, |id| self.services.get(&id).map_or(0, |service| service.updated_at));
        let services = ids.iter().filter_map(|id| self.services.get(id));
        let public = |service: &Arc<Service>| PublicService {
            id: service.id,
            owner: "operator".to_owned(),
            service_name: service.full_name(region),
            service_type: service.kind().to_owned(),
            created_at: Time(service.created_at),
            is_charge: false,
            enable_policy: true,
        };
        Ok(PublicServices { endpoint_services: services.map(public).collect(), total_count })
    }

    /// Operation 8: what a consumer may know of a service whose name or id it was told.
    ///
    /// # Errors
    ///
    /// There is no such service, or the query has not exactly one of both.
    pub fn describe_service(&self, query: &Query) -> Result<ServiceDescription, Refusal> {
        let (name, id) = (given(query.endpoint_service_name.as_ref()), given(query.id.as_ref()));
        let (text, last) = match (name, id) {
            // A name ends with the id.
            (Some(name), None) => (name, name.rsplit('.').next().unwrap_or(name)),
            (None, Some(id)) => (id, id),
            _ => {
                let allowed = "one of endpoint_service_name and id";
                return Err(Refusal::Missing { field: "endpoint_service_name", allowed });
            }
        };
        let absent = || Refusal::absent("endpoint service", text);
        let service = last.parse().ok().and_then(|id: ServiceId| self.services.get(&id)).ok_or_else(absent)?;
        let service_name = service.full_name(&self.world.region);
        if service.deleting || name.is_some_and(|name| name != service_name) {
            return Err(absent());
        }
        Ok(ServiceDescription {
            id: service.id,
            service_name,
            service_type: service.kind().to_owned(),
            created_at: Time(service.created_at),
            is_charge: false,
            public_border_group: String::new(),
            enable_policy: true,
        })
    }

    /// Operation 11.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's, or a value of the query isn't allowed.
    pub fn list_connections(&self, by: &Caller, id: ServiceId, query: &Query) -> Result<Connections, Refusal> {
        self.own_service(by, id)?;
        let page = Page::new(query)?;
        let status = given(query.status.as_ref()).map(|text| {
            let refusal = || Refusal::Status { value: text.to_owned(), allowed: EndpointState::ALLOWED };
            EndpointState::parse(text).ok_or_else(refusal)
        });
        let status = status.transpose()?;
        let marker = given(query.marker_id.as_ref())
            .map(|text| text.parse::<u32>().map_err(|_| Refusal::MarkerId { value: text.to_owned() }))
            .transpose()?;
        let one = given(query.id.as_ref()).map(|text| text.parse::<EndpointId>().ok());
        let all = (id, 0, EndpointId(Uuid::nil()))..=(id, u64::MAX, EndpointId(Uuid::max()));
        let found: Vec<(u64, EndpointId)> = match (one, marker) {
            (None, None) => self.index.connections.range(all).map(|&(_, at, endpoint)| (at, endpoint)).collect(),
            (one, marker) => {
                let numbered = marker.map(|marker| self.index.markers.get(&marker).copied());
                let wanted = one.or(numbered).flatten().and_then(|id| self.endpoints.get(&id));
                let fits = |endpoint: &&Arc<Endpoint>| {
                    endpoint.service == id && marker.is_none_or(|marker| endpoint.marker == marker)
                };
                wanted.filter(fits).map(|endpoint| (endpoint.created_at, endpoint.id)).into_iter().collect()
            }
        };
        let found = match status {
            None => found,
            Some(status) => {
                let state = |id| self.endpoints.get(&id).map(|endpoint| self.endpoint_state(endpoint));
                found.into_iter().filter(|(_, id)| state(*id) == Some(status)).collect()
            }
        };
        let (ids, total_count) =
            page.cut(found, |id| self.endpoints.get(&id).map_or(0, |endpoint| endpoint.updated_at));
        let endpoints = ids.iter().filter_map(|id| self.endpoints.get(id));
        Ok(Connections { connections: endpoints.map(|endpoint| self.connection(endpoint)).collect(), total_count })
    }

    /// Operation 14.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's, or a value of the query isn't allowed.
    pub fn list_permissions(&self, by: &Caller, id: ServiceId, query: &Query) -> Result<Permissions, Refusal> {
        let service = self.own_service(by, id)?;
        let page = Page::new(query)?;
        let part = given(query.permission.as_ref());
        let found = service.permissions.iter().enumerate();
        let found = found.filter(|(_, grant)| has_part(&grant.permission.to_string(), part));
        // A permission isn't changed but in its description, which has no time.
        let found = found.map(|(index, grant)| (grant.created_at, index)).collect();
        let (indexes, total_count) = page.cut(found, |index| service.permissions[index].created_at);
        let permissions = indexes.iter().map(|index| service.permissions[*index].details()).collect();
        Ok(Permissions { permissions, total_count })
    }

    /// The VPC of a name or an id.
    #[must_use]
    pub fn vpc_named(&self, text: &str) -> Option<VpcId> {
        let id = text.parse().ok().filter(|id| self.world.vpcs.contains_key(id));
        id.or_else(|| self.world.vpcs.iter().find_map(|(id, vpc)| (vpc.name == text).then_some(*id)))
    }

    /// The backends of VPCs of the caller's.
    #[must_use]
    pub fn list_backends(&self, by: &Caller) -> Backends {
        let own = |backend: &&Backend| {
            let vpc = self.world.vpcs.get(&backend.vpc);
            by.operator || vpc.is_some_and(|vpc| vpc.domain.as_ref() == Some(&by.domain))
        };
        Backends { backends: self.backends.values().filter(own).map(Backend::details).collect() }
    }

    /// The services of the caller's project; of an operator without one: all.
    pub(super) fn services_of(&self, by: &Caller) -> impl Iterator<Item = &Arc<Service>> {
        let range = |place| self.service_ids_in(place).filter_map(|(_, id)| self.services.get(&id));
        let all = by.operator.then(|| self.services.values().filter(|service| Self::lists(by, &service.owner)));
        let own = (!by.operator).then(|| Self::places(by).flat_map(range));
        all.into_iter().flatten().chain(own.into_iter().flatten())
    }

    fn service_ids_in(&self, place: Place) -> impl DoubleEndedIterator<Item = (u64, ServiceId)> {
        let all = (place.clone(), 0, ServiceId(Uuid::nil()))..=(place, u64::MAX, ServiceId(Uuid::max()));
        self.index.services.range(all).map(|&(_, at, id)| (at, id))
    }

    /// Where what a tenant's list has is: what has no project, such as the file's, is in each.
    pub(super) fn places(by: &Caller) -> impl Iterator<Item = Place> {
        let place = |project: &str| (Some(by.domain.clone()), project.to_owned());
        let own = (!by.project.is_empty()).then(|| place(&by.project));
        [place("")].into_iter().chain(own)
    }

    /// Whether a list of the caller's has what is an owner's.
    pub(super) fn lists(by: &Caller, owner: &Owner) -> bool {
        if by.operator { by.project.is_empty() || owner.project == by.project } else { Self::owns(by, owner) }
    }

    fn service_details(&self, by: &Caller, service: &Service) -> ServiceDetails {
        let mut supported_editions = vec!["basic".to_owned()];
        supported_editions.extend(service.professional.then(|| "professional".to_owned()));
        let backend = service.backend.and_then(|id| self.backends.get(&id));
        let mapping = |mapping: &item::Mapping| Mapping {
            client_port: mapping.client.port.0.get(),
            server_port: mapping.server.0.get(),
            protocol: check::wire(mapping.client.protocol).to_owned(),
        };
        let error = self.service_error(service).map(|message| ServiceError {
            code: FAILED.to_owned(),
            message: message.clone(),
            error_code: FAILED.to_owned(),
            error_message: message,
        });
        ServiceDetails {
            id: service.id,
            port_id: service.backend,
            service_name: service.full_name(&self.world.region),
            server_type: backend.map(|backend| backend.kind.name().to_uppercase()),
            vpc_id: service.vpc,
            approval_enabled: service.approval,
            status: self.service_state(service),
            service_type: service.kind().to_owned(),
            supported_editions,
            created_at: Time(service.created_at),
            updated_at: Time(service.updated_at),
            project_id: project(by, &service.owner),
            domain_id: service.owner.domain.clone(),
            ports: service.ports.iter().map(mapping).collect(),
            tcp_proxy: "close".to_owned(),
            ip_version: "ipv4".to_owned(),
            cidr_type: "internal".to_owned(),
            tags: tags(&service.tags),
            connection_count: self.index.active(service.id),
            error: error.into_iter().collect(),
            description: service.description.clone(),
            enable_policy: true,
        }
    }

    /// An endpoint as its service's owner sees it.
    pub(in super::super) fn connection(&self, endpoint: &Endpoint) -> Connection {
        Connection {
            id: endpoint.id,
            marker_id: endpoint.marker,
            created_at: Time(endpoint.created_at),
            updated_at: Time(endpoint.updated_at),
            domain_id: endpoint.owner.domain.clone().unwrap_or_default(),
            error: self.endpoint_error(endpoint).map(error_of_endpoint).into_iter().collect(),
            status: self.endpoint_state(endpoint),
            description: endpoint.connection_description.clone(),
        }
    }
}

/// What the dataplane couldn't take.
const FAILED: &str = "EndPoint.3001";

pub(super) fn error_of_endpoint(message: String) -> EndpointError {
    let code = FAILED.to_owned();
    EndpointError { error_code: code.clone(), error_message: message.clone(), code, message }
}

/// The project that a resource is shown in; what has none is in each of its tenant's.
pub(super) fn project(by: &Caller, owner: &Owner) -> String {
    if owner.project.is_empty() { by.project.clone() } else { owner.project.clone() }
}

pub(super) fn tags(tags: &std::collections::BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

impl Grant {
    pub(in super::super) fn details(&self) -> PermissionDetails {
        PermissionDetails {
            id: self.id,
            permission: self.permission.to_string(),
            permission_type: "domainId".to_owned(),
            description: self.description.clone(),
            created_at: Time(self.created_at),
        }
    }
}

impl Backend {
    pub(in super::super) fn details(&self) -> BackendDetails {
        BackendDetails {
            id: self.id,
            vpc_id: self.vpc,
            server_type: self.kind.name().to_uppercase(),
            address: self.address.to_string(),
            created_at: Time(self.created_at),
        }
    }
}
