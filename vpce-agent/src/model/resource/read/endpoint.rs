//! Operations 20 and 21: endpoints.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    page::{Page, given, has_part},
    service::{error_of_endpoint, project, tags},
};
use crate::model::resource::{
    Caller, Endpoint, EndpointId, Refusal, Resources, Time, VpcId,
    answer::{EndpointDetails, Endpoints},
    check,
    index::Place,
    request::Query,
};

impl Resources {
    /// Operation 21.
    ///
    /// # Errors
    ///
    /// The endpoint isn't the caller's.
    pub fn endpoint(&self, by: &Caller, id: EndpointId) -> Result<EndpointDetails, Refusal> {
        Ok(self.endpoint_details(by, self.own_endpoint(by, id)?))
    }

    /// Operation 20: those of the caller's project.
    ///
    /// # Errors
    ///
    /// A value of the query isn't allowed.
    pub fn list_endpoints(&self, by: &Caller, query: &Query) -> Result<Endpoints, Refusal> {
        let page = Page::new(query)?;
        let (name, part) = (given(query.endpoint_service_name.as_ref()), given(query.id.as_ref()));
        let vpc: Option<VpcId> = given(query.vpc_id.as_ref()).map(str::parse).transpose()?;
        let fits = |id: EndpointId| {
            self.endpoints.get(&id).is_some_and(|endpoint| {
                name.is_none_or(|part| has_part(&self.service_name(endpoint), Some(part)))
                    && part.is_none_or(|part| has_part(&id.to_string(), Some(part)))
                    && vpc.is_none_or(|vpc| endpoint.vpc == vpc)
            })
        };
        let is_filtered = name.is_some() || part.is_some() || vpc.is_some();
        let (ids, total_count) = if is_filtered || by.operator || !page.is_by_creation() {
            let mut found = self.endpoint_ids_of(by);
            if is_filtered {
                found.retain(|(_, id)| fits(*id));
            }
            page.cut(found, |id| self.endpoints.get(&id).map_or(0, |endpoint| endpoint.updated_at))
        } else {
            let count = |place| self.index.count(&place).endpoints as usize;
            let ids = page.cut_of(Self::places(by).map(|place| self.endpoint_ids_in(place)));
            (ids, Self::places(by).map(count).sum())
        };
        let endpoints = ids.iter().filter_map(|id| self.endpoints.get(id));
        Ok(Endpoints {
            endpoints: endpoints.map(|endpoint| self.endpoint_details(by, endpoint)).collect(),
            total_count,
        })
    }

    /// The endpoints of the caller's project; of an operator without one: all.
    pub(super) fn endpoints_of(&self, by: &Caller) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoint_ids_of(by).into_iter().filter_map(|(_, id)| self.endpoints.get(&id))
    }

    /// When each was made, and its id. Nothing is looked up for each of a tenant's.
    fn endpoint_ids_of(&self, by: &Caller) -> Vec<(u64, EndpointId)> {
        if by.operator {
            let all = self.endpoints.values().filter(|endpoint| Self::lists(by, &endpoint.owner));
            return all.map(|endpoint| (endpoint.created_at, endpoint.id)).collect();
        }
        Self::places(by).flat_map(|place| self.endpoint_ids_in(place)).collect()
    }

    fn endpoint_ids_in(&self, place: Place) -> impl DoubleEndedIterator<Item = (u64, EndpointId)> {
        let all = (place.clone(), 0, EndpointId(Uuid::nil()))..=(place, u64::MAX, EndpointId(Uuid::max()));
        self.index.endpoints.range(all).map(|&(_, at, id)| (at, id))
    }

    /// The full name of an endpoint's service.
    pub(super) fn service_name(&self, endpoint: &Endpoint) -> String {
        let service = self.services.get(&endpoint.service);
        service.map_or_else(|| endpoint.service_name.clone(), |service| service.full_name(&self.world.region))
    }

    fn endpoint_details(&self, by: &Caller, endpoint: &Endpoint) -> EndpointDetails {
        let shown = endpoint.place.filter(|_| endpoint.was_approved);
        let route_table = self.world.vpcs.get(&endpoint.vpc).filter(|_| endpoint.place.is_none());
        let names = || self.dns_names.get(&endpoint.id).map_or_else(Vec::new, |names| names.to_vec());
        EndpointDetails {
            id: endpoint.id,
            service_type: if endpoint.place.is_none() { "gateway" } else { "interface" }.to_owned(),
            status: self.endpoint_state(endpoint),
            ip: shown.and_then(|place| place.address),
            active_status: vec!["active".to_owned()],
            enable_status: "enable".to_owned(),
            specification_name: if endpoint.professional { "professional" } else { "basic" }.to_owned(),
            endpoint_service_name: self.service_name(endpoint),
            marker_id: endpoint.marker,
            endpoint_service_id: endpoint.service,
            enable_dns: endpoint.dns,
            dns_names: endpoint.dns.then(names),
            subnet_id: endpoint.place.map(|place| place.subnet),
            vpc_id: endpoint.vpc,
            created_at: Time(endpoint.created_at),
            updated_at: Time(endpoint.updated_at),
            project_id: project(by, &endpoint.owner),
            tags: tags(&endpoint.tags),
            error: self.endpoint_error(endpoint).map(error_of_endpoint).into_iter().collect(),
            whitelist: endpoint.whitelist.iter().copied().map(check::show).collect(),
            enable_whitelist: endpoint.whitelist_counts,
            routetables: route_table.map(|vpc| vpc.route_table).into_iter().collect(),
            description: endpoint.description.clone(),
            policy_statement: endpoint.policy.statements.clone(),
            policy_document: endpoint.policy.document.clone(),
        }
    }
}
