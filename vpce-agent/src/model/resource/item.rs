//! The resources themselves, as they are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    BackendId, EndpointId, PermissionId, ServiceId, SubnetId, VpcId, request::PolicyStatement, state::Consent,
};
use crate::model::{BackendKind, Dial, Permission, Port};

/// Whose a resource is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The tenant; none: the operator.
    pub(super) domain: Option<String>,
    /// The tenant's project; none: all of them, as for what the file owns.
    pub(super) project: String,
    /// Its name in the file, where the file owns it. Such ones are never stored.
    #[serde(skip)]
    pub(super) file: Option<String>,
}

/// A port mapping, in the order of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mapping {
    #[serde(with = "stored::dial")]
    pub(super) client: Dial,
    #[serde(with = "stored::port")]
    pub(super) server: Port,
}

impl Mapping {
    /// What the backend publishes by it.
    pub(super) const fn published(self) -> Dial {
        Dial { protocol: self.client.protocol, port: self.server }
    }
}

/// An entry of a service's whitelist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) id: PermissionId,
    #[serde(with = "stored::permission")]
    pub(super) permission: Permission,
    pub(super) description: String,
    pub(super) created_at: u64,
}

/// An endpoint service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) id: ServiceId,
    pub(super) owner: Owner,
    /// The short name.
    pub(super) name: String,
    pub(super) vpc: VpcId,
    /// None: of type gateway; only the file has such.
    pub(super) backend: Option<BackendId>,
    /// For new flows when the backend doesn't answer.
    pub(super) standby: Option<BackendId>,
    /// Networks of a service of type gateway.
    #[serde(skip)]
    pub(super) prefixes: BTreeSet<Ipv4Net>,
    pub(super) ports: Vec<Mapping>,
    pub(super) approval: bool,
    pub(super) permissions: Vec<Grant>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) description: String,
    /// Whether it can have endpoints of a million connections.
    pub(super) professional: bool,
    pub(super) deleting: bool,
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
}

impl Service {
    pub(super) const fn is_gateway(&self) -> bool {
        self.backend.is_none()
    }

    pub(super) const fn kind(&self) -> &'static str {
        if self.is_gateway() { "gateway" } else { "interface" }
    }

    /// Whether it may have endpoints of a tenant (guide §2.3.3).
    pub(super) fn admits(&self, domain: Option<&str>) -> bool {
        self.owner.domain.as_deref() == domain || self.permissions.iter().any(|grant| grant.permission.admits(domain))
    }

    /// Whether it is a cloud service: the operator's, and for all.
    pub(super) fn is_public(&self) -> bool {
        self.owner.domain.is_none() && self.permissions.iter().any(|grant| grant.permission == Permission::Anyone)
    }

    /// The backends it leads to.
    pub(super) fn backends(&self) -> impl Iterator<Item = BackendId> {
        self.backend.into_iter().chain(self.standby)
    }

    /// What consumers type: `<region>.<name>.<id>`, or without the name where it has none.
    pub(super) fn full_name(&self, region: &str) -> String {
        let (name, id) = (&self.name, self.id);
        if name.is_empty() { format!("{region}.{id}") } else { format!("{region}.{name}.{id}") }
    }
}

/// Where an endpoint is in its VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) subnet: SubnetId,
    /// None: of the file, and the gateway hasn't said yet which it gave.
    pub(super) address: Option<Ipv4Addr>,
}

/// Which clients may dial an endpoint, by its policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) statements: Vec<PolicyStatement>,
    pub(super) document: Option<Value>,
    /// None: every client.
    pub(super) clients: Option<Vec<Ipv4Net>>,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own; the state is in `consent` and `deleting`"
)]
pub(super) struct Endpoint {
    pub(super) id: EndpointId,
    pub(super) owner: Owner,
    pub(super) service: ServiceId,
    /// The service's full name, for when it is gone.
    pub(super) service_name: String,
    pub(super) vpc: VpcId,
    /// None: of a service of type gateway.
    pub(super) place: Option<Place>,
    pub(super) consent: Consent,
    /// Its address is told only to who was let in once.
    pub(super) was_approved: bool,
    /// Tells its packets from those of others.
    pub(super) marker: u32,
    pub(super) max_connections: u32,
    pub(super) dns: bool,
    pub(super) whitelist: Vec<Ipv4Net>,
    pub(super) whitelist_counts: bool,
    pub(super) policy: Policy,
    pub(super) professional: bool,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) description: String,
    /// What the service's owner says of it.
    pub(super) connection_description: String,
    pub(super) deleting: bool,
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
}

/// What services can lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Backend {
    pub(super) id: BackendId,
    pub(super) vpc: VpcId,
    #[serde(with = "stored::kind")]
    pub(super) kind: BackendKind,
    pub(super) address: Ipv4Addr,
    /// Whether it is of a service in the file. Such ones are never stored.
    #[serde(skip)]
    pub(super) of_file: bool,
    pub(super) created_at: u64,
}

/// How much a tenant may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Quota {
    pub(super) services: u32,
    pub(super) endpoints: u32,
}

/// The model's types as rows have them.
mod stored {
    macro_rules! as_text {
        ($module:ident, $type:ty, $write:expr, $read:expr) => {
            pub(crate) mod $module {
                use serde::{Deserialize, Deserializer, Serializer, de};

                use super::super::*;

                pub(crate) fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                    let write: fn(&$type) -> String = $write;
                    serializer.collect_str(&write(value))
                }

                pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    let read: fn(&str) -> Option<$type> = $read;
                    read(&text).ok_or_else(|| de::Error::custom(format!("{text:?}")))
                }
            }
        };
    }

    as_text!(dial, Dial, |dial| format!("{}/{}", dial.port, dial.protocol.name()), |text| {
        let (port, protocol) = text.split_once('/')?;
        Some(Dial {
            protocol: crate::model::Protocol::from_name(protocol)?,
            port: port.parse().ok().map(crate::model::Port)?,
        })
    });
    as_text!(port, Port, Port::to_string, |text| text.parse().ok().map(Port));
    as_text!(permission, Permission, Permission::to_string, Permission::parse);
    as_text!(kind, BackendKind, |kind| kind.name().to_owned(), BackendKind::from_name);
}
