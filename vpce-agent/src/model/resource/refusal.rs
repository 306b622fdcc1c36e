//! Why a request is refused: every error of the API, with its code, status and text.

use crate::model::rights::{AccountsError, Denied};

/// Makes the enum, and the tables of codes and statuses, from one line for each error.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? } = $status:literal $code:literal $text:literal;)*) => {
        /// Why a request is refused.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[expect(missing_docs, reason = "the message of each says what its fields are")]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name { $($(#[$field_doc])* $field: $type),* },)*
        }

        impl Refusal {
            /// The API's number of the error, such as `EndPoint.0002`.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$name { .. } => $code,)* }
            }

            /// The HTTP status that it is answered with.
            #[must_use]
            pub const fn status(&self) -> u16 {
                match self { $(Self::$name { .. } => $status,)* }
            }
        }
    };
}

refusals! {
    /// Nothing was changed.
    Internal { reason: String } = 500 "EndPoint.0001" "{reason}";
    /// A value that isn't as it must be.
    Parameter { field: &'static str, value: String, allowed: String } = 400 "EndPoint.0002" "{field}: {value:?} isn't allowed; use {allowed}";
    /// A field that must be there.
    Missing { field: &'static str, allowed: &'static str } = 400 "EndPoint.0002" "{field} is missing; use {allowed}";
    /// The body as a whole.
    Body { reason: String } = 400 "EndPoint.0002" "the body can't be read: {reason}";
    /// Users, keys or tokens that can't be so.
    Account { reason: String } = 400 "EndPoint.0002" "{reason}";
    /// Who asks isn't known.
    Unauthenticated { reason: String } = 401 "EndPoint.0003" "{reason}";
    /// Who asks has no right to it.
    Forbidden { reason: String } = 403 "EndPoint.0004" "{reason}";
    /// Only the file can change it.
    OwnedByFile { kind: &'static str, name: String } = 403 "EndPoint.0004" "{kind} {name:?} is owned by the gateway's configuration file; change it there";
    /// Nothing of that id that the caller may see.
    Absent { kind: &'static str, id: String } = 404 "EndPoint.0005" "{kind} {id:?} is not found";
    /// No such user, key or token.
    AccountAbsent { reason: String } = 404 "EndPoint.0005" "{reason}";
    Limit { value: String } = 400 "EndPoint.0006" "limit: {value:?} isn't allowed; use a number of 0-1000";
    Offset { value: String } = 400 "EndPoint.0010" "offset: {value:?} isn't allowed; use a number of 0-2147483647";
    ProjectId { value: String } = 400 "EndPoint.0014" "project_id: {value:?} is not your project; give the client its id";
    SortKey { value: String } = 400 "EndPoint.0017" "sort_key: {value:?} isn't allowed; use create_at, update_at, created_at or updated_at";
    SortDir { value: String } = 400 "EndPoint.0018" "sort_dir: {value:?} isn't allowed; use asc or desc";
    Status { value: String, allowed: &'static str } = 400 "EndPoint.0019" "status: {value:?} isn't allowed; use {allowed}";
    VpcId { value: String } = 400 "EndPoint.0020" "vpc_id: {value:?} isn't allowed; use the UUID of a VPC";
    MarkerId { value: String } = 400 "EndPoint.0021" "marker_id: {value:?} isn't allowed; use the number of an endpoint";
    /// Too many requests.
    RateLimit { per_sec: u32 } = 400 "EndPoint.0022" "more than {per_sec} requests a second; wait and try again";
    SubnetId { value: String } = 400 "EndPoint.0023" "subnet_id: {value:?} isn't allowed; use the UUID of a subnet";
    Quota { kind: &'static str, used: u32, quota: u32 } = 400 "Endpoint.1018" "quota of {kind} exceeded: {used} of {quota} are used; delete some, or ask the operator for more";
    VpcAbsent { id: String } = 400 "EndPoint.2001" "vpc_id: VPC {id:?} doesn't exist, or isn't yours";
    ServiceAbsent { id: String } = 400 "EndPoint.2003" "endpoint_service_id: endpoint service {id:?} doesn't exist";
    ServiceNotAvailable { id: String, status: &'static str } = 400 "EndPoint.2004" "endpoint service {id} is {status}, not available";
    EndpointAbsent { id: String } = 404 "EndPoint.2006" "endpoint {id:?} is not found";
    SubnetMissing {} = 400 "EndPoint.2010" "subnet_id is missing; an endpoint of a service of type interface needs one";
    NotPermitted { domain: String, service: String } = 400 "EndPoint.2012" "domain {domain:?} is not in the whitelist of endpoint service {service}; its owner can add iam:domain::{domain}";
    NotOfService { id: String, service: String } = 400 "EndPoint.2013" "endpoint {id:?} is not one of endpoint service {service}";
    ActionEmpty { allowed: &'static str } = 400 "EndPoint.2027" "action is missing; use {allowed}";
    PortEmpty { field: &'static str } = 400 "EndPoint.2028" "{field} is missing; use ports = [{{client_port, server_port, protocol}}]";
    ServiceIdEmpty {} = 400 "EndPoint.2029" "endpoint_service_id is missing; use the UUID of an endpoint service";
    OneEndpoint { count: usize } = 400 "EndPoint.2031" "endpoints: {count} are given; use one a request";
    SubnetNotInVpc { id: String, vpc: String } = 400 "EndPoint.2037" "subnet_id: subnet {id:?} is not one of VPC {vpc}";
    RouteTaken { prefix: String, vpc: String, by: String } = 400 "EndPoint.2039" "the route table of VPC {vpc} already has a way to {prefix}: {by}";
    RouteTable { value: String } = 400 "EndPoint.2040" "routetables: {value:?} is not the route table of the VPC; a VPC has one, leave routetables out to use it";
    PortIp { value: String, reason: String } = 400 "EndPoint.2041" "port_ip: {value:?} isn't allowed: {reason}";
    PortIpInUse { value: String, by: String } = 400 "EndPoint.2042" "port_ip: {value} is in use by {by}; choose another, or leave it out";
    PortIpNotInSubnet { value: String, subnet: String } = 400 "EndPoint.2043" "port_ip: {value} is not in the subnet's {subnet}";
    SubnetFull { subnet: String } = 400 "EndPoint.3001" "subnet_id: no address of {subnet} is free; delete an endpoint or choose another subnet";
    Whitelist { value: String, reason: &'static str } = 400 "EndPoint.2044" "whitelist: {value:?} isn't allowed: {reason}";
    WhitelistTooMany { count: usize, most: usize } = 400 "EndPoint.2045" "whitelist: {count} entries; use at most {most}";
    Policy { reason: String } = 400 "EndPoint.2048" "policy: {reason}";
    PolicyMissing {} = 400 "EndPoint.2049" "policy_statement or policy_document is missing";
    /// It was right, but couldn't be made.
    CreateFailed { reason: String } = 400 "EndPoint.3001" "{reason}";
    PortId { value: String } = 400 "EndPoint.3003" "port_id: {value:?} is not a backend of the VPC; the operator registers backends";
    Port { field: &'static str, value: i64 } = 400 "EndPoint.3004" "{field}: {value} isn't allowed; use 1-65535";
    InUse { what: String, by: String } = 400 "EndPoint.3006" "{what} is in use by {by}";
    ServerType { value: String, allowed: String } = 400 "EndPoint.3021" "server_type: {value:?} isn't allowed; use {allowed}";
    Action { value: String, allowed: &'static str } = 400 "EndPoint.3035" "action: {value:?} isn't allowed; use {allowed}";
    Permission { value: String, reason: &'static str } = 400 "EndPoint.3036" "permissions: {value:?} isn't allowed: {reason}";
    PortRepeated { field: &'static str, port: u16, protocol: &'static str } = 400 "EndPoint.3043" "ports: {field} {port} of {protocol} is there twice; use each once";
    PortConflict { port: u16, protocol: &'static str, service: String } = 400 "EndPoint.3044" "ports: server_port {port} of {protocol} is already published from this backend by endpoint service {service}";
    /// What it asks for can't be done now.
    State { what: String, state: &'static str, allowed: &'static str } = 400 "EndPoint.3045" "{what} is {state}; {allowed}";
    PermissionsTooMany { count: usize, most: usize } = 400 "EndPoint.3049" "permissions: there would be {count}; a service has at most {most}";
    TagsEmpty {} = 400 "EndPoint.3066" "tags is empty; use tags = [{{key, value}}]";
    TagKeyRepeated { key: String } = 400 "EndPoint.3067" "tags: key {key:?} is there twice; use each once";
    Tag { text: String } = 400 "EndPoint.3068" "tags: {text:?} isn't allowed; use none of = * < > \\ , | / and no space at either end";
    TagsTooMany { count: usize, most: usize } = 400 "EndPoint.3069" "tags: there would be {count}; use at most {most}";
    ResourceType { value: String } = 400 "EndPoint.3070" "resource_type: {value:?} isn't allowed; use endpoint_service or endpoint";
    TagValueRepeated { key: String, value: String } = 400 "EndPoint.3071" "tags: value {value:?} of key {key:?} is there twice; use each once";
    TagKeySize { key: String, most: usize } = 400 "EndPoint.3072" "tags: key {key:?} isn't allowed; use 1 to {most} characters";
    TagValueSize { value: String, most: usize } = 400 "EndPoint.3073" "tags: value {value:?} isn't allowed; use 1 to {most} characters";
    PortsTooMany { count: usize, most: usize } = 400 "EndPoint.3074" "ports: {count} port mappings; use at most {most}";
    Protocol { value: String } = 400 "EndPoint.3075" "protocol: {value:?} isn't allowed; use TCP or UDP";
    ServiceName { value: String, allowed: &'static str } = 400 "EndPoint.3076" "service_name: {value:?} isn't allowed; use {allowed}";
}

impl Refusal {
    /// Nothing of that id.
    #[must_use]
    pub fn absent(kind: &'static str, id: &(impl ToString + ?Sized)) -> Self {
        Self::Absent { kind, id: id.to_string() }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Forbidden { reason: denied.to_string() }
    }
}

impl From<AccountsError> for Refusal {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::NoUser { .. } | AccountsError::NoKey { .. } | AccountsError::NoToken { .. } => {
                Self::AccountAbsent { reason: error.to_string() }
            }
            _ => Self::Account { reason: error.to_string() },
        }
    }
}
