//! What the operator sets: backends and quotas.

use std::net::Ipv4Addr;

use crate::model::{
    BackendKind,
    resource::{
        Backend, BackendId, Caller, Key, Limits, Quota, Refusal, Resources, Write,
        answer::BackendDetails,
        request::{CreateBackend, SetQuota},
    },
};

impl Resources {
    /// Registers a backend, for services to name.
    ///
    /// # Errors
    ///
    /// The caller isn't the operator, there is no such VPC, or the address is taken or reaches nothing.
    pub fn create_backend(
        &mut self,
        by: &Caller,
        at: u64,
        id: BackendId,
        request: &CreateBackend,
    ) -> Write<BackendDetails> {
        check_operator(by, "registers backends")?;
        let vpc = self.vpc(by, request.vpc_id.as_deref())?;
        let Some(network) = self.world.vpcs.get(&vpc) else { return Err(Refusal::VpcAbsent { id: vpc.to_string() }) };
        let text = request.server_type.clone().unwrap_or_default();
        let kind = BackendKind::from_name(&text)
            .ok_or_else(|| Refusal::ServerType { value: text, allowed: "VM, LB or BMS".to_owned() })?;
        let text = request.address.clone().unwrap_or_default();
        let bad = |allowed: String| Refusal::Parameter { field: "address", value: text.clone(), allowed };
        let address: Ipv4Addr = text.parse().map_err(|_| bad("an IPv4 address of the VPC".to_owned()))?;
        match network.subnets.values().find(|subnet| subnet.net.contains(&address)) {
            Some(subnet) => {
                let net = subnet.net;
                if net.prefix_len() < 31 && (address == net.network() || address == net.broadcast()) {
                    return Err(bad(format!("an address of a host of {net}")));
                }
            }
            None if network.next_hop.is_some() => (),
            None => return Err(bad("an address of a subnet: the VPC has no router".to_owned())),
        }
        if !network.can_ask {
            let allowed = "a VPC whose hosts can be asked by ARP: set remotes of its vxlan in the file".to_owned();
            return Err(Refusal::Parameter { field: "vpc_id", value: vpc.to_string(), allowed });
        }
        if let Some(holder) = self.holder(network, vpc, address) {
            return Err(bad(format!("another one: it is in use by {holder}")));
        }
        if self.backends.contains_key(&id) {
            return Err(Refusal::CreateFailed { reason: format!("backend {id} exists already") });
        }
        let backend = Backend { id, vpc, kind, address, of_file: false, created_at: at };
        self.put_backend(backend);
        Ok(backend.details())
    }

    /// Removes a backend that no service leads to.
    ///
    /// # Errors
    ///
    /// The caller isn't the operator, or the backend doesn't exist, is the file's or in use.
    pub fn delete_backend(&mut self, by: &Caller, id: BackendId) -> Write<()> {
        check_operator(by, "removes backends")?;
        let backend = *self.backends.get(&id).ok_or_else(|| Refusal::absent("backend", &id))?;
        if backend.of_file {
            return Err(Refusal::OwnedByFile { kind: "backend", name: id.to_string() });
        }
        if let Some(service) = self.index.user(id) {
            let what = format!("backend {id}");
            return Err(Refusal::InUse { what, by: format!("endpoint service {service}") });
        }
        self.backends.remove(&id);
        self.index.remove_backend(&backend);
        self.changed.insert(Key::Backend(id));
        Ok(())
    }

    /// Sets how much a tenant may have. What it has already stays, even if it is more.
    ///
    /// # Errors
    ///
    /// The caller isn't the operator.
    pub fn set_quota(&mut self, by: &Caller, domain: &str, request: &SetQuota) -> Write<()> {
        check_operator(by, "sets quotas")?;
        let mut quota = self.quota(domain);
        quota.services = request.endpoint_service.unwrap_or(quota.services);
        quota.endpoints = request.endpoint.unwrap_or(quota.endpoints);
        self.quotas.insert(domain.to_owned(), quota);
        self.changed.insert(Key::Quota(domain.to_owned()));
        Ok(())
    }

    /// Sets how much there may be of what, where nothing else is said. What there is stays. Not stored.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How much a tenant may have.
    pub(in super::super) fn quota(&self, domain: &str) -> Quota {
        let default = Quota { services: self.limits.services, endpoints: self.limits.endpoints };
        self.quotas.get(domain).copied().unwrap_or(default)
    }

    /// Refuses one more of a kind.
    pub(super) fn check_quota(&self, domain: Option<&str>, kind: &'static str) -> Result<(), Refusal> {
        let Some(domain) = domain else { return Ok(()) };
        let (used, quota) = (self.index.used(domain), self.quota(domain));
        let (used, quota) = match kind {
            "endpoint" => (used.endpoints, quota.endpoints),
            _ => (used.services, quota.services),
        };
        if used < quota { Ok(()) } else { Err(Refusal::Quota { kind, used, quota }) }
    }
}

fn check_operator(by: &Caller, what: &str) -> Result<(), Refusal> {
    if by.operator {
        return Ok(());
    }
    Err(Refusal::Forbidden { reason: format!("only the operator {what}") })
}
