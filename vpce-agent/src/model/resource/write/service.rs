//! Operations 1, 4, 5, 6, 9 and 10: endpoint services.

use std::sync::Arc;

use uuid::Uuid;

use super::check_not_of_file;
use crate::model::resource::{
    Backend, BackendId, Caller, Consent, Endpoint, EndpointId, Refusal, Resources, Service, ServiceId, VpcId, Write,
    answer::{ServiceDetails, ServiceName},
    check,
    item::{Mapping, Owner},
    request::{AddServerResources, CreateService, RenameService, UpdateService},
    world::Network,
};

/// What a service that changes must not be, for messages.
const WAIT: &str = "it can't be changed any more";

impl Resources {
    /// Operation 1.
    ///
    /// # Errors
    ///
    /// The quota is used up, the VPC or the backend isn't the caller's, or a value isn't allowed.
    pub fn create_service(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &CreateService,
    ) -> Write<ServiceDetails> {
        check::only("service_type", request.service_type.as_deref(), "interface")?;
        check::only("tcp_proxy", request.tcp_proxy.as_deref(), "close")?;
        check::only("ip_version", request.ip_version.as_deref(), "ipv4")?;
        check::none("ip", request.ip.as_deref())?;
        check::none("snat_network_id", request.snat_network_id.as_deref())?;
        let vpc = self.vpc(by, request.vpc_id.as_deref())?;
        let Some(network) = self.world.vpcs.get(&vpc) else { return Err(Refusal::VpcAbsent { id: vpc.to_string() }) };
        let owner = Owner { domain: network.domain.clone(), project: by.project.clone(), file: None };
        let backend = self.backend_in(vpc, request.port_id.as_deref())?;
        check_server_type(&backend, request.server_type.as_deref())?;
        let service = Service {
            id,
            owner,
            name: check::service_name(request.service_name.as_deref())?,
            vpc,
            backend: Some(backend.id),
            standby: None,
            prefixes: std::collections::BTreeSet::new(),
            ports: self.limits.ports(request.ports.as_deref())?,
            approval: request.approval_enabled.unwrap_or(true),
            permissions: Vec::new(),
            tags: self.limits.tags(request.tags.as_deref().unwrap_or_default())?,
            description: check::description(request.description.as_deref())?,
            professional: false,
            deleting: false,
            created_at: at,
            updated_at: at,
        };
        if self.services.contains_key(&id) {
            return Err(Refusal::CreateFailed { reason: format!("endpoint service {id} exists already") });
        }
        self.check_ports(&service, backend.id, &service.ports)?;
        self.check_quota(service.owner.domain.as_deref(), "endpoint_service")?;
        self.put_service(service);
        self.service(by, id)
    }

    /// Operation 4. Turning approval off approves what waits and is in the whitelist still.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, or a value isn't allowed.
    pub fn update_service(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &UpdateService,
    ) -> Write<ServiceDetails> {
        check::only("tcp_proxy", request.tcp_proxy.as_deref(), "close")?;
        check::none("ip", request.ip.as_deref())?;
        let mut service = self.service_to_change(by, id)?;
        if let Some(name) = &request.service_name {
            service.name = check::service_name(Some(name))?;
        }
        if let Some(text) = &request.description {
            service.description = check::description(Some(text))?;
        }
        if request.ports.is_some() {
            service.ports = self.limits.ports(request.ports.as_deref())?;
        }
        if request.port_id.as_deref().is_some_and(|id| !id.is_empty()) {
            let backend = self.backend_in(service.vpc, request.port_id.as_deref())?;
            if service.standby == Some(backend.id) {
                let what = format!("backend {}", backend.id);
                return Err(Refusal::InUse { what, by: "the service itself, as its standby".to_owned() });
            }
            service.backend = Some(backend.id);
        }
        for backend in service.backends() {
            self.check_ports(&service, backend, &service.ports)?;
        }
        let approves = service.approval && request.approval_enabled == Some(false);
        service.approval = request.approval_enabled.unwrap_or(service.approval);
        service.updated_at = at;
        self.put_service(service.clone());
        if approves {
            self.approve_waiting(&service, at);
        }
        self.service(by, id)
    }

    /// Operation 5.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, or the name isn't allowed.
    pub fn rename_service(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &RenameService,
    ) -> Write<ServiceName> {
        let Some(name) = request.endpoint_service_name.as_deref() else {
            let allowed = "0 to 16 of A-Z a-z 0-9 _ -";
            return Err(Refusal::Missing { field: "endpoint_service_name", allowed });
        };
        let mut service = self.service_to_change(by, id)?;
        service.name = check::service_name(Some(name))?;
        service.updated_at = at;
        let endpoint_service_name = service.full_name(&self.world.region);
        self.put_service(service);
        Ok(ServiceName { endpoint_service_name })
    }

    /// Operation 6. It is `deleting` until it was released; what was not approved is rejected for good.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's, or endpoints of it are accepted or creating.
    pub fn delete_service(&mut self, by: &Caller, at: u64, id: ServiceId) -> Write<()> {
        let mut service = Service::clone(self.own_service(by, id)?);
        check_not_of_file("endpoint service", &service.owner)?;
        if service.deleting {
            return Ok(());
        }
        let active = self.index.active(id);
        if active > 0 {
            let what = format!("endpoint service {id}");
            return Err(Refusal::InUse {
                what,
                by: format!("{active} accepted or creating endpoints; reject them first"),
            });
        }
        let service_name = service.full_name(&self.world.region);
        for endpoint in self.connections_of(id) {
            if !endpoint.deleting && endpoint.owner.file.is_none() {
                let (consent, service_name) = (Consent::Rejected, service_name.clone());
                self.put_endpoint(Endpoint { consent, service_name, updated_at: at, ..Endpoint::clone(&endpoint) });
            }
        }
        service.deleting = true;
        service.updated_at = at;
        self.put_service(service);
        Ok(())
    }

    /// Operation 9: it can have professional endpoints from now on.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or is the file's.
    pub fn upgrade_service(&mut self, by: &Caller, at: u64, id: ServiceId) -> Write<()> {
        let service = self.service_to_change(by, id)?;
        if !service.professional {
            self.put_service(Service { professional: true, updated_at: at, ..service });
        }
        Ok(())
    }

    /// Operation 10: a standby backend.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's, is the file's or has one already, or the backend isn't one of its VPC.
    pub fn add_server_resources(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &AddServerResources,
    ) -> Write<()> {
        let mut service = self.service_to_change(by, id)?;
        let [resource] = request.server_resources.as_slice() else {
            let value = request.server_resources.len().to_string();
            return Err(Refusal::Parameter {
                field: "server_resources",
                value,
                allowed: "one standby backend".to_owned(),
            });
        };
        let standby = self.backend_in(service.vpc, resource.resource_id.as_deref())?.id;
        if service.standby == Some(standby) {
            return Ok(());
        }
        if let Some(other) = service.backends().find(|other| *other == standby).or(service.standby) {
            let what = format!("endpoint service {id}");
            return Err(Refusal::InUse {
                what,
                by: format!("backend {other}; a service has one backend and one standby"),
            });
        }
        self.check_ports(&service, standby, &service.ports)?;
        service.standby = Some(standby);
        service.updated_at = at;
        self.put_service(service);
        Ok(())
    }

    /// A service that the caller may change.
    pub(super) fn service_to_change(&self, by: &Caller, id: ServiceId) -> Result<Service, Refusal> {
        let service = self.own_service(by, id)?;
        check_not_of_file("endpoint service", &service.owner)?;
        if service.deleting {
            return Err(Refusal::State { what: format!("endpoint service {id}"), state: "deleting", allowed: WAIT });
        }
        Ok(Service::clone(service))
    }

    /// A VPC of the caller's. The operator has those of the project that it acts in, and those of no tenant; where
    /// it acts in none, all.
    pub(super) fn vpc(&self, by: &Caller, id: Option<&str>) -> Result<VpcId, Refusal> {
        let text = id.unwrap_or_default();
        let id: VpcId = text.parse()?;
        let is_operators = |vpc: &Network| by.operator && (by.project.is_empty() || vpc.domain.is_none());
        let vpc = self.world.vpcs.get(&id).filter(|vpc| vpc.domain.as_ref() == Some(&by.domain) || is_operators(vpc));
        vpc.map(|_| id).ok_or_else(|| Refusal::VpcAbsent { id: text.to_owned() })
    }

    /// A backend of a VPC.
    fn backend_in(&self, vpc: VpcId, id: Option<&str>) -> Result<Backend, Refusal> {
        let text = id.unwrap_or_default();
        let id: BackendId = text.parse()?;
        let backend = self.backends.get(&id).filter(|backend| backend.vpc == vpc);
        backend.copied().ok_or_else(|| Refusal::PortId { value: text.to_owned() })
    }

    /// Two services may not publish the same port of a backend.
    fn check_ports(&self, service: &Service, backend: BackendId, ports: &[Mapping]) -> Result<(), Refusal> {
        for mapping in ports {
            let port = mapping.published();
            if let Some(other) = self.index.publisher(backend, port, service.id) {
                // Another tenant's service is not named.
                let named = self.services.get(&other).is_some_and(|other| other.owner.domain == service.owner.domain);
                return Err(Refusal::PortConflict {
                    port: port.port.0.get(),
                    protocol: check::wire(port.protocol),
                    service: if named { other.to_string() } else { "of another tenant".to_owned() },
                });
            }
        }
        Ok(())
    }

    /// The endpoints of a service.
    pub(in super::super) fn connections_of(&self, id: ServiceId) -> Vec<Arc<Endpoint>> {
        let all = (id, 0, EndpointId(Uuid::nil()))..=(id, u64::MAX, EndpointId(Uuid::max()));
        self.index.connections.range(all).filter_map(|(.., id)| self.endpoints.get(id).cloned()).collect()
    }

    fn approve_waiting(&mut self, service: &Service, at: u64) {
        for endpoint in self.connections_of(service.id) {
            let waits = endpoint.consent == Consent::Pending && !endpoint.deleting;
            if waits && service.admits(endpoint.owner.domain.as_deref()) {
                let consent = Consent::Approved;
                self.put_endpoint(Endpoint {
                    consent,
                    was_approved: true,
                    updated_at: at,
                    ..Endpoint::clone(&endpoint)
                });
            }
        }
    }
}

fn check_server_type(backend: &Backend, text: Option<&str>) -> Result<(), Refusal> {
    let kind = backend.kind.name().to_uppercase();
    match text {
        Some(text) if text == kind => Ok(()),
        text => Err(Refusal::ServerType {
            value: text.unwrap_or_default().to_owned(),
            allowed: format!("{kind:?}, what backend {} was registered as", backend.id),
        }),
    }
}
