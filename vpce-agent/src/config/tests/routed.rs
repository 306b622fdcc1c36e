//! Services of type gateway, and their endpoints.

use super::{accepted, assert_told};
use crate::model::{Desired, Protocol, Routed, Target};

const VALID: &str = r#"[gateway]
region = "region-1"

[[vpc]]
name = "red"
attach = { interface = "red0" }
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }]

[[vpc]]
name = "blue"
attach = { interface = "blue0" }
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }]
next_hop = "10.0.0.1"

[[service]]
name = "store"
vpc = "blue"
type = "gateway"
prefixes = ["100.125.0.0/16", "172.16.0.0/12"]
ports = [{ client = 443, server = 443 }, { client = 53, server = 53, protocol = "udp" }]

[[endpoint]]
name = "store"
service = "store"
vpc = "red"
"#;

/// `VALID` with lines replaced by others, at their numbers.
fn with(lines: &[(usize, &str)]) -> String {
    let mut text: Vec<&str> = VALID.lines().collect();
    for (number, line) in lines {
        text[number - 1] = line;
    }
    text.join("\n") + "\n"
}

fn prefixes(prefixes: &str) -> String {
    with(&[(21, &format!("prefixes = [{prefixes}]"))])
}

fn routed(desired: &Desired) -> &Routed {
    match &desired.services["store"].target {
        Target::Routed(routed) => routed,
        Target::Backend(_) => panic!("it leads to one machine"),
    }
}

#[test]
fn every_key_reaches_the_model() {
    let desired = accepted(VALID);
    let routed = routed(&desired);
    assert_eq!(routed.prefixes, ["100.125.0.0/16", "172.16.0.0/12"].map(|net| net.parse().unwrap()).into());
    assert_eq!(routed.router.to_string(), "10.0.0.1");
    let ports = &desired.services["store"].ports;
    assert!(ports.iter().all(|(dial, server)| dial.port == *server));
    assert_eq!(ports.keys().map(|dial| dial.protocol).collect::<Vec<_>>(), [Protocol::Tcp, Protocol::Udp]);
    assert_eq!(desired.endpoints["store"].place, None);
}

#[test]
fn without_ports_every_port_is_carried() {
    assert!(accepted(&with(&[(22, "")])).services["store"].ports.is_empty());
    assert_told(
        &with(&[(22, "ports = []")]),
        &[r#"line 22: [[service]] "store": ports is empty; write ports = [{ client = 80, server = 8080 }]"#],
    );
}

#[test]
fn ports_stay_as_they_are() {
    assert_told(
        &with(&[(22, "ports = [{ client = 443, server = 8443 }]")]),
        &[
            r#"line 22: [[service]] "store": server = 8443 is not client = 443, and a service of type gateway keeps ports; write server = 443"#,
        ],
    );
}

#[test]
fn prefixes_and_a_router_are_required_and_a_backend_is_not_for_it() {
    assert_told(
        &with(&[(15, ""), (21, r#"backend = { address = "10.0.0.5" }"#)]),
        &[
            r#"line 17: [[service]] "store": prefixes is missing; add prefixes = ["100.125.0.0/16"]"#,
            r#"line 20: [[service]] "store": a service of type gateway leads to the router of its VPC; set the next_hop of vpc "blue""#,
            r#"line 21: [[service]] "store": backend is not for a service of type gateway; leave it out"#,
        ],
    );
}

#[test]
fn prefixes_are_not_for_a_service_that_leads_to_one_machine() {
    assert_told(
        &with(&[(20, r#"backend = { address = "10.0.0.5" }"#), (27, "vpc = \"red\"\nsubnet = \"default\"")]),
        &[
            r#"line 21: [[service]] "store": prefixes is not for a service of type interface; write type = "gateway", or leave it out"#,
        ],
    );
}

#[test]
fn nothing_is_asked_of_a_service_of_unknown_type_nor_of_its_endpoints() {
    assert_told(
        &with(&[(20, r#"type = "router""#)]),
        &[r#"line 20: [[service]] "store": type = "router" is not known; choose one of "interface", "gateway""#],
    );
}

#[test]
fn prefixes_are_networks_of_8_to_32_bits_apart_from_each_other_and_the_transit_range() {
    accepted(&prefixes(r#""11.0.0.0/8", "100.125.0.7/32""#));
    for (prefix, told) in [
        ("0.0.0.0/0", "prefixes 0.0.0.0/0 is not of a usable size; choose a prefix length of 8-32"),
        ("128.0.0.0/1", "prefixes 128.0.0.0/1 is not of a usable size; choose a prefix length of 8-32"),
        ("100.125.0.1/16", "100.125.0.1/16 has bits set behind its prefix; write 100.125.0.0/16"),
        ("100.125", r#"prefixes "100.125" is not an IPv4 address with a prefix length; write one such as 10.0.0.0/24"#),
        (
            "127.0.0.0/8",
            r#"prefixes "127.0.0.0/8" is not an IPv4 address with a prefix length; write one such as 10.0.0.0/24"#,
        ),
        ("198.19.0.0/16", "198.19.0.0/16 overlaps the transit range 198.19.128.0/17; choose a network apart from it"),
        ("100.64.9.0/24", "100.64.9.0/24 overlaps prefix 100.64.0.0/10 of line 21; leave one of them out"),
    ] {
        let told = format!("line 21: [[service]] \"store\": {told}");
        assert_told(&prefixes(&format!(r#""100.64.0.0/10", "{prefix}""#)), &[&told]);
    }
}

#[test]
fn a_service_has_1_to_50_prefixes() {
    let many = |count| (0..count).map(|n| format!("\"100.125.{n}.0/24\"")).collect::<Vec<_>>().join(", ");
    accepted(&prefixes(&many(50)));
    assert_told(
        &prefixes(&many(51)),
        &[r#"line 21: [[service]] "store": prefixes has 51 entries; at most 50 are allowed"#],
    );
    assert_told(
        &prefixes(""),
        &[r#"line 21: [[service]] "store": prefixes is empty; write prefixes = ["100.125.0.0/16"]"#],
    );
}

#[test]
fn its_endpoint_has_no_place() {
    assert_told(
        &format!("{VALID}subnet = \"default\"\naddress = \"10.0.0.100\"\n"),
        &[
            r#"line 28: [[endpoint]] "store": subnet is not for an endpoint of a service of type gateway; leave it out"#,
            r#"line 29: [[endpoint]] "store": address is not for an endpoint of a service of type gateway; leave it out"#,
        ],
    );
}

#[test]
fn one_endpoint_in_a_vpc_is_enough() {
    let again = |vpc| format!("{VALID}\n[[endpoint]]\nname = \"again\"\nservice = \"store\"\nvpc = \"{vpc}\"\n");
    assert_told(
        &again("red"),
        &[
            r#"line 31: [[endpoint]] "again": vpc "red" has an endpoint of service "store" on line 26; one is enough, leave this one out"#,
        ],
    );
    accepted(&again("blue"));
}

#[test]
fn a_prefix_means_one_service_in_a_vpc_and_a_longer_one_may_mean_another() {
    let other = |prefix, vpc| {
        format!(
            r#"{VALID}
[[service]]
name = "other"
vpc = "blue"
type = "gateway"
prefixes = ["100.126.0.0/16", "{prefix}"]

[[endpoint]]
name = "other"
service = "other"
vpc = "{vpc}"
"#
        )
    };
    assert_told(
        &other("172.16.0.0/12", "red"),
        &[
            r#"line 37: [[endpoint]] "other": prefix 172.16.0.0/12 of service "other" is that of the endpoint of line 26 too; keep one of the two in vpc "red""#,
        ],
    );
    accepted(&other("172.16.0.0/12", "blue"));
    accepted(&other("172.16.0.0/16", "red"));
}

#[test]
fn a_prefix_hides_no_subnet_of_its_consumers() {
    let told = |prefix: &str| {
        format!(
            r#"line 26: [[endpoint]] "store": prefix {prefix} of service "store" overlaps subnet "default" (10.0.0.0/24) of vpc "red"; narrow one of them"#
        )
    };
    assert_told(&prefixes(r#""10.0.0.0/16""#), &[&told("10.0.0.0/16")]);
    assert_told(&prefixes(r#""10.0.0.128/25""#), &[&told("10.0.0.128/25")]);
    accepted(&prefixes(r#""10.0.1.0/24""#));
}

#[test]
fn more_prefixes_than_a_gateway_has_are_told_once() {
    // 50 prefixes: 327 endpoints have 16350 of them, one more 16400.
    let many = (0..50).map(|n| format!("\"100.125.{n}.0/24\"")).collect::<Vec<_>>().join(", ");
    let vpc = |n| {
        format!(
            "[[vpc]]\nname = \"v{n}\"\nattach = {{ interface = \"v{n}\" }}\naddress = \"10.0.0.254/24\"\n\
             subnets = [{{ name = \"default\", cidr = \"10.0.0.0/24\" }}]\n\
             [[endpoint]]\nname = \"v{n}\"\nservice = \"store\"\nvpc = \"v{n}\"\nmax_connections = 1\n"
        )
    };
    let text = |count| prefixes(&many) + &(1..count).map(vpc).collect::<String>();
    accepted(&text(327));
    assert_told(
        &text(329),
        &[
            r#"line 3295: [[endpoint]] "v327": the endpoints up to this one have 16400 prefixes, and a gateway has room for 16384; move some to another gateway"#,
        ],
    );
}
