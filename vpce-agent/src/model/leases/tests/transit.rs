//! Transit addresses: each is one endpoint's, large endpoints have several.

use std::net::Ipv4Addr;

use super::{
    all_serving, assigned, given, refused,
    sample::{endpoint, net, with},
    serving, sized,
};
use crate::model::leases::{Held, LeaseError, Leases};

#[test]
fn another_transit_range_renews_transit_addresses_and_keeps_addresses() {
    let wanted = with([("a", endpoint()), ("b", sized(200))]);
    let mut leases = assigned(&given(&with([("a", endpoint()), ("b", endpoint())])), &wanted);
    leases = assigned(&leases, &with([("b", sized(200))]));
    let mut moved = wanted;
    moved.endpoints.remove("a");
    moved.gateway.transit = net("198.19.129.0/24");
    let after = assigned(&leases, &moved);
    assert_eq!(serving(&after, "b").address, serving(&leases, "b").address);
    assert_eq!(serving(&after, "b").transit, Ipv4Addr::new(198, 19, 129, 1));
    // The draining block's too: no answer comes to its transit address any more.
    assert!(after.endpoints.values().all(|lease| lease.held == Held::Cut || lease.name == "b"));
    assert_eq!(after.endpoints.values().filter(|lease| lease.held != Held::Cut).count(), 1);
}

#[test]
fn a_large_block_has_a_transit_address_for_every_16384_records_aligned_in_the_range() {
    let mut wanted = with([("a", endpoint()), ("b", sized(20_000)), ("c", sized(50_000)), ("d", sized(1_000_000))]);
    wanted.gateway.max_flows = 1 << 21;
    let leases = given(&wanted);
    let transit = |name| {
        let lease = serving(&leases, name);
        (lease.slots, lease.transit.octets()[3], lease.transit_addresses())
    };
    assert_eq!(transit("a"), (64, 1, 1));
    assert_eq!(transit("b"), (32_768, 2, 2));
    assert_eq!(transit("c"), (65_536, 4, 4));
    assert_eq!(transit("d"), (1_048_576, 64, 64));
    // What alignment left over goes to small ones.
    wanted.endpoints.insert("e".to_owned(), endpoint());
    assert_eq!(serving(&assigned(&leases, &wanted), "e").transit, Ipv4Addr::new(198, 19, 128, 8));
}

#[test]
fn addresses_that_are_free_but_not_in_a_row_are_told() {
    let mut wanted = with([("a", sized(1_000_000)), ("b", sized(1_000_000)), ("c", sized(1_000_000))]);
    wanted.gateway.max_flows = 1 << 22;
    // The first and the last run have the network and the broadcast address.
    let errors = refused(&Leases::default(), &wanted);
    let range = wanted.gateway.transit;
    assert_eq!(errors, [LeaseError::NoTransit { endpoint: "c".to_owned(), addresses: 64, range }]);
    assert_eq!(
        errors[0].to_string(),
        r#"endpoint "c": the transit range 198.19.128.0/24 has no run of 64 addresses free; a larger range has room for more"#
    );
    wanted.gateway.transit = net("198.19.128.0/23");
    given(&wanted);
}

#[test]
fn no_larger_range_is_advised_than_there_is() {
    let range = net("198.19.128.0/17");
    let error = LeaseError::NoTransit { endpoint: "a".to_owned(), addresses: 1, range };
    assert_eq!(
        error.to_string(),
        r#"endpoint "a": the transit range 198.19.128.0/17 has no address free; delete endpoints, lower their max_connections, or move some to another gateway"#
    );
}

#[test]
fn a_large_block_of_a_time_when_it_had_one_transit_address_takes_none_of_others() {
    let wanted = with([("a", sized(20_000)), ("b", endpoint()), ("c", sized(20_000))]);
    let mut old = given(&wanted);
    // As it was then: 1, 2 and 3.
    for (name, last) in [("a", 1), ("b", 3), ("c", 4)] {
        let lease = old.endpoints.values_mut().find(|lease| lease.name == name).unwrap();
        lease.transit = Ipv4Addr::new(198, 19, 128, last);
    }
    let b = old.endpoints.iter().find(|(_, lease)| lease.name == "b").map(|(&number, _)| number).unwrap();
    let after = assigned(&old, &wanted);
    let transit = |name| serving(&after, name).transit.octets()[3];
    assert_eq!((transit("a"), transit("c")), (6, 4));
    assert_eq!(all_serving(&after)["b"], (b, &old.endpoints[&b]));
    assert_eq!(serving(&after, "a").address, serving(&old, "a").address);
    assert_eq!(assigned(&after, &wanted), after);

    // The next address is another's.
    old.endpoints.values_mut().find(|lease| lease.name == "a").unwrap().transit = Ipv4Addr::new(198, 19, 128, 2);
    let after = assigned(&old, &wanted);
    assert_eq!(serving(&after, "a").transit.octets()[3], 6);
    assert_eq!(all_serving(&after)["b"], (b, &old.endpoints[&b]));
}

#[test]
fn a_full_transit_range_is_told() {
    let mut wanted = with([("a", endpoint()), ("b", endpoint()), ("c", endpoint())]);
    wanted.gateway.transit = net("198.19.128.0/30");
    let error = LeaseError::NoTransit { endpoint: "c".to_owned(), addresses: 1, range: wanted.gateway.transit };
    assert_eq!(refused(&Leases::default(), &wanted), [error]);
}
