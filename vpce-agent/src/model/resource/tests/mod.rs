//! Two tenants, a cloud service of the operator's, and what they do.

mod connection;
mod endpoint;
mod file;
mod list;
mod properties;
mod service;
mod tag;

use std::fmt::Debug;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{EndpointDetails, ServiceDetails},
    index::Index,
    request::{CreateBackend, CreateEndpoint, CreateService},
    *,
};
use crate::{
    config,
    model::{Desired, rights::Role},
};

const AT: u64 = 1_700_000_000;

/// `red` buys, `blue` sells; the operator offers `dns` and `obs` to all, and `red` has an endpoint of the file.
const FILE: &str = r#"
    [gateway]
    region = "region-1"

    [[vpc]]
    name = "red"
    domain = "red"
    attach = { interface = "eth1" }
    address = "10.0.0.1/24"
    subnets = [{ name = "a", cidr = "10.0.0.0/24" }, { name = "small", cidr = "10.0.1.0/29" }]

    [[vpc]]
    name = "blue"
    domain = "blue"
    attach = { interface = "eth2" }
    address = "10.0.0.1/24"
    next_hop = "10.0.0.2"
    subnets = [{ name = "a", cidr = "10.0.0.0/24" }]

    [[vpc]]
    name = "cloud"
    attach = { interface = "eth3" }
    address = "10.0.0.1/24"
    next_hop = "10.0.0.2"
    subnets = [{ name = "a", cidr = "10.0.0.0/24" }]

    [[service]]
    name = "dns"
    vpc = "cloud"
    backend = { kind = "lb", address = "10.0.0.53" }
    ports = [{ client = 53, server = 53, protocol = "udp" }]
    permissions = ["*"]

    [[service]]
    name = "obs"
    vpc = "cloud"
    type = "gateway"
    prefixes = ["100.125.0.0/16"]
    permissions = ["*"]

    [[endpoint]]
    name = "dns"
    service = "dns"
    vpc = "red"
    subnet = "a"
    address = "10.0.0.3"
"#;

fn desired(text: &str) -> Desired {
    config::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn resources() -> Resources {
    Resources::new(&desired(FILE), AT)
}

fn tenant(domain: &str) -> Caller {
    let project = format!("{domain}-project");
    Caller {
        domain: domain.to_owned(),
        project,
        user: "user".to_owned(),
        operator: false,
        rights: Role::FullAccess.rights(),
    }
}

fn operator() -> Caller {
    Caller {
        domain: "operator".to_owned(),
        project: String::new(),
        user: "root".to_owned(),
        operator: true,
        rights: Role::Administrator.rights(),
    }
}

fn vpc(name: &str) -> String {
    VpcId::of_file("region-1", name).to_string()
}

fn subnet(vpc: &str, name: &str) -> String {
    SubnetId::of_file("region-1", vpc, name).to_string()
}

fn id(number: u64) -> Uuid {
    Uuid::from_u64_pair(0, number)
}

fn body<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A backend of `blue`, by the last number of its address.
fn backend(resources: &mut Resources, number: u8) -> BackendId {
    let id = BackendId(id(u64::from(number)));
    let address = format!("10.0.0.{number}");
    let request: CreateBackend = body(json!({ "vpc_id": vpc("blue"), "server_type": "VM", "address": address }));
    resources.create_backend(&operator(), AT, id, &request).unwrap();
    id
}

/// What `blue` asks for: a service on a backend, without approval, and for all.
fn service_request(backend: BackendId) -> CreateService {
    body(json!({
        "vpc_id": vpc("blue"), "port_id": backend, "server_type": "VM", "service_name": "web",
        "approval_enabled": false, "ports": [{ "client_port": 80, "server_port": 8080 }],
    }))
}

/// A service of `blue` on a backend of its own, which admits everyone.
fn service(resources: &mut Resources, number: u8, approval: bool) -> ServiceId {
    let backend = backend(resources, number);
    let id = ServiceId(id(1000 + u64::from(number)));
    let request = CreateService { approval_enabled: Some(approval), ..service_request(backend) };
    let blue = tenant("blue");
    resources.create_service(&blue, AT, id, &request).unwrap();
    let all = body(json!({ "permissions": ["*"], "action": "add" }));
    resources.change_permissions(&blue, AT, id, &all).unwrap();
    id
}

/// What `red` asks for.
fn endpoint_request(service: ServiceId) -> CreateEndpoint {
    body(json!({ "endpoint_service_id": service, "vpc_id": vpc("red"), "subnet_id": subnet("red", "a") }))
}

fn endpoint(resources: &mut Resources, number: u64, service: ServiceId) -> EndpointId {
    let id = EndpointId(id(2000 + number));
    resources.create_endpoint(&tenant("red"), AT, id, &endpoint_request(service)).unwrap();
    id
}

fn shown(resources: &Resources, endpoint: EndpointId) -> EndpointDetails {
    resources.endpoint(&tenant("red"), endpoint).unwrap()
}

fn shown_service(resources: &Resources, service: ServiceId) -> ServiceDetails {
    resources.service(&tenant("blue"), service).unwrap()
}

/// Says accept or reject as `blue`.
fn act(resources: &mut Resources, service: ServiceId, endpoint: EndpointId, action: &str) -> Result<(), Refusal> {
    let request = body(json!({ "action": action, "endpoints": [endpoint] }));
    resources.accept_or_reject(&tenant("blue"), AT + 1, service, &request).map(drop)
}

#[track_caller]
fn refused<T: Debug>(outcome: Result<T, Refusal>, code: &str) -> String {
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal}");
    refusal.to_string()
}

/// The index made anew.
fn recount(resources: &Resources) -> Index {
    let mut index = Index::default();
    for (id, vpc) in &resources.world.vpcs {
        vpc.own().for_each(|address| index.addresses.fix(*id, address));
    }
    resources.backends.values().for_each(|backend| index.add_backend(backend));
    resources.services.values().for_each(|service| index.add_service(service));
    for endpoint in resources.endpoints.values() {
        index.add_endpoint(endpoint, resources.is_active(endpoint));
    }
    index
}
