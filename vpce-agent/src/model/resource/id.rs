//! Identities of resources: types of their own, so that none is taken for another.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Refusal;

/// What ids of things in the file are made within (RFC 9562 §5.5).
const NAMESPACE: Uuid = Uuid::from_u128(0x7a1f_3d5e_52c4_4c0b_9b6d_41d8_0e6a_9c37);

/// The id of a thing in the file: the same over restarts, and on every gateway of the region.
fn stable(region: &str, kind: &str, names: &[&str]) -> Uuid {
    let mut text = format!("{region}/{kind}");
    for name in names {
        text.push('/');
        text.push_str(name);
    }
    Uuid::new_v5(&NAMESPACE, text.as_bytes())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($text:ident) => $absent:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Refusal;

            /// A text that is no id names nothing that exists.
            fn from_str($text: &str) -> Result<Self, Refusal> {
                $text.parse().map(Self).map_err(|_| $absent)
            }
        }
    )*};
}

ids! {
    /// An endpoint service.
    ServiceId(text) => Refusal::absent("endpoint service", text);
    /// An endpoint.
    EndpointId(text) => Refusal::EndpointAbsent { id: text.to_owned() };
    /// A backend that services can lead to: the API's `port_id`.
    BackendId(text) => Refusal::PortId { value: text.to_owned() };
    /// An entry of a service's whitelist.
    PermissionId(text) => Refusal::absent("permission", text);
    /// A VPC.
    VpcId(text) => Refusal::VpcId { value: text.to_owned() };
    /// A subnet of a VPC.
    SubnetId(text) => Refusal::SubnetId { value: text.to_owned() };
    /// The route table of a VPC.
    RouteTableId(text) => Refusal::RouteTable { value: text.to_owned() };
}

impl ServiceId {
    /// That of a service in the file.
    #[must_use]
    pub fn of_file(region: &str, name: &str) -> Self {
        Self(stable(region, "service", &[name]))
    }
}

impl EndpointId {
    /// That of an endpoint in the file.
    #[must_use]
    pub fn of_file(region: &str, name: &str) -> Self {
        Self(stable(region, "endpoint", &[name]))
    }
}

impl BackendId {
    /// That of a backend of a service in the file.
    #[must_use]
    pub fn of_file(region: &str, vpc: &str, address: Ipv4Addr) -> Self {
        Self(stable(region, "backend", &[vpc, &address.to_string()]))
    }
}

impl PermissionId {
    /// That of a permission of a service: a service has each once.
    #[must_use]
    pub fn of(service: ServiceId, permission: &str) -> Self {
        Self(Uuid::new_v5(&service.0, permission.as_bytes()))
    }
}

impl VpcId {
    /// That of a VPC of the file.
    #[must_use]
    pub fn of_file(region: &str, name: &str) -> Self {
        Self(stable(region, "vpc", &[name]))
    }
}

impl SubnetId {
    /// That of a subnet of the file.
    #[must_use]
    pub fn of_file(region: &str, vpc: &str, name: &str) -> Self {
        Self(stable(region, "subnet", &[vpc, name]))
    }
}

impl RouteTableId {
    /// That of a VPC's one route table.
    #[must_use]
    pub fn of_file(region: &str, vpc: &str) -> Self {
        Self(stable(region, "routetable", &[vpc]))
    }
}
