//! Operations 19, 22 to 27: endpoints.

use std::sync::Arc;

use super::check_not_of_file;
use crate::model::resource::{
    Caller, Consent, Endpoint, EndpointId, Key, Refusal, Resources, Service, ServiceId, ServiceState, Write,
    answer::{EndpointDetails, RouteTables},
    check,
    item::{Owner, Policy},
    policy,
    request::{CreateEndpoint, UpdatePolicy, UpdateRouteTables, UpdateWhitelist, UpgradeEndpoint},
};

impl Resources {
    /// Operation 19.
    ///
    /// # Errors
    ///
    /// The quota is used up, the service doesn't admit the caller, the VPC or the subnet isn't the caller's, the
    /// address is taken, or a value isn't allowed.
    pub fn create_endpoint(
        &mut self,
        by: &Caller,
        at: u64,
        id: EndpointId,
        request: &CreateEndpoint,
    ) -> Write<EndpointDetails> {
        check::only("ip_version", request.ip_version.as_deref(), "ipv4")?;
        check::none("ipv6_address", request.ipv6_address.as_deref())?;
        let vpc = self.vpc(by, request.vpc_id.as_deref())?;
        let domain = self.world.vpcs.get(&vpc).and_then(|vpc| vpc.domain.clone());
        let service = self.service_for(domain.as_deref(), request.endpoint_service_id.as_deref())?;
        let tags = self.limits.tags(request.tags.as_deref().unwrap_or_default())?;
        let description = check::description(request.description.as_deref())?;
        let policy = policy::read(request.policy_statement.as_deref(), request.policy_document.as_ref())?;
        let whitelist = self.limits.whitelist(request.whitelist.as_deref().unwrap_or_default())?;
        if self.endpoints.contains_key(&id) {
            return Err(Refusal::CreateFailed { reason: format!("endpoint {id} exists already") });
        }
        let place = if service.is_gateway() {
            check_no_whitelist(&whitelist, request.enable_whitelist)?;
            self.check_no_place(vpc, &service, request)?;
            None
        } else {
            check::none("routetables", request.routetables.as_deref().and_then(<[String]>::first).map(String::as_str))?;
            Some(self.place(vpc, request)?)
        };
        self.check_quota(domain.as_deref(), "endpoint")?;
        let marker = self.next_marker;
        self.next_marker += 1;
        self.changed.insert(Key::Marker);
        self.put_endpoint(Endpoint {
            id,
            owner: Owner { domain, project: by.project.clone(), file: None },
            service: service.id,
            service_name: service.full_name(&self.world.region),
            vpc,
            place,
            consent: if service.approval { Consent::Pending } else { Consent::Approved },
            was_approved: !service.approval,
            marker,
            max_connections: self.limits.connections.basic,
            dns: request.enable_dns.unwrap_or(false) && !service.is_gateway(),
            whitelist,
            whitelist_counts: request.enable_whitelist.unwrap_or(false),
            policy: policy.unwrap_or_default(),
            professional: false,
            tags,
            description,
            connection_description: String::new(),
            deleting: false,
            created_at: at,
            updated_at: at,
        });
        self.endpoint(by, id)
    }

    /// Operation 22.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's, is the file's or is of a service of type gateway, or a value isn't allowed.
    pub fn update_whitelist(
        &mut self,
        by: &Caller,
        at: u64,
        id: EndpointId,
        request: &UpdateWhitelist,
    ) -> Write<EndpointDetails> {
        let mut endpoint = self.endpoint_to_change(by, id)?;
        if let Some(entries) = &request.whitelist {
            endpoint.whitelist = self.limits.whitelist(entries)?;
        }
        endpoint.whitelist_counts = request.enable_whitelist.unwrap_or(endpoint.whitelist_counts);
        if endpoint.place.is_none() {
            check_no_whitelist(&endpoint.whitelist, request.enable_whitelist)?;
        }
        endpoint.updated_at = at;
        self.put_endpoint(endpoint);
        self.endpoint(by, id)
    }

    /// Operation 23. A VPC has one route table, so there is nothing to change; what is asked for is checked.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's, is the file's or isn't of a service of type gateway, or the route table is
    /// not that of its VPC.
    pub fn update_route_tables(
        &mut self,
        by: &Caller,
        at: u64,
        id: EndpointId,
        request: &UpdateRouteTables,
    ) -> Write<RouteTables> {
        let mut endpoint = self.endpoint_to_change(by, id)?;
        if endpoint.place.is_some() {
            check::none("routetables", Some("of an endpoint of a service of type interface"))?;
        }
        let [table] = request.routetables.as_slice() else {
            return Err(Refusal::RouteTable { value: request.routetables.join(", ") });
        };
        self.check_route_table(endpoint.vpc, table)?;
        endpoint.updated_at = at;
        self.put_endpoint(endpoint);
        Ok(RouteTables { routetables: vec![table.parse()?], error: Vec::new() })
    }

    /// Operation 24.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's or is the file's, or the policy can't be kept to.
    pub fn update_policy(
        &mut self,
        by: &Caller,
        at: u64,
        id: EndpointId,
        request: &UpdatePolicy,
    ) -> Write<EndpointDetails> {
        let endpoint = self.endpoint_to_change(by, id)?;
        let policy = policy::read(request.policy_statement.as_deref(), request.policy_document.as_ref())?;
        let policy = policy.ok_or(Refusal::PolicyMissing {})?;
        self.put_endpoint(Endpoint { policy, updated_at: at, ..endpoint });
        self.endpoint(by, id)
    }

    /// Operation 25: every client may dial it again.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's or is the file's.
    pub fn delete_policy(&mut self, by: &Caller, at: u64, id: EndpointId) -> Write<EndpointDetails> {
        let endpoint = self.endpoint_to_change(by, id)?;
        self.put_endpoint(Endpoint { policy: Policy::default(), updated_at: at, ..endpoint });
        self.endpoint(by, id)
    }

    /// Operation 26: from basic to professional; a professional one stays as it is.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's or is the file's, or its service has no professional endpoints.
    pub fn upgrade_endpoint(&mut self, by: &Caller, at: u64, id: EndpointId, request: &UpgradeEndpoint) -> Write<()> {
        if request.action.as_deref().is_some_and(|action| !action.is_empty() && action != "start") {
            let value = request.action.clone().unwrap_or_default();
            return Err(Refusal::Action { value, allowed: "start" });
        }
        let endpoint = self.endpoint_to_change(by, id)?;
        if endpoint.professional {
            return Ok(());
        }
        if !self.services.get(&endpoint.service).is_some_and(|service| service.professional) {
            let (what, allowed) = (format!("endpoint service {}", endpoint.service), "its owner upgrades it first");
            return Err(Refusal::State { what, state: "basic", allowed });
        }
        let max_connections = self.limits.connections.professional;
        self.put_endpoint(Endpoint { professional: true, max_connections, updated_at: at, ..endpoint });
        Ok(())
    }

    /// Operation 27. It is `deleting` until it was released, and keeps its address so long.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's or is the file's.
    pub fn delete_endpoint(&mut self, by: &Caller, at: u64, id: EndpointId) -> Write<()> {
        let endpoint = Endpoint::clone(self.own_endpoint(by, id)?);
        check_not_of_file("endpoint", &endpoint.owner)?;
        if !endpoint.deleting {
            self.put_endpoint(Endpoint { deleting: true, updated_at: at, ..endpoint });
        }
        Ok(())
    }

    /// An endpoint that the caller may change.
    pub(super) fn endpoint_to_change(&self, by: &Caller, id: EndpointId) -> Result<Endpoint, Refusal> {
        let endpoint = self.own_endpoint(by, id)?;
        check_not_of_file("endpoint", &endpoint.owner)?;
        if endpoint.deleting {
            let (what, allowed) = (format!("endpoint {id}"), "it can't be changed any more");
            return Err(Refusal::State { what, state: "deleting", allowed });
        }
        Ok(Endpoint::clone(endpoint))
    }

    /// The service of a new endpoint.
    fn service_for(&self, domain: Option<&str>, id: Option<&str>) -> Result<Arc<Service>, Refusal> {
        let Some(text) = id.filter(|id| !id.is_empty()) else { return Err(Refusal::ServiceIdEmpty {}) };
        let absent = || Refusal::ServiceAbsent { id: text.to_owned() };
        let id: ServiceId = text.parse().map_err(|_| absent())?;
        let service = self.services.get(&id).ok_or_else(absent)?;
        if !service.admits(domain) {
            let domain = domain.unwrap_or("of the operator").to_owned();
            return Err(Refusal::NotPermitted { domain, service: id.to_string() });
        }
        match self.service_state(service) {
            ServiceState::Available | ServiceState::Creating => Ok(service.clone()),
            state => Err(Refusal::ServiceNotAvailable { id: id.to_string(), status: state.name() }),
        }
    }
}

/// Only endpoints with an address of their own have a whitelist.
fn check_no_whitelist(whitelist: &[ipnet::Ipv4Net], counts: Option<bool>) -> Result<(), Refusal> {
    let value = match whitelist.first() {
        Some(first) => first.to_string(),
        None if counts == Some(true) => String::new(),
        None => return Ok(()),
    };
    Err(Refusal::Whitelist { value, reason: "an endpoint of a service of type gateway has none; use a policy" })
}
