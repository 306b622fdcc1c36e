//! The promises of what is given out.

mod properties;
pub(crate) mod sample;
mod transit;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use sample::{desired, endpoint, gateway_endpoint, host, net, place, service, vlan, vxlan, with};

use super::{BackendLease, Capacity, EndpointLease, Held, LeaseError, Leases, LinkLease};
use crate::model::{Attachment, Backend, BackendKind, Desired, Endpoint, Target};

pub(crate) const CAPACITY: Capacity = Capacity { links: 16, endpoints: 64 };

#[track_caller]
fn assigned(leases: &Leases, desired: &Desired) -> Leases {
    leases.assign(desired, CAPACITY).unwrap_or_else(|errors| panic!("refused: {errors:?}"))
}

#[track_caller]
fn given(desired: &Desired) -> Leases {
    assigned(&Leases::default(), desired)
}

#[track_caller]
fn refused(leases: &Leases, desired: &Desired) -> Vec<LeaseError> {
    leases.assign(desired, CAPACITY).expect_err("something can't be given out")
}

fn all_serving(leases: &Leases) -> BTreeMap<&str, (u32, &EndpointLease)> {
    leases.serving().collect()
}

#[track_caller]
fn serving<'l>(leases: &'l Leases, name: &str) -> &'l EndpointLease {
    all_serving(leases).get(name).unwrap_or_else(|| panic!("nothing serves {name}")).1
}

fn asking(address: Ipv4Addr) -> Endpoint {
    Endpoint { place: place("default", Some(address)), ..endpoint() }
}

fn sized(max_connections: u32) -> Endpoint {
    Endpoint { max_connections, ..endpoint() }
}

#[test]
fn an_endpoint_gets_the_first_free_host_transit_address_number_and_block() {
    let leases = given(&with([("a", endpoint()), ("b", sized(3000))]));
    let (a, b) = (serving(&leases, "a"), serving(&leases, "b"));
    assert_eq!(
        (a.address.unwrap(), a.transit, a.first_slot, a.slots),
        (host(1), Ipv4Addr::new(198, 19, 128, 1), 0, 64)
    );
    assert_eq!(
        (b.address.unwrap(), b.transit, b.first_slot, b.slots),
        (host(2), Ipv4Addr::new(198, 19, 128, 2), 64, 4096)
    );
    assert_eq!(leases.endpoints.keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert_eq!((leases.vpcs["blue"], leases.vpcs["red"]), (1, 2));
    assert_eq!((a.vpc, leases.backends[a.backend as usize].vpc), (2, 1));
}

#[test]
fn no_endpoint_gets_the_address_of_a_gateway_a_router_or_a_backend() {
    let blue = Endpoint { vpc: "blue".to_owned(), ..endpoint() };
    let mut wanted = desired();
    for name in 'a'..='k' {
        wanted.endpoints.insert(name.to_string(), blue.clone());
    }
    let addresses: Vec<_> = given(&wanted).endpoints.values().map(|lease| lease.address.unwrap()).collect();
    // 1 is the router, 2 the backend, 14 the gateway.
    assert_eq!(addresses, (3..=13).map(host).collect::<Vec<_>>());

    wanted.endpoints.insert("l".to_owned(), blue);
    let error = LeaseError::NoAddress { endpoint: "l".to_owned(), subnet: "default".to_owned() };
    assert_eq!(refused(&Leases::default(), &wanted), [error]);
}

#[test]
fn a_subnet_of_two_addresses_has_two_hosts() {
    let pair = Endpoint { place: place("pair", None), ..endpoint() };
    let leases = given(&with([("a", pair.clone()), ("b", pair)]));
    assert_eq!((serving(&leases, "a").address, serving(&leases, "b").address), (Some(host(32)), Some(host(33))));
}

#[test]
fn an_address_asked_for_is_left_to_who_asks() {
    let leases = given(&with([("a", endpoint()), ("b", asking(host(1)))]));
    assert_eq!((serving(&leases, "a").address, serving(&leases, "b").address), (Some(host(2)), Some(host(1))));
}

#[test]
fn an_address_that_was_given_out_is_not_taken_for_one_who_asks_for_it() {
    let before = given(&with([("a", endpoint())]));
    let errors = refused(&before, &with([("a", endpoint()), ("b", asking(host(1)))]));
    let held = LeaseError::AddressHeld { endpoint: "b".to_owned(), address: host(1), holder: "a".to_owned() };
    assert_eq!(errors, [held]);
    // As the error says: an address for the holder too.
    let after = assigned(&before, &with([("a", asking(host(9))), ("b", asking(host(1)))]));
    assert_eq!((serving(&after, "a").address, serving(&after, "b").address), (Some(host(9)), Some(host(1))));
}

#[test]
fn an_address_stays_when_a_lower_one_is_freed() {
    let before = given(&with([("a", endpoint()), ("b", endpoint())]));
    let after = assigned(&before, &with([("b", endpoint())]));
    assert_eq!(all_serving(&after)["b"], all_serving(&before)["b"]);
}

#[test]
fn an_endpoint_that_outgrows_its_block_drains_it_and_keeps_its_address() {
    let before = given(&with([("a", endpoint()), ("b", endpoint())]));
    // A lower address is free now.
    let after = assigned(&before, &with([("b", sized(3000))]));
    let (old, new) = (serving(&before, "b"), serving(&after, "b"));
    assert_eq!(after.endpoints[&1], EndpointLease { held: Held::Draining, ..old.clone() });
    assert_eq!((new.address, new.slots), (old.address, 4096));
    assert_ne!((new.transit, new.generation), (old.transit, old.generation));
}

#[test]
fn new_endpoints_take_what_those_that_grow_leave() {
    let before = given(&with([("b", endpoint())]));
    let after = assigned(&before, &with([("a", endpoint()), ("b", sized(3000))]));
    assert_eq!((serving(&after, "a").address, serving(&after, "b").address), (Some(host(2)), Some(host(1))));
}

#[test]
fn one_who_asks_for_an_address_does_not_get_that_of_an_endpoint_that_grows() {
    let before = given(&with([("b", endpoint())]));
    let errors = refused(&before, &with([("a", asking(host(1))), ("b", sized(3000))]));
    let held = LeaseError::AddressHeld { endpoint: "a".to_owned(), address: host(1), holder: "b".to_owned() };
    assert_eq!(errors, [held]);
}

#[test]
fn an_endpoint_that_shrinks_keeps_its_block() {
    let before = given(&with([("a", sized(3000))]));
    assert_eq!(assigned(&before, &with([("a", sized(1))])), before);
}

#[test]
fn a_removed_endpoint_is_cut_at_once_and_all_it_holds_stays_held() {
    let before = given(&with([("a", endpoint())]));
    let cut = assigned(&before, &with([]));
    let was = serving(&before, "a");
    assert!(cut.endpoints[&0].generation > was.generation);
    assert_eq!(
        cut.endpoints[&0],
        EndpointLease { held: Held::Cut, generation: cut.endpoints[&0].generation, ..was.clone() }
    );

    let after = assigned(&cut, &with([("a", endpoint())]));
    let (number, is) = all_serving(&after)["a"];
    assert_eq!((number, is.address), (1, was.address));
    assert_ne!((is.transit, is.first_slot), (was.transit, was.first_slot));
}

#[test]
fn a_repointed_endpoint_keeps_all_but_its_backend_and_generation() {
    let before = given(&with([("a", endpoint())]));
    let after = assigned(&before, &with([("a", Endpoint { service: "db".to_owned(), ..endpoint() })]));
    let (was, is) = (serving(&before, "a"), serving(&after, "a"));
    assert!(is.generation > was.generation);
    assert_ne!(is.backend, was.backend);
    assert_eq!(*is, EndpointLease { backend: is.backend, generation: is.generation, ..was.clone() });
}

#[test]
fn a_service_whose_backend_moves_repoints_its_endpoints() {
    let wanted = with([("a", endpoint())]);
    let before = given(&wanted);
    let mut moved = wanted.clone();
    moved.services.insert("web".to_owned(), service("blue", host(9), &[(80, 8080)]));
    let after = assigned(&before, &moved);
    assert!(serving(&after, "a").generation > serving(&before, "a").generation);
    assert_eq!(after.backends[serving(&after, "a").backend as usize].address, host(9));
    assert_eq!(after.backends[..3], before.backends);
}

#[test]
fn flows_of_a_draining_block_end_when_the_endpoint_is_repointed() {
    let mut leases = given(&with([("a", endpoint())]));
    leases = assigned(&leases, &with([("a", sized(3000))]));
    assert_eq!(leases.endpoints[&0].held, Held::Draining);
    let repointed = Endpoint { service: "db".to_owned(), ..sized(3000) };
    let after = assigned(&leases, &with([("a", repointed)]));
    assert_eq!(after.endpoints[&0].held, Held::Cut);
    assert!(after.endpoints[&0].generation > leases.endpoints[&0].generation);
}

#[test]
fn flows_end_when_an_endpoint_grows_and_is_repointed_at_once() {
    let before = given(&with([("a", endpoint())]));
    let after = assigned(&before, &with([("a", Endpoint { service: "db".to_owned(), ..sized(3000) })]));
    assert_eq!(after.endpoints[&0].held, Held::Cut);
}

#[test]
fn an_endpoint_that_moves_to_another_vpc_gets_an_address_of_it() {
    let before = given(&with([("a", endpoint())]));
    let after = assigned(&before, &with([("a", Endpoint { vpc: "blue".to_owned(), ..endpoint() })]));
    assert_eq!(after.endpoints[&0].held, Held::Cut);
    assert_eq!((serving(&after, "a").vpc, serving(&after, "a").address), (after.vpcs["blue"], Some(host(3))));
}

#[test]
fn a_name_that_comes_back_has_its_old_number() {
    let before = given(&desired());
    let mut less = desired();
    less.vpcs.remove("red");
    less.services.remove("db");
    let gone = assigned(&before, &less);
    assert_eq!(gone, before);
    assert_eq!(assigned(&gone, &desired()), before);
}

#[test]
fn without_flows_all_that_does_not_serve_is_free_and_addresses_stay() {
    let wanted = with([("b", sized(3000)), ("c", endpoint())]);
    let leases = given(&with([("a", endpoint()), ("b", endpoint()), ("c", endpoint())]));
    let before = assigned(&assigned(&leases, &with([("b", endpoint()), ("c", endpoint())])), &wanted);
    let mut one = wanted.clone();
    // Backends are numbered anew.
    one.services.remove("db");
    one.services.remove("store");
    let after = assigned(&before.clone().without_flows(), &one);
    assert_eq!(after.endpoints.len(), 2);
    assert_eq!((after.backends.len(), after.links.len()), (1, 3));
    for name in ["b", "c"] {
        let (was, is) = (serving(&before, name), serving(&after, name));
        assert_eq!(*is, EndpointLease { backend: 0, generation: is.generation, ..was.clone() });
    }
    assert_eq!(after.vpcs, before.vpcs);
}

#[test]
fn an_endpoint_of_a_gateway_service_has_no_address_and_leads_to_the_router() {
    let leases = given(&with([("a", gateway_endpoint()), ("b", endpoint())]));
    let a = serving(&leases, "a");
    assert_eq!(a.address, None);
    assert_eq!(leases.backends[a.backend as usize], BackendLease { vpc: 1, address: host(1), gateway: true });
    assert_eq!(serving(&leases, "b").address, Some(host(1)));
}

#[test]
fn a_backend_at_the_routers_address_is_another_than_the_router() {
    let mut wanted = with([("a", gateway_endpoint()), ("b", endpoint())]);
    wanted.services.insert("web".to_owned(), service("blue", host(1), &[(80, 80)]));
    let leases = given(&wanted);
    let backend = |name| leases.backends[serving(&leases, name).backend as usize];
    assert_eq!((backend("a").address, backend("b").address), (host(1), host(1)));
    assert_eq!((backend("a").gateway, backend("b").gateway), (true, false));
}

#[test]
fn an_endpoint_repointed_to_a_gateway_service_gives_its_address_back() {
    let before = given(&with([("a", endpoint())]));
    let after = assigned(&before, &with([("a", gateway_endpoint()), ("b", endpoint())]));
    assert_eq!(after.endpoints[&0].held, Held::Cut);
    assert_eq!((serving(&after, "a").address, serving(&after, "b").address), (None, Some(host(1))));
    let back = assigned(&after, &with([("a", endpoint()), ("b", endpoint())]));
    assert_eq!(serving(&back, "a").address, Some(host(2)));
}

#[test]
fn another_router_repoints_the_endpoints_of_gateway_services() {
    let wanted = with([("a", gateway_endpoint())]);
    let before = given(&wanted);
    let mut moved = wanted.clone();
    let Target::Routed(routed) = &mut moved.services.get_mut("store").unwrap().target else { unreachable!() };
    routed.router = host(9);
    let after = assigned(&before, &moved);
    assert!(serving(&after, "a").generation > serving(&before, "a").generation);
    assert_eq!(after.backends[serving(&after, "a").backend as usize].address, host(9));
}

#[test]
fn each_part_of_an_interface_is_a_link_of_its_own() {
    let mut wanted = desired();
    let attach = vec![vlan("blue0", 7), vlan("blue0", 8), vxlan("blue0", 7), Attachment::untagged("blue1")];
    wanted.vpcs.get_mut("blue").unwrap().attach.clone_from(&attach);
    let leases = given(&wanted);
    let numbers: Vec<_> = attach.iter().filter_map(|attachment| leases.link(1, attachment)).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(leases.link(1, &Attachment::untagged("blue0")), None);
    assert_eq!(leases.link(2, &attach[0]), None);
}

#[test]
fn leases_of_a_time_before_tags_and_routers_are_understood() {
    let link = r#"{ "vpc": 1, "interface": "red0" }"#;
    let backend = r#"{ "vpc": 2, "address": "10.0.0.2" }"#;
    let endpoint = r#"{ "name": "a", "vpc": 1, "address": "10.0.0.1", "transit": "198.19.128.1", "backend": 0,
        "first_slot": 0, "slots": 64, "generation": 1, "held": "serving" }"#;
    let text = format!(
        r#"{{ "version": 1, "next_generation": 1, "vpcs": {{ "red": 1, "blue": 2 }}, "links": [{link}],
        "backends": [{backend}], "endpoints": {{ "0": {endpoint} }} }}"#
    );
    let leases: Leases = serde_json::from_str(&text).unwrap();
    assert_eq!(leases.link(1, &Attachment::untagged("red0")), Some(0));
    let backend = Target::Backend(Backend { kind: BackendKind::Vm, address: host(2) });
    assert_eq!(leases.backend(2, &backend), Some(0));
    assert_eq!(serving(&leases, "a").address, Some(host(1)));

    // And written as then, where they are of then.
    let link = LinkLease { vpc: 1, interface: "red0".to_owned(), vlan: None, vni: None };
    assert_eq!(serde_json::to_string(&link).unwrap(), r#"{"vpc":1,"interface":"red0"}"#);
    let backend = BackendLease { vpc: 2, address: host(2), gateway: false };
    assert_eq!(serde_json::to_string(&backend).unwrap(), r#"{"vpc":2,"address":"10.0.0.2"}"#);
}

#[test]
fn full_flow_records_are_told_with_what_is_needed() {
    let mut wanted = with([("a", sized(900)), ("b", sized(200))]);
    wanted.gateway.max_flows = 2048 + 128;
    let error = LeaseError::NoSlots { endpoint: "b".to_owned(), slots: 256, max_flows: 2048 + 128 };
    assert_eq!(refused(&Leases::default(), &wanted), [error]);
    wanted.gateway.max_flows = 2048 + 256;
    assert_eq!(serving(&given(&wanted), "b").first_slot, 2048);
}

#[test]
fn a_gap_between_blocks_is_used_again() {
    let before = given(&with([("a", endpoint()), ("b", sized(200)), ("c", endpoint())]));
    let mut leases = assigned(&before, &with([("a", endpoint()), ("c", endpoint())]));
    leases.endpoints.retain(|_, lease| lease.held == Held::Serving);
    let after = assigned(&leases, &with([("a", endpoint()), ("c", endpoint()), ("d", sized(400)), ("e", sized(200))]));
    assert_eq!((serving(&after, "d").first_slot, serving(&after, "e").first_slot), (384, 64));
}

#[test]
fn the_thing_that_has_no_number_is_named_once() {
    let named = |errors: Vec<LeaseError>| -> Vec<String> {
        errors.iter().map(|error| error.to_string().split(": ").next().unwrap().to_owned()).collect()
    };
    let few = Capacity { links: 2, endpoints: 2 };
    let errors = Leases::default().assign(&desired(), few).unwrap_err();
    assert_eq!(named(errors), [r#"attachment "red0""#, r#"backend of service "web""#]);

    let mut one_backend = with([("a", endpoint()), ("b", endpoint())]);
    one_backend.services.remove("store");
    one_backend.services.insert("db".to_owned(), service("blue", host(2), &[(81, 81)]));
    let errors = Leases::default().assign(&one_backend, Capacity { links: 3, endpoints: 1 }).unwrap_err();
    assert_eq!(named(errors), [r#"endpoint "b""#]);

    let mut leases = given(&desired());
    leases.vpcs.insert("last".to_owned(), u16::MAX);
    let mut wanted = desired();
    wanted.vpcs.insert("green".to_owned(), wanted.vpcs["red"].clone());
    assert_eq!(named(refused(&leases, &wanted)), [r#"VPC "green""#]);
}

#[test]
fn every_endpoint_that_can_not_be_served_is_told() {
    let mut wanted = with([("a", sized(900)), ("b", sized(900)), ("c", endpoint())]);
    wanted.gateway.max_flows = 1024;
    let told: BTreeSet<String> = refused(&Leases::default(), &wanted)
        .into_iter()
        .map(|error| match error {
            LeaseError::NoSlots { endpoint, .. } => endpoint,
            error => panic!("{error}"),
        })
        .collect();
    assert_eq!(told, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}

#[test]
fn a_full_gateway_is_served_within_a_moment() {
    const ENDPOINTS: u32 = 10_000;
    let mut wanted = desired();
    wanted.gateway.transit = net("198.19.128.0/17");
    wanted.gateway.max_flows = 64 * ENDPOINTS;
    wanted.vpcs.get_mut("red").unwrap().subnets.insert("large".to_owned(), net("10.1.0.0/16"));
    for number in 0..ENDPOINTS {
        wanted.endpoints.insert(format!("e{number}"), Endpoint { place: place("large", None), ..endpoint() });
    }
    let start = std::time::Instant::now();
    let leases = Leases::default().assign(&wanted, Capacity { endpoints: ENDPOINTS, ..CAPACITY }).unwrap();
    assert_eq!(leases.assign(&wanted, Capacity { endpoints: ENDPOINTS, ..CAPACITY }).unwrap(), leases);
    // Each looked for among all others, that took more than ten minutes.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    let transit: BTreeSet<_> = leases.endpoints.values().map(|lease| lease.transit).collect();
    assert_eq!(transit.len(), ENDPOINTS as usize);
}
