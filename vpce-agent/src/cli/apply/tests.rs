use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    broken_off,
    document::Document,
    plan::{Now, PlanError, Wanted, plan},
    step::{Does, Place, Step},
};
use crate::cli::{CliError, tenant::Resource as _};

const VPC: &str = "00000000-0000-4000-8000-0000000000aa";
const SUBNET: &str = "00000000-0000-4000-8000-0000000000bb";
const BACKEND: &str = "00000000-0000-4000-8000-0000000000cc";
const TIME: &str = "2026-01-31T08:00:00Z";

/// An id such as the API makes.
fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 + number)
}

fn wanted(documents: &Value) -> Wanted {
    let mut wanted = Wanted::default();
    for document in documents.as_array().unwrap() {
        match serde_json::from_value(document.clone()).unwrap() {
            Document::Service(service) => wanted.services.push(service),
            Document::Endpoint(endpoint) => wanted.endpoints.push(endpoint),
        }
    }
    wanted
}

fn web() -> Value {
    json!({
        "kind": "service", "name": "web", "vpc": VPC, "backend": BACKEND, "ports": ["80:8080", "53/udp"],
        "approval": true, "permissions": ["iam:domain::red"], "tags": { "team": "a" }, "description": "pages",
    })
}

fn dialled(address: &str) -> Value {
    json!({
        "kind": "endpoint", "service": "web", "vpc": VPC, "subnet": SUBNET, "address": address,
        "whitelist": ["10.0.0.5"], "tags": { "team": "a" },
    })
}

/// The service that [`web`] makes, with some fields changed.
fn made_service(number: u128, changed: &Value) -> Value {
    let id = id(number);
    let mut service = json!({
        "id": id, "port_id": BACKEND, "service_name": format!("region-1.web.{id}"), "server_type": "VM",
        "vpc_id": VPC, "approval_enabled": true, "status": "available", "service_type": "interface",
        "supported_editions": ["basic"], "created_at": TIME, "updated_at": TIME, "project_id": "p",
        "ports": [
            { "client_port": 53, "server_port": 53, "protocol": "UDP" },
            { "client_port": 80, "server_port": 8080, "protocol": "TCP" },
        ],
        "tcp_proxy": "close", "ip_version": "ipv4", "cidr_type": "internal",
        "tags": [{ "key": "team", "value": "a" }], "connection_count": 0, "error": [], "description": "pages",
        "enable_policy": true,
    });
    service.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    service
}

/// The endpoint that [`dialled`] makes to service 1, with some fields changed.
fn made_endpoint(number: u128, changed: &Value) -> Value {
    let mut endpoint = json!({
        "id": id(number), "service_type": "interface", "status": "accepted", "ip": "10.0.0.100",
        "active_status": ["active"], "enable_status": "enable", "specification_name": "basic",
        "endpoint_service_name": format!("region-1.web.{}", id(1)), "marker_id": 1, "endpoint_service_id": id(1),
        "enable_dns": false, "subnet_id": SUBNET, "vpc_id": VPC, "created_at": TIME, "updated_at": TIME,
        "project_id": "p", "tags": [{ "key": "team", "value": "a" }], "error": [], "whitelist": ["10.0.0.5"],
        "enable_whitelist": true, "routetables": [], "description": "", "policy_statement": [],
    });
    endpoint.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    endpoint
}

fn now(services: Value, endpoints: Value) -> Now {
    let permissions = BTreeMap::from([(id(1), BTreeSet::from(["iam:domain::red".to_owned()]))]);
    let (services, endpoints) = (serde_json::from_value(services).unwrap(), serde_json::from_value(endpoints).unwrap());
    Now { services, permissions, endpoints }
}

/// The one step from a service that is there to this document.
fn step(document: &Value, changed: &Value) -> Step {
    let mut steps =
        plan(&wanted(&json!([document])), &now(json!([made_service(1, changed)]), json!([])), false).unwrap();
    assert_eq!(steps.len(), 1);
    steps.remove(0)
}

fn with(mut document: Value, field: &str, value: Value) -> Value {
    document[field] = value;
    document
}

#[test]
fn what_is_there_already_is_left_alone() {
    let all = now(json!([made_service(1, &json!({}))]), json!([made_endpoint(2, &json!({}))]));
    let steps = plan(&wanted(&json!([web(), dialled("10.0.0.100")])), &all, true).unwrap();
    assert_eq!(steps.iter().map(|step| step.does).collect::<Vec<_>>(), [Does::Keep, Does::Keep]);
    assert!(steps.iter().all(|step| step.asks.is_empty()), "{steps:?}");
}

#[test]
fn what_is_not_there_is_made_the_service_first() {
    let steps = plan(&wanted(&json!([dialled("10.0.0.100"), web()])), &Now::default(), false).unwrap();
    let [service, endpoint] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((service.does, endpoint.does), (Does::Create, Does::Create));
    assert_eq!(endpoint.service.as_deref(), Some("web"));
    let [made, permitted] = &service.asks[..] else { panic!("{service:?}") };
    assert_eq!(made.body.as_ref().unwrap()["ports"][0]["client_port"], 80);
    assert_eq!((permitted.at, &permitted.body.as_ref().unwrap()["action"]), (Place::Permissions, &json!("add")));
}

#[test]
fn what_a_document_does_not_name_stays_as_it_is() {
    let bare = json!({
        "kind": "service", "name": "web", "vpc": VPC, "backend": BACKEND, "ports": ["80:8080", "53/udp"],
    });
    assert_eq!(step(&bare, &json!({ "approval_enabled": false, "description": "other" })).does, Does::Keep);
}

#[test]
fn one_request_changes_all_fields_of_a_service_that_differ() {
    let step = step(&web(), &json!({ "approval_enabled": false, "description": "", "ports": [] }));
    assert_eq!(step.does, Does::Change);
    let fields: Vec<&str> = step.differs.iter().map(|one| one.field).collect();
    assert_eq!(fields, ["ports", "approval", "description"]);
    let [ask] = &step.asks[..] else { panic!("{step:?}") };
    assert_eq!((ask.at, ask.body.as_ref().unwrap()["approval_enabled"].clone()), (Place::Itself, json!(true)));
}

#[test]
fn tags_and_permissions_are_added_and_removed() {
    let document = with(with(web(), "tags", json!({ "owner": "x" })), "permissions", json!(["iam:domain::*"]));
    let step = step(&document, &json!({}));
    let told: Vec<Value> = step.asks.iter().filter_map(|ask| ask.body.clone()).collect();
    let expected = [
        json!({ "action": "remove", "permissions": ["iam:domain::red"] }),
        json!({ "action": "add", "permissions": ["*"] }),
        json!({ "action": "delete", "tags": [{ "key": "team", "value": "" }] }),
        json!({ "action": "create", "tags": [{ "key": "owner", "value": "x" }] }),
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_empty_whitelist_lets_every_client_in() {
    let document = with(with(dialled("10.0.0.100"), "whitelist", json!([])), "service", json!(id(1)));
    let steps =
        plan(&wanted(&json!([document])), &now(json!([]), json!([made_endpoint(2, &json!({}))])), false).unwrap();
    let body = steps[0].asks[0].body.clone().unwrap();
    assert_eq!(body, json!({ "whitelist": [], "enable_whitelist": false }));
}

#[test]
fn what_can_t_be_changed_is_refused_by_its_field() {
    let plan = |document: Value, service: &Value| {
        let all = now(json!([made_service(1, service)]), json!([made_endpoint(2, &json!({}))]));
        plan(&wanted(&json!([web(), document])), &all, false).unwrap_err().to_string()
    };
    let endpoint = dialled("10.0.0.100");
    assert!(plan(endpoint.clone(), &json!({ "vpc_id": BACKEND })).contains("vpc can't be changed"));
    assert!(
        plan(endpoint.clone(), &json!({ "server_type": "LB" })).contains("backend_kind can't be changed (lb -> vm)")
    );
    assert!(plan(with(endpoint.clone(), "dns", json!(true)), &json!({})).contains("dns can't be changed"));
    assert!(
        plan(with(endpoint, "description", json!("x")), &json!({})).contains("description can't be changed (- -> x)")
    );
}

#[test]
fn endpoints_are_told_apart_by_their_addresses_as_far_as_these_are_told() {
    let waits = made_endpoint(3, &json!({ "ip": null, "status": "pendingAcceptance" }));
    let all = now(json!([made_service(1, &json!({}))]), json!([waits, made_endpoint(2, &json!({}))]));
    let ids = |addresses: &[&str]| {
        let mut documents = vec![web()];
        documents.extend(addresses.iter().map(|address| dialled(address)));
        let steps = plan(&wanted(&json!(documents)), &all, false).unwrap();
        steps[1..].iter().map(|step| step.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["10.0.0.100"]), [Some(id(2))]);
    assert_eq!(ids(&["10.0.0.101"]), [Some(id(3))]);
    assert_eq!(ids(&["10.0.0.100", "10.0.0.101", "10.0.0.102"]), [Some(id(2)), Some(id(3)), None]);
}

#[test]
fn prune_deletes_what_the_file_has_not_but_nothing_of_the_gateways_own_file() {
    let of_file = Uuid::new_v5(&Uuid::nil(), b"web");
    let services = json!([
        made_service(1, &json!({})),
        made_service(4, &json!({ "service_name": format!("region-1.old.{}", id(4)) })),
        made_service(5, &json!({ "id": of_file, "service_name": format!("region-1.own.{of_file}") })),
        made_service(6, &json!({ "status": "deleting" })),
    ]);
    let all = now(services, json!([made_endpoint(2, &json!({})), made_endpoint(3, &json!({ "ip": "10.0.0.101" }))]));
    let documents = wanted(&json!([web(), dialled("10.0.0.100")]));
    assert!(plan(&documents, &all, false).unwrap().iter().all(|step| step.does == Does::Keep));
    let steps = plan(&documents, &all, true).unwrap();
    let deleted: Vec<_> = steps.iter().filter(|step| step.does == Does::Delete).map(|step| step.id).collect();
    // Endpoints go before their services.
    assert_eq!(deleted, [Some(id(3)), Some(id(4))]);
}

#[test]
fn prune_takes_no_file_without_a_document() {
    let all = now(json!([made_service(1, &json!({}))]), json!([]));
    assert_eq!(plan(&Wanted::default(), &all, true), Err(PlanError::Empty));
    assert_eq!(plan(&Wanted::default(), &all, false), Ok(Vec::new()));
}

#[test]
fn a_document_without_an_address_takes_none_that_another_names() {
    let bare = with(dialled("10.0.0.100"), "address", Value::Null);
    let waits = made_endpoint(3, &json!({ "ip": null, "status": "pendingAcceptance" }));
    let other = made_endpoint(4, &json!({ "ip": "10.0.0.102" }));
    let all = now(json!([made_service(1, &json!({}))]), json!([waits, made_endpoint(2, &json!({})), other]));
    let documents = json!([web(), bare, dialled("10.0.0.101"), dialled("10.0.0.100")]);
    let ids: Vec<_> = plan(&wanted(&documents), &all, false).unwrap()[1..].iter().map(|step| step.id).collect();
    assert_eq!(ids, [Some(id(4)), Some(id(3)), Some(id(2))]);
}

#[test]
fn what_is_written_in_another_way_is_the_same() {
    let backend = BACKEND.replace('-', "").to_uppercase();
    let endpoint = with(dialled("10.0.0.100"), "whitelist", json!(["10.0.0.5/32"]));
    let documents = wanted(&json!([with(web(), "backend", json!(backend)), endpoint]));
    let all = now(json!([made_service(1, &json!({}))]), json!([made_endpoint(2, &json!({}))]));
    let steps = plan(&documents, &all, false).unwrap();
    assert!(steps.iter().all(|step| step.does == Does::Keep), "{steps:?}");
}

#[test]
fn an_endpoint_to_a_gateway_service_has_no_dns_whatever_is_asked_for() {
    let endpoint = with(with(dialled("10.0.0.100"), "dns", json!(true)), "service", json!(id(1)));
    let all = now(json!([]), json!([made_endpoint(2, &json!({ "service_type": "gateway" }))]));
    assert_eq!(plan(&wanted(&json!([endpoint])), &all, false).unwrap()[0].does, Does::Keep);
}

#[test]
fn who_breaks_off_tells_what_was_done() {
    let waits = made_endpoint(3, &json!({ "ip": "10.0.0.101" }));
    let all = now(json!([made_service(1, &json!({}))]), json!([waits]));
    let documents = json!([web(), dialled("10.0.0.100"), dialled("10.0.0.101"), dialled("10.0.0.102")]);
    let steps = plan(&wanted(&documents), &all, false).unwrap();
    let error = broken_off(&steps[..3], &steps[3], CliError::Operator).to_string();
    assert!(error.starts_with("endpoint of web at 10.0.0.102: that is the operator's"), "{error}");
    assert!(error.contains("; before it: endpoint of web at 10.0.0.100 created; "), "{error}");
    assert!(broken_off(&[], &steps[0], CliError::Operator).to_string().contains("before it: nothing;"));
}

#[test]
fn a_service_that_goes_is_made_anew() {
    assert_eq!(step(&web(), &json!({ "status": "deleting" })).does, Does::Create);
}

#[test]
fn a_name_that_means_two_services_is_refused() {
    let twice = plan(&wanted(&json!([web(), web()])), &Now::default(), false).unwrap_err();
    assert_eq!(twice, PlanError::Twice { what: "service \"web\"".to_owned() });
    let all = now(json!([made_service(1, &json!({})), made_service(4, &json!({}))]), json!([]));
    let error = plan(&wanted(&json!([web()])), &all, false).unwrap_err().to_string();
    assert!(error.contains(&format!("{}, {}", id(1), id(4))), "{error}");
}

#[test]
fn paths_name_what_they_are_about() {
    let service: crate::model::resource::answer::ServiceDetails =
        serde_json::from_value(made_service(1, &json!({}))).unwrap();
    let step = step(&with(web(), "tags", json!({})), &json!({}));
    let path = step.asks[0].path(step.of, &service.id().to_string());
    assert_eq!(path, format!("endpoint_service/{}/tags/action", id(1)));
}
