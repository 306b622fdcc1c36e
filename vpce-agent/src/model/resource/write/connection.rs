//! Operations 12 and 13: what a service's owner says of endpoints.

use crate::model::resource::{
    Caller, Consent, Endpoint, EndpointId, EndpointState, Refusal, Resources, ServiceId, Write,
    answer::ConnectionsOf,
    check,
    request::{AcceptOrReject, UpdateConnectionDescriptions},
};

impl Resources {
    /// Operation 12: only the service's owner may, and only where approval is on.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's or asks for no approval, the endpoint isn't one of it, or is in a state that
    /// the action isn't for.
    pub fn accept_or_reject(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &AcceptOrReject,
    ) -> Write<ConnectionsOf> {
        let service = self.service_to_change(by, id)?;
        let accepts = check::action(request.action.as_deref(), ["receive", "reject"], "receive or reject")?;
        let [endpoint] = request.endpoints.as_slice() else {
            return Err(Refusal::OneEndpoint { count: request.endpoints.len() });
        };
        if !service.approval {
            let (what, allowed) = (format!("approval of endpoint service {id}"), "turn it on to accept and reject");
            return Err(Refusal::State { what, state: "off", allowed });
        }
        let mut endpoint = self.connection_of(id, endpoint)?;
        let state = self.endpoint_state(&endpoint);
        let what = || format!("endpoint {}", endpoint.id);
        endpoint.consent = match (accepts, state) {
            (true, EndpointState::PendingAcceptance | EndpointState::Rejected) => Consent::Approved,
            (true, state) => {
                let allowed = "one that is pendingAcceptance or rejected can be accepted";
                return Err(Refusal::State { what: what(), state: state.name(), allowed });
            }
            (false, EndpointState::Rejected | EndpointState::Deleting) => {
                let allowed = "one that is pendingAcceptance, creating, accepted or failed can be rejected";
                return Err(Refusal::State { what: what(), state: state.name(), allowed });
            }
            (false, _) => Consent::Rejected,
        };
        // What the dataplane said was of the time before.
        if !accepts {
            self.forget_applied(&endpoint);
        }
        endpoint.was_approved |= accepts;
        endpoint.updated_at = at;
        let id = endpoint.id;
        self.put_endpoint(endpoint);
        Ok(ConnectionsOf {
            connections: self.endpoints.get(&id).map(|endpoint| self.connection(endpoint)).into_iter().collect(),
        })
    }

    /// Operation 13.
    ///
    /// # Errors
    ///
    /// The service isn't the caller's, an endpoint isn't one of it, or a text isn't allowed.
    pub fn update_connection_descriptions(
        &mut self,
        by: &Caller,
        at: u64,
        id: ServiceId,
        request: &UpdateConnectionDescriptions,
    ) -> Write<ConnectionsOf> {
        self.service_to_change(by, id)?;
        if request.connections.is_empty() {
            return Err(Refusal::Missing { field: "connections", allowed: "[{id, description}]" });
        }
        let mut connections = Vec::with_capacity(request.connections.len());
        for entry in &request.connections {
            let mut endpoint = self.connection_of(id, &entry.id)?;
            endpoint.connection_description = check::description(entry.description.as_deref())?;
            endpoint.updated_at = at;
            connections.push(self.connection(&endpoint));
            self.put_endpoint(endpoint);
        }
        Ok(ConnectionsOf { connections })
    }

    /// An endpoint of a service.
    fn connection_of(&self, service: ServiceId, id: &str) -> Result<Endpoint, Refusal> {
        let absent = || Refusal::NotOfService { id: id.to_owned(), service: service.to_string() };
        let parsed: EndpointId = id.parse().map_err(|_| absent())?;
        let endpoint = self.endpoints.get(&parsed).filter(|endpoint| endpoint.service == service);
        endpoint.map(|endpoint| Endpoint::clone(endpoint)).ok_or_else(absent)
    }

    fn forget_applied(&mut self, endpoint: &Endpoint) {
        // Counted as it is until it is put again.
        if let Some(old) = self.endpoints.get(&endpoint.id).cloned() {
            let was_active = self.is_active(&old);
            self.applied.forget(old.id.0);
            match (was_active, self.is_active(&old)) {
                (false, true) => self.index.activate(old.service),
                (true, false) => self.index.deactivate(old.service),
                _ => (),
            }
        }
    }
}
